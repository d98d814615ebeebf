package mock

import (
	"bufio"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

// TestAnswersAreThoseOfTheAPI: the page is tried on answers as Quell gives them, each
// as web/openapi.json describes it.
func TestAnswersAreThoseOfTheAPI(t *testing.T) {
	api := readAPI(t)
	h := New(Config{Series: 60, Assets: fstest.MapFS{}}).Handler()
	for _, r := range []struct{ method, path, of string }{
		{"GET", "status", "/status"}, {"GET", "streams", "/streams"}, {"GET", "series?limit=60", "/series"},
		{"GET", "series/plant/unit-4", "/series/{stream}/{series}"}, {"GET", "series/plant/unit-8", "/series/{stream}/{series}"}, {"GET", "series/plant/unit-12", "/series/{stream}/{series}"},
		{"GET", "events", "/events"}, {"GET", "models", "/models"}, {"GET", "dlq", "/dlq"},
		{"GET", "replay/plant/unit-8", "/replay/{stream}/{series}"}, {"GET", "replay/plant/unit-8/w3", "/replay/{stream}/{series}/{id}"},
		{"POST", "series/plant/unit-8/acknowledge", "/series/{stream}/{series}/acknowledge"},
		{"POST", "replay/plant/unit-8/w3/exclude", "/replay/{stream}/{series}/{id}/exclude"}, {"POST", "replay/plant/unit-8/w3/include", "/replay/{stream}/{series}/{id}/include"},
		{"POST", "models/tune@77ab0193ce5f2d60/promote", "/models/{name}/promote"}, {"POST", "models/tune@77ab0193ce5f2d60/rollback", "/models/{name}/rollback"},
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(r.method, "/api/v1/"+r.path, strings.NewReader(`{"event":"x"}`)))
		var v any
		if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil {
			t.Errorf("%s %s: %v: %s", r.method, r.path, err, w.Body)
			continue
		}
		for _, said := range api.check(api.answer(t, strings.ToLower(r.method), "/api/v1"+r.of, w.Code), v, "") {
			t.Errorf("%s %s: %s", r.method, r.path, said)
		}
	}
}

// TestLiveIsThatOfTheAPI: so is what a live stream tells.
func TestLiveIsThatOfTheAPI(t *testing.T) {
	api := readAPI(t)
	server := httptest.NewServer(New(Config{Series: 60, Assets: fstest.MapFS{}}).Handler())
	defer server.Close()
	res, err := http.Get(server.URL + "/api/v1/live?topics=status,events,grid:plant,series:plant/unit-8,tap:plant/source")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	open := map[string]string{"hello": "Greeting", "status": "FullStatus", "grid": "GridNews", "series": "SeriesNews", "tap": "Tapped"}
	defer time.AfterFunc(20*time.Second, server.CloseClientConnections).Stop()
	lines, event := bufio.NewReader(res.Body), ""
	for len(open) > 0 {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatalf("the stream ended before %q", slices.Sorted(maps.Keys(open)))
		}
		if name, ok := strings.CutPrefix(line, "event: "); ok {
			event = strings.TrimSpace(name)
		}
		text, ok := strings.CutPrefix(line, "data: ")
		if !ok || open[event] == "" {
			continue
		}
		var v any
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			t.Fatal(err)
		}
		for _, said := range api.check(api.Components.Schemas[open[event]], v, event) {
			t.Error(said)
		}
		delete(open, event)
	}
}

// description is web/openapi.json.
type description struct {
	Paths      map[string]map[string]operation
	Components struct{ Schemas map[string]obj }
}

type operation struct {
	Responses map[string]struct {
		Content map[string]struct{ Schema obj }
	}
}

func readAPI(t *testing.T) *description {
	t.Helper()
	b, err := os.ReadFile("../../../web/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	var d description
	if err := json.Unmarshal(b, &d); err != nil {
		t.Fatal(err)
	}
	return &d
}

// answer returns the schema of an answer.
func (d *description) answer(t *testing.T, method, path string, code int) obj {
	t.Helper()
	schema := d.Paths[path][method].Responses[fmt.Sprint(code)].Content["application/json"].Schema
	if schema == nil {
		t.Fatalf("%s %s: no answer %d is described", method, path, code)
	}
	return schema
}

// check returns all places where a value is not as a schema says.
func (d *description) check(schema obj, v any, at string) (said []string) {
	if ref, ok := schema["$ref"].(string); ok {
		return d.check(d.Components.Schemas[strings.TrimPrefix(ref, "#/components/schemas/")], v, at)
	}
	if choice, ok := schema["anyOf"].([]any); ok {
		for _, s := range choice {
			if said = d.check(s.(obj), v, at); len(said) == 0 {
				return nil
			}
		}
		return said
	}
	if !fits(schema["type"], v) {
		return []string{fmt.Sprintf("%s: %v is no %v", at, v, schema["type"])}
	}
	switch v := v.(type) {
	case []any:
		for i, x := range v {
			said = append(said, d.check(schema["items"].(obj), x, fmt.Sprintf("%s[%d]", at, i))...)
		}
	case obj:
		said = d.object(schema, v, at)
	}
	return said
}

func (d *description) object(schema, v obj, at string) (said []string) {
	required, _ := schema["required"].([]any)
	for _, name := range required {
		if _, ok := v[name.(string)]; !ok {
			said = append(said, fmt.Sprintf("%s lacks %s", at, name))
		}
	}
	known, _ := schema["properties"].(obj)
	for name, x := range v {
		of, ok := known[name].(obj)
		more, isSchema := schema["additionalProperties"].(obj)
		switch {
		case ok:
			said = append(said, d.check(of, x, at+"."+name)...)
		case isSchema:
			said = append(said, d.check(more, x, at+"."+name)...)
		case schema["additionalProperties"] == false:
			said = append(said, fmt.Sprintf("%s has %s, which is not described", at, name))
		}
	}
	return said
}

// fits says that a value is of a type of JSON Schema, or of one of several.
func fits(kind, v any) bool {
	if several, ok := kind.([]any); ok {
		return slices.ContainsFunc(several, func(k any) bool { return fits(k, v) })
	}
	switch v := v.(type) {
	case nil:
		return kind == "null"
	case bool:
		return kind == "boolean"
	case string:
		return kind == "string"
	case float64:
		return kind == "number" || kind == "integer" && v == float64(int64(v))
	case []any:
		return kind == "array"
	}
	return kind == nil || kind == "object"
}

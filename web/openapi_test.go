package web

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/quell-stream/quell/pipeline"
	"github.com/quell-stream/quell/pipeline/view"
)

var update = flag.Bool("update", false, "rewrite openapi.json")

// described is what openapi.json says of a path beside what its pattern does.
type described struct {
	summary string
	query   []parameter
	body    any // nil: none
	answer  any // a value of its type; nil: events
	code    int
	errors  []int
}

type parameter struct{ name, kind, text string }

var (
	limit = parameter{"limit", "integer", "at most so many"}
	asked = []int{http.StatusBadRequest}
	where = []parameter{{"stream", "string", "in this stream only"}, {"series", "string", "of it, for this series only"}}
	found = []int{http.StatusNotFound, http.StatusServiceUnavailable}
)

// switched is the answer to a switch by hand.
type switched struct {
	Series []string `json:"series"`
}

// descriptions are those of all paths, and of those that switch models.
var descriptions = map[string]described{
	"GET /api/v1/status":  {"The process: is it ready, how are its sources and sinks, what does it use.", nil, nil, status{}, 200, nil},
	"GET /api/v1/streams": {"Streams and sinks with their counters since the process began.", nil, nil, catalogue{}, 200, nil},
	"GET /api/v1/series": {"Series by name or by what needs somebody first.", []parameter{
		{"stream", "string", "of this stream"}, {"q", "string", "part of the name"}, {"state", "string", "one or several of " + strings.Join(view.Rank, ",")},
		{"sort", "string", "problem, name or stale"}, {"offset", "integer", "first of the page, from 0"}, limit,
	}, nil, seriesPage{}, 200, []int{400, 404, 503}},
	"GET /api/v1/series/{stream}/{series}":              {"A series, and what serves it and why.", nil, nil, view.Detail{}, 200, found},
	"POST /api/v1/series/{stream}/{series}/acknowledge": {"Notes that somebody has seen an event, or the alert that is open.", nil, acknowledgement{}, okay{}, 200, []int{400, 404, 503}},
	"GET /api/v1/events": {"Events, newest first.", []parameter{
		{"stream", "string", "of this stream"}, {"series", "string", "of this series"}, {"kind", "string", "of this kind, or its beginning up to a dot"}, {"before", "string", "before the event of this id"}, limit,
	}, nil, eventList{}, 200, []int{400, 404}},
	"GET /api/v1/dlq":                                    {"The latest dead letters, newest first.", []parameter{limit, {"before", "integer", "before the letter of this number"}}, nil, view.Letters{}, 200, asked},
	"GET /api/v1/models":                                 {"Models that serve or may, and how far adaptation has come.", nil, nil, view.Models{}, 200, []int{503}},
	"POST /api/v1/models/{name}/promote":                 {"Has a model serve wherever it is known, or offered in state_dir/offered.", where, nil, switched{}, 202, []int{400, 404}},
	"POST /api/v1/models/{name}/rollback":                {"Has the predecessor of a model serve wherever it serves.", where, nil, switched{}, 202, []int{400, 404}},
	"GET /api/v1/replay/{stream}/{series}":               {"What the replay buffer holds of a series.", nil, nil, view.Replay{}, 200, found},
	"GET /api/v1/replay/{stream}/{series}/{id}":          {"The readings of a window, in the channels' units.", nil, nil, traces{}, 200, found},
	"POST /api/v1/replay/{stream}/{series}/{id}/exclude": {"Takes a window out of what is learnt from.", nil, nil, okay{}, 200, found},
	"POST /api/v1/replay/{stream}/{series}/{id}/include": {"Takes it back in.", nil, nil, okay{}, 200, found},
	"POST /api/v1/reload":                                {"Reads the configuration again, and puts what changed into effect.", nil, nil, reloaded{}, 200, []int{503}},
	"GET /api/v1/live":                                   {"What is new, as server-sent events, until the client goes.", []parameter{{"topics", "string", "status, events, grid:STREAM, series:STREAM/SERIES, tap:STREAM/ARROW, with commas between; names percent-encoded"}}, nil, nil, 200, []int{400, 404, 503}},
	"GET /api/v1/openapi.json":                           {"This description.", nil, nil, map[string]any{}, 200, nil},
}

// failures are answers other than success that say more than an error, by code.
func (d *described) failures() map[int]any {
	if _, is := d.answer.(reloaded); is {
		return map[int]any{422: mistaken{}, 500: unmade{}}
	}
	return nil
}

// liveEvents are the events of a live stream, and what the data of each is.
var liveEvents = map[string]reflect.Type{
	"hello": reflect.TypeFor[greeting](), "status": reflect.TypeFor[fullStatus](), "grid": reflect.TypeFor[gridNews](),
	"series": reflect.TypeFor[seriesNews](), "event": reflect.TypeFor[view.Event](), "tap": reflect.TypeFor[view.Tapped](),
}

// live adds the schemas of what a live stream tells, and says which event has which.
func (s schemas) live() string {
	var all []string
	for _, event := range slices.Sorted(maps.Keys(liveEvents)) {
		all = append(all, event+" is "+s.of(liveEvents[event])["$ref"].(string))
	}
	return "server-sent events, the data of each in JSON: " + strings.Join(all, ", ")
}

// schemas makes JSON schemas of types, those of structs once under their names.
type schemas map[string]any

// nullable are slices, as struct.field, that may be null. Others are empty where there
// is nothing.
var nullable = map[string]bool{"Detail.guard": true, "Letter.key": true, "Letter.payload": true}

func (s schemas) of(t reflect.Type) map[string]any {
	switch t {
	case reflect.TypeFor[view.Number]():
		return map[string]any{"type": []any{"number", "null"}}
	case reflect.TypeFor[view.Stamp]():
		return map[string]any{"type": []any{"string", "null"}, "format": "date-time"}
	case reflect.TypeFor[time.Time]():
		return map[string]any{"type": "string", "format": "date-time"}
	case reflect.TypeFor[view.Event]():
		s["Event"] = eventSchema
		return map[string]any{"$ref": "#/components/schemas/Event"}
	case reflect.TypeFor[[]byte]():
		return map[string]any{"type": "string", "contentEncoding": "base64"}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return null(s.of(t.Elem()))
	case reflect.Slice:
		return map[string]any{"type": "array", "items": s.of(t.Elem())}
	case reflect.Map:
		if t.Elem().Kind() == reflect.Interface {
			return map[string]any{"type": "object"}
		}
		return map[string]any{"type": "object", "additionalProperties": s.of(t.Elem())}
	case reflect.String:
		return map[string]any{"type": "string"}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Float64:
		return map[string]any{"type": "number"}
	case reflect.Struct:
		return s.object(t)
	}
	return map[string]any{"type": "integer"}
}

// null returns a schema that takes null too.
func null(schema map[string]any) map[string]any {
	if kind, ok := schema["type"].(string); ok && schema["items"] == nil {
		schema["type"] = []any{kind, "null"}
		return schema
	}
	return map[string]any{"anyOf": []any{schema, map[string]any{"type": "null"}}}
}

func (s schemas) object(t reflect.Type) map[string]any {
	name := strings.ToUpper(t.Name()[:1]) + t.Name()[1:]
	if t == reflect.TypeFor[pipeline.Status]() {
		name = "Part"
	}
	ref := map[string]any{"$ref": "#/components/schemas/" + name}
	if s[name] != nil {
		return ref
	}
	all, required := map[string]any{}, []any{}
	s[name] = map[string]any{} // a type may hold itself
	s.fields(t, all, &required)
	s[name] = map[string]any{"type": "object", "properties": all, "required": required, "additionalProperties": false}
	return ref
}

func (s schemas) fields(t reflect.Type, all map[string]any, required *[]any) {
	for f := range t.Fields() {
		tag, opt, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && tag == "" {
			s.fields(f.Type, all, required)
			continue
		}
		schema := s.of(f.Type)
		if nullable[t.Name()+"."+tag] {
			schema = null(schema)
		}
		if all[tag] = schema; !strings.Contains(opt, "omitempty") {
			*required = append(*required, tag)
		}
	}
}

// eventSchema is that of an event as sinks get it (docs/formats/record.md) with what the
// API adds.
var eventSchema = func() map[string]any {
	text := map[string]any{"type": "string"}
	return map[string]any{"type": "object", "additionalProperties": false,
		"required": []any{"v", "type", "id", "ts", "stream", "series", "epoch", "kind", "severity", "why", "model", "data", "acknowledged"},
		"properties": map[string]any{"v": map[string]any{"type": "integer"}, "type": text, "id": text, "ts": map[string]any{"type": "string", "format": "date-time"}, "stream": text, "series": text,
			"epoch": map[string]any{"type": "integer"}, "kind": text, "severity": text, "why": text, "model": text, "data": map[string]any{"type": "object"}, "alert": text, "phase": text, "link": text,
			"acknowledged": map[string]any{"type": "boolean"}}}
}()

// document makes the description from the table of paths.
func document() map[string]any {
	s := schemas{"Error": map[string]any{"type": "object", "properties": map[string]any{"error": map[string]any{"type": "string"}}, "required": []any{"error"}, "additionalProperties": false}}
	paths := map[string]any{}
	for pattern, d := range descriptions {
		method, path, _ := strings.Cut(pattern, " ")
		op := map[string]any{"summary": d.summary, "operationId": operation(method, path), "responses": responses(s, method, d)}
		if p := parameters(path, d.query); len(p) > 0 {
			op["parameters"] = p
		}
		if d.body != nil {
			op["requestBody"] = map[string]any{"required": true, "content": content(s.of(reflect.TypeOf(d.body)))}
		}
		if paths[path] == nil {
			paths[path] = map[string]any{}
		}
		paths[path].(map[string]any)[strings.ToLower(method)] = op
	}
	return map[string]any{
		"openapi":    "3.1.0",
		"info":       map[string]any{"title": "Quell", "version": "1", "description": "What a running Quell shows of itself, and what one may change by hand. Times are RFC 3339 in UTC, what is not known is null. docs/api.md says more."},
		"paths":      paths,
		"components": map[string]any{"schemas": map[string]any(s), "securitySchemes": map[string]any{"token": map[string]any{"type": "http", "scheme": "bearer"}}},
		"security":   []any{map[string]any{"token": []any{}}},
	}
}

var inPath = regexp.MustCompile(`\{(\w+)\}`)

func operation(method, path string) string {
	apart := func(r rune) bool { return strings.ContainsRune("/{}.", r) }
	return strings.Join(append([]string{strings.ToLower(method)}, strings.FieldsFunc(strings.TrimPrefix(path, "/api/v1/"), apart)...), "_")
}

func parameters(path string, query []parameter) []any {
	var all []any
	for _, m := range inPath.FindAllStringSubmatch(path, -1) {
		p := map[string]any{"name": m[1], "in": "path", "required": true, "schema": map[string]any{"type": "string"}}
		if m[1] == "series" || m[1] == "stream" {
			p["description"] = "the name of the " + m[1] + "; `.`, `..` and `/` are written `~.`, `~..` and `~%2F`, and a name of tildes before them with one tilde more"
		}
		all = append(all, p)
	}
	for _, q := range query {
		all = append(all, map[string]any{"name": q.name, "in": "query", "description": q.text, "required": q.name == "topics", "schema": map[string]any{"type": q.kind}})
	}
	return all
}

func responses(s schemas, method string, d described) map[string]any {
	ok := map[string]any{"description": "done"}
	if d.answer == nil {
		ok["description"] = s.live()
		ok["content"] = map[string]any{"text/event-stream": map[string]any{"schema": map[string]any{"type": "string"}}}
	} else {
		ok["content"] = content(s.of(reflect.TypeOf(d.answer)))
	}
	all := map[string]any{fmt.Sprint(d.code): ok, "401": map[string]any{"description": "the token is missing or wrong"}, "403": map[string]any{"description": "a page of another site asks"}}
	if method == http.MethodPost {
		all["403"] = map[string]any{"description": "no token is configured, or a page of another site asks"}
	}
	for code, v := range d.failures() {
		all[fmt.Sprint(code)] = map[string]any{"description": strings.ToLower(http.StatusText(code)), "content": content(s.of(reflect.TypeOf(v)))}
	}
	for _, code := range d.errors {
		all[fmt.Sprint(code)] = map[string]any{"description": strings.ToLower(http.StatusText(code)), "content": content(map[string]any{"$ref": "#/components/schemas/Error"})}
	}
	return all
}

func content(schema map[string]any) map[string]any {
	return map[string]any{"application/json": map[string]any{"schema": schema}}
}

// TestOpenAPI compares openapi.json with the paths that there are and the types of what
// they answer with; -update rewrites it.
func TestOpenAPI(t *testing.T) {
	var served []string
	for _, r := range (&api{}).routes() {
		served = append(served, r.pattern)
	}
	served = append(served, "POST /api/v1/models/{name}/promote", "POST /api/v1/models/{name}/rollback", "POST /api/v1/reload")
	slices.Sort(served)
	if known := slices.Sorted(maps.Keys(descriptions)); !slices.Equal(known, served) {
		t.Errorf("described are %q, served %q", known, served)
	}
	want, err := json.MarshalIndent(document(), "", " ")
	if err != nil {
		t.Fatal(err)
	}
	want = append(want, '\n')
	if *update {
		if err := os.WriteFile("openapi.json", want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(want, description) {
		t.Error("openapi.json is not what is served: go test ./web -run TestOpenAPI -update rewrites it")
	}
}

// check returns where a value is not as a schema says, "" where it is.
func check(doc map[string]any, schema map[string]any, v any, at string) string {
	if ref, ok := schema["$ref"].(string); ok {
		return check(doc, doc["components"].(map[string]any)["schemas"].(map[string]any)[strings.TrimPrefix(ref, "#/components/schemas/")].(map[string]any), v, at)
	}
	if choice, ok := schema["anyOf"].([]any); ok {
		said := ""
		for _, s := range choice {
			if said = check(doc, s.(map[string]any), v, at); said == "" {
				return ""
			}
		}
		return said
	}
	if kind := schema["type"]; kind != nil && !ofType(kind, v) {
		return fmt.Sprintf("%s: %v is no %v", at, v, kind)
	}
	switch v := v.(type) {
	case []any:
		for i, x := range v {
			if said := check(doc, schema["items"].(map[string]any), x, fmt.Sprintf("%s[%d]", at, i)); said != "" {
				return said
			}
		}
	case map[string]any:
		return checkObject(doc, schema, v, at)
	}
	return ""
}

func checkObject(doc, schema, v map[string]any, at string) string {
	known, _ := schema["properties"].(map[string]any)
	required, _ := schema["required"].([]any)
	for _, name := range required {
		if _, ok := v[name.(string)]; !ok {
			return fmt.Sprintf("%s lacks %s", at, name)
		}
	}
	for name, x := range v {
		of, ok := known[name].(map[string]any)
		if !ok {
			switch more := schema["additionalProperties"].(type) {
			case map[string]any:
				of = more
			case bool:
				return fmt.Sprintf("%s has %s, which is not described", at, name)
			default:
				continue
			}
		}
		if said := check(doc, of, x, at+"."+name); said != "" {
			return said
		}
	}
	return ""
}

func ofType(kind, v any) bool {
	if several, ok := kind.([]any); ok {
		return slices.ContainsFunc(several, func(k any) bool { return ofType(k, v) })
	}
	n, isNumber := v.(float64)
	return map[string]bool{"null": v == nil, "number": isNumber, "integer": isNumber && n == float64(int64(n))}[kind.(string)] ||
		v != nil && kind == map[reflect.Kind]string{reflect.String: "string", reflect.Bool: "boolean", reflect.Slice: "array", reflect.Map: "object"}[reflect.TypeOf(v).Kind()]
}

// checkLive fails a test where an event of a live stream is not as openapi.json says.
func checkLive(t *testing.T, m message) {
	t.Helper()
	var doc map[string]any
	if err := json.Unmarshal(description, &doc); err != nil {
		t.Fatal(err)
	}
	of, ok := liveEvents[m.event]
	if !ok {
		t.Errorf("an event %q, which is not described", m.event)
		return
	}
	if said := check(doc, schemas{}.of(of), m.data, m.event); said != "" {
		t.Error(said)
	}
}

// nothingNew is a Reloader of a file that is as it was.
type nothingNew struct{}

func (nothingNew) Reload(context.Context) (changed, needsRestart []string, err error) {
	return nil, nil, nil
}

// TestAnswers compares what a pipeline that runs answers, after a drift and with a dead
// letter, with openapi.json.
func TestAnswers(t *testing.T) {
	r := runPipeline(t, 2000, Config{Version: "1.0", Kernel: "generic", Reload: nothingNew{}})
	wait(t, "a drift", func() bool { return len(r.Events(pipeline.EventQuery{Kind: "drift", Limit: 1})) > 0 })
	_, stop, err := r.Watch("pumps", "jumps/1")
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	wait(t, "an answer: the worker sees who watches", func() bool { // it may be busy for longer than is waited for one
		_, err := r.OneSeries(t.Context(), "pumps", "jumps/1")
		return err == nil
	})
	r.feed.more <- 300
	wait(t, "the end of what came", func() bool {
		d, err := r.OneSeries(t.Context(), "pumps", "jumps/1")
		return err == nil && d.N > 2270 && d.History != nil
	})
	var doc map[string]any
	if err := json.Unmarshal(description, &doc); err != nil {
		t.Fatal(err)
	}
	series, windows := "pumps/jumps%2F1", view.Replay{}
	if err := json.NewDecoder(r.request(t.Context(), "GET", "/api/v1/replay/"+series, "").Body).Decode(&struct {
		Windows *[]view.Window `json:"windows"`
	}{&windows.Windows}); err != nil || len(windows.Windows) == 0 {
		t.Fatalf("replay: %v, %v", windows, err)
	}
	id := windows.Windows[0].ID
	event := r.Events(pipeline.EventQuery{Kind: "drift", Limit: 1})[0].ID
	fill := strings.NewReplacer("{stream}/{series}", series, "{id}", id, "{name}", "none@123456")
	for pattern, d := range descriptions {
		method, path, _ := strings.Cut(pattern, " ")
		if d.answer == nil {
			continue
		}
		res := r.request(t.Context(), method, fill.Replace(path), `{"event":"`+event+`"}`)
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		op := doc["paths"].(map[string]any)[path].(map[string]any)[strings.ToLower(method)].(map[string]any)
		answer, ok := op["responses"].(map[string]any)[fmt.Sprint(res.StatusCode)].(map[string]any)
		if !ok || res.StatusCode != d.code && !strings.Contains(path, "{name}") {
			t.Errorf("%s: %d, which is not described: %.500s", pattern, res.StatusCode, b)
			continue
		}
		var v any
		if err := json.Unmarshal(b, &v); err != nil {
			t.Errorf("%s: %v: %s", pattern, err, b)
			continue
		}
		schema := answer["content"].(map[string]any)["application/json"].(map[string]any)["schema"].(map[string]any)
		if said := check(doc, schema, v, ""); said != "" {
			t.Errorf("%s: %s\n%.500s", pattern, said, b)
		}
	}
}

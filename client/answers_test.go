package client

import (
	"encoding/json"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// schema is what openapi.json says of an object.
type schema struct {
	Properties map[string]struct {
		Type any    `json:"type"` // a word, or a list of them with null
		Ref  string `json:"$ref"`
	} `json:"properties"`
}

// TestAnswersAreDescribed: the types of answers have the fields that openapi.json tells of,
// of the same kind, but for those that say what every event says.
func TestAnswersAreDescribed(t *testing.T) {
	b, err := os.ReadFile("../web/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	var api struct {
		Components struct{ Schemas map[string]schema }
	}
	if err := json.Unmarshal(b, &api); err != nil {
		t.Fatal(err)
	}
	for name, is := range map[string]struct {
		of      reflect.Type
		without []string
	}{
		"Status": {of: reflect.TypeFor[Status]()}, "Part": {of: reflect.TypeFor[Part]()}, "Catalogue": {of: reflect.TypeFor[Streams]()},
		"SeriesPage": {of: reflect.TypeFor[SeriesPage]()}, "Event": {reflect.TypeFor[Event](), []string{"type", "v"}},
		"Reloaded": {of: reflect.TypeFor[Reloaded]()}, "Mistake": {of: reflect.TypeFor[Mistake]()},
	} {
		told := api.Components.Schemas[name].Properties
		want := slices.DeleteFunc(slices.Sorted(maps.Keys(told)), func(f string) bool { return slices.Contains(is.without, f) })
		var got []string
		for i := range is.of.NumField() {
			f := is.of.Field(i)
			tag := f.Tag.Get("json")
			got = append(got, tag)
			if p := told[tag]; p.Type != nil && !kindFits(f.Type.Kind(), p.Type) {
				t.Errorf("%s.%s is a %s, and openapi.json has %v", name, tag, f.Type, p.Type)
			}
		}
		if slices.Sort(got); !slices.Equal(got, want) || len(want) == 0 {
			t.Errorf("%s has the fields %s, openapi.json %s", name, strings.Join(got, " "), strings.Join(want, " "))
		}
	}
}

// kindFits says that a field of a kind takes values of a type in JSON.
func kindFits(k reflect.Kind, told any) bool {
	if list, ok := told.([]any); ok {
		return slices.ContainsFunc(list, func(one any) bool { return one != "null" && kindFits(k, one) })
	}
	switch told {
	case "string":
		return k == reflect.String || k == reflect.Struct // a time
	case "integer":
		return k >= reflect.Int && k <= reflect.Uint64
	case "number":
		return k == reflect.Float64
	case "boolean":
		return k == reflect.Bool
	case "array":
		return k == reflect.Slice
	case "object":
		return k == reflect.Map || k == reflect.Struct
	}
	return false
}

package config

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"time"
)

// SchemaURL is the address by which files name their schema for editors.
const SchemaURL = "https://raw.githubusercontent.com/quell-stream/quell/main/docs/quell.schema.json"

// The shapes of scalars, as patterns. Each may be in the environment instead.
const (
	inserted     = `\$\{.+\}`
	durationLike = `^(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|ms|s|m|h))+$|^[0-9]+(\.[0-9]+)?[dw]$|^0$`
	sizeLike     = `^[0-9]+(\.[0-9]+)? ?(B|kB|KB|MB|GB|TB|KiB|MiB|GiB|TiB)?$`
	rateLike     = `^ *[0-9.eE+-]+ */ *(second|minute|hour|day|week|month|year|[0-9.eE+-]+)$`
	nameLike     = `^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$`
)

// object is a JSON object.
type object = map[string]any

// JSONSchema returns the JSON Schema (draft 2020-12) of the configuration file, for
// editors that complete and check as one types. It knows keys, types, values and
// which type of thing has which key; what values mean together is for Parse to check.
func JSONSchema() ([]byte, error) {
	root := structSchema(reflect.TypeFor[Config]())
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["$id"] = SchemaURL
	root["title"] = "Configuration of Quell"
	defs := object{}
	for _, s := range sections() {
		if s.path != "" {
			defs[s.typ.Name()] = structSchema(s.typ)
		}
	}
	root["$defs"] = defs
	b, err := json.MarshalIndent(root, "", "  ")
	return append(b, '\n'), err
}

// structSchema returns the schema of a mapping.
func structSchema(t reflect.Type) object {
	props := object{}
	var required []string
	keys := keysOf(t)
	for _, k := range keys {
		props[k.name] = keySchema(t, k)
		if slices.Contains(k.required, "all") {
			required = append(required, k.name)
		}
	}
	out := object{"type": "object", "additionalProperties": false, "properties": props}
	if required != nil {
		out["required"] = required
	}
	if rules := typeRules(t, keys); rules != nil {
		out["allOf"] = rules
	}
	return out
}

// keySchema returns the schema of the value of a key of t.
func keySchema(t reflect.Type, k key) object {
	out := valueSchema(k.typ, k)
	text := meanings[t.Name()+"."+k.name]
	if k.only != nil {
		text += " Of type " + oneOf(k.only) + " only."
	}
	if k.def != "" {
		out["default"] = defaultOf(k)
	}
	out["description"] = text
	return out
}

// defaultOf returns the default of a key as JSON has it.
func defaultOf(k key) any {
	t := k.typ
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.Bool, reflect.Int, reflect.Uint64, reflect.Float64:
		return json.RawMessage(k.def)
	}
	return k.def
}

// valueSchema returns the schema of a value of type t.
func valueSchema(t reflect.Type, k key) object {
	ref := func(t reflect.Type) object { return object{"$ref": "#/$defs/" + t.Name()} }
	switch {
	case t.Kind() == reflect.Pointer && !scalar(t.Elem()):
		return object{"anyOf": []any{ref(t.Elem()), object{"type": "null"}}}
	case t.Kind() == reflect.Pointer:
		return valueSchema(t.Elem(), k)
	case scalar(t):
		return scalarSchema(t, k)
	case named(t):
		one := object{"anyOf": []any{ref(t.Elem()), object{"type": "null"}}}
		if !k.short {
			one = ref(t.Elem())
		}
		all := object{"type": "object", "additionalProperties": one}
		if !k.short { // these names become parts of paths, topics and metrics
			all["propertyNames"] = object{"pattern": nameLike}
			return all
		}
		list := object{"type": "array", "uniqueItems": true, "items": object{"type": "string", "minLength": 1}}
		return object{"anyOf": []any{all, list}}
	case t.Kind() == reflect.Slice:
		return object{"type": "array", "items": scalarSchema(t.Elem(), key{})}
	case t.Kind() == reflect.Map:
		return object{"type": "object", "additionalProperties": object{"type": "string"}}
	}
	return object{"anyOf": []any{ref(t), object{"type": "null"}}}
}

func scalarSchema(t reflect.Type, k key) object {
	or := func(first object) object {
		return object{"anyOf": []any{first, object{"type": "string", "pattern": inserted}}}
	}
	text := func(pattern string) object { return or(object{"type": "string", "pattern": pattern}) }
	if k.enum != nil {
		return or(object{"enum": k.enum})
	}
	switch t {
	case reflect.TypeFor[Secret]():
		return object{"type": []string{"string", "number", "boolean"}} // what counts is the text
	case reflect.TypeFor[time.Duration]():
		return object{"anyOf": []any{object{"type": "string", "pattern": durationLike}, object{"const": 0}, object{"type": "string", "pattern": inserted}}}
	case reflect.TypeFor[ByteSize]():
		return object{"anyOf": []any{object{"type": "string", "pattern": sizeLike}, object{"type": "integer", "minimum": 0}, object{"type": "string", "pattern": inserted}}}
	case reflect.TypeFor[Rate]():
		return text(rateLike)
	}
	switch t.Kind() {
	case reflect.Bool:
		return or(object{"type": "boolean"})
	case reflect.Int:
		return or(object{"type": "integer"})
	case reflect.Uint64:
		return or(object{"type": "integer", "minimum": 0})
	case reflect.Float64:
		return or(object{"type": "number"})
	}
	return object{"type": "string", "minLength": 1}
}

// typeRules returns what the type of a thing says of its keys: those of other types
// are refused, its own required ones asked for.
func typeRules(t reflect.Type, keys []key) []any {
	i := slices.IndexFunc(keys, func(k key) bool { return k.name == "type" })
	if i < 0 || t == reflect.TypeFor[Codec]() {
		return nil
	}
	source := t == reflect.TypeFor[Source]()
	var rules []any
	rule := func(when object, fits func(key) bool, needs func(key) bool) {
		then, required := object{}, []string{}
		for _, k := range keys {
			switch {
			case !fits(k):
				then[k.name] = false
			case needs(k):
				required = append(required, k.name)
			}
		}
		out := object{}
		if len(then) > 0 {
			out["properties"] = then
		}
		if len(required) > 0 {
			out["required"] = required
		}
		if len(out) > 0 {
			rules = append(rules, object{"if": when, "then": out})
		}
	}
	for _, typ := range keys[i].enum {
		when := object{"properties": object{"type": object{"const": typ}}, "required": []string{"type"}}
		if typ == keys[i].def { // it is meant where nothing is said
			delete(when, "required")
		}
		rule(when,
			func(k key) bool {
				return (k.only == nil || slices.Contains(k.only, typ)) && !(source && k.name == "connection")
			},
			func(k key) bool { return slices.Contains(k.required, typ) })
	}
	if source { // which of the two follows from the connection, elsewhere in the file
		of := func(list []string) bool { return slices.Contains(list, MQTT) || slices.Contains(list, Kafka) }
		rule(object{"required": []string{"connection"}},
			func(k key) bool { return (k.only == nil || of(k.only)) && k.name != "type" },
			func(k key) bool { return of(k.required) })
		rules = append(rules, object{"anyOf": []any{object{"required": []string{"connection"}}, object{"required": []string{"type"}}}})
	}
	return rules
}

// typeText says in words what the value of a key is.
func typeText(k key) string {
	t := k.typ
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case k.enum != nil:
		return strings.Join(k.enum, " | ")
	case named(t):
		return "section per name"
	case t.Kind() == reflect.Slice:
		return "list of " + plural[scalarText(t.Elem())]
	case t.Kind() == reflect.Map:
		return "texts by name"
	case !scalar(t):
		return "section"
	}
	return scalarText(t)
}

var plural = map[string]string{"text": "texts", "number": "numbers"}

func scalarText(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[Secret]():
		return "secret"
	case reflect.TypeFor[time.Duration]():
		return "duration"
	case reflect.TypeFor[ByteSize]():
		return "size"
	case reflect.TypeFor[Rate]():
		return "rate"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Uint64:
		return "whole number"
	case reflect.Float64:
		return "number"
	}
	return "text"
}

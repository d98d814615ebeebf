package config

import (
	"reflect"
	"slices"
	"strings"
)

// key is one key of a mapping: a field of a struct and what its tags say.
type key struct {
	name     string
	index    int
	enum     []string // the values it may have; nil: any
	only     []string // the types that know it; nil: all
	required []string // the types that need it, "all" being all; nil: none
	short    bool     // a list of names stands for a mapping
	typ      reflect.Type

	def, example string // as one writes them, for people
}

// keysOf returns the keys of a struct type in the order of its fields.
func keysOf(t reflect.Type) []key {
	var out []key
	for i := range t.NumField() {
		tag := t.Field(i).Tag
		k := key{name: tag.Get("yaml"), index: i, short: tag.Get("short") == "list", typ: t.Field(i).Type}
		if k.name == "-" {
			continue
		}
		k.def, k.example = tag.Get("default"), tag.Get("example")
		k.enum, k.only, k.required = words(tag.Get("enum")), words(tag.Get("only")), words(tag.Get("required"))
		out = append(out, k)
	}
	return out
}

// words splits a list of a tag.
func words(list string) []string {
	if list == "" {
		return nil
	}
	return strings.Split(list, ",")
}

func names(keys []key) []string {
	out := make([]string, len(keys))
	for i, k := range keys {
		out[i] = k.name
	}
	return out
}

// named says whether t is a list of structs that are given as a mapping from
// name to struct.
func named(t reflect.Type) bool {
	if t.Kind() != reflect.Slice || t.Elem().Kind() != reflect.Struct {
		return false
	}
	f, ok := t.Elem().FieldByName("Name")
	return ok && f.Tag.Get("yaml") == "-"
}

// section is a struct type by the path that its keys have in a file.
type section struct {
	path string
	typ  reflect.Type
	keys []key
}

// sections lists all structs of a file, outermost first.
func sections() []section {
	var out []section
	var walk func(t reflect.Type, path string)
	walk = func(t reflect.Type, path string) {
		if t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		if named(t) {
			t, path = t.Elem(), path+".NAME"
		}
		if t.Kind() != reflect.Struct || scalar(t) {
			return
		}
		keys := keysOf(t)
		out = append(out, section{strings.TrimPrefix(path, "."), t, keys})
		for _, k := range keys {
			walk(k.typ, path+"."+k.name)
		}
	}
	walk(reflect.TypeFor[Config](), "")
	return out
}

// whereElse says where a key that is unknown here would belong, "" if nowhere.
func whereElse(name string) string {
	var at []string
	for _, s := range sections() {
		if slices.ContainsFunc(s.keys, func(k key) bool { return k.name == name }) {
			p := s.path
			if p == "" {
				p = "the top level"
			}
			at = append(at, p)
		}
	}
	if len(at) == 0 || len(at) > 3 {
		return ""
	}
	return ", it belongs under " + oneOf(at)
}

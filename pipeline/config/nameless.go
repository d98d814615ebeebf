package config

import (
	"fmt"
	"reflect"

	"go.yaml.in/yaml/v4"
)

// nameless reports settings that stand where a name should: the line with the name is
// missing, which would make a mistake of each of them. They are read under the name NAME.
func (d *document) nameless(n *yaml.Node, path string, t reflect.Type) bool {
	if own := count(n, names(keysOf(t))); own < 2 || 2*own < len(n.Content)/2 {
		return false
	}
	what := map[string]string{"streams": "stream", "sinks": "sink", "connections": "connection"}[path]
	if what == "" {
		return false
	}
	d.add(n.Content[0], path, "the name of the %s is missing: write one above its settings, such as plant:, and indent them below it", what)
	return true
}

// misplaced reports something that is a sink, a stream or a connection by its settings and
// stands among others: the line above it is missing.
func (d *document) misplaced(kn, val *yaml.Node, path string, t reflect.Type) bool {
	body := follow(val)
	all := len(body.Content) / 2
	if body.Kind != yaml.MappingNode || all < 2 || path != "" && count(body, names(keysOf(t))) > 0 {
		return false
	}
	for _, k := range keysOf(reflect.TypeFor[Config]()) {
		if k.name != path && (path != "" || k.name == "streams") && named(k.typ) && count(body, names(keysOf(k.typ.Elem()))) == all {
			fix := fmt.Sprintf("is the line %q missing above it?", k.name+":")
			if path == "" {
				fix = "indent it below that key"
			}
			d.errorAt(kn, join(path, kn.Value), "has the settings of one of %s: %s", k.name, fix)
			return true
		}
	}
	return false
}

// count returns how many of a mapping's keys are among names.
func count(n *yaml.Node, names []string) (found int) {
	for i := 0; i+1 < len(n.Content); i += 2 {
		for _, name := range names {
			if n.Content[i].Value == name {
				found++
				break
			}
		}
	}
	return found
}

// decimals reports the decimals of a number with a comma, which YAML takes for a key.
func (d *document) decimals(kn, val *yaml.Node, path string) bool {
	if kn.ShortTag() != "!!int" || !isNull(val) {
		return false
	}
	d.errorAt(kn, join(path, kn.Value), "is no key: a number has a decimal point, not a comma, such as 1.5")
	return true
}

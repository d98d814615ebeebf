package config

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"

	"go.yaml.in/yaml/v4"
)

// maxNodes bounds the work on one file: aliases may stand for each other, so
// that a small file can describe a huge one.
const maxNodes = 20_000

// place is where a path stands in the file.
type place struct {
	key *yaml.Node // nil for the elements of a list and the top
	val *yaml.Node
}

// document is a file on its way to a Config: what was read, where each value
// stands, and what is wrong so far.
type document struct {
	src   *source
	data  []byte // of the file, without a byte order mark
	env   func(string) (string, bool)
	at    map[string]place
	bad   map[string]bool   // paths whose value is wrong or not known: checks leave them alone
	given map[string]string // values that came out of the environment, as they stand in the file
	errs  ErrorList
	warns []Warning
	nodes int
	bomb  bool

	partial bool // lines were left out that are no YAML: what is missing may be there
}

var plainName = regexp.MustCompile(`^[^\s."'\[\]]+$`)

// join appends a key to a path.
func join(path, key string) string {
	if !plainName.MatchString(key) {
		key = strconv.Quote(key)
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

func element(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }

// errorAt records a mistake at a node.
func (d *document) errorAt(n *yaml.Node, path, format string, args ...any) {
	d.bad[path] = true
	d.add(n, path, format, args...)
}

// maxErrors bounds what one report shows: a file with more is none of ours, and
// an excerpt for each of a million mistakes would take its time.
const maxErrors = 200

// add records a mistake without marking the value as bad.
func (d *document) add(n *yaml.Node, path, format string, args ...any) {
	switch {
	case len(d.errs) < maxErrors:
		d.errs = append(d.errs, d.newError(n, path, fmt.Sprintf(format, args...)))
	case len(d.errs) == maxErrors:
		d.errs = append(d.errs, d.newError(n, "", fmt.Sprintf("there are more than %d mistakes, the rest is not shown", maxErrors)))
	}
}

// note records a warning.
func (d *document) note(n *yaml.Node, path, env, msg string) {
	if len(d.warns) < maxErrors {
		d.warns = append(d.warns, Warning{Env: env, Error: *d.newError(n, path, msg)})
	}
}

func (d *document) newError(n *yaml.Node, path, msg string) *Error {
	e := &Error{Line: 1, Column: 1, Path: path, Msg: msg}
	width := 0
	if n != nil {
		e.Line, e.Column, width = n.Line, n.Column, d.src.width(n)
	}
	d.src.place(e, width)
	return e
}

// failf records a mistake in the value of path, unless there is one already.
func (d *document) failf(path, format string, args ...any) {
	if d.bad[path] {
		return
	}
	d.errorAt(d.node(path), path, format, args...)
}

// missing records that a key which is needed isn't there.
func (d *document) missing(parent, key, why string) {
	path := join(parent, key)
	if d.bad[path] || d.has(path) {
		return
	}
	if d.partial {
		d.bad[path] = true
		return
	}
	p := d.at[parent]
	n := p.key
	if n == nil {
		n = p.val
	}
	d.errorAt(n, path, "is required: %s", why)
}

func (d *document) warnf(path, format string, args ...any) {
	d.note(d.node(path), path, "", fmt.Sprintf(format, args...))
}

// node returns what to point at for a path: a scalar or a flow collection
// itself, a block by its key.
func (d *document) node(path string) *yaml.Node {
	p, ok := d.at[path]
	if !ok {
		return nil
	}
	if p.key != nil && (p.val.Kind == yaml.MappingNode || p.val.Kind == yaml.SequenceNode) && p.val.Style&yaml.FlowStyle == 0 {
		return p.key
	}
	return p.val
}

// has says whether the file holds path. ok says that its value, or the default
// for it, can be worked with.
func (d *document) has(path string) bool { _, there := d.at[path]; return there }
func (d *document) ok(path string) bool  { return !d.bad[path] }

// follow follows an alias.
func follow(n *yaml.Node) *yaml.Node {
	for hops := 0; n.Kind == yaml.AliasNode && n.Alias != nil && hops < 100; hops++ {
		n = n.Alias
	}
	return n
}

// step follows an alias and counts the work.
func (d *document) step(n *yaml.Node) *yaml.Node {
	n = follow(n)
	if d.nodes++; d.nodes > maxNodes && !d.bomb {
		d.bomb = true
		d.errorAt(n, "", "the file describes more than %d values: it uses too many aliases", maxNodes)
	}
	return n
}

// decode reads node n into v. enum and short come from the key's tags.
func (d *document) decode(n *yaml.Node, path string, v reflect.Value, k key) {
	if n = d.step(n); d.bomb {
		return
	}
	t := v.Type()
	switch {
	case t.Kind() == reflect.Pointer && !scalar(t.Elem()):
		v.Set(reflect.New(t.Elem()))
		d.decode(n, path, v.Elem(), k)
	case t.Kind() == reflect.Pointer:
		p := reflect.New(t.Elem())
		d.decode(n, path, p.Elem(), k)
		if d.ok(path) {
			v.Set(p)
		}
	case scalar(t):
		d.decodeScalar(n, path, v, k.enum)
	case named(t):
		d.decodeNamed(n, path, v, k)
	case t.Kind() == reflect.Slice:
		d.decodeList(n, path, v)
	case t.Kind() == reflect.Map:
		d.decodeTexts(n, path, v)
	default:
		d.decodeStruct(n, path, v)
	}
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// pairs calls f for each key of a mapping. It refuses what is no plain name and
// what came before.
func (d *document) pairs(n *yaml.Node, path string, f func(k, val *yaml.Node)) {
	first := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, val := n.Content[i], n.Content[i+1]
		switch {
		case k.Kind != yaml.ScalarNode:
			d.errorAt(k, path, "has a key that is no plain text")
		case k.ShortTag() == "!!merge":
			d.errorAt(k, join(path, k.Value), "merge keys are not supported: repeat the keys")
		case k.Value == "":
			d.errorAt(k, path, "has a key without a name")
		case first[k.Value] != 0:
			// The first one counts, and is checked like any other.
			d.add(k, join(path, k.Value), "is given twice, first in line %d: remove one of them", first[k.Value])
		default:
			first[k.Value] = k.Line
			f(k, val)
		}
	}
}

func (d *document) decodeStruct(n *yaml.Node, path string, v reflect.Value) {
	if isNull(n) {
		return
	}
	if n.Kind != yaml.MappingNode {
		d.errorAt(n, path, "must be a mapping (key: value), got %s", d.what(n))
		return
	}
	keys := keysOf(v.Type())
	there := map[string]bool{}
	for i := 0; i < len(n.Content); i += 2 {
		there[n.Content[i].Value] = true
	}
	if there["<<"] { // refused below; what it would have brought is not missing
		for _, k := range keys {
			if !there[k.name] {
				d.bad[join(path, k.name)] = true
			}
		}
	}
	d.pairs(n, path, func(kn, val *yaml.Node) {
		i := slices.IndexFunc(keys, func(k key) bool { return k.name == kn.Value })
		if i < 0 {
			if path == "" && d.misplaced(kn, val, path, v.Type()) || d.decimals(kn, val, path) {
				return
			}
			if i = d.unknown(kn, path, keys, there); i < 0 {
				return
			}
			there[keys[i].name] = true
		}
		at := join(path, keys[i].name)
		d.at[at] = place{kn, d.step(val)}
		if isNull(d.at[at].val) && keys[i].typ.Kind() != reflect.Struct && !(keys[i].typ.Kind() == reflect.Pointer && !scalar(keys[i].typ.Elem())) {
			if d.bad[at] = true; !d.partial {
				d.errorAt(kn, at, "has no value: give it one or remove the key")
			}
			return
		}
		d.decode(val, at, v.Field(keys[i].index), keys[i])
	})
}

// unknown reports a key that isn't in keys and returns the index of the one that
// was probably meant, -1 if there is none: it is read as that one, so that the
// mistakes within it come to light as well.
func (d *document) unknown(kn *yaml.Node, path string, keys []key, there map[string]bool) int {
	if len(d.errs) > maxErrors {
		return -1
	}
	at := join(path, kn.Value)
	all := names(keys)
	var absent []string // those that are needed first: of two that are as near they are the likelier
	for _, needed := range []bool{true, false} {
		for _, k := range keys {
			if !there[k.name] && slices.Contains(k.required, "all") == needed {
				absent = append(absent, k.name)
			}
		}
	}
	if near := nearest(kn.Value, absent); near != "" {
		d.errorAt(kn, at, "unknown key, did you mean %q?", near)
		return slices.Index(all, near)
	}
	near, where := nearest(kn.Value, all), whereElse(kn.Value)
	switch {
	case where != "":
		d.errorAt(kn, at, "unknown key here%s", where)
	case near != "":
		d.errorAt(kn, at, "unknown key, did you mean %q, which is there already?", near)
	default:
		d.errorAt(kn, at, "unknown key: it must be %s", oneOf(all))
	}
	return -1
}

// decodeNamed reads a mapping from name to struct into a list.
func (d *document) decodeNamed(n *yaml.Node, path string, v reflect.Value, k key) {
	add := func(name string, at place, body *yaml.Node) {
		p := join(path, name)
		d.at[p] = at
		e := reflect.New(v.Type().Elem()).Elem()
		e.FieldByName("Name").SetString(name)
		if body != nil {
			d.decode(body, p, e, key{})
		}
		v.Set(reflect.Append(v, e))
	}
	switch {
	case n.Kind == yaml.MappingNode && d.nameless(n, path, v.Type().Elem()):
		add("NAME", place{n.Content[0], n}, n)
	case n.Kind == yaml.MappingNode:
		d.pairs(n, path, func(kn, val *yaml.Node) {
			if !d.misplaced(kn, val, path, v.Type().Elem()) {
				add(kn.Value, place{kn, d.step(val)}, val)
			}
		})
	case n.Kind == yaml.SequenceNode && k.short:
		seen := map[string]bool{}
		for i, c := range n.Content {
			var name string
			d.decodeScalar(d.step(c), element(path, i), reflect.ValueOf(&name).Elem(), nil)
			if name == "" {
				continue
			}
			if seen[name] {
				d.errorAt(c, element(path, i), "%q is given twice: remove one of them", name)
				continue
			}
			seen[name] = true
			add(name, place{nil, c}, nil)
		}
	default:
		d.errorAt(n, path, "must be a mapping from names to their settings, got %s", d.what(n))
	}
}

// decodeTexts reads a mapping from name to text.
func (d *document) decodeTexts(n *yaml.Node, path string, v reflect.Value) {
	if n.Kind != yaml.MappingNode {
		d.errorAt(n, path, "must be a mapping (name: text), got %s", d.what(n))
		return
	}
	v.Set(reflect.MakeMap(v.Type()))
	d.pairs(n, path, func(kn, val *yaml.Node) {
		at := join(path, kn.Value)
		d.at[at] = place{kn, d.step(val)}
		var text string
		d.decode(val, at, reflect.ValueOf(&text).Elem(), key{})
		v.SetMapIndex(reflect.ValueOf(kn.Value), reflect.ValueOf(text))
	})
}

func (d *document) decodeList(n *yaml.Node, path string, v reflect.Value) {
	if n.Kind != yaml.SequenceNode {
		hint := ""
		if n.Kind == yaml.ScalarNode && d.src.width(n) > 0 && n.ShortTag() != "!!null" {
			hint = fmt.Sprintf(": write [%s]", d.literal(n))
		}
		d.errorAt(n, path, "must be a list, got %s%s", d.what(n), hint)
		return
	}
	for i, c := range n.Content {
		if d.bomb {
			return
		}
		p := element(path, i)
		e := reflect.New(v.Type().Elem()).Elem()
		d.at[p] = place{nil, d.step(c)}
		d.decode(c, p, e, key{})
		v.Set(reflect.Append(v, e))
	}
}

// literal returns a scalar as it stands in the source.
func (d *document) literal(n *yaml.Node) string {
	line := d.src.runes(n.Line)
	return string(line[n.Column-1 : n.Column-1+d.src.width(n)])
}

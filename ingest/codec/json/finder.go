package json

import (
	"bytes"
	"encoding/json"

	"github.com/quell-stream/quell/ingest"
)

// Kind is what a JSON value is.
type Kind uint8

// The kinds of values. Absent: there is no such field.
const (
	Absent Kind = iota
	Number
	Text
	Null
	Boolean
	Object
	Array
)

// String names the kind with its article: "a number".
func (k Kind) String() string {
	return [...]string{"absent", "a number", "a string", "null", "true or false", "an object", "an array"}[k]
}

// Leaf is a field's value. Text is a number as written or a string's contents,
// nil otherwise.
type Leaf struct {
	Kind Kind
	Text []byte
}

// Finder finds fields of JSON objects by their dotted paths. It is not safe for
// concurrent use.
type Finder struct {
	tree     tree
	paths    []string
	found    []Leaf
	scan     scanner
	slowOnly bool // for tests: what the scanner's results are compared with
	strict   bool
}

// NewFinder returns a finder of the given paths; an empty path is never found.
func NewFinder(paths ...string) *Finder {
	f := &Finder{paths: paths, found: make([]Leaf, len(paths))}
	for i, p := range paths {
		if p != "" {
			f.tree.add(p, i)
		}
	}
	f.tree.root()
	f.scan.tree = &f.tree
	f.scan.seen = make([]uint32, len(f.tree.nodes))
	return f
}

// Find returns the values of the fields of one object, in the order of the
// finder's paths. They are valid until the next call and may alias b. An error
// is a MalformedError: b is not a JSON object.
func (f *Finder) Find(b []byte) ([]Leaf, error) {
	if !f.slowOnly && f.fast(b) {
		return f.found, nil
	}
	v, err := f.parse(b)
	if err != nil {
		return nil, err
	}
	obj, ok := v.(map[string]any)
	if !ok {
		return nil, ingest.Malformed("json", "%s, want an object", leafOf(v).Kind)
	}
	f.look(obj)
	return f.found, nil
}

// fast reads b with the scanner.
func (f *Finder) fast(b []byte) bool {
	s := &f.scan
	s.b, s.i = b, 0
	return s.space() == '{' && f.fastObject(1) && s.end()
}

// fastObject reads the object at the scanner's place.
func (f *Finder) fastObject(depth int) bool {
	clear(f.found)
	f.scan.begin(f.found)
	return f.scan.object(0, depth)
}

// look finds the fields in what encoding/json made of an object.
func (f *Finder) look(obj map[string]any) {
	clear(f.found)
	for i, p := range f.paths {
		if p == "" {
			continue
		}
		if v, ok := lookup(obj, p); ok {
			f.found[i] = leafOf(v)
		}
	}
}

// Paths lists the fields of a JSON object that are no objects or arrays, as
// dotted paths in the order in which they stand there. An error is a
// MalformedError.
func Paths(b []byte) ([]string, error) {
	// A finder of nothing checks syntax and depth.
	if _, err := NewFinder().Find(b); err != nil {
		return nil, err
	}
	quoted, _ := quoteNonFinite(b)
	dec := json.NewDecoder(bytes.NewReader(quoted))
	dec.UseNumber()
	var out []string
	var walk func(prefix string) error
	walk = func(prefix string) error {
		t, err := dec.Token()
		if err != nil {
			return err
		}
		if d, ok := t.(json.Delim); !ok {
			out = append(out, prefix)
		} else if d == '[' {
			return skipArray(dec)
		} else {
			for dec.More() {
				key, err := dec.Token()
				if err != nil {
					return err
				}
				name, _ := key.(string)
				if prefix != "" {
					name = prefix + "." + name
				}
				if err := walk(name); err != nil {
					return err
				}
			}
			_, err = dec.Token()
		}
		return err
	}
	if err := walk(""); err != nil {
		return nil, ingest.Malformed("json", "not JSON: %v", err)
	}
	return out, nil
}

// skipArray reads up to the end of an array whose opening bracket was read.
func skipArray(dec *json.Decoder) error {
	for depth := 1; depth > 0; {
		t, err := dec.Token()
		if err != nil {
			return err
		}
		switch t {
		case json.Delim('['), json.Delim('{'):
			depth++
		case json.Delim(']'), json.Delim('}'):
			depth--
		}
	}
	return nil
}

package json

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/ingest/codec/field"
)

// What emit can't say well, because it doesn't know what else is there.
var (
	errNoChannel = errors.New("none of the channels is there")
	errNoSeries  = errors.New("the series is not there")
)

// slow decodes a payload with encoding/json. It defines what a payload means,
// and words every error.
func (d *Decoder) slow(dst []ingest.Sample, m *ingest.Message, o field.Origin) ([]ingest.Sample, error) {
	v, err := d.find.parse(m.Payload)
	if err != nil {
		return dst, err
	}
	switch v := v.(type) {
	case map[string]any:
		return d.slowObject(dst, v, m, o)
	case []any:
		if len(v) == 0 {
			return dst, ingest.Malformed("field_missing", "the payload is an empty array")
		}
		for i, e := range v {
			obj, ok := e.(map[string]any)
			if !ok {
				return dst, ingest.Malformed("json", "element %d of the array is %s, want an object", i, leafOf(e).Kind)
			}
			if dst, err = d.slowObject(dst, obj, m, o); err != nil {
				var bad *ingest.MalformedError
				if errors.As(err, &bad) {
					err = ingest.Malformed(bad.Reason, "element %d of the array: %s", i, bad.Detail)
				}
				return dst, err
			}
		}
		return dst, nil
	}
	return dst, ingest.Malformed("json", "the payload is %s, want an object or an array of objects", leafOf(v).Kind)
}

// parse returns the payload as encoding/json sees it, numbers kept as written.
// Bare NaN and Infinity, which is no JSON but what several encoders make of such
// values, are read as strings unless strict.
func (f *Finder) parse(b []byte) (any, error) {
	if len(bytes.TrimSpace(b)) == 0 {
		return nil, ingest.Malformed("json", "the payload is empty")
	}
	if tooDeep(b) {
		return nil, ingest.Malformed("json", "nested deeper than %d levels", maxDepth)
	}
	v, err := parse(b)
	if err != nil && !f.strict {
		if quoted, changed := quoteNonFinite(b); changed {
			if w, again := parse(quoted); again == nil {
				return w, nil
			}
		}
	}
	if err != nil {
		return nil, ingest.Malformed("json", "the payload is not JSON: %v", err)
	}
	return v, nil
}

func parse(b []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		var syntax *json.SyntaxError
		switch {
		case errors.As(err, &syntax):
			return nil, fmt.Errorf("byte %d: %w", syntax.Offset, err)
		case errors.Is(err, io.ErrUnexpectedEOF):
			return nil, errors.New("it ends too early")
		}
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("byte %d: something follows the value", dec.InputOffset())
	}
	return v, nil
}

func (d *Decoder) slowObject(dst []ingest.Sample, obj map[string]any, m *ingest.Message, o field.Origin) ([]ingest.Sample, error) {
	l := d.layout
	d.find.look(obj)
	out, err := d.emit(dst, m, o)
	switch {
	case errors.Is(err, errNoSeries):
		err = ingest.Malformed("field_missing", "field %q, which names the series, is not there; the message has %s", l.Series, field.List(members(obj)))
	case errors.Is(err, errNoChannel):
		var want []string
		for i := range l.Channels {
			if o.Channel == field.AllChannels || o.Channel == i {
				want = append(want, l.Channels[i].Field())
			}
		}
		err = ingest.Malformed("field_missing", "none of the fields %s is there; the message has %s", field.List(want), field.List(members(obj)))
	}
	return out, err
}

func leafOf(v any) Leaf {
	switch v := v.(type) {
	case json.Number:
		return Leaf{Number, []byte(v)}
	case string:
		return Leaf{Text, []byte(v)}
	case nil:
		return Leaf{Kind: Null}
	case bool:
		return Leaf{Kind: Boolean}
	case map[string]any:
		return Leaf{Kind: Object}
	default:
		return Leaf{Kind: Array}
	}
}

// members lists the members of an object in order, those of objects within it as
// dotted paths, one level down.
func members(obj map[string]any) []string {
	var out []string
	for k, v := range obj {
		sub, ok := v.(map[string]any)
		if !ok || len(sub) == 0 {
			out = append(out, k)
		}
		for s := range sub {
			out = append(out, k+"."+s)
		}
	}
	slices.Sort(out)
	return out
}

// tooDeep says whether brackets outside strings nest deeper than maxDepth.
func tooDeep(b []byte) bool {
	depth := 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '{', '[':
			if depth++; depth > maxDepth {
				return true
			}
		case '}', ']':
			depth--
		case '"':
			i = stringEnd(b, i)
		}
	}
	return false
}

// stringEnd returns the index of the quote that ends the string starting at i,
// or the last index there is.
func stringEnd(b []byte, i int) int {
	for i++; i < len(b); i++ {
		switch b[i] {
		case '"':
			return i
		case '\\':
			i++
		}
	}
	return len(b)
}

// quoteNonFinite puts bare NaN, Infinity and -Infinity in quotes.
func quoteNonFinite(b []byte) (quoted []byte, changed bool) {
	words := [...]string{"NaN", "-Infinity", "Infinity"}
	out := make([]byte, 0, len(b)+16)
scan:
	for i := 0; i < len(b); {
		if b[i] == '"' {
			end := min(stringEnd(b, i)+1, len(b))
			out = append(out, b[i:end]...)
			i = end
			continue
		}
		for _, w := range words {
			if bytes.HasPrefix(b[i:], []byte(w)) {
				out = append(out, '"')
				out = append(out, w...)
				out = append(out, '"')
				i += len(w)
				changed = true
				continue scan
			}
		}
		out = append(out, b[i])
		i++
	}
	return out, changed
}

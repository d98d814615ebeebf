package config

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// scalar says whether a value of type t is written as one scalar.
func scalar(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Struct:
		return t == reflect.TypeFor[Secret]() || t == reflect.TypeFor[Rate]()
	case reflect.Slice, reflect.Pointer, reflect.Map:
		return false
	}
	return true
}

// what describes a node for "got …". It never shows the value of a secret: those
// who decode one don't ask.
func (d *document) what(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	switch n.ShortTag() {
	case "!!null":
		return "nothing"
	case "!!int", "!!float":
		return "the number " + short(n.Value)
	case "!!bool":
		return n.Value
	}
	return "the text " + strconv.Quote(short(n.Value))
}

func short(s string) string {
	if utf8.RuneCountInString(s) > 60 {
		return string([]rune(s)[:60]) + "…"
	}
	return s
}

// decodeScalar reads a scalar into v, after inserting what the environment holds.
func (d *document) decodeScalar(n *yaml.Node, path string, v reflect.Value, enum []string) {
	secret := v.Type() == reflect.TypeFor[Secret]()
	if n.Kind != yaml.ScalarNode || isNull(n) {
		d.errorAt(n, path, "must be %s, got %s", d.want(v.Type()), d.what(n))
		return
	}
	text, unset, err := expand(n.Value, d.env)
	if err != nil {
		d.errorAt(n, path, "%s", err)
		return
	}
	if bareVariable.MatchString(n.Value) { // which may be a secret, and is not shown
		d.note(n, path, "", "is taken as it stands, its $ and all: write ${NAME} if the value of an environment variable is meant")
	}
	fromEnv := strings.Contains(n.Value, "${")
	for _, name := range unset {
		d.note(n, path, name, unsetText(name))
	}
	if len(unset) > 0 {
		d.bad[path] = true // not known here, which is no mistake
		return
	}
	if fromEnv {
		d.given[path] = n.Value
	} else if text == "" {
		d.errorAt(n, path, "must not be empty: give it a value or remove the key")
		return
	}
	if len(enum) > 0 && text != "" && !slices.Contains(enum, text) {
		d.errorAt(n, path, "%s is not known%s", d.quote(path, text), suggest(text, enum, true))
		v.SetString(nearest(text, enum)) // what is probably meant, for the checks of the keys beside it
		return
	}
	// A quoted number is a text, and a bare one is no text: a file that means
	// one must not silently get the other. The environment knows texts only.
	tag := n.ShortTag()
	if err := setScalar(v, text, tag, fromEnv); err != nil {
		var mismatch *mismatchError
		switch {
		case errors.As(err, &mismatch) && secret:
			d.errorAt(n, path, "must be text")
		case errors.As(err, &mismatch):
			d.errorAt(n, path, "must be %s, got %s%s", d.want(v.Type()), d.whatText(n, path, text), mismatch.hint)
		default:
			msg := err.Error()
			if !strings.HasSuffix(msg, "?") {
				msg += d.got(path, text)
			}
			d.errorAt(n, path, "%s", msg)
		}
	}
}

// whatText is what for a scalar whose value may have come from the environment.
func (d *document) whatText(n *yaml.Node, path, text string) string {
	if d.given[path] != "" {
		return d.quote(path, text)
	}
	return d.what(n)
}

// quote returns a value for a message: as it stands in the file if parts of it
// came from the environment, since those may be secret.
func (d *document) quote(path, text string) string {
	if g := d.given[path]; g != "" {
		return strconv.Quote(short(g))
	}
	return strconv.Quote(short(text))
}

func (d *document) got(path, text string) string { return ", got " + d.quote(path, text) }

// want names what a type is written as.
func (d *document) want(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[time.Duration]():
		return "a duration such as 5s"
	case reflect.TypeFor[ByteSize]():
		return "a size such as 64MiB"
	case reflect.TypeFor[Rate]():
		return "a rate such as 1/month"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Uint64:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	}
	return "text"
}

// mismatchError says that a scalar is of another type than wanted.
type mismatchError struct{ hint string }

func (e *mismatchError) Error() string { return "is of the wrong type" + e.hint }

// setScalar parses text into v. tag is the type that YAML gives the scalar.
func setScalar(v reflect.Value, text, tag string, fromEnv bool) error {
	number := tag == "!!int" || tag == "!!float"
	unquote := ""
	if tag == "!!str" && !fromEnv {
		if _, err := strconv.ParseFloat(text, 64); err == nil {
			unquote = ": remove the quotes"
		}
	}
	switch p := v.Addr().Interface().(type) {
	case *Secret:
		*p = Secret{text} // 0123 and no are passwords too: what counts is the text
		return nil
	case *time.Duration:
		dur, err := parseDuration(text)
		*p = dur
		return err
	case *ByteSize:
		size, err := ParseByteSize(text)
		*p = size
		return err
	case *Rate:
		rate, err := ParseRate(text)
		*p = rate
		return err
	case *string:
		if !fromEnv && (number || tag == "!!bool") {
			return &mismatchError{fmt.Sprintf(": write %q in quotes", text)}
		}
		if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return errors.New("must be one line without control characters")
		}
		*p = text
		return nil
	case *bool:
		switch {
		case text == "true" && (fromEnv || tag == "!!bool"):
			*p = true
		case text == "false" && (fromEnv || tag == "!!bool"):
			*p = false
		default:
			if text == "true" || text == "false" {
				return &mismatchError{": remove the quotes"}
			}
			return &mismatchError{suggest(text, []string{"true", "false"}, false)}
		}
		return nil
	case *int:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || !fromEnv && tag != "!!int" {
			return &mismatchError{unquote}
		}
		if n > math.MaxInt32 || n < math.MinInt32 {
			return errors.New("is out of range")
		}
		*p = int(n)
		return nil
	case *uint64:
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil || !fromEnv && tag != "!!int" {
			return &mismatchError{unquote}
		}
		*p = n
		return nil
	case *float64:
		f, err := strconv.ParseFloat(text, 64)
		if tag == "!!float" && err != nil {
			return errors.New("must be a finite number") // .inf and .nan
		}
		if err != nil || !fromEnv && !number {
			return &mismatchError{unquote}
		}
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return errors.New("must be a finite number")
		}
		*p = f
		return nil
	}
	panic("config: no reader for type " + v.Type().String())
}

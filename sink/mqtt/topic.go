package mqtt

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// template is a topic with placeholders, by levels.
type template []level

// level is the text between two slashes: literals and names in turn.
type level []part

type part struct {
	literal string
	name    string // stream, series, or "" for a literal
}

// parseTemplate reads a Config.Topic.
func parseTemplate(s string) (template, error) {
	switch {
	case s == "":
		return nil, errors.New("mqtt: topic is missing: write one such as quell/{stream}/{series}")
	case strings.HasPrefix(s, "$"):
		return nil, fmt.Errorf("mqtt: topic %q begins with $: such topics belong to the broker", s)
	case strings.ContainsAny(s, "+#"):
		return nil, fmt.Errorf("mqtt: topic %q has a wildcard: one can't publish to those", s)
	case !utf8.ValidString(s) || strings.ContainsRune(s, 0):
		return nil, fmt.Errorf("mqtt: topic %q is no valid text", s)
	}
	var t template
	for l := range strings.SplitSeq(s, "/") {
		var parts level
		for l != "" {
			before, rest, open := strings.Cut(l, "{")
			if before != "" {
				parts = append(parts, part{literal: before})
			}
			if !open {
				break
			}
			name, after, closed := strings.Cut(rest, "}")
			if !closed {
				return nil, fmt.Errorf("mqtt: topic %q: a { is not closed", s)
			}
			if name != "stream" && name != "series" {
				return nil, fmt.Errorf("mqtt: topic %q: {%s} is not known, only {stream} and {series} are", s, name)
			}
			parts = append(parts, part{name: name})
			l = after
		}
		t = append(t, parts)
	}
	return t, nil
}

// append appends the topic of an item.
func (t template) append(dst []byte, stream, series string) []byte {
	levels := 0
	for _, l := range t {
		mark := len(dst)
		if levels > 0 {
			dst = append(dst, '/')
		}
		text := len(dst)
		named := false
		for _, p := range l {
			switch p.name {
			case "":
				dst = append(dst, p.literal...)
				continue
			case "stream":
				dst = Escape(dst, stream)
			case "series":
				dst = Escape(dst, series)
			}
			named = true
		}
		if named && len(dst) == text {
			dst = dst[:mark] // nothing to say on this level
			continue
		}
		levels++
	}
	return dst
}

const hexDigits = "0123456789ABCDEF"

// Escape appends a name as it stands in topics. What MQTT forbids there, or
// gives a meaning, becomes %XX, byte by byte: + and #, a $ at the start,
// control characters, bytes that are no UTF-8, characters that Unicode
// reserves, and the percent sign itself. Everything else, the slash included,
// stays. url.PathUnescape is the inverse.
func Escape(dst []byte, name string) []byte {
	for i := 0; i < len(name); {
		b := name[i]
		if b < utf8.RuneSelf {
			if b < 0x20 || b == 0x7f || b == '+' || b == '#' || b == '%' || b == '$' && i == 0 {
				dst = append(dst, '%', hexDigits[b>>4], hexDigits[b&15])
			} else {
				dst = append(dst, b)
			}
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(name[i:])
		if r == utf8.RuneError && n == 1 || r < 0xa0 || r >= 0xfdd0 && r <= 0xfdef || r&0xfffe == 0xfffe {
			for _, b := range []byte(name[i : i+n]) {
				dst = append(dst, '%', hexDigits[b>>4], hexDigits[b&15])
			}
		} else {
			dst = append(dst, name[i:i+n]...)
		}
		i += n
	}
	return dst
}

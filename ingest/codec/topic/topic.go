// Package topic reads topic templates: an MQTT topic filter whose wildcard
// levels have names.
//
// The template sensors/{series}/telemetry subscribes to sensors/+/telemetry,
// and the topic sensors/pump-1/telemetry then belongs to the series pump-1.
// {channel} names a level that holds the channel in the same way. A Kafka topic
// is a template of one literal level.
package topic

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// maxLen is the longest topic that MQTT can carry.
const maxLen = 65535

type kind uint8

const (
	literal kind = iota
	series
	channel
	any1 // +
	rest // #
)

type level struct {
	kind kind
	text string
}

// Template is a parsed topic template. It is read only and safe for concurrent
// use.
type Template struct {
	raw    string
	group  string // of a shared subscription
	levels []level
}

// Parse reads a template: levels separated by "/", each of which is a literal
// name, {series}, {channel}, + (any one level) or, at the end, # (all that
// follows). The prefix $share/GROUP/ of a shared subscription is kept in the
// filter and ignored in topics.
func Parse(s string) (*Template, error) {
	t := &Template{raw: s}
	body := s
	if after, ok := strings.CutPrefix(s, "$share/"); ok {
		group, filter, found := strings.Cut(after, "/")
		if !found || group == "" || filter == "" || strings.ContainsAny(group, "+#{}") {
			return nil, fmt.Errorf("topic %q: a shared subscription is written $share/GROUP/TOPIC", s)
		}
		t.group, body = group, filter
	}
	switch {
	case body == "":
		return nil, fmt.Errorf("topic %q: a topic must not be empty", s)
	case len(s) > maxLen:
		return nil, fmt.Errorf("topic %.40q…: longer than %d bytes", s, maxLen)
	case !utf8.ValidString(s) || strings.ContainsRune(s, 0):
		return nil, fmt.Errorf("topic %q: must be UTF-8 without NUL", s)
	}
	parts := strings.Split(body, "/")
	var seen [rest + 1]bool
	for i, p := range parts {
		l, err := parseLevel(s, p)
		if err != nil {
			return nil, err
		}
		if l.kind == rest && i != len(parts)-1 {
			return nil, fmt.Errorf("topic %q: # is allowed as the last level only", s)
		}
		if (l.kind == series || l.kind == channel) && seen[l.kind] {
			return nil, fmt.Errorf("topic %q: %s occurs twice", s, p)
		}
		seen[l.kind] = true
		t.levels = append(t.levels, l)
	}
	return t, nil
}

func parseLevel(whole, p string) (level, error) {
	switch p {
	case "{series}":
		return level{kind: series}, nil
	case "{channel}":
		return level{kind: channel}, nil
	case "+":
		return level{kind: any1}, nil
	case "#":
		return level{kind: rest}, nil
	}
	if strings.ContainsAny(p, "+#{}") {
		return level{}, fmt.Errorf("topic %q: level %q: a level is a plain name, {series}, {channel}, + or (at the end) #, and nothing may stand beside these", whole, p)
	}
	return level{kind: literal, text: p}, nil
}

// String returns the template as it was written.
func (t *Template) String() string { return t.raw }

// Group returns the group of a shared subscription ($share/GROUP/…), else "".
func (t *Template) Group() string { return t.group }

// HasSeries says that topics name their series.
func (t *Template) HasSeries() bool { return t.has(series) }

// HasChannel says that topics name their channel.
func (t *Template) HasChannel() bool { return t.has(channel) }

func (t *Template) has(k kind) bool {
	for _, l := range t.levels {
		if l.kind == k {
			return true
		}
	}
	return false
}

// Filter returns the MQTT topic filter to subscribe to, with $share/GROUP/ where
// the template has it.
func (t *Template) Filter() string {
	var b strings.Builder
	if t.group != "" {
		b.WriteString("$share/")
		b.WriteString(t.group)
		b.WriteByte('/')
	}
	for i, l := range t.levels {
		if i > 0 {
			b.WriteByte('/')
		}
		switch l.kind {
		case literal:
			b.WriteString(l.text)
		case rest:
			b.WriteByte('#')
		default:
			b.WriteByte('+')
		}
	}
	return b.String()
}

// Match says whether topic falls under the template, and returns the levels at
// {series} and {channel}, "" where the template has none. As in MQTT,
// a wildcard in the first level does not match a topic that starts with "$",
// and a/# matches a too.
func (t *Template) Match(topic string) (seriesName, channelName string, ok bool) {
	if strings.HasPrefix(topic, "$") && t.levels[0].kind != literal {
		return "", "", false
	}
	left, more := topic, true
	for _, l := range t.levels {
		if l.kind == rest {
			return seriesName, channelName, true
		}
		if !more {
			return "", "", false
		}
		var part string
		part, left, more = strings.Cut(left, "/")
		switch l.kind {
		case literal:
			if part != l.text {
				return "", "", false
			}
		case series:
			seriesName = part
		case channel:
			channelName = part
		}
	}
	if more {
		return "", "", false
	}
	return seriesName, channelName, true
}

// Overlap says whether some topic falls under both MQTT filters (with + and #,
// a prefix $share/GROUP/ being ignored).
func Overlap(a, b string) bool {
	x, y := strings.Split(unshare(a), "/"), strings.Split(unshare(b), "/")
	if sys := strings.HasPrefix(x[0], "$"); sys != strings.HasPrefix(y[0], "$") {
		return false // wildcards do not reach $ topics
	}
	for {
		switch {
		case len(x) > 0 && x[0] == "#", len(y) > 0 && y[0] == "#":
			return true
		case len(x) == 0 && len(y) == 0:
			return true
		case len(x) == 0 || len(y) == 0:
			return false
		case x[0] != y[0] && x[0] != "+" && y[0] != "+":
			return false
		}
		x, y = x[1:], y[1:]
	}
}

func unshare(filter string) string {
	if after, ok := strings.CutPrefix(filter, "$share/"); ok {
		if _, body, ok := strings.Cut(after, "/"); ok {
			return body
		}
	}
	return filter
}

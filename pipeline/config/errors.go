package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/quell-stream/quell/internal/plain"
)

// Error is one mistake and its place.
type Error struct {
	File         string
	Line, Column int    // from 1; Column counts characters
	Path         string // of the key, like streams.pumps.source.qos; "" for the file as a whole
	Msg          string // one sentence

	excerpt      string // the line, secrets masked
	caret, width int    // place in excerpt, in characters from 0
}

// Error returns file:line:column: path: message.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%d:%d: ", e.File, e.Line, e.Column)
	if e.Path != "" {
		b.WriteString(e.Path + ": ")
	}
	b.WriteString(e.Msg)
	return b.String()
}

// Format returns Error followed by the source line and a line with a caret,
// without a final newline:
//
//	quell.yaml:7:5: streams.pumps.sinsk: unknown key, did you mean "sinks"?
//	   7 |     sinsk: [clean]
//	     |     ^~~~~
func (e *Error) Format() string {
	if e.excerpt == "" {
		return e.Error()
	}
	pad := strings.Map(func(r rune) rune {
		if r == '\t' {
			return r // as wide as it is in the line above
		}
		return ' '
	}, string([]rune(e.excerpt)[:e.caret]))
	return fmt.Sprintf("%s\n%4d | %s\n     | %s^%s", e.Error(), e.Line, e.excerpt, pad, strings.Repeat("~", max(0, e.width-1)))
}

// ErrorList is all that is wrong with a file, in the order of its lines.
type ErrorList []*Error

// Error returns one line per mistake.
func (l ErrorList) Error() string {
	lines := make([]string, len(l))
	for i, e := range l {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}

// Format returns every mistake with its source line and caret, for people.
func (l ErrorList) Format() string {
	blocks := make([]string, len(l))
	for i, e := range l {
		blocks[i] = e.Format()
	}
	return strings.Join(blocks, "\n")
}

// Unwrap returns the elements, for errors.As.
func (l ErrorList) Unwrap() []error {
	out := make([]error, len(l))
	for i, e := range l {
		out[i] = e
	}
	return out
}

func (l ErrorList) sort() {
	slices.SortStableFunc(l, func(a, b *Error) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
}

// Warning is something that need not be wrong.
type Warning struct {
	Error
	Env string // the environment variable that is not set, where that is the matter
}

// NeedEnv returns an ErrorList of the warnings that are about environment
// variables, nil if there are none: what is excusable in a check is an error at
// a start.
func NeedEnv(warnings []Warning) error {
	var l ErrorList
	for i := range warnings {
		if w := &warnings[i]; w.Env != "" {
			l = append(l, &w.Error)
		}
	}
	if len(l) == 0 {
		return nil
	}
	return l
}

// place fills in the excerpt of e, the mistake being width characters long.
func (s *source) place(e *Error, width int) {
	e.File = s.name
	e.Line = max(e.Line, 1)
	if e.Line > len(s.lines) { // an empty document begins behind the last line
		e.Line, e.Column = len(s.lines), 1
	}
	v := s.show(e.Line)
	if v == nil {
		return
	}
	// Masking moves what stands to the right of a secret.
	end := len(v.at) - 1
	col := min(max(e.Column-1, 0), end)
	caret, tail := v.at[col], v.at[min(col+max(width, 1), end)]
	const around = 60
	from, to := 0, len(v.text)
	if to-from > 2*around {
		from, to = max(0, caret-around), min(to, caret+around)
	}
	text := string(v.text[from:to])
	e.caret = caret - from
	if from > 0 {
		text = "…" + text
		e.caret++
	}
	if to < len(v.text) {
		text += "…"
	}
	parts := strings.Split(text, "\t") // tabs stay: the caret has to stand below
	for i := range parts {
		parts[i] = plain.Text(parts[i])
	}
	e.excerpt = strings.Join(parts, "\t")
	e.width = max(1, min(tail, to)-caret)
}

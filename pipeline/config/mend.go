package config

import (
	"bytes"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// A file that is no YAML is mended line by line, as far as it goes, so that one report
// tells of everything else as well. Nothing that was mended is ever accepted: the
// mistakes are on the list.

const (
	mendBytes = 64 << 10 // larger files are not mended: each attempt parses all of it
	mendTries = 400      // attempts for one file
	mendMost  = 50       // syntax mistakes that are told of
)

// slip is one mistake of syntax.
type slip struct {
	line, column int
	msg          string
}

// mender holds a file that is being mended, line by line.
type mender struct {
	lines []string
	moved map[int][]shift // by line, from 1: what was put in
	tries int
	lost  bool // lines were left out
	full  int  // the line, from 1, with a value that others are indented below
}

// shift is a number of characters that were put in at a column, from 1.
type shift struct{ column, by int }

// fix is a change to one line, and what it says of the mistake there.
type fix struct {
	line   int
	text   string
	shifts []shift
	slip   slip
	lost   bool // the line is left out
}

// mend returns the document of a file that could not be parsed, and its mistakes, the
// first of which is given. The node is nil where nothing helps.
func mend(data []byte, first slip, syntax func([]byte, error) slip) (*yaml.Node, []slip, *mender) {
	if len(data) > mendBytes {
		return nil, []slip{first}, nil
	}
	m := &mender{lines: strings.Split(lineBreaks.Replace(string(data)), "\n"), moved: map[int][]shift{}}
	slips, at, lost := []slip(nil), first, false
	for range mendMost {
		best, next, root := m.best(at, syntax)
		if best == nil {
			return nil, append(slips, at), nil
		}
		// Lines that are left out one after the other are one mistake.
		if n := len(slips); !best.lost || !lost || n == 0 || slips[n-1].msg != best.slip.msg {
			slips = append(slips, best.slip)
		}
		m.apply(best)
		lost = best.lost
		if root != nil {
			return root, slips, m
		}
		at = next
	}
	return nil, append(slips, at), nil
}

// best returns the change that brings the parser furthest, and what is wrong then; nil
// where none helps. Where none brings it beyond where it was, one that closes a quote
// may: what comes to light then may lie before the place where the quote was noticed.
// To leave a line out comes last.
func (m *mender) best(at slip, syntax func([]byte, error) slip) (best *fix, next slip, root *yaml.Node) {
	var nearer, without *fix
	var nearerNext, withoutNext slip
	for _, f := range m.fixes(at) {
		if m.tries++; m.tries > mendTries {
			break
		}
		was := m.lines[f.line-1]
		m.lines[f.line-1] = f.text
		data := []byte(strings.Join(m.lines, "\n"))
		m.lines[f.line-1] = was
		n, err := firstDocument(data)
		if err == nil {
			if f.lost && (best != nil || nearer != nil) {
				break
			}
			return &f, slip{}, n
		}
		switch s := syntax(data, err); {
		case f.lost:
			if s.line > max(at.line, withoutNext.line) {
				without, withoutNext = &f, s
			}
		case s.line > max(at.line, next.line):
			best, next = &f, s
		case nearer == nil && f.line < at.line && s.line > f.line && s.line < at.line:
			nearer, nearerNext = &f, s
		}
	}
	switch {
	case best != nil:
		return best, next, nil
	case nearer != nil:
		return nearer, nearerNext, nil
	}
	return without, withoutNext, nil
}

func (m *mender) apply(f *fix) {
	m.lines[f.line-1], m.lost = f.text, m.lost || f.lost
	m.moved[f.line] = append(m.moved[f.line], f.shifts...)
}

// firstDocument parses the first document of data.
func firstDocument(data []byte) (*yaml.Node, error) {
	loader, err := yaml.NewLoader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	var doc yaml.Node
	if err := loader.Load(&doc); err != nil {
		return nil, err
	}
	return &doc, nil
}

// fixes lists what may be meant, the likeliest first.
func (m *mender) fixes(at slip) (out []fix) {
	if at.line < 1 || at.line > len(m.lines) {
		return nil
	}
	out = append(out, m.tabs(at)...)
	out = append(out, m.colons(at)...)
	out = append(out, m.indents(at)...)
	for l := at.line; l >= max(1, at.line-40); l-- { // an open quote ends at the next one, which may be far below
		out = append(out, m.quotes(l)...)
	}
	out = append(out, m.braces(at)...)
	for l := at.line; l >= max(1, at.line-3); l-- { // noticed at the next line
		if end := unclosed(m.lines[l-1]); end != "" {
			s := slip{l, len([]rune(m.lines[l-1])), "is not YAML: a bracket is opened and not closed: write " + end + " at the end of the line"}
			out = append(out, fix{line: l, text: m.lines[l-1] + end, slip: s})
		}
	}
	return append(out, fix{line: at.line, text: "", slip: at, lost: true})
}

// tabs indents a line with spaces, as many as fit.
func (m *mender) tabs(at slip) (out []fix) {
	line := m.lines[at.line-1]
	indent := line[:len(line)-len(strings.TrimLeft(line, " \t"))]
	n := strings.Count(indent, "\t")
	if n == 0 {
		return nil
	}
	at.column = strings.IndexByte(indent, '\t') + 1
	for _, width := range []int{2, 4, 8, 1, 3, 6} {
		f := fix{line: at.line, text: strings.ReplaceAll(indent, "\t", strings.Repeat(" ", width)) + line[len(indent):], slip: at}
		f.shifts = []shift{{len(indent) + 1, n * (width - 1)}}
		out = append(out, f)
	}
	return out
}

var flowPair = regexp.MustCompile(`, *[\w-]+ *:`)

// quotes closes a quote of a line that has an odd number of them.
func (m *mender) quotes(l int) (out []fix) {
	line := m.lines[l-1]
	if i := strings.Index(line, " #"); i >= 0 && strings.Count(line[:i], `"`)%2 == 0 && strings.Count(line[:i], `'`)%2 == 0 {
		line = line[:i]
	}
	for _, q := range []byte{'"', '\''} {
		var at []int
		for i := range len(line) {
			if line[i] == q && (i == 0 || line[i-1] != '\\') {
				at = append(at, i)
			}
		}
		if len(at)%2 == 0 {
			continue
		}
		for _, open := range at {
			if open > 0 && !strings.ContainsRune(" [{,:", rune(line[open-1])) {
				continue
			}
			for _, end := range closings(line, open, at) {
				s := slip{l, len([]rune(line[:open])) + 1, "is not YAML: a quote is opened here and not closed: write " + string(q) + " at the end of the text"}
				f := fix{line: l, text: line[:end] + string(q) + m.lines[l-1][end:], shifts: []shift{{len([]rune(line[:end])) + 1, 1}}, slip: s}
				out = append(out, f)
				if more := unclosed(f.text); more != "" {
					f.text += more
					out = append(out, f)
				}
			}
		}
	}
	return out
}

// unclosed returns what closes the brackets of a line that are still open at its end.
func unclosed(line string) string {
	var open []byte
	var quote byte
	for i := range len(line) {
		switch c := line[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '[':
			open = append(open, ']')
		case c == '{':
			open = append(open, '}')
		case len(open) > 0 && c == open[len(open)-1]:
			open = open[:len(open)-1]
		}
	}
	slices.Reverse(open)
	return string(open)
}

// closings lists where the text of a quote may end: before the next key, before the
// brackets that end the line, before each comma, at the end.
func closings(line string, open int, quotes []int) (out []int) {
	stop := len(strings.TrimRight(line, " "))
	for _, q := range quotes {
		if q > open {
			stop = q
			break
		}
	}
	text := line[open:stop]
	if p := flowPair.FindStringIndex(text); p != nil {
		out = append(out, open+p[0])
	}
	if whole := stop == len(strings.TrimRight(line, " ")); whole {
		if opened := strings.ContainsAny(line[:open], "[{"); opened {
			for end := stop; end > open+1 && strings.IndexByte("]} ", line[end-1]) >= 0; end-- {
				out = append(out, end-1)
			}
		}
		out = append(out, stop)
	}
	for i := range len(text) {
		if text[i] == ',' {
			out = append(out, open+i)
		}
	}
	return out
}

var bareTemplate = regexp.MustCompile(`(: *|\[ *|, *)([^\s"',\[\]{}:][^\s"',]*\{(?:series|stream|channel)\}[^\s"',\]}]*)`)

// braces quotes a text with placeholders.
func (m *mender) braces(at slip) []fix {
	line := m.lines[at.line-1]
	p := bareTemplate.FindStringSubmatchIndex(line)
	if p == nil {
		return nil
	}
	at.column = len([]rune(line[:p[4]])) + 1
	from, to := at.column, len([]rune(line[:p[5]]))+1
	return []fix{{line: at.line, text: line[:p[4]] + `"` + line[p[4]:p[5]] + `"` + line[p[5]:], shifts: []shift{{from + 1, 1}, {to, 1}}, slip: at}}
}

// restore gives the nodes the places that they have in the file as it was.
func (m *mender) restore(n *yaml.Node) {
	for _, s := range slices.Backward(m.moved[n.Line]) {
		if n.Column >= s.column+s.by {
			n.Column -= s.by
		}
	}
	for _, c := range n.Content {
		m.restore(c)
	}
}

package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// What the YAML parser says, and what its words mean for the one who wrote the file.
const (
	noKey   = "while parsing a block mapping: did not find expected key"
	noColon = "while scanning a simple key: could not find expected ':'"

	indentText = "the line is indented so that it fits no line above: keys of one level begin in the same column"
	commaText  = "a comma or a bracket is missing in front of this, or quotes around a text"
	secondText = "a second colon stands in one value: put the text in quotes, or keys and values in braces"
	colonText  = "a colon is needed behind a key"
)

// plainSyntax says a message of the parser, of a place in a line, in plain words.
func plainSyntax(msg, line string, column int) string {
	indented := column == indentOf(line)+1
	tab := strings.HasPrefix(strings.TrimLeft(line, " "), "\t")
	switch {
	case tab && (strings.HasSuffix(msg, "found character that cannot start any token") || strings.Contains(msg, "tab character")):
		return "a tab is in front of the line: YAML is indented with spaces, not with tabs"
	case strings.HasSuffix(msg, "found character that cannot start any token"):
		return "no text may begin with this character: put it in quotes"
	case msg == noKey && indented:
		return indentText
	case msg == noKey:
		return "what stands here belongs to nothing in front of it: is a comma, a bracket or a quote missing?"
	case msg == noColon:
		return colonText
	case msg == "mapping values are not allowed in this context" && indented:
		return indentText
	case msg == "mapping values are not allowed in this context":
		return secondText
	case strings.HasSuffix(msg, "did not find expected ',' or '}'"):
		return commaText
	case strings.HasSuffix(msg, "did not find expected ',' or ']'"):
		return commaText
	case strings.HasSuffix(msg, "did not find expected '-' indicator"):
		return "the line goes on with a list, and has no dash"
	}
	return msg
}

// indentOf returns the number of spaces in front of a line.
func indentOf(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }

// valued matches a key with a value.
var valued = regexp.MustCompile(`^ *[\w-]+: +[^ #|>&]`)

// colonless matches a key with nothing, or an equals sign, where a colon should be.
var colonless = regexp.MustCompile(`^( *(?:- )?[A-Za-z_][\w-]*)( *=| *$|[ {\[])`)

// colons puts a colon behind the key that a line begins with.
func (m *mender) colons(at slip) []fix {
	line := m.lines[at.line-1]
	p := colonless.FindStringSubmatchIndex(line)
	if p == nil {
		return nil
	}
	key, rest := line[:p[3]], line[p[3]:]
	if eq := strings.TrimLeft(rest, " "); strings.HasPrefix(eq, "=") {
		rest = eq[1:]
	}
	if rest != "" && rest[0] != ' ' {
		rest = " " + rest
	}
	text := key + ":" + rest
	column := len(key) + 1
	s := slip{at.line, column, "is not YAML: " + colonText + ": write " + strings.TrimLeft(key, " -") + ":"}
	return []fix{{line: at.line, text: text, shifts: []shift{{column, len(text) - len(line)}}, slip: s}}
}

// indents moves a line that fits no other, or the one in front of it, to where it fits.
func (m *mender) indents(at slip) (out []fix) {
	if !strings.Contains(at.msg, indentText) && !strings.Contains(at.msg, secondText) {
		return nil
	}
	before, tried := at.line-1, []int{indentOf(m.lines[at.line-1])}
	for before >= 1 && (strings.TrimSpace(m.lines[before-1]) == "" || strings.HasPrefix(strings.TrimSpace(m.lines[before-1]), "#")) {
		before--
	}
	if before < 1 {
		return nil
	}
	here, above := tried[0], indentOf(m.lines[before-1])
	if here > above && valued.MatchString(m.lines[before-1]) && (m.full == before || at.line < len(m.lines) && indentOf(m.lines[at.line]) == here) {
		m.full = before
		at.column = here + 1
		at.msg = fmt.Sprintf("is not YAML: lines are indented below line %d, which has a value already: remove the value or the lines", before)
		return []fix{{line: at.line, slip: at, lost: true}}
	}
	if strings.Contains(at.msg, secondText) {
		return nil
	}
	if here != above {
		f := m.reindent(before, here)
		f.slip.msg = fmt.Sprintf("is not YAML: the line is indented by %d and the next by %d: keys of one level begin in the same column", above, here)
		out = append(out, f)
	}
	for l := before; l >= max(1, before-10); l-- {
		if n := indentOf(m.lines[l-1]); strings.TrimSpace(m.lines[l-1]) != "" && !slices.Contains(tried, n) {
			tried = append(tried, n)
			f := m.reindent(at.line, n)
			f.slip.msg = at.msg
			out = append(out, f)
		}
	}
	return out
}

// reindent begins a line behind n spaces.
func (m *mender) reindent(line, n int) fix {
	was := indentOf(m.lines[line-1])
	return fix{line: line, text: strings.Repeat(" ", n) + m.lines[line-1][was:], shifts: []shift{{1, n - was}}, slip: slip{line: line, column: was + 1}}
}

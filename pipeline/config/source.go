package config

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// source is the text of a file, for excerpts that never show a secret.
type source struct {
	name  string
	lines []string
	hide  map[int][]span // by line, from 1
	plain bool           // the file could not be parsed: secrets are found by their looks

	secret int // line of the first secret that is spelt out, 0: there is none

	// Nearly all questions are about the line of the question before.
	views    map[int]*shown
	lastLine int
	last     []rune
}

// span is a part of a line in characters, to being exclusive.
type span struct{ from, to int }

const toEnd = 1 << 30

// lineBreaks are those of YAML 1.1, which is how the parser counts lines.
var lineBreaks = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u0085", "\n", "\u2028", "\n", "\u2029", "\n")

func newSource(name string, data []byte) *source {
	return &source{name: name, lines: strings.Split(lineBreaks.Replace(string(data)), "\n"), hide: map[int][]span{}, views: map[int]*shown{}}
}

var (
	looksSecret = regexp.MustCompile(`(?i)["']?[\w.-]*(?:pass|secret|token|credential)[\w.-]*["']?\s*:\s*`)
	flowValue   = regexp.MustCompile(`^(?:"(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^"',\[\]{}][^,\[\]{}]*)`)
	userInfo    = regexp.MustCompile(`://[^\s/"'@]+@`)
	// Behind the host of a webhook there is often what it knows us by.
	webURL   = regexp.MustCompile(`https?://[^\s/"'?#]+[/?#]([^\s"',\]}]+)`)
	looksURL = regexp.MustCompile(`(?i)["']?\burls?["']?\s*:`)
)

// spans returns what is to be hidden of a line, in order and without overlap.
func (s *source) spans(line int) []span {
	text := s.lines[line-1]
	runes := func(byteAt int) int { return utf8.RuneCountInString(text[:byteAt]) }
	out := slices.Clone(s.hide[line])
	if s.plain {
		for _, m := range looksSecret.FindAllStringIndex(text, -1) {
			if key := strings.TrimRight(text[m[0]:m[1]], "\"': \t"); strings.HasSuffix(key, "_file") || m[1] == len(text) {
				continue
			}
			to := toEnd
			// Within braces a value ends where its quotes or the next comma do.
			if v := flowValue.FindString(text[m[1]:]); v != "" && strings.Contains(text[:m[0]], "{") {
				to = runes(m[1] + len(v))
			}
			out = append(out, span{runes(m[1]), to})
		}
	}
	if s.plain && looksURL.MatchString(text) {
		out = append(out, webPaths(text)...)
	}
	for _, m := range userInfo.FindAllStringIndex(text, -1) {
		out = append(out, span{runes(m[0]) + len("://"), runes(m[1]) - len("@")})
	}
	slices.SortFunc(out, func(a, b span) int { return a.from - b.from })
	merged := out[:0]
	for _, sp := range out {
		if n := len(merged); n > 0 && sp.from <= merged[n-1].to {
			merged[n-1].to = max(merged[n-1].to, sp.to)
			continue
		}
		merged = append(merged, sp)
	}
	return merged
}

// webPaths returns what stands behind the hosts of the web addresses in a line.
func webPaths(text string) (out []span) {
	for _, m := range webURL.FindAllStringSubmatchIndex(text, -1) {
		out = append(out, span{utf8.RuneCountInString(text[:m[2]]), utf8.RuneCountInString(text[:m[3]])})
	}
	return out
}

const mask = "***"

// maxLine is the length of the longest line that is shown in parts.
const maxLine = 64 << 10

// shown is a line as it is shown.
type shown struct {
	text []rune // secrets masked
	at   []int  // for each character of the source, and its end, the place in text
}

// show returns a line with its secrets masked, nil for one that is too long to
// be of use.
func (s *source) show(line int) *shown {
	if v, ok := s.views[line]; ok {
		return v
	}
	var v *shown
	if raw := s.runes(line); len(raw) <= maxLine {
		v = &shown{at: make([]int, 0, len(raw)+1)}
		spans := s.spans(line)
		for i, r := range raw {
			for len(spans) > 0 && i >= spans[0].to {
				spans = spans[1:]
			}
			switch {
			case len(spans) == 0 || i < spans[0].from:
				v.at = append(v.at, len(v.text))
				v.text = append(v.text, r)
			case i == spans[0].from:
				v.at = append(v.at, len(v.text))
				v.text = append(v.text, []rune(mask)...)
			default: // within a secret: where its mask begins
				v.at = append(v.at, v.at[i-1])
			}
		}
		v.at = append(v.at, len(v.text))
	}
	s.views[line] = v
	return v
}

// runes returns the characters of a line.
func (s *source) runes(line int) []rune {
	if s.lastLine != line {
		s.lastLine, s.last = line, []rune(s.lines[line-1])
	}
	return s.last
}

// width returns the number of characters that a scalar takes in the source, 0
// where it can't be told.
func (s *source) width(n *yaml.Node) int {
	if n == nil || n.Kind != yaml.ScalarNode || n.Line < 1 || n.Line > len(s.lines) {
		return 0
	}
	line := s.runes(n.Line)
	if n.Column < 1 || n.Column > len(line) {
		return 0
	}
	rest := line[n.Column-1:]
	switch {
	case n.Style&yaml.DoubleQuotedStyle != 0 && rest[0] == '"':
		for i := 1; i < len(rest); i++ {
			if rest[i] == '\\' {
				i++
			} else if rest[i] == '"' {
				return i + 1
			}
		}
	case n.Style&yaml.SingleQuotedStyle != 0 && rest[0] == '\'':
		for i := 1; i < len(rest); i++ {
			if rest[i] != '\'' {
				continue
			}
			if i+1 < len(rest) && rest[i+1] == '\'' {
				i++
				continue
			}
			return i + 1
		}
	default:
		if v := []rune(n.Value); len(v) > 0 && len(v) <= len(rest) && slices.Equal(rest[:len(v)], v) {
			return len(v)
		}
	}
	return 0
}

// secretKey says whether a key, perhaps misspelt, holds a secret itself.
func secretKey(key string) bool {
	k := plainForm(key)
	if strings.HasSuffix(k, "file") || strings.HasSuffix(k, "path") {
		return false
	}
	for _, word := range []string{"pass", "secret", "token", "credential"} {
		if strings.Contains(k, word) {
			return true
		}
	}
	return nearest(key, []string{"password", "secret"}) != ""
}

// hideSecrets finds the values of keys that hold secrets, right or wrong.
func (s *source) hideSecrets(n *yaml.Node, next int, depth int) {
	if depth > 64 {
		return
	}
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			key, val := n.Content[i], n.Content[i+1]
			after := next
			if i+2 < len(n.Content) {
				after = n.Content[i+2].Line
			}
			switch {
			case secretKey(key.Value):
				s.hideValue(val, after)
			case val.Kind == yaml.ScalarNode && nearest(key.Value, []string{"url", "urls"}) != "":
				s.hidePath(val)
			case val.Kind == yaml.SequenceNode && nearest(key.Value, []string{"url", "urls"}) != "":
				for _, c := range val.Content {
					s.hidePath(c)
				}
			default:
				s.hideSecrets(val, after, depth+1)
			}
		}
	case yaml.DocumentNode, yaml.SequenceNode:
		for i, c := range n.Content {
			after := next
			if i+1 < len(n.Content) {
				after = n.Content[i+1].Line
			}
			s.hideSecrets(c, after, depth+1)
		}
	}
}

// onlyNames says that a text names an environment variable and holds nothing else.
func onlyNames(s string) bool {
	return strings.HasPrefix(s, "${") && strings.Index(s, "}") == len(s)-1 && !strings.Contains(s, ":-")
}

// hidePath hides what stands behind the host of a web address.
func (s *source) hidePath(n *yaml.Node) {
	if n.Kind == yaml.AliasNode && n.Alias != nil {
		n = n.Alias
	}
	if n.Line < 1 || n.Line > len(s.lines) {
		return
	}
	from, w := n.Column-1, s.width(n)
	for _, p := range webPaths(s.lines[n.Line-1]) {
		if p.from >= from && p.to <= from+w && !onlyNames(string(s.runes(n.Line)[p.from:p.to])) {
			s.hide[n.Line] = append(s.hide[n.Line], p)
		}
	}
}

// hideValue hides a node that ends before line next at the latest. What only
// names an environment variable is no secret.
func (s *source) hideValue(n *yaml.Node, next int) {
	if n.Kind == yaml.AliasNode && n.Alias != nil {
		n = n.Alias
		next = n.Line + 1
	}
	if n.Kind == yaml.ScalarNode && (n.Value == "" || onlyNames(n.Value)) {
		return
	}
	if s.secret == 0 {
		s.secret = n.Line
	}
	from := n.Column - 1
	if w := s.width(n); w > 0 {
		s.hide[n.Line] = append(s.hide[n.Line], span{from, from + w})
		return
	}
	s.hide[n.Line] = append(s.hide[n.Line], span{from, toEnd})
	if n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0 {
		next++ // the next key may stand behind the closing quote
	}
	for l := n.Line + 1; l < next && l <= len(s.lines); l++ {
		s.hide[l] = append(s.hide[l], span{0, toEnd})
	}
}

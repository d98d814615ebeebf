package config

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// mutation is one mistake that was put into a file.
type mutation struct {
	kind string
	line int
	// column is where the report is to point, from 1; with 0 the line will do.
	column  int
	suggest []string // one of these must be in the message; nil: nothing can be suggested
	old     string   // the line as it was
}

// mutator breaks a valid file at random, each line once at most.
type mutator struct {
	rng   *rand.Rand
	d     *document
	cfg   *Config
	lines []string
	used  map[int]bool
	done  []mutation
}

func newMutator(t *testing.T, path string, rng *rand.Rand) *mutator {
	t.Helper()
	data := read(t, path)
	d, cfg, err := parse(path, data, setFor)
	if err != nil {
		t.Fatal(report(nil, err))
	}
	return &mutator{rng: rng, d: d, cfg: cfg, lines: strings.Split(string(data), "\n"), used: map[int]bool{}}
}

// setFor is an environment in which the examples are right.
func setFor(name string) (string, bool) {
	if name == "SHARD" {
		return "0", true
	}
	return "hunter2", !strings.HasPrefix(name, "file:")
}

// change replaces width characters of a line and notes what was done.
func (m *mutator) change(kind string, line, column, width int, text string, at int, suggest ...string) bool {
	if m.used[line] {
		return false
	}
	r := []rune(m.lines[line-1])
	m.used[line] = true
	m.done = append(m.done, mutation{kind, line, at, suggest, m.lines[line-1]})
	m.lines[line-1] = string(r[:column-1]) + text + string(r[column-1+width:])
	return true
}

// key returns the key of the schema at a path of the file, nil for a name.
func (m *mutator) key(path string) *key {
	var at key
	t := section{}
	for _, s := range sections() {
		if fits(s.path, path) && s.path != "" || s.path == "" && !strings.ContainsAny(path, ".[") {
			t = s
		}
	}
	for _, k := range t.keys {
		if path == k.name || strings.HasSuffix(path, "."+k.name) {
			at = k
			return &at
		}
	}
	return nil
}

// fits says whether a path is that of a key right in a section.
func fits(section, path string) bool {
	re := sectionRules[section]
	if re == nil {
		re = regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(section), "NAME", `(?:[^."\[\]]+|"[^"]*")`) + `\.[a-z_0-9]+$`)
		sectionRules[section] = re
	}
	return re.MatchString(path)
}

var sectionRules = map[string]*regexp.Regexp{}

// paths returns the places of all keys that m may change, in random order.
func (m *mutator) paths(want func(p string, k *key, n place) bool) []string {
	var out []string
	for _, p := range slices.Sorted(maps.Keys(m.d.at)) {
		n := m.d.at[p]
		if n.key == nil || m.used[n.key.Line] || n.val.Kind == yaml.AliasNode {
			continue
		}
		if k := m.key(p); k != nil && want(p, k, n) {
			out = append(out, p)
		}
	}
	m.rng.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

func (m *mutator) scalarAt(n place) (width int, ok bool) {
	if n.val.Kind != yaml.ScalarNode || n.val.Line != n.key.Line || strings.Contains(n.val.Value, "${") {
		return 0, false
	}
	w := m.d.src.width(n.val)
	return w, w > 0
}

// typo swaps two neighbours, drops, doubles or replaces a letter.
func (m *mutator) typo(s string) string {
	r := []rune(s)
	for range 50 {
		i := m.rng.IntN(len(r) - 1)
		var out string
		switch m.rng.IntN(4) {
		case 0:
			out = string(r[:i]) + string(r[i+1]) + string(r[i]) + string(r[i+2:])
		case 1:
			out = string(r[:i]) + string(r[i+1:])
		case 2:
			out = string(r[:i+1]) + string(r[i:])
		default:
			out = string(r[:i]) + string(rune('a'+m.rng.IntN(26))) + string(r[i+1:])
		}
		if out != s && regexp.MustCompile(`^[a-z][a-z_0-9-]*$`).MatchString(out) {
			return out
		}
	}
	return s + "x"
}

// The kinds of mistakes. Each returns whether it found a place.
var kinds = map[string]func(m *mutator) bool{
	"key typo": func(m *mutator) bool {
		for _, p := range m.paths(func(_ string, k *key, _ place) bool { return len(k.name) >= 4 }) {
			k, n := m.key(p), m.d.at[p]
			if wrong := m.typo(k.name); !known(wrong) {
				return m.change("key typo", n.key.Line, n.key.Column, len(k.name), wrong, n.key.Column, `"`+k.name+`"`)
			}
		}
		return false
	},
	"key in the wrong section": func(m *mutator) bool {
		foreign := []string{"rate_hz: 1", "lookahead: 8", "false_alarms: 1/month", "cpu_share: 0.5", "lateness: 1s", "spill_after: 5s", "sinks: [x]", "hold: 3s", "interval: 0.9", "journal_bytes: 1GiB"}
		for _, p := range m.paths(func(_ string, k *key, n place) bool {
			return n.val.Kind == yaml.MappingNode && n.val.Style&yaml.FlowStyle != 0 && len(n.val.Content) > 0 && !named(k.typ) && k.typ.Kind() != 0 && n.val.Line == n.key.Line && k.name != "labels"
		}) {
			pair := foreign[m.rng.IntN(len(foreign))]
			name, _, _ := strings.Cut(pair, ":")
			n := m.d.at[p]
			if m.d.has(join(p, name)) || m.key(join(p, name)) != nil {
				continue
			}
			// Where it belongs is told, or what may be there instead.
			return m.change("key in the wrong section", n.val.Line, n.val.Column+1, 0, pair+", ", n.val.Column+1, "it belongs under", "it must be", "is a key of", "did you mean")
		}
		return false
	},
	"wrong type": func(m *mutator) bool {
		for _, p := range m.paths(func(_ string, k *key, n place) bool {
			_, ok := m.scalarAt(n)
			return ok && k.enum == nil && k.name != "version"
		}) {
			k, n := m.key(p), m.d.at[p]
			w, _ := m.scalarAt(n)
			text, want := "lots", []string{"must be", "write", "remove the quotes"}
			switch typeText(*k) {
			case "text":
				text = "17"
			case "secret":
				continue // any text will do
			case "number", "whole number":
				text = []string{`"5"`, "many", "true"}[m.rng.IntN(3)]
			case "true or false":
				text = []string{`"true"`, "yes", "1"}[m.rng.IntN(3)]
			}
			return m.change("wrong type", n.val.Line, n.val.Column, w, text, n.val.Column, want...)
		}
		return false
	},
	"list for a text": func(m *mutator) bool {
		for _, p := range m.paths(func(_ string, k *key, n place) bool {
			return n.val.Kind == yaml.SequenceNode && len(n.val.Content) == 1 && n.val.Line == n.key.Line && k.name == "sinks" && n.val.Content[0].Line == n.key.Line
		}) {
			n := m.d.at[p]
			e := n.val.Content[0]
			w := m.d.src.width(e)
			return m.change("list for a text", n.val.Line, n.val.Column, e.Column+w+1-n.val.Column, e.Value, n.val.Column, "write ["+e.Value+"]")
		}
		return false
	},
	"out of range": func(m *mutator) bool {
		values := map[string]string{"qos": "7", "interval": "1.5", "cpu_share": "9", "lookahead": "-3", "max_series": "0", "rate_hz": "-1", "replay_bytes": "1B",
			"journal_bytes": "1B", "keep": "0", "listen": `"127.0.0.1:99999"`, "max_bytes": "-1B", "timeout": "0s", "index": "99", "count": "0", "version": "2", "every": "1ms", "colour": "1.5", "sigma": "-1"}
		for _, p := range m.paths(func(_ string, k *key, n place) bool { _, ok := m.scalarAt(n); return ok && values[k.name] != "" }) {
			k, n := m.key(p), m.d.at[p]
			w, _ := m.scalarAt(n)
			return m.change("out of range", n.val.Line, n.val.Column, w, values[k.name], n.val.Column, "must", "is out of range")
		}
		return false
	},
	"unknown value": func(m *mutator) bool {
		for _, p := range m.paths(func(_ string, k *key, n place) bool {
			w, ok := m.scalarAt(n)
			return ok && k.enum != nil && w == len(n.val.Value) && w > 2
		}) {
			k, n := m.key(p), m.d.at[p]
			wrong := m.typo(n.val.Value)
			if slices.Contains(k.enum, wrong) || wrong == "true" || wrong == "no" || wrong == "off" {
				continue
			}
			return m.change("unknown value", n.val.Line, n.val.Column, len(n.val.Value), wrong, n.val.Column, `"`+n.val.Value+`"`, "it must be")
		}
		return false
	},
	"duplicate key": func(m *mutator) bool {
		for _, p := range m.paths(func(_ string, k *key, n place) bool { _, ok := m.scalarAt(n); return ok }) {
			n := m.d.at[p]
			w, _ := m.scalarAt(n)
			line := []rune(m.lines[n.key.Line-1])
			pair := string(line[n.key.Column-1 : n.val.Column-1+w])
			before := string(line[:n.key.Column-1])
			if strings.TrimSpace(before) == "" {
				continue // a block: it would take a line of its own
			}
			at := n.val.Column + w + 2
			return m.change("duplicate key", n.key.Line, n.val.Column+w, 0, ", "+pair, at, "remove one of them")
		}
		return false
	},
	"bad quantity": func(m *mutator) bool {
		for _, p := range m.paths(func(_ string, k *key, n place) bool {
			_, ok := m.scalarAt(n)
			return ok && slices.Contains([]string{"duration", "size", "rate"}, typeText(*k))
		}) {
			k, n := m.key(p), m.d.at[p]
			w, _ := m.scalarAt(n)
			text := map[string][]string{"duration": {"5", "5x", "fast", "-3s"}, "size": {"8MoB", "big", "8Mi"}, "rate": {"1/moth", "often", "0/day", "1/wek"}}[typeText(*k)]
			return m.change("bad quantity", n.val.Line, n.val.Column, w, text[m.rng.IntN(len(text))], n.val.Column, "such as", "write", "did you mean", "must")
		}
		return false
	},
	"dangling connection": func(m *mutator) bool {
		for _, p := range m.paths(func(p string, k *key, n place) bool {
			w, ok := m.scalarAt(n)
			return ok && k.name == "connection" && w == len(n.val.Value) && w > 2
		}) {
			n := m.d.at[p]
			wrong := m.typo(n.val.Value)
			if m.cfg.Connection(wrong) != nil {
				continue
			}
			return m.change("dangling connection", n.val.Line, n.val.Column, len(n.val.Value), wrong, n.val.Column, `"`+n.val.Value+`"`, "it must be")
		}
		return false
	},
	"dangling sink": func(m *mutator) bool {
		for _, p := range m.paths(func(p string, k *key, n place) bool {
			return strings.HasPrefix(p, "streams.") && k.name == "sinks" && n.val.Kind == yaml.SequenceNode && len(n.val.Content) > 0
		}) {
			n := m.d.at[p]
			e := n.val.Content[m.rng.IntN(len(n.val.Content))]
			wrong := m.typo(e.Value)
			if m.cfg.Sink(wrong) != nil {
				continue
			}
			return m.change("dangling sink", e.Line, e.Column, len(e.Value), wrong, e.Column, `"`+e.Value+`"`, "it must be")
		}
		return false
	},
	"tab": func(m *mutator) bool {
		for _, p := range m.paths(func(_ string, _ *key, n place) bool { return n.key.Column > 2 }) {
			n := m.d.at[p]
			line := []rune(m.lines[n.key.Line-1])
			if strings.TrimSpace(string(line[:n.key.Column-1])) != "" || strings.HasSuffix(m.lines[n.key.Line-2], ",") {
				continue // within braces a tab is as good as a space
			}
			return m.change("tab", n.key.Line, 1, n.key.Column-1, strings.Repeat("\t", (n.key.Column-1)/2), 1, "spaces, not with tabs")
		}
		return false
	},
	"open quote": func(m *mutator) bool {
		for _, p := range slices.Sorted(maps.Keys(m.d.at)) {
			n := m.d.at[p].val
			if n.Kind != yaml.ScalarNode || n.Style&yaml.DoubleQuotedStyle == 0 || m.used[n.Line] || m.rng.IntN(3) > 0 {
				continue
			}
			w := m.d.src.width(n)
			if line := []rune(m.lines[n.Line-1]); w < 3 || n.Column-1+w > len(line) {
				continue
			}
			return m.change("open quote", n.Line, n.Column+w-1, 1, "", n.Column, `write " at the end`)
		}
		return false
	},
}

// known says whether a word is a key of any section.
func known(word string) bool {
	for _, s := range sections() {
		if slices.Contains(names(s.keys), word) {
			return true
		}
	}
	return false
}

// verdict compares a report with the mistakes that were made.
func verdict(muts []mutation, l ErrorList) (bad []string) {
	for _, m := range muts {
		var here []*Error
		for _, e := range l {
			if e.Line == m.line {
				here = append(here, e)
			}
		}
		ok := func(e *Error) bool {
			return (m.column == 0 || e.Column == m.column) && slices.ContainsFunc(m.suggest, func(s string) bool { return strings.Contains(e.Msg, s) }) && strings.Contains(e.Format(), "^")
		}
		switch {
		case len(here) == 0:
			bad = append(bad, fmt.Sprintf("%s in line %d: not found", m.kind, m.line))
		case !slices.ContainsFunc(here, ok):
			bad = append(bad, fmt.Sprintf("%s in line %d, column %d: no suggestion of %q there", m.kind, m.line, m.column, m.suggest))
		}
	}
	for _, e := range l {
		if !slices.ContainsFunc(muts, func(m mutation) bool { return m.line == e.Line }) {
			bad = append(bad, "told besides: "+e.Error())
		}
	}
	return bad
}

// mutated makes one wrong file of a valid one.
func mutated(t *testing.T, rng *rand.Rand, bases []string) (string, []mutation) {
	t.Helper()
	all := slices.Sorted(maps.Keys(kinds))
	for {
		m := newMutator(t, bases[rng.IntN(len(bases))], rng)
		for range 1 + rng.IntN(5) {
			kinds[all[rng.IntN(len(all))]](m)
		}
		if len(m.done) > 0 {
			return strings.Join(m.lines, "\n"), m.done
		}
	}
}

// wrongFiles is how many files TestMutated breaks; QUELL_MUTATED=N breaks so many.
const wrongFiles = 30

// TestMutated breaks valid files at random: the report must tell every mistake at once,
// each with its line, its column and what to write instead, and nothing besides.
func TestMutated(t *testing.T) {
	bases := append(files(t, "../../configs/*.yaml"), "testdata/secure.good.yaml", "testdata/alerts.good.yaml")
	n := wrongFiles
	if s := os.Getenv("QUELL_MUTATED"); s != "" {
		if _, err := fmt.Sscan(s, &n); err != nil {
			t.Fatal(err)
		}
	}
	rng := rand.New(rand.NewPCG(2026, 11))
	mistakes, wrong, by := 0, 0, map[string]int{}
	for i := range n {
		text, muts := mutated(t, rng, bases)
		_, _, err := Parse("x.yaml", []byte(text), nil)
		var l ErrorList
		if !errors.As(err, &l) {
			t.Errorf("file %d is accepted: %+v", i, muts)
			continue
		}
		for _, m := range muts {
			by[m.kind]++
		}
		mistakes += len(muts)
		if bad := verdict(muts, l); len(bad) > 0 {
			wrong++
			t.Errorf("file %d: %s\n%s", i, strings.Join(bad, "\n"), l.Format())
			if dir := os.Getenv("QUELL_MUTATED_DIR"); dir != "" {
				if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.yaml", i)), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	t.Logf("%d files with %d mistakes, %d told wrongly: %v", n, mistakes, wrong, by)
	if n == wrongFiles && len(by) != len(kinds) {
		t.Errorf("only %d of %d kinds were tried: %v", len(by), len(kinds), by)
	}
}

package dlq

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/quell-stream/quell/sink"
)

func message(n int) *Letter {
	return &Letter{ID: fmt.Sprintf("s/raw/3/%d", n), Time: int64(n) * 1e9, Stream: "s", Reason: "json", Detail: "not an object",
		Topic: "raw", Partition: "raw/3", Offset: int64(n), Key: []byte("k"), Payload: fmt.Appendf(nil, "{%d", n), Value: math.NaN()}
}

// TestRoundTrip reads letters back as they were, whatever bytes are in them.
func TestRoundTrip(t *testing.T) {
	odd := message(1)
	odd.Key, odd.Payload, odd.Size = []byte{0xff}, []byte("\x00\xfe\n\u2028"), 1<<40
	odd.Headers = []Header{{"a", []byte("text")}, {"b", []byte{0xff, 0}}, {"c", nil}, {"", []byte("<&>")}}
	text := message(2)
	text.Key, text.Payload = nil, []byte("line\nline\u2028\"<é>")
	for _, l := range []*Letter{
		message(0), odd, text,
		{ID: "1", Time: 5, Stored: 1700000000000000123, Stream: "s", Series: "p", Reason: "quarantined", Detail: "two hours ahead", Channel: "x", Value: -1.5},
		{ID: "2", Time: 5, Stream: "s", Series: "p", Reason: "late", Channel: "x", Value: math.NaN(), Missing: "null"},
	} {
		e := l.Event()
		got, err := Parse(sink.AppendEvent(nil, &e))
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(l, got, cmpopts.EquateNaNs(), cmpopts.EquateEmpty()); d != "" {
			t.Errorf("-want +got:\n%s", d)
		}
	}
	for _, text := range []string{``, `{}`, `{"v":1,"type":"event","ts":"2026-11-23T12:00:00Z","kind":"drift.opened","data":{}}`,
		`{"v":1,"type":"event","ts":"2026-11-23T12:00:00Z","kind":"dead_letter","data":{"payload_base64":"!"}}`,
		`{"v":1,"type":"event","ts":"2026-11-23T12:00:00Z","kind":"dead_letter","data":{"headers":[1]}}`} {
		if l, err := Parse([]byte(text)); err == nil {
			t.Errorf("%s: read as %+v", text, l)
		}
	}
}

func FuzzParse(f *testing.F) {
	e := message(1).Event()
	f.Add(sink.AppendEvent(nil, &e))
	f.Add([]byte(`{"v":1,"type":"event","ts":"2026-11-23T12:00:00Z","kind":"dead_letter","data":{"offset":1e300,"headers":[{"key":1}],"bytes":-1}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := Parse(b)
		if err != nil {
			return
		}
		_ = l.Whole()
		l.PartitionNumber()
		e := l.Event()
		if _, err := Parse(sink.AppendEvent(nil, &e)); err != nil {
			t.Fatalf("what was read can't be read again: %v", err)
		}
	})
}

func TestWhole(t *testing.T) {
	l := message(1)
	if n, ok := l.PartitionNumber(); !ok || n != 3 || l.Whole() != nil {
		t.Errorf("partition %d, %v, %v", n, ok, l.Whole())
	}
	for name, change := range map[string]func(*Letter){
		"sample":     func(l *Letter) { l.Topic = "" },
		"first 2 of": func(l *Letter) { l.Size = 9 },
		"no payload": func(l *Letter) { l.Payload = nil },
	} {
		l := message(1)
		change(l)
		if err := l.Whole(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, p := range []string{"journal", "raw", "raw/", "raw/-1", "raw/x", "other/3", "raw/99999999999"} {
		l.Partition = p
		if n, ok := l.PartitionNumber(); ok {
			t.Errorf("%s is partition %d", p, n)
		}
	}
}

func TestFilter(t *testing.T) {
	l := message(100)
	at := time.Unix(100, 0)
	for name, c := range map[string]struct {
		f    Filter
		want bool
	}{
		"none":         {Filter{}, true},
		"both":         {Filter{Streams: []string{"r", "s"}, Reasons: []string{"json"}}, true},
		"one fails":    {Filter{Streams: []string{"s"}, Reasons: []string{"time"}}, false},
		"topic":        {Filter{Topics: []string{"raw"}}, true},
		"topic's head": {Filter{Topics: []string{"r*"}}, true},
		"other topic":  {Filter{Topics: []string{"ra"}}, false},
		"series":       {Filter{Series: []string{"p"}}, false},
		"id":           {Filter{IDs: []string{"s/raw/3/100"}}, true},
		"from":         {Filter{Since: at}, true},
		"before":       {Filter{Until: at}, false},
		"within":       {Filter{Since: at.Add(-1), Until: at.Add(1)}, true},
	} {
		if got := c.f.Takes(l); got != c.want || c.f.Empty() != (name == "none") {
			t.Errorf("%s: %v, empty %v", name, got, c.f.Empty())
		}
	}
	if f := (Filter{Since: at.Add(-time.Hour)}); f.Takes(&Letter{}) {
		t.Error("a letter without a stamp is taken by its time")
	}
	wrong := &Letter{Time: 5, Stored: at.UnixNano()} // the clock of a device that says 1970
	if since, until := (Filter{Since: at}), (Filter{Until: at}); !since.Takes(wrong) || until.Takes(wrong) {
		t.Error("a letter is not taken by when it was stored")
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestMarks(t *testing.T) {
	dir := t.TempDir()
	reopen := func() *Marks {
		t.Helper()
		m, err := OpenMarks(dir)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	add := func(m *Marks, letters ...*Letter) {
		t.Helper()
		if err := m.Add(letters, time.Unix(7, 0)); err != nil {
			t.Fatal(err)
		}
	}
	has := func(m *Marks, l *Letter, want bool) {
		t.Helper()
		if at, ok := m.Replayed(l); ok != want || ok && !at.Equal(time.Unix(7, 0)) {
			t.Errorf("%s was replayed: %v, %v; want %v", l.ID, ok, at, want)
		}
	}
	m := reopen()
	has(m, message(1), false)
	add(m, message(1), message(2))
	other := message(1)
	other.Payload = []byte("of another state")
	for _, m := range []*Marks{m, reopen()} {
		has(m, message(1), true)
		has(m, message(2), true)
		has(m, other, false)
	}
	// A crash while writing: the torn line goes, the rest is kept.
	path := filepath.Join(dir, "replayed.jsonl")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(b, `{"id":"torn`...), 0o600); err != nil {
		t.Fatal(err)
	}
	m = reopen()
	add(m, message(3))
	m = reopen()
	for n := 1; n <= 3; n++ {
		has(m, message(n), true)
	}
	// What is not in the dead letter any more is forgotten, once it is much.
	var many []*Letter
	for n := range 2000 {
		many = append(many, message(10+n))
	}
	add(m, many...)
	keep := []Key{KeyOf(message(1)), KeyOf(message(2)), KeyOf(message(3))}
	if err := m.Prune(func(key Key) bool { return slices.Contains(keep, key) }); err != nil {
		t.Fatal(err)
	}
	for i, line := range strings.Split(strings.TrimSpace(read(t, path)), "\n") {
		if !strings.Contains(line, keep[i].ID) {
			t.Errorf("line %d is %s, want %s", i+1, line, keep[i].ID)
		}
	}
	add(m, message(5))
	m = reopen()
	has(m, message(1), true)
	has(m, message(5), true)
	has(m, message(10), false)
	// Damage is told, not passed over.
	if err := os.WriteFile(path, []byte("{}\nnonsense\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenMarks(dir); err == nil || !strings.Contains(err.Error(), "replayed.jsonl:2") {
		t.Errorf("got %v", err)
	}
}

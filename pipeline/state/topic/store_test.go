package topic

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/quell-stream/quell/pipeline/state"
)

var nopLog = slog.New(slog.NewTextHandler(io.Discard, nil))

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestTakeOver reads back what another store wrote, states in pieces among it, before
// and after it is written anew.
func TestTakeOver(t *testing.T) {
	l := &canned{}
	l.recs = written(t)
	l.next = int64(len(l.recs))
	want := state.Taken{Next: 7, Meta: []byte("meta"), Series: map[string][]byte{"a": []byte("short"), "b": noise()}, Ahead: map[string]int64{},
		Models: map[string][]byte{"m": []byte("weights")}, Switches: []state.Switch{{Part: "t/0", Series: "a", Data: []byte("switch")}}}
	for range 3 {
		s := New(l, "g", nopLog)
		got, err := s.Take(t.Context(), takeAll, nil)
		check(t, err)
		if got[0].Term <= want.Term {
			t.Errorf("term %d follows %d", got[0].Term, want.Term)
		}
		want.Term = got[0].Term
		if d := cmp.Diff(want, got[0], cmpopts.IgnoreUnexported(state.Switch{}), cmpopts.EquateEmpty()); d != "" {
			t.Fatal(d)
		}
		c := state.Checkpoint{Heads: []state.Head{{Part: "t/0", Next: 7, Meta: []byte("meta")}}, Model: func(string) ([]byte, error) { return []byte("weights"), nil }}
		for name, b := range got[0].Series {
			c.Entries = append(c.Entries, state.Entry{Part: "t/0", Series: name, State: b, Models: []string{"m"}})
		}
		if err := s.Change(state.Checkpoint{Heads: c.Heads, Entries: c.Entries[:1]}); err == nil || errors.Is(err, state.ErrOver) {
			t.Fatalf("a first checkpoint that lacks a series: %v", err)
		}
		check(t, s.Change(c))
		want.Switches = nil // the states hold it
		if again, err := s.Take(t.Context(), takeAll, nil); err != nil || !again[0].Kept {
			t.Fatalf("what nobody else has had is %+v, %v", again[0], err)
		}
	}
}

// TestOldGenerationsGo counts keys: those of generations before are removed.
func TestOldGenerationsGo(t *testing.T) {
	l := &canned{}
	most := 0
	for range 10 {
		s := New(l, "g", nopLog)
		got, err := s.Take(t.Context(), takeAll, nil)
		check(t, err)
		c := state.Checkpoint{Heads: []state.Head{{Part: "t/0", Next: max(got[0].Next, 0) + 1}}}
		for _, name := range []string{"a", "b"} {
			c.Entries = append(c.Entries, state.Entry{Part: "t/0", Series: name, State: bytes.Repeat([]byte{1}, 10)})
		}
		check(t, s.Change(c))
		keys := map[string]bool{}
		for _, r := range l.recs {
			keys[string(r.Key)] = r.Value != nil
		}
		n := 0
		for _, there := range keys {
			if there {
				n++
			}
		}
		most = max(most, n)
	}
	if most > 4 { // claim, head, two series
		t.Errorf("%d keys are there", most)
	}
}

// TestPieces writes states of all sizes around what fits into a record.
func TestPieces(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	l := &canned{}
	s := New(l, "g", nopLog)
	_, err := s.Take(t.Context(), takeAll, nil)
	check(t, err)
	for i, n := range []int{0, 1, 255, 256, 1700, 1800, 1900, 2000, 4000, 12000, 100, 50_000, 3} {
		b := make([]byte, n)
		for j := range b {
			b[j] = byte(rng.Uint32())
		}
		check(t, s.Change(state.Checkpoint{Heads: []state.Head{{Part: "t/0", Next: int64(i)}}, Entries: []state.Entry{{Part: "t/0", Series: "s", State: b}}}))
		other := &canned{recs: slices.Clone(l.recs), next: l.next}
		got, err := New(other, "g", nopLog).Take(t.Context(), takeAll, nil)
		check(t, err)
		if !bytes.Equal(got[0].Series["s"], b) || got[0].Series["s"] == nil {
			t.Errorf("a state of %d bytes came back as one of %d", n, len(got[0].Series["s"]))
		}
	}
	if err := s.Change(state.Checkpoint{Heads: []state.Head{{Part: "t/0", Next: 99}}, Entries: []state.Entry{{Part: "t/0", Series: "s", State: make([]byte, maxBlob+1)}}}); err == nil || !strings.Contains(err.Error(), `series "s"`) {
		t.Errorf("a state that is too large: %v", err)
	}
}

// TestRefused: what is no state, or a later version's, is refused with what to do.
func TestRefused(t *testing.T) {
	good := written(t)
	version := func(i int, ofKey bool) []Record {
		recs := slices.Clone(good)
		r := Record{recs[i].Offset, bytes.Clone(recs[i].Key), bytes.Clone(recs[i].Value)}
		if ofKey {
			r.Key[0] = 9
		} else {
			r.Value[0] = 9
		}
		recs[i] = r
		return recs
	}
	at := func(k kind) int {
		return slices.IndexFunc(good, func(r Record) bool {
			got, _ := readKey(r.Key)
			return got.kind == k && got.piece == 0
		})
	}
	damaged := slices.Clone(good)
	for i, r := range good {
		if k, _ := readKey(r.Key); k.piece > 0 {
			damaged[i].Value = append(bytes.Clone(r.Value[:len(r.Value)-1]), r.Value[len(r.Value)-1]+1)
		}
	}
	copied := slices.Clone(good)
	for i := range copied {
		k, _ := readKey(copied[i].Key)
		if k.kind != claim {
			k.generation += 100
			copied[i].Key = k.append(nil)
		}
	}
	for name, c := range map[string]struct {
		recs []Record
		say  string
	}{
		"a key":    {version(at(head), true), "newer"},
		"a head":   {version(at(head), false), "newer"},
		"a series": {version(at(series), false), "newer"},
		"a switch": {version(at(choice), false), "newer"},
		"a model":  {version(at(weight), false), "newer"},
		"damage":   {damaged, `series "b"`},
		"a copy":   {copied, "another cluster"},
		"a group":  {nil, "group other"},
	} {
		l := &canned{recs: c.recs, next: int64(len(c.recs))}
		if c.recs == nil {
			other := New(l, "other", nopLog)
			_, err := other.Take(t.Context(), takeAll, nil)
			check(t, err)
			check(t, other.Change(state.Checkpoint{Heads: []state.Head{{Part: "t/0"}}}))
		}
		_, err := New(l, "g", nopLog).Take(t.Context(), takeAll, nil)
		if !errors.Is(err, state.ErrRefused) || !strings.Contains(err.Error(), c.say) || !strings.Contains(err.Error(), "state_topic") {
			t.Errorf("%s: got %v, want a refusal that says %q", name, err, c.say)
		}
	}
}

// TestCoPartitioned takes the partitions of two topics of one number together: a state
// tells what it reflects of each.
func TestCoPartitioned(t *testing.T) {
	l := &canned{}
	parts := []state.Partition{{Name: "u/3", Number: 3}, {Name: "t/3", Number: 3}}
	s := New(l, "g", nopLog)
	_, err := s.Take(t.Context(), parts, nil)
	check(t, err)
	heads := func(u, v int64) []state.Head {
		return []state.Head{{Part: "u/3", Next: u, Meta: []byte("mu")}, {Part: "t/3", Next: v, Meta: []byte("mt")}}
	}
	check(t, s.Change(state.Checkpoint{Heads: heads(5, 9), Entries: []state.Entry{{Part: "u/3", Series: "x", State: []byte("one")}}}))
	// The states of the next checkpoint arrive, and its head does not.
	before := len(l.recs)
	check(t, s.Change(state.Checkpoint{Heads: heads(8, 11), Entries: []state.Entry{{Part: "u/3", Series: "x", State: []byte("two")}}}))
	for i, r := range l.recs[before:] {
		if k, _ := readKey(r.Key); k.kind == head {
			l.recs, l.next = l.recs[:before+i], int64(before+i)
			break
		}
	}
	got, err := New(l, "g", nopLog).Take(t.Context(), parts, nil)
	check(t, err)
	want := []state.Taken{
		{Next: 5, Meta: []byte("mu"), Series: map[string][]byte{"x": []byte("two")}, Ahead: map[string]int64{"x": 7}},
		{Next: 9, Meta: []byte("mt"), Ahead: map[string]int64{"x": 10}},
	}
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmpopts.IgnoreUnexported(state.Switch{}), cmpopts.IgnoreFields(state.Taken{}, "Term")); d != "" {
		t.Error(d)
	}
}

// TestStale: a process whose assignment is over by the group's word begins with nothing.
func TestStale(t *testing.T) {
	l := &canned{}
	s := New(l, "g", nopLog)
	stale := fmt.Errorf("%w: moved on", state.ErrStale)
	if _, err := s.Take(t.Context(), takeAll, func(context.Context) error { return stale }); !errors.Is(err, state.ErrStale) {
		t.Errorf("got %v", err)
	}
	if err := s.Change(state.Checkpoint{Heads: []state.Head{{Part: "t/0", Next: 1}}}); err == nil {
		t.Error("a checkpoint without an assignment is written")
	}
}

package pipeline

import (
	"strings"
	"testing"
	"time"

	"github.com/quell-stream/quell/internal/wire"
	"github.com/quell-stream/quell/sink"
)

// TestEvictedSentAgain: a series that was forgotten and sends its past again tells no
// key twice, however often, and with a restart in between.
func TestEvictedSentAgain(t *testing.T) {
	for _, restored := range []bool{false, true} {
		out := &lines{}
		e := withTTL(t, out, 5*time.Second)
		push(t, e, steady("x", 0, 300))
		push(t, e, steady("y", 0, 900)) // has x forgotten
		if restored {
			next := withTTL(t, out, 5*time.Second)
			r := wire.NewReader(e.appendTimes(nil))
			if next.restoreTimes(r); r.Err() != nil || len(r.Rest()) != 0 {
				t.Fatalf("%d bytes left, %v", len(r.Rest()), r.Err())
			}
			e.Finish()
			e = next
		}
		push(t, e, steady("x", 0, 300))
		push(t, e, steady("y", 900, 900))
		push(t, e, steady("x", 100, 300))
		push(t, e, steady("z", 1800, 100))
		e.Finish()
		toldOnce(t, out.records)
		epochs := map[string]int{}
		for _, line := range out.records {
			r, err := sink.ParseRecord([]byte(line))
			if err != nil {
				t.Fatal(err)
			}
			epochs[r.Series] = max(epochs[r.Series], r.Epoch)
		}
		if epochs["x"] != 2 || epochs["y"] != 0 || epochs["z"] != 0 {
			t.Errorf("restored %v: highest epochs %v, want 2 of x alone", restored, epochs)
		}
	}
}

// TestEvictOrderRestored: of series that were heard of last at one time those are
// forgotten first that were heard of first, with a restore in between too.
func TestEvictOrderRestored(t *testing.T) {
	bank, err := NewBank(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, restored := range []bool{false, true} {
		e := withTTL(t, &nowhere{}, 5*time.Second)
		e.cfg.Model = nil
		for _, name := range []string{"d", "c", "b", "a"} {
			push(t, e, steady(name, 0, 1))
		}
		if restored {
			next := withTTL(t, &nowhere{}, 5*time.Second)
			next.cfg.Model = nil
			takeOver(t, next, e, bank)
			e = next
		}
		push(t, e, steady("y", 1000, 1)[:1])
		if got := held(e); got != "a b y" {
			t.Errorf("restored %v: %s are held, want a b y", restored, got)
		}
	}
}

// takeOver has an engine go on with what another knows.
func takeOver(t *testing.T, next, e *Engine, bank *Bank) {
	t.Helper()
	r := wire.NewReader(e.appendTimes(nil))
	if next.restoreTimes(r); r.Err() != nil {
		t.Fatal(r.Err())
	}
	var lanes []*lane
	for _, l := range e.sorted() {
		again, err := restoreLane(next, "p", l.series, l.appendState(nil), bank)
		if err != nil {
			t.Fatal(err)
		}
		lanes = append(lanes, again)
	}
	next.adopt("p", lanes)
}

// held returns the names of the series that an engine holds.
func held(e *Engine) string {
	var names []string
	for _, l := range e.sorted() {
		names = append(names, l.series)
	}
	return strings.Join(names, " ")
}

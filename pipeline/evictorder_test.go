package pipeline

import (
	"fmt"
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
		// z may be one that was forgotten, for all that anybody knows.
		if epochs["x"] != 2 || epochs["y"] != 0 || epochs["z"] != 1 {
			t.Errorf("restored %v: highest epochs %v, want 2 of x, 0 of y and 1 of z", restored, epochs)
		}
	}
}

// TestEvictedReturnsInOrder: of a series that was forgotten and returns, epoch and time rise
// with each record and event, whatever its clock did before, and however little of the time
// that its alert was resolved at it has passed itself.
func TestEvictedReturnsInOrder(t *testing.T) {
	for _, c := range []struct {
		name   string
		before []int // where x begins, 200 slots each time
		from   int   // where it returns
		drifts bool
		want   int // epoch
	}{
		{"as it went", []int{10000}, 13000, false, 0},
		{"its clock was set back", []int{10000, 9000}, 13000, false, 1},
		{"its alert was resolved later", []int{10000}, 10400, true, 1},
	} {
		out := &ordered{last: map[string]sink.Event{}}
		e := withTTL(t, out, 5*time.Second)
		for _, from := range c.before {
			push(t, e, steady("x", from, 200))
		}
		if c.drifts {
			l := e.lanes["x"]
			ev := drifts(l, "drift.opened")
			ev.Epoch = l.win.Epoch()
			l.publish(ev)
		}
		push(t, e, steady("y", 10000, 2000))
		if e.lanes["x"] != nil {
			t.Fatal("x is there")
		}
		push(t, e, steady("x", c.from, 100))
		l := e.lanes["x"]
		ev := drifts(l, "drift.opened")
		ev.Epoch = l.win.Epoch()
		l.publish(ev)
		if got := l.win.Epoch(); got != c.want || out.fell != "" {
			t.Errorf("%s: it returns in epoch %d, want %d; out of order: %q", c.name, got, c.want, out.fell)
		}
	}
}

// ordered notes an event of a series that comes no later than the one before.
type ordered struct {
	nowhere
	last map[string]sink.Event
	fell string
}

func (o *ordered) Event(e sink.Event) {
	if _, phase := e.Alert(); phase == sink.NoAlert {
		return
	}
	if had, ok := o.last[e.Series]; ok && (e.Epoch < had.Epoch || e.Epoch == had.Epoch && e.Time <= had.Time) {
		o.fell = fmt.Sprint(e.Kind, " of ", e.Epoch, e.Time, " after ", had.Kind, " of ", had.Epoch, had.Time)
	}
	o.last[e.Series] = e
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

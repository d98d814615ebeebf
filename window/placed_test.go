package window

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/quell-stream/quell/ingest"
)

type ignore struct{}

func (ignore) Slot(*Slot)               {}
func (ignore) Reset(string)             {}
func (ignore) Dead(ingest.Sample, Fate) {}

// TestOnPlaced: each sample is told of once, with the slot it belongs to, and
// the fates add up to those that are counted but for what became surplus later.
func TestOnPlaced(t *testing.T) {
	type place struct {
		Slot int64
		Fate Fate
	}
	var got []place
	s := NewSeries(Config{Channels: 1, LearnFrom: 4, BackwardAfter: 2, Lateness: time.Second}.Defaults())
	s.OnPlaced(func(_ int, slot int64, fate Fate) { got = append(got, place{slot, fate}) })
	push := func(seconds, value float64) {
		s.Push(ingest.Sample{Time: int64(1e9 * (1e6 + seconds)), Value: value}, 0, ignore{})
	}
	for i := range 3 {
		push(float64(i), 0)
	}
	if got != nil {
		t.Errorf("placed while the rate is being learnt: %v", got)
	}
	push(3, 0)    // settles the rate of 1 Hz
	push(3, 0)    // its slot is closed: once more
	push(3, 1)    // and contradicted
	push(5.5, 1)  // waits for the rest of slot 6
	push(5.6, 2)  // takes its place
	push(5.4, 3)  // does not
	push(5.6, 2)  // once more
	push(5.6, 3)  // contradicted
	push(4.5, 3)  // of slot 5, which waits
	push(7, 0)    // closes all
	push(1.9, 0)  // late, of slot 2
	push(200, 0)  // a gap: the grid starts anew
	push(100, 0)  // before the context
	push(101, 0)  // before the context
	push(102, 0)  // the clock was set back
	push(-1e5, 0) // far back
	want := []place{{0, Pending}, {1, Pending}, {2, Pending}, {3, Pending},
		{3, Duplicate}, {3, Conflicting}, {6, Pending}, {6, Pending}, {6, Surplus}, {6, Duplicate}, {6, Conflicting}, {5, Pending},
		{7, Pending}, {2, Late}, {0, Pending}, {-1, Late}, {-1, Late}, {0, Pending}, {-1, Quarantined}}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	s.Finish(ignore{})
	var told Fates
	for _, p := range got {
		if p.Fate == Pending {
			p.Fate = Raw
		}
		told[p.Fate]++
	}
	told[Raw]--
	told[Surplus]++
	if d := cmp.Diff(s.Fates(), told); d != "" {
		t.Errorf("(-fates +told):\n%s", d)
	}
}

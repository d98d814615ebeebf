package monitor

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestDeadStaysOpen has a channel die while the monitor learns: what is told of it is over
// when a reading comes and not when the monitor has learnt that there are none, also
// across restarts, and while it finds a drift of the other channel.
func TestDeadStaysOpen(t *testing.T) {
	for _, c := range []struct {
		name string
		jump bool
	}{{"quiet", false}, {"a level far off", true}} {
		t.Run(c.name, func(t *testing.T) {
			cfg := Config{Channels: 2, Names: []string{"a", "b"}}
			w := unwatched(cfg)
			w.Feed.Sentinel = untrained(t, 2)
			rng := rand.New(rand.NewPCG(4, 4))
			var l ledger
			at, learnt, reason := 0, 0, ""
			play := func(n int, dead bool, level float64) {
				for range n {
					v := []float64{level + rng.NormFloat64(), rng.NormFloat64()}
					if dead {
						v[1] = math.NaN()
					}
					d, _ := w.Push(int64(at), int64(at)*1e9, v, []bool{false, dead})
					l.take(t, at, w, &d)
					if d.Opened || d.Updated || d.Resolved {
						reason = d.Why
					}
					if at++; w.Learnt() && learnt == 0 {
						learnt = at
					}
					if at%211 == 0 {
						again := unwatched(cfg)
						if rest, err := again.RestoreState(w.AppendState(nil)); err != nil || len(rest) > 0 {
							t.Fatal(err, len(rest))
						}
						again.Feed = w.Feed
						w = again
					}
				}
			}
			play(300, false, 0)
			play(3000, true, 0)
			if learnt == 0 || !l.open || w.State() != Fault {
				t.Fatalf("learnt at %d, state %s, open is %v, told last: %s", learnt, w.State(), l.open, reason)
			}
			if c.jump {
				play(500, true, 60)
				play(4000, true, 0)
				if !l.open || !w.Open() {
					t.Fatalf("it is over while the channel is dead: %s", reason)
				}
			}
			play(6000, false, 0)
			if l.open && w.State() == Fault {
				t.Errorf("still open where readings are back for long: %s", reason)
			}
		})
	}
}

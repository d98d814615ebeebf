package pipeline

import (
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

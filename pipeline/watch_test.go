package pipeline

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/quell-stream/quell/drift/monitor"
	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/sink"
)

// kept keeps what a series said of drift.
type kept struct {
	nowhere
	events []sink.Event
	states map[string]int
}

func (o *kept) Record(r *sink.Record) { o.states[r.Drift]++ }

func (o *kept) Event(e sink.Event) {
	if strings.HasPrefix(e.Kind, "drift.") {
		o.events = append(o.events, e)
	}
}

// TestJumpWhileLearning checks that a jump is told, and told as over, before the
// monitor has learnt: the sentinel alone takes 512
// slots here, its scores another 800.
func TestJumpWhileLearning(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 9))
	var in []ingest.Sample
	for i := range 1100 {
		for ch := range 2 {
			v := math.Sin(float64(i)/5) + 0.3*rng.NormFloat64()
			if ch == 1 && i >= 600 && i < 800 {
				v += 12
			}
			in = append(in, ingest.Sample{Series: "x", Channel: ch, Time: int64(1e18) + int64(i)*1e7, Value: v})
		}
	}
	out := &kept{states: map[string]int{}}
	e := testEngine(t, testModel(t, 1), out)
	if err := e.Push("p", in, 0); err != nil {
		t.Fatal(err)
	}
	e.Finish()
	var got []string
	for _, ev := range out.events {
		got = append(got, ev.Kind)
		slot := (ev.Time - int64(1e18)) / 1e7
		opened := ev.Kind == "drift.opened"
		if opened && (slot < 600 || slot > 616) || !opened && (slot < 800 || slot > 832) {
			t.Errorf("%s at slot %d: %s", ev.Kind, slot, ev.Why)
		}
	}
	if len(got) != 2 || got[0] != "drift.opened" || got[1] != "drift.resolved" {
		t.Errorf("told %v, want that a drift opened and was over", got)
	}
	if n := out.states[monitor.Unknown]; n < 180 || n > 232 || out.states[monitor.Learning] != 1100-n {
		t.Errorf("states of the records: %v", out.states)
	}
}

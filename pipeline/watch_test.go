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

// TestNewNormalIsTold has a drift stay until it is the new normal: from the slot on at
// which that is told, records and the adapter hear that the series is learnt again,
// and jumps are watched for meanwhile.
func TestNewNormalIsTold(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 9))
	out := &kept{states: map[string]int{}}
	e := testEngine(t, testModel(t, 1), out)
	var w *watch
	for i := range 6000 {
		for ch := range 2 {
			period := 5.
			if i >= 2000 {
				period = 2
			}
			s := ingest.Sample{Series: "x", Channel: ch, Time: int64(1e18) + int64(i)*1e7, Value: 3*math.Sin(float64(i)/period) + 0.3*rng.NormFloat64()}
			if err := e.Push("p", []ingest.Sample{s}, 0); err != nil {
				t.Fatal(err)
			}
		}
		if w == nil && e.lanes["x"] != nil && e.lanes["x"].watch != nil {
			w = e.lanes["x"].watch
			w.cfg.NewNormal = 1000
			w.all = monitor.NewWatch(w.cfg)
		}
		e.Run()
		if n := len(out.events); n > 0 && out.events[n-1].Kind == "drift.resolved" {
			if l := e.lanes["x"]; l.state != monitor.Learning || w.all.State() != monitor.Learning {
				t.Errorf("slot %d: told that the drift is over (%s), the state is %s", i, out.events[n-1].Why, l.state)
			}
			return
		}
	}
	t.Errorf("the drift did not become the new normal: %v", out.events)
}

// ends is a tap that counts what it hears of drifts.
type ends struct {
	levels
	opened, resolved int
}

func (t *ends) Opened(string, int64, string) { t.opened++ }
func (t *ends) Resolved(string, int64)       { t.resolved++ }

// TestRebaseWhileLearning promotes a model while a jump is open that began before there
// is a sentinel: with the next slot receivers and the adapter hear that it is over, after
// a restart too, and where the series goes on at another rate.
func TestRebaseWhileLearning(t *testing.T) {
	for _, x := range []struct {
		name string
		rate float64 // that the series was thought to have before
	}{{"same rate", 100}, {"another rate", 10}} {
		t.Run(x.name, func(t *testing.T) {
			m, tap := testModel(t, 1), &ends{}
			bank, err := NewBank(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			if err := bank.Save(m); err != nil {
				t.Fatal(err)
			}
			out := &kept{states: map[string]int{}}
			e := byRate(t, m, m, out)
			e.cfg.Tap, e.cfg.SentinelSlots = tap, 4096
			at, rng := int64(1e18), rand.New(rand.NewPCG(3, 9))
			push := func(n int, level float64) {
				t.Helper()
				for range n {
					for ch := range 2 {
						s := ingest.Sample{Series: "x", Channel: ch, Time: at, Value: level + 0.3*rng.NormFloat64()}
						if err := e.Push("p", []ingest.Sample{s}, 0); err != nil {
							t.Fatal(err)
						}
					}
					at += 1e7
				}
				e.Run()
			}
			push(600, 0)
			if push(60, 12); len(out.events) != 1 || tap.opened != 1 {
				t.Fatalf("told %+v, the adapter heard %d", out.events, tap.opened)
			}
			if _, ok := e.Decide(Switch{Series: "x", Kind: "model.promoted", Model: m, Rebase: true}); !ok {
				t.Fatal("the series is unknown")
			}
			l, err := restoreLane(e, "p", "x", e.lanes["x"].appendState(nil), bank)
			if err != nil {
				t.Fatal(err)
			}
			e.lanes["x"], l.rateHz = l, x.rate
			push(40, 12)
			e.Finish()
			if len(out.events) != 2 || out.events[1].Kind != "drift.resolved" || tap.resolved != 1 {
				t.Errorf("told %+v, the adapter heard %d ends", out.events, tap.resolved)
			}
		})
	}
}

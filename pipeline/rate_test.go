package pipeline

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/quell-stream/quell/drift/monitor"
	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/sink"
	"github.com/quell-stream/quell/window"
)

// twoRates are samples at 10 Hz and then at 100 Hz.
func twoRates(slow, fast int) []ingest.Sample {
	rng := rand.New(rand.NewPCG(8, 8))
	var in []ingest.Sample
	at := int64(1e18)
	for i := range slow + fast {
		for ch := range 2 {
			in = append(in, ingest.Sample{Series: "x", Channel: ch, Time: at, Value: math.Sin(float64(i)/20) + 0.3*rng.NormFloat64()})
		}
		if at += 1e8; i >= slow {
			at -= 9e7
		}
	}
	return in
}

// byRate serves series of up to 50 Hz by one model and faster ones by another.
func byRate(t *testing.T, slow, fast *model.Model, out Out) *Engine {
	t.Helper()
	e, err := NewEngine(EngineConfig{Stream: "s", Channels: []string{"a", "b"}, Guard: true, Watch: true, FitSentinel: untrained, SentinelSlots: 256,
		AtRate: func(hz float64) (*model.Model, monitor.Rate) {
			if hz <= 50 {
				return slow, monitor.DefaultRate
			}
			return fast, monitor.DefaultRate
		},
		Window: window.Config{Lateness: 50 * time.Millisecond, AllowedLateness: time.Second}}, out)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

// TestRateChanges has a device go over to another rate: the context ends with an
// event, and the model and monitor that suit the new rate take over; so it does with
// a restore at any point.
func TestRateChanges(t *testing.T) {
	slow, fast := testModel(t, 1), testModel(t, 2)
	bank, err := NewBank(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []*model.Model{slow, fast} {
		if err := bank.Save(m); err != nil {
			t.Fatal(err)
		}
	}
	in := twoRates(900, 900)
	whole := &lines{}
	e := byRate(t, slow, fast, whole)
	for i := range in {
		push(t, e, in[i:i+1])
	}
	state := e.lanes["x"].watch.seen
	e.Finish()
	changed := 0
	for _, line := range whole.events {
		if strings.HasPrefix(line, "series.reset the rate is 100 Hz") {
			changed++
		}
	}
	if changed != 1 || state > 900 {
		t.Errorf("%d changes of rate among %q; the monitor has seen %d slots, want those of the new rate", changed, whole.events, state)
	}
	by := map[string]int{}
	for _, line := range whole.records {
		r, err := sink.ParseRecord([]byte(line))
		if err != nil {
			t.Fatal(err)
		}
		by[r.Model]++
	}
	toldOnce(t, whole.records)
	// It takes two spans of 32, of which one may begin just after the change, and up to
	// ten samples more to fill the slot of the old grid.
	if by[slow.Name()] < 890 || by[fast.Name()] < 900-3*32-10 {
		t.Errorf("records by model: %v", by)
	}
	if f := e.Fates(); f.In() != int64(len(in)) || f[window.Pending] != 0 {
		t.Errorf("fates %v of %d", f, len(in))
	}
	for _, cut := range []int{20, 64, 1700, 1801, 1870, 1933, 2000, 3000} {
		out := &lines{}
		a, b := byRate(t, slow, fast, out), byRate(t, slow, fast, out)
		for i := range cut {
			push(t, a, in[i:i+1])
		}
		l, err := restoreLane(b, "p", "x", a.lanes["x"].appendState(nil), bank)
		if err != nil {
			t.Fatal(err)
		}
		b.adopt("p", []*lane{l})
		for i := cut; i < len(in); i++ {
			push(t, b, in[i:i+1])
		}
		b.Finish()
		if d := cmp.Diff(whole.records, out.records); d != "" {
			t.Fatalf("cut %d: %.2000s", cut, d)
		}
		if d := cmp.Diff(whole.events, out.events); d != "" {
			t.Fatalf("cut %d: %.2000s", cut, d)
		}
	}
}

// toldOnce wants no two records under one key.
func toldOnce(t *testing.T, records []string) {
	t.Helper()
	type key struct {
		series string
		epoch  int
		time   int64
		rev    int
	}
	seen := map[key]bool{}
	for _, line := range records {
		r, err := sink.ParseRecord([]byte(line))
		if err != nil {
			t.Fatal(err)
		}
		k := key{r.Series, r.Epoch, r.Time, r.Rev}
		if seen[k] {
			t.Errorf("%+v is told twice", k)
		}
		seen[k] = true
	}
}

// TestRateChangeKeepsSwitch: a series that was switched to a model of its own keeps
// it, and an open alert is told to be over.
func TestRateChangeKeepsSwitch(t *testing.T) {
	slow, fast, own := testModel(t, 1), testModel(t, 2), testModel(t, 3)
	out := &lines{}
	e := byRate(t, slow, fast, out)
	in := twoRates(300, 300)
	push(t, e, in[:600])
	if _, ok := e.Decide(Switch{Series: "x", Model: own, Kind: "model.promoted"}); !ok {
		t.Fatal("the series is unknown")
	}
	l := e.lanes["x"]
	l.publish(drifts(l, "drift.opened"))
	l.state = monitor.Regime
	push(t, e, in[600:])
	if l.modelName() != own.Name() {
		t.Errorf("%s serves, want %s", l.modelName(), own.Name())
	}
	if l.alerts.told || l.state != monitor.Learning || !strings.Contains(fmt.Sprint(out.events), "drift.resolved the rate of the series has changed") {
		t.Errorf("state %s, events %q", l.state, out.events)
	}
}

// TestRateChangeObeyed: a switch with a rebase that was decided after the rate had
// changed is obeyed where it was decided, though it is known from the start.
func TestRateChangeObeyed(t *testing.T) {
	slow, fast, own := testModel(t, 1), testModel(t, 2), testModel(t, 3)
	in := twoRates(800, 2000)
	run := func(obeyed *Switch) ([]string, Switch) {
		out := &lines{}
		e := byRate(t, slow, fast, out)
		if obeyed != nil {
			if err := e.Obey("p", *obeyed); err != nil {
				t.Fatal(err)
			}
		}
		var sw Switch
		for i := range in {
			push(t, e, in[i:i+1])
			if i == 3600 && obeyed == nil {
				sw, _ = e.Decide(Switch{Series: "x", Model: own, Kind: "model.promoted", Rebase: true})
			}
		}
		e.Finish()
		return out.records, sw
	}
	want, sw := run(nil)
	toldOnce(t, want)
	if sw.Model == nil || sw.Seen < 1500 {
		t.Fatalf("the switch %+v does not count slots of both rates", sw)
	}
	if got, _ := run(&sw); !cmp.Equal(want, got) {
		t.Errorf("%.2000s", cmp.Diff(want, got))
	}
}

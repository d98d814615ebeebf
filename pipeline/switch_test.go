package pipeline

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/nn"
	"github.com/quell-stream/quell/sink"
	"github.com/quell-stream/quell/window"
)

// TestDecisionsHaveTheirOwnKeys decides more than once between two samples: each
// event has a key of its own, and none is later than it need be.
func TestDecisionsHaveTheirOwnKeys(t *testing.T) {
	out := newSink(1)
	p, err := New(Config{StateDir: t.TempDir(), Log: slog.New(slog.DiscardHandler), Metrics: NewMetrics(prometheus.NewRegistry()),
		Streams: []StreamConfig{{Engine: EngineConfig{Stream: "s", Channels: []string{"x"}, Window: window.Config{RateHz: 1}},
			Source: &memSource{}}}, DeadLetter: OutletConfig{Sink: out}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}()
	w := p.workers[0]
	decide := func(kind string) *sink.Event {
		e := &sink.Event{Series: "a", Kind: kind}
		if err := w.decide(context.Background(), Decision{Event: e}); err != nil {
			t.Fatal(err)
		}
		return e
	}
	push := func(at int64) {
		if err := w.eng.Push("p", []ingest.Sample{{Series: "a", Time: at, Value: 1}}, 0); err != nil {
			t.Fatal(err)
		}
	}
	push(7e9)
	keys := map[string]bool{}
	for i, kind := range []string{"finetune.started", "finetune.started", "finetune.rejected", "finetune.started"} {
		e := decide(kind)
		if want := []int64{7e9, 7e9 + 1, 7e9, 7e9 + 2}[i]; e.Time != want || keys[e.ID] {
			t.Errorf("event %d: key %s and time %d, want %d", i, e.ID, e.Time, want)
		}
		keys[e.ID] = true
	}
	push(8e9)
	if e := decide("finetune.started"); e.Time != 8e9 {
		t.Errorf("after another sample: time %d, want 8 s", e.Time)
	}
	for i := range int64(2) {
		if sw, ok := w.eng.Decide(Switch{Series: "a", Kind: "model.promoted", Model: testModel(t, 1)}); !ok || sw.At != 8e9+i {
			t.Errorf("switch %d at %d", i, sw.At)
		}
	}
}

// TestRebaseThenGap: a switch with Rebase that comes right before a gap is replayed to
// the same records.
func TestRebaseThenGap(t *testing.T) {
	first, second := testModel(t, 1), testModel(t, 2)
	var in []ingest.Sample
	rng := rand.New(rand.NewPCG(2, 3))
	for i := range 4000 {
		at := int64(i) * 1e7
		if i >= 2100 {
			at += int64(time.Minute)
		}
		in = append(in, ingest.Sample{Series: "x", Time: at, Value: float64(1+i/1500) * rng.NormFloat64()})
	}
	live := &lines{}
	e := testEngine(t, first, live)
	push(t, e, in[:2100])
	sw, ok := e.Decide(Switch{Series: "x", Model: second, Kind: "model.promoted", Why: "test", Rebase: true})
	if !ok {
		t.Fatal("the series is unknown")
	}
	push(t, e, in[2100:])
	e.Finish()
	again := &lines{}
	e = testEngine(t, first, again)
	if err := e.Obey("p", sw); err != nil {
		t.Fatal(err)
	}
	push(t, e, in)
	e.Finish()
	if d := cmp.Diff(live.records, again.records); d != "" {
		t.Errorf("%.1000s", d)
	}
}

// TestOtherLookahead: a model with another look-ahead would give out what waits
// against other slots, and does not take over.
func TestOtherLookahead(t *testing.T) {
	net, err := nn.New(nn.TCN(3, 1, 4, 3, []int{1, 2}, 2), 1)
	if err != nil {
		t.Fatal(err)
	}
	net.Pack()
	other, err := model.New(model.Header{Name: "other", Kind: model.TCN, Inputs: []model.Input{model.Signal, model.Level, model.Mask},
		Residual: true, Scaler: model.Scaler{Kind: model.ScaleRunning}}, net)
	if err != nil {
		t.Fatal(err)
	}
	m, out := testModel(t, 1), &lines{}
	if m.Lookahead() == other.Lookahead() {
		t.Fatal("both look as far ahead")
	}
	e := testEngine(t, m, out)
	in := disorder(600)
	push(t, e, in[:len(in)/2])
	if _, ok := e.Decide(Switch{Series: "x", Model: other, Kind: "model.promoted"}); !ok {
		t.Fatal("the series is unknown")
	}
	push(t, e, in[len(in)/2:])
	if got := e.Serves("x"); got != m {
		t.Errorf("%s serves", got.Name())
	}
	if !slices.ContainsFunc(out.events, func(s string) bool { return strings.Contains(s, "the switch is left out") }) {
		t.Errorf("%q", out.events)
	}
}

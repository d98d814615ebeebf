package pipeline

import (
	"context"
	"log/slog"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/quell-stream/quell/ingest"
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

package pipeline

import (
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/window"
)

// slowAdapter begins work at some slots of series x, takes its time, and switches
// the model.
type slowAdapter struct {
	idleAdapter
	at        []int64
	takes     time.Duration
	models    []*model.Model
	decisions chan Decision
	begun     chan struct{}
}

func (a *slowAdapter) Slot(series string, _ int, index int64, _ []model.Column, _ []window.Scale, _ string) {
	if series != "x" || len(a.at) == 0 || index != a.at[0] {
		return
	}
	m, done := a.models[0], make(chan struct{})
	a.at, a.models, a.begun = a.at[1:], a.models[1:], done
	go func() {
		defer close(done)
		time.Sleep(a.takes)
		a.decisions <- Decision{Switch: Switch{Series: "x", Model: m, Kind: "model.promoted", Why: "better"}}
	}()
}

func (a *slowAdapter) Decisions() <-chan Decision { return a.decisions }

func (a *slowAdapter) Idle(take func(Decision)) {
	if a.begun != nil {
		<-a.begun
		a.begun = nil
		take(<-a.decisions)
	}
}

// TestVerdictsInPlace: what an adapter decides takes effect where it was called for,
// whether it takes no time or much.
func TestVerdictsInPlace(t *testing.T) {
	in := disorder(900)
	run := func(takes time.Duration) []string {
		out := newSink(7)
		a := &slowAdapter{at: []int64{100, 160}, takes: takes, models: []*model.Model{testModel(t, 2), testModel(t, 3)}, decisions: make(chan Decision, 4)}
		p, err := New(Config{StateDir: t.TempDir(), Log: slog.New(slog.DiscardHandler), Metrics: NewMetrics(prometheus.NewRegistry()),
			Streams: []StreamConfig{{Engine: EngineConfig{Stream: "s", Channels: []string{"a", "b"}, Model: testModel(t, 1),
				Window: window.Config{RateHz: 100, Lateness: 50 * time.Millisecond, MaxGap: 100 * time.Millisecond}},
				Source: &memSource{log: in, finished: map[int64]bool{}}, Sinks: []string{"out"}, Adapter: a, Deterministic: true}},
			Sinks: []OutletConfig{{Name: "out", Sink: out, Emit: "all", Required: true}}, DeadLetter: OutletConfig{Sink: newSink(8)}})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		// The sink fails now and then, and is given the same again.
		slices.Sort(out.got)
		return slices.Compact(out.got)
	}
	quick, slow := run(0), run(30*time.Millisecond)
	if !slices.Equal(quick, slow) {
		t.Errorf("%d items when it took no time, %d when it took some, or others", len(quick), len(slow))
	}
	if n := strings.Count(strings.Join(slow, ""), `"kind":"model.promoted"`); n != 2 {
		t.Errorf("%d switches, want 2", n)
	}
}

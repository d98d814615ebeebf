package pipeline

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/quell-stream/quell/sink"
	"github.com/quell-stream/quell/window"
)

// slowSink takes nothing until it is let go.
type slowSink struct{ taken, free chan struct{} }

func (s *slowSink) Open(context.Context) error  { return nil }
func (s *slowSink) Close(context.Context) error { return nil }
func (s *slowSink) Write(ctx context.Context, items []sink.Item) error {
	if len(items) == 0 {
		return nil
	}
	select {
	case s.taken <- struct{}{}:
	default:
	}
	select {
	case <-s.free:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// TestProgress: a worker with nothing to do beats, one that is stuck does not, and
// one that waits for a sink is held, which is no reason to end the process.
func TestProgress(t *testing.T) {
	var (
		read       = make(chan struct{}) // closed: the reader goes on
		stuck      = make(chan struct{}) // the worker hangs in its clock
		goOn       = make(chan struct{}) // closed: its clock goes on
		once       sync.Once
		clockHangs = make(chan bool, 1)
	)
	out := &slowSink{taken: make(chan struct{}, 1), free: make(chan struct{})}
	src := &memSource{log: disorder(900), finished: map[int64]bool{}, wake: func(int64) { <-read }}
	reg := prometheus.NewRegistry()
	p, err := New(Config{
		StateDir: t.TempDir(), Log: slog.New(slog.DiscardHandler), Metrics: NewMetrics(reg),
		Streams: []StreamConfig{{
			Engine: EngineConfig{Stream: "s", Channels: []string{"a", "b"}, MaxSeries: 7, Window: window.Config{RateHz: 100, Lateness: 50 * time.Millisecond, MaxGap: 100 * time.Millisecond}},
			Source: src, Sinks: []string{"out"}, Checkpoint: time.Millisecond,
			Now: func() time.Time {
				select {
				case <-clockHangs:
					once.Do(func() { close(stuck) })
					<-goOn
				default:
				}
				return time.Now()
			},
		}},
		Sinks:      []OutletConfig{{Name: "out", Sink: out, Emit: "records", Required: true, Queue: 1}},
		DeadLetter: OutletConfig{Sink: newSink(2)},
	})
	if err != nil {
		t.Fatal(err)
	}
	if is := p.Progress()[0]; !is.Held || is.Stream != "s" {
		t.Errorf("before Run: %+v, want held", is)
	}
	ran := make(chan error, 1)
	go func() { ran <- p.Run(t.Context()) }()
	<-p.Reading()

	await(t, "an idle worker beats", func() bool { b := p.Progress()[0].Beats; return !p.Progress()[0].Held && b > 2 })
	clockHangs <- true
	close(read)
	<-stuck
	was := p.Progress()[0]
	time.Sleep(10 * time.Millisecond) // ten times the pause between two checkpoints
	if is := p.Progress()[0]; is != was || is.Held {
		t.Errorf("a worker that hangs: %+v, then %+v, want the same, and not held", was, is)
	}
	close(goOn)
	<-out.taken
	await(t, "a worker that waits for its sink is held", func() bool { return p.Progress()[0].Held })
	close(out.free)
	if err := <-ran; err != nil {
		t.Fatal(err)
	}
	if is := p.Progress()[0]; !is.Held {
		t.Errorf("after Run: %+v, want held", is)
	}
	if got := value(t, reg, "quell_series_limit", "s"); got != 7 {
		t.Errorf("quell_series_limit is %v, want 7", got)
	}
}

// TestUpAtOnce: what is up shows from the start, and so does that it is not.
func TestUpAtOnce(t *testing.T) {
	reg := prometheus.NewRegistry()
	p := &Pipeline{cfg: Config{Metrics: NewMetrics(reg)}, dead: newOutlet(OutletConfig{Name: "dead_letter", Sink: newSink(1)}, slog.New(slog.DiscardHandler), NewMetrics(prometheus.NewRegistry()), nil)}
	p.dead.fails(errors.New("away"))
	p.observeUp()
	if got := value(t, reg, "quell_sink_up", "dead_letter"); got != 0 {
		t.Errorf("a sink that failed: quell_sink_up is %v", got)
	}
	p.dead.works(1)
	p.observeUp()
	if got := value(t, reg, "quell_sink_up", "dead_letter"); got != 1 {
		t.Errorf("a sink that works: quell_sink_up is %v", got)
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, f := range families {
		if f.GetName() == "quell_dropped_total" {
			n = len(f.GetMetric())
		}
	}
	if n != len(dropReasons) {
		t.Errorf("%d reasons of drops before any drop, want %d", n, len(dropReasons))
	}
}

// await waits until is holds.
func await(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within 20 s: %s", what)
		}
	}
}

package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/quell-stream/quell/drift/monitor"
	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/sink"
	"github.com/quell-stream/quell/window"
)

// still is a log that stands still at an offset until it is released.
type still struct {
	*memSource
	hold    int64
	reached chan struct{} // takes a word where it stands still
	release chan struct{} // closed: it goes on
}

func (s *still) Next(ctx context.Context) (ingest.Delivery, error) {
	if s.next == s.hold {
		select {
		case s.reached <- struct{}{}:
		default:
		}
		select {
		case <-s.release:
		case <-ctx.Done():
			return ingest.Delivery{}, ctx.Err()
		}
	}
	return s.memSource.Next(ctx)
}

// changing is what streams a and b are made of, each with a sink of its name.
type changing struct {
	out     map[string]*memSink
	acked   map[string]map[int64]bool
	made    map[string]int
	reached map[string]chan struct{}
	release chan struct{}
}

func (c *changing) stream(t *testing.T, name string) StreamConfig {
	c.made[name]++
	src := &still{&memSource{log: disorder(900), finished: c.acked[name]}, 700, c.reached[name], c.release}
	return StreamConfig{
		Engine: EngineConfig{Stream: name, Channels: []string{"a", "b"}, Model: testModel(t, 1), Guard: true, Watch: true, FitSentinel: untrained,
			FalseAlarms: monitor.DefaultRate, SentinelSlots: 256,
			Window: window.Config{RateHz: 100, Lateness: 50 * time.Millisecond, MaxGap: 100 * time.Millisecond}},
		Source: src, Sinks: []string{name}, Checkpoint: time.Millisecond,
	}
}

func (c *changing) outlet(name string) OutletConfig {
	return OutletConfig{Name: name, Sink: c.out[name], Emit: "records", Required: true}
}

func workerOf(p *Pipeline, stream string) *worker {
	for _, w := range p.crew() {
		if w.name == stream {
			return w
		}
	}
	return nil
}

// TestChange replaces one stream in the middle: the other one's worker runs on, and
// both give what an uninterrupted run gives.
func TestChange(t *testing.T) {
	whole := newSink(1)
	src := &memSource{log: disorder(900), finished: map[int64]bool{}}
	if err := testPipeline(t, t.TempDir(), src, whole, newSink(2)).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := distinct(t, whole.got)

	c := &changing{
		out: map[string]*memSink{"a": newSink(3), "b": newSink(4)}, acked: map[string]map[int64]bool{"a": {}, "b": {}}, made: map[string]int{},
		reached: map[string]chan struct{}{"a": make(chan struct{}, 1), "b": make(chan struct{}, 1)}, release: make(chan struct{}),
	}
	p, err := New(Config{StateDir: t.TempDir(), Streams: []StreamConfig{c.stream(t, "a"), c.stream(t, "b")},
		Sinks: []OutletConfig{c.outlet("a"), c.outlet("b")}, DeadLetter: OutletConfig{Sink: newSink(5)},
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Metrics: NewMetrics(prometheus.NewRegistry())})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Change(t.Context(), Change{}); !errors.Is(err, ErrNotRunning) {
		t.Errorf("a change before the run: %v", err)
	}
	done := make(chan error, 1)
	go func() { done <- p.Run(t.Context()) }()
	<-c.reached["a"]
	<-c.reached["b"]
	other, before := workerOf(p, "b"), int64(0)
	eventually(t, "stream a tells of records", func() bool { // its worker may be busy for longer than is waited for an answer
		before = p.Streams(t.Context())[0].Records
		return before > 0
	})
	broken := errors.New("a model that is not there")
	same := func() (Parts, error) { return Parts{Streams: []StreamConfig{c.stream(t, "a")}}, nil }
	err = p.Change(t.Context(), Change{Streams: []string{"a"}, Make: func() (Parts, error) { return Parts{}, broken }, Back: same})
	if !errors.Is(err, broken) || workerOf(p, "a") == nil {
		t.Fatalf("a change that fails: %v", err)
	}
	err = p.Change(t.Context(), Change{Streams: []string{"a"}, Sinks: []string{"a"}, Back: same,
		Make: func() (Parts, error) {
			parts, err := same()
			parts.Sinks = []OutletConfig{c.outlet("a")}
			return parts, err
		}})
	if err != nil {
		t.Fatal(err)
	}
	if workerOf(p, "b") != other || c.made["b"] != 1 || c.made["a"] != 3 {
		t.Errorf("stream b was touched, or a was made %d times", c.made["a"])
	}
	if now := p.Streams(t.Context()); now[len(now)-1].Name != "a" || before == 0 || now[len(now)-1].Records < before {
		t.Errorf("after a change the streams are %+v: of a %d records were counted before", now, before)
	}
	close(c.release)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", "b"} {
		got := distinct(t, c.out[name].got)
		for key, line := range want {
			if strings.Replace(got[key], `"stream":"`+name, `"stream":"s`, 1) != line {
				t.Fatalf("stream %s, key %s: got\n%s\nwant\n%s", name, key, got[key], line)
			}
		}
		if len(got) != len(want) {
			t.Errorf("stream %s gave %d records, want %d", name, len(got), len(want))
		}
		if n := len(c.acked[name]); n != len(src.log) {
			t.Errorf("stream %s: %d of %d deliveries were acknowledged", name, n, len(src.log))
		}
	}
	sums := p.Summaries()
	if a, b := sums["a"], sums["b"]; fmt.Sprint(a.Fates) != fmt.Sprint(b.Fates) || a.In != b.In || a.Records != b.Records {
		t.Errorf("the summaries differ:\n%+v\n%+v", a, b)
	}
	if err := p.Change(t.Context(), Change{}); !errors.Is(err, ErrNotRunning) {
		t.Errorf("a change after the run: %v", err)
	}
}

// TestChangeOfLostSink replaces a required sink that is away: its stream does not wait
// for it, and all that it had not taken comes again to the new one.
func TestChangeOfLostSink(t *testing.T) {
	src := &memSource{log: disorder(900), finished: map[int64]bool{}}
	lost, found := newSink(6), newSink(7)
	lost.done = true // it takes nothing
	p := testPipeline(t, t.TempDir(), src, lost, newSink(8))
	stream, outlet := p.cfg.Streams[0], p.cfg.Sinks[0]
	done := make(chan error, 1)
	go func() { done <- p.Run(t.Context()) }()
	eventually(t, "the sink was tried", func() bool { return *p.sinks()[0].state.Load() == circuitOpen })
	eventually(t, "the stream runs", func() bool { // sinks are tried before
		p.change.mu.RLock()
		defer p.change.mu.RUnlock()
		return p.change.ctx != nil
	})
	parts := func(s sink.Sink) func() (Parts, error) {
		return func() (Parts, error) {
			o := outlet
			o.Sink = s
			return Parts{Sinks: []OutletConfig{o}, Streams: []StreamConfig{stream}}, nil
		}
	}
	began := time.Now()
	if err := p.Change(t.Context(), Change{Streams: []string{"s"}, Sinks: []string{"out"}, Make: parts(found), Back: parts(lost)}); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took >= min(changeDrain, p.cfg.Drain) {
		t.Errorf("it took %v: it waited for the sink", took)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if len(src.finished) != len(src.log) || len(distinct(t, found.got)) < 800 {
		t.Errorf("%d of %d deliveries were acknowledged, %d records came", len(src.finished), len(src.log), len(found.got))
	}
}

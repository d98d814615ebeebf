package pipeline

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/quell-stream/quell/drift/monitor"
	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/sink"
	"github.com/quell-stream/quell/sink/spool"
	"github.com/quell-stream/quell/window"
)

// spoolPipeline feeds the sinks of the configurations from one stream.
func spoolPipeline(t *testing.T, dir string, src *memSource, sinks ...OutletConfig) *Pipeline {
	t.Helper()
	p, _ := measuredPipeline(t, dir, src, sinks...)
	return p
}

func measuredPipeline(t *testing.T, dir string, src *memSource, sinks ...OutletConfig) (*Pipeline, *prometheus.Registry) {
	t.Helper()
	reg := prometheus.NewRegistry()
	c := Config{
		StateDir: dir, Sinks: sinks, DeadLetter: OutletConfig{Sink: newSink(1)}, Drain: 10 * time.Second,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Metrics: NewMetrics(reg),
		Streams: []StreamConfig{{
			Engine: EngineConfig{Stream: "s", Channels: []string{"a", "b"}, Model: testModel(t, 1), Guard: true, Watch: true, FitSentinel: untrained,
				FalseAlarms: monitor.DefaultRate, SentinelSlots: 256,
				Window: window.Config{RateHz: 100, Lateness: 50 * time.Millisecond, MaxGap: 100 * time.Millisecond}},
			Source: src, Checkpoint: time.Millisecond,
		}},
	}
	for _, s := range sinks {
		c.Streams[0].Sinks = append(c.Streams[0].Sinks, s.Name)
	}
	p, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return p, reg
}

func out(name string, s sink.Sink, required bool, spool *SpoolConfig) OutletConfig {
	return OutletConfig{Name: name, Sink: s, Emit: "records", Required: required, Spool: spool}
}

// value returns a counter or gauge of a registry by one of its labels' values, 0
// where there is none.
func value(t *testing.T, reg *prometheus.Registry, name, label string) (v float64) {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if f.GetName() == name && l.GetValue() == label {
					v += m.GetCounter().GetValue() + m.GetGauge().GetValue()
				}
			}
		}
	}
	return v
}

// records returns the lines of an uninterrupted run.
func records(t *testing.T, in []ingest.Sample) []string {
	t.Helper()
	g := &gate{is: "up"}
	if err := spoolPipeline(t, t.TempDir(), &memSource{log: in, finished: map[int64]bool{}}, out("out", g, true, nil)).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	return g.lines()
}

// firsts returns the lines in the order of their first arrival.
func firsts(lines []string) (out []string) {
	seen := map[string]bool{}
	for _, l := range lines {
		if !seen[l] {
			seen[l] = true
			out = append(out, l)
		}
	}
	return out
}

// same fails unless the lines, copies aside, are those wanted, in order.
func same(t *testing.T, got, want []string) {
	t.Helper()
	got = firsts(got)
	if slices.Equal(got, want) {
		return
	}
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			t.Fatalf("line %d is\n%s\nwant\n%s", i, got[i], want[i])
		}
	}
	t.Fatalf("%d lines, want %d", len(got), len(want))
}

// eventually waits for what happens on other goroutines.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !is(); {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

// TestSpoolOutlivesTheProcess runs a stream to its end while the only sink is
// away: every message is acknowledged, nothing waits, and the next process
// delivers all of it, in order.
func TestSpoolOutlivesTheProcess(t *testing.T) {
	in := disorder(300)
	want := records(t, in)
	dir := t.TempDir()
	src := &memSource{log: in, finished: map[int64]bool{}}
	away := &gate{is: "down"}
	if err := spoolPipeline(t, dir, src, out("out", away, true, &SpoolConfig{})).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(src.finished) != len(in) || len(away.lines()) != 0 {
		t.Fatalf("%d of %d messages are acknowledged, %d records arrived at a sink that is away", len(src.finished), len(in), len(away.lines()))
	}
	// The second process has no spool configured any more.
	back := &gate{is: "up"}
	p := spoolPipeline(t, dir, &memSource{log: in, finished: src.finished}, out("out", back, true, nil))
	if s := p.outlets[0].status(); s.SpoolItems != int64(len(want)) || s.SpoolBytes == 0 || s.Circuit != circuitHalfOpen {
		t.Errorf("the status before the run: %+v, want %d items", s, len(want))
	}
	if err := p.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	same(t, back.lines(), want)
	if s := p.outlets[0].status(); s.SpoolItems != 0 || s.SpoolBytes != 0 || s.Circuit != circuitClosed || !s.Up {
		t.Errorf("the status after the run: %+v", s)
	}
	// The third one finds nothing to do.
	idle := &gate{is: "up"}
	if err := spoolPipeline(t, dir, &memSource{log: in, finished: src.finished}, out("out", idle, true, nil)).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(idle.lines()) != 0 {
		t.Errorf("%d records come a second time", len(idle.lines()))
	}
}

// TestSpoolKilledAnywhere kills the process again and again while the sink comes
// and goes: what was acknowledged arrives, in order, identical.
func TestSpoolKilledAnywhere(t *testing.T) {
	in := disorder(600)
	want := records(t, in)
	dir, acked := t.TempDir(), map[int64]bool{}
	rng := rand.New(rand.NewPCG(3, 3))
	var got []string
	for life := 0; ; life++ {
		flaps := rand.New(rand.NewPCG(uint64(life), 4))
		g := &gate{is: "up", change: func(int) string { return [...]string{"up", "up", "down", "stalls"}[flaps.IntN(4)] }}
		last := life == 8
		killAt := int64(len(in)) + 1
		if !last {
			killAt = int64(rng.IntN(len(in)))
		} else {
			g.change = nil
		}
		src := &memSource{log: in, finished: acked}
		p := spoolPipeline(t, dir, src, out("out", g, true, &SpoolConfig{SpillAfter: 20 * time.Millisecond, MaxBytes: 64 << 10}))
		killed := errors.New("killed")
		src.wake = func(next int64) {
			if next == killAt {
				g.turn("down")
				p.kill(killed)
			}
		}
		err := p.Run(t.Context())
		got = append(got, g.lines()...)
		for i := range src.from { // a kill may come between a checkpoint and its acks
			acked[i] = true
		}
		if last {
			if err != nil {
				t.Fatal(err)
			}
			break
		}
		if err != nil && !errors.Is(err, killed) {
			t.Fatal(err)
		}
	}
	same(t, got, want)
	if len(acked) != len(in) {
		t.Errorf("%d of %d messages are acknowledged", len(acked), len(in))
	}
}

// TestFullSpoolHoldsUp: once the spool of a required sink is full acks stop, and go
// on when the sink takes something.
func TestFullSpoolHoldsUp(t *testing.T) {
	in := disorder(900)
	want := records(t, in)
	g := &gate{is: "down"}
	src := &memSource{log: in, finished: map[int64]bool{}}
	p := spoolPipeline(t, t.TempDir(), src, out("out", g, true, &SpoolConfig{MaxBytes: 400 << 10}))
	done := make(chan error, 1)
	go func() { done <- p.Run(t.Context()) }()
	acks := func() int {
		src.mu.Lock()
		defer src.mu.Unlock()
		return len(src.finished)
	}
	eventually(t, "the spool is full", func() bool { return p.outlets[0].spill.queue.Bytes() > 300<<10 })
	var held int
	eventually(t, "acks stop", func() bool {
		held = acks()
		time.Sleep(200 * time.Millisecond)
		return held > 0 && acks() == held
	})
	if held == 0 || held == len(in) {
		t.Errorf("%d of %d messages are acknowledged: want those that fit into the spool", held, len(in))
	}
	if b := p.outlets[0].spill.queue.Bytes(); b > 400<<10 {
		t.Errorf("the spool takes %d bytes", b)
	}
	g.turn("up")
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	same(t, g.lines(), want)
	if acks() != len(in) {
		t.Errorf("%d of %d messages are acknowledged", acks(), len(in))
	}
}

// TestDeadSinkStopsNobody has one sink away for good beside a healthy one.
func TestDeadSinkStopsNobody(t *testing.T) {
	in := disorder(600)
	want := records(t, in)
	for name, c := range map[string]struct {
		is       string
		required bool
		spool    *SpoolConfig
		lost     bool
	}{
		"optional":                        {"down", false, nil, true},
		"optional, hangs":                 {"hangs", false, nil, true},
		"optional, spool":                 {"down", false, &SpoolConfig{SpillAfter: time.Minute}, false},
		"optional, spool, hangs":          {"hangs", false, &SpoolConfig{SpillAfter: time.Minute}, false},
		"optional, a spool that is small": {"down", false, &SpoolConfig{MaxBytes: 32 << 10}, true},
		"required, spool":                 {"down", true, &SpoolConfig{SpillAfter: 50 * time.Millisecond}, false},
		"required, spool, hangs":          {"hangs", true, &SpoolConfig{SpillAfter: 50 * time.Millisecond}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			src := &memSource{log: in, finished: map[int64]bool{}}
			dead, healthy := &gate{is: c.is}, &gate{is: "up"}
			one := out("dead", dead, c.required, c.spool)
			one.Queue = 2
			dir := t.TempDir()
			p, reg := measuredPipeline(t, dir, src, one, out("healthy", healthy, true, nil))
			p.cfg.Drain = time.Second
			if err := p.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			same(t, healthy.lines(), want)
			if len(src.finished) != len(in) {
				t.Errorf("%d of %d messages are acknowledged", len(src.finished), len(in))
			}
			lost := 0
			for _, why := range []string{"sink_behind", "stopped", "spool_full"} {
				lost += int(value(t, reg, "quell_dropped_total", why))
			}
			waits := 0
			if p.outlets[0].spill.queue != nil {
				waits = int(p.outlets[0].status().SpoolItems)
			}
			if c.is == "down" && lost+waits != len(want) || !c.lost && lost > 0 || c.lost && lost == 0 {
				t.Errorf("of %d records %d are lost and %d wait", len(want), lost, waits)
			}
			// What waits is what comes last, in order.
			back := &gate{is: "up"}
			if err := spoolPipeline(t, dir, &memSource{log: in, finished: src.finished}, out("dead", back, c.required, nil)).Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			same(t, back.lines(), want[len(want)-waits:])
		})
	}
}

// TestLeftoverSpool: a spool that is not configured any more takes nothing. What is
// in it goes to the sink before anything new does, and a required sink waits for
// that.
func TestLeftoverSpool(t *testing.T) {
	in := disorder(600)
	want := records(t, in)
	for _, required := range []bool{true, false} {
		dir := t.TempDir()
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		src := &memSource{log: in, finished: map[int64]bool{}, wake: func(next int64) {
			if int(next) == len(in)/2 {
				stop()
			}
		}}
		if err := spoolPipeline(t, dir, src, out("out", &gate{is: "down"}, required, &SpoolConfig{})).Run(ctx); err != nil {
			t.Fatal(err)
		}
		g := &gate{is: "up"}
		if required {
			g.is = "down"
		}
		src = &memSource{log: in, finished: map[int64]bool{}}
		p := spoolPipeline(t, dir, src, out("out", g, required, nil))
		left := p.outlets[0].spill.queue.Len()
		done := make(chan error, 1)
		go func() { done <- p.Run(t.Context()) }()
		if required {
			eventually(t, "the sink was tried", func() bool { return p.outlets[0].status().Circuit == circuitOpen })
			time.Sleep(100 * time.Millisecond)
			if n := p.outlets[0].spill.queue.Len(); n != left || n == 0 {
				t.Errorf("%d items wait, of %d at first", n, left)
			}
			g.turn("up")
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if got := g.lines(); required {
			same(t, got, want)
		} else if len(got) < int(left) || !slices.Equal(got[:left], want[:left]) {
			t.Errorf("%d records arrived, want the %d of the spool first", len(got), left)
		}
	}
}

// TestSpoolTells: that a spool takes nothing is said once, and again where another cause
// comes to it.
func TestSpoolTells(t *testing.T) {
	var log bytes.Buffer
	o := &outlet{log: slog.New(slog.NewTextHandler(&log, nil))}
	for _, err := range []error{spool.ErrFull, spool.ErrFull, fs.ErrPermission, fs.ErrPermission} {
		o.tellSpool(errors.Is(err, spool.ErrFull), err)
	}
	if text := log.String(); strings.Count(text, "\n") != 2 || !strings.Contains(text, "level=WARN msg=\"the spool is full") || !strings.Contains(text, "level=ERROR msg=\"the spool can't be written\" err=\"permission denied\"") {
		t.Errorf("told %q", text)
	}
}

package pipeline

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/quell-stream/quell/sink"
)

// gate is a sink that works, fails, hangs or hangs for a while as the test says.
type gate struct {
	mu     sync.Mutex
	is     string // up, down, hangs, stalls
	got    []string
	tries  int
	change func(tries int) string // called before each try, where it is not nil
}

func (g *gate) Open(context.Context) error  { return nil }
func (g *gate) Close(context.Context) error { return nil }
func (g *gate) Write(ctx context.Context, items []sink.Item) error {
	g.mu.Lock()
	g.tries++
	if g.change != nil {
		g.is = g.change(g.tries)
	}
	is := g.is
	if is == "up" {
		for _, it := range items {
			g.got = append(g.got, string(it.JSON))
		}
	}
	g.mu.Unlock()
	switch is {
	case "up":
		return nil
	case "stalls":
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, 30*time.Millisecond)
		defer cancel()
		fallthrough
	case "hangs":
		<-ctx.Done()
		return ctx.Err()
	}
	return errors.New("connection refused")
}

func (g *gate) turn(is string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.is = is
}

func (g *gate) lines() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.got)
}

// TestRequiredSinkHoldsUp: without a spool a required sink that is away holds the
// acks back, and the healthy one beside it.
func TestRequiredSinkHoldsUp(t *testing.T) {
	in := disorder(600)
	src := &memSource{log: in, finished: map[int64]bool{}}
	dead, healthy := &gate{is: "down"}, &gate{is: "up"}
	one := out("dead", dead, true, nil)
	one.Queue = 1
	p := spoolPipeline(t, t.TempDir(), src, one, out("healthy", healthy, true, nil))
	done := make(chan error, 1)
	go func() { done <- p.Run(t.Context()) }()
	eventually(t, "the sink was tried", func() bool { return *p.outlets[0].state.Load() == circuitOpen })
	time.Sleep(200 * time.Millisecond)
	src.mu.Lock()
	acked := len(src.finished)
	src.mu.Unlock()
	if acked != 0 {
		t.Errorf("%d messages are acknowledged", acked)
	}
	dead.turn("up")
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	same(t, dead.lines(), healthy.lines())
}

// TestCircuit shows what an operator sees of an outage.
func TestCircuit(t *testing.T) {
	g := &gate{is: "down"}
	reg := prometheus.NewRegistry()
	o := newOutlet(OutletConfig{Name: "out", Sink: g, Emit: "records"}, slog.New(slog.DiscardHandler), NewMetrics(reg), nil)
	is := func(state string) bool {
		return value(t, reg, "quell_sink_circuit", "out") == 1 && value(t, reg, "quell_sink_circuit", state) == 1 && o.status().Circuit == state
	}
	if !is(circuitHalfOpen) {
		t.Error("before the first try the circuit is not half open")
	}
	if err := o.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the circuit opens", func() bool { return is(circuitOpen) && o.status().Err == "connection refused" })
	eventually(t, "tried again", func() bool { return value(t, reg, "quell_sink_retries_total", "out") > 1 })
	g.turn("up")
	eventually(t, "the circuit closes", func() bool { return is(circuitClosed) && o.status().Up })
	o.end()
	o.wg.Wait()
	if err := o.close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

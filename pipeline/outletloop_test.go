package pipeline

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/quell-stream/quell/sink"
)

// counted is a sink that notes how many items each Write had.
type counted struct {
	gate
	sizes []int
}

func (c *counted) Write(ctx context.Context, items []sink.Item) error {
	if len(items) > 0 {
		c.sizes = append(c.sizes, len(items))
	}
	return c.gate.Write(ctx, items)
}

// TestSinkTakesWhatWaits: batches that wait are written together, in order, up to a bound,
// and each is done with by itself.
func TestSinkTakesWhatWaits(t *testing.T) {
	c := &counted{gate: gate{is: "up"}}
	o := newOutlet(OutletConfig{Name: "out", Sink: c, Emit: "records", Required: true, Queue: 16}, slog.New(slog.DiscardHandler), NewMetrics(prometheus.NewRegistry()), func(err error) { t.Error(err) })
	pool := new(batchPool)
	var want []string
	var done []int64
	for i, n := range []int{1, 1500, 2600, 7, 0, 3} {
		b := pool.get()
		b.seq = int64(i)
		for k := range n {
			r := &sink.Record{Stream: "s", Series: fmt.Sprint(i), Time: int64(k)}
			want = append(want, string(sink.AppendRecord(nil, r)))
			b.addRecord(r)
		}
		b.seal()
		b.left.Store(1)
		b.held.Store(1)
		b.done = func(b *batch) { done = append(done, b.seq) }
		if err := o.put(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	if err := o.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	o.end()
	o.wg.Wait()
	if err := o.close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := c.lines(); !slices.Equal(got, want) {
		t.Errorf("%d records, want %d, or others, or in another order", len(got), len(want))
	}
	if want := []int{4101, 10}; !slices.Equal(c.sizes, want) {
		t.Errorf("writes of %v items, want %v", c.sizes, want)
	}
	if want := []int64{0, 1, 2, 3, 4, 5}; !slices.Equal(done, want) {
		t.Errorf("batches %v were done with, want %v", done, want)
	}
}

// TestSinkIsGivenSoMuch: what waits for a sink is bounded in items too, whoever puts it, and
// goes on as soon as the sink does.
func TestSinkIsGivenSoMuch(t *testing.T) {
	c := &counted{gate: gate{is: "up"}}
	o := newOutlet(OutletConfig{Name: "out", Sink: c, Emit: "records", Required: true}, slog.New(slog.DiscardHandler), NewMetrics(prometheus.NewRegistry()), func(err error) { t.Error(err) })
	pool := new(batchPool)
	var workers sync.WaitGroup
	for range 4 {
		workers.Go(func() {
			for range 5 {
				b := pool.get()
				for k := range 3000 {
					b.addRecord(&sink.Record{Time: int64(k)})
				}
				b.seal()
				b.left.Store(1)
				b.held.Store(1)
				b.done = func(*batch) {}
				if err := o.put(t.Context(), b); err != nil {
					t.Error(err)
				}
			}
		})
	}
	eventually(t, "it is full", o.full)
	if n := len(o.queue); n > 3+4 { // each worker may have found room for one
		t.Errorf("%d batches of 3000 wait", n)
	}
	gone, stop := context.WithCancel(t.Context())
	stop()
	b := &batch{pool: pool}
	if err := o.put(gone, b); err == nil {
		t.Error("who is stopped waits")
	}
	if err := o.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	workers.Wait()
	o.end()
	o.wg.Wait()
	if err := o.close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := len(c.lines()); n != 4*5*3000 || o.waiting.Load() != 0 {
		t.Errorf("%d records, and %d wait", n, o.waiting.Load())
	}
}

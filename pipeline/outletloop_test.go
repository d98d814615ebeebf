package pipeline

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/quell-stream/quell/pipeline/state"
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
		if err := o.put(t.Context(), b, nil, nil); err != nil {
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

// behind returns a worker whose open batch goes to a sink that is not started.
func behind(t *testing.T, o *outlet) *worker {
	w := &worker{
		name: "s", eng: testEngine(t, testModel(t, 1), &lines{}), outs: []*outlet{o}, desk: newDesk(), met: o.met,
		com: newCommitter(&state.Stream{}, o.log, prometheus.NewCounter(prometheus.CounterOpts{Name: "x"})),
	}
	w.cfg.Now = time.Now
	w.cur = w.newBatch()
	return w
}

// TestSinkIsGivenSoMuch: what waits for a sink is bounded in items too, whichever stream
// gives it, it goes on as soon as the sink does, and who looks on is answered meanwhile.
func TestSinkIsGivenSoMuch(t *testing.T) {
	c := &counted{gate: gate{is: "up"}}
	o := newOutlet(OutletConfig{Name: "out", Sink: c, Emit: "records", Required: true}, slog.New(slog.DiscardHandler), NewMetrics(prometheus.NewRegistry()), func(err error) { t.Error(err) })
	var crew []*worker
	var workers sync.WaitGroup
	for range 4 {
		w := behind(t, o)
		crew = append(crew, w)
		workers.Go(func() {
			for range 5 {
				for k := range 3000 {
					w.cur.addRecord(&sink.Record{Time: int64(k)})
				}
				if err := w.flush(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	eventually(t, "it is full", o.full)
	eventually(t, "all wait", func() bool {
		return crew[0].pulse.waiting.Load()+crew[1].pulse.waiting.Load()+crew[2].pulse.waiting.Load()+crew[3].pulse.waiting.Load() == 4
	})
	for _, w := range crew {
		if err := w.desk.ask(t.Context(), func() {}); err != nil {
			t.Errorf("no answer: %v", err)
		}
	}
	if n := len(o.queue); n > 3+4 { // each worker may have found room for one
		t.Errorf("%d batches of 3000 wait", n)
	}
	if !o.holdsUp() {
		t.Error("it is not said to hold its streams up")
	}
	gone, stop := context.WithCancel(t.Context())
	stop()
	late := behind(t, o)
	late.cur.addRecord(&sink.Record{})
	if err := late.flush(gone); err == nil {
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

// TestOutagesCount: what is told of outages is among what waits for a sink, and finds no
// room where the items have none.
func TestOutagesCount(t *testing.T) {
	w := newWard(t, t.TempDir()+"/outages.json", 4)
	w.out.waiting.Store(mostQueued)
	w.pass(time.Minute, "down")
	if n := len(w.out.queue); n > 0 {
		t.Fatalf("%d batches were given to a sink that is full", n)
	}
	w.out.waiting.Store(0)
	w.pass(time.Second, "down")
	if len(w.out.queue) != 1 || w.out.waiting.Load() != 1 {
		t.Errorf("%d batches, %d items wait, want one each", len(w.out.queue), w.out.waiting.Load())
	}
}

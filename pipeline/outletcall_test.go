package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/quell-stream/quell/sink"
)

// hung is a sink in a system call that knows no context: a pipe that nobody reads, or a
// file on a server that is away.
type hung struct {
	free   chan struct{}
	mu     sync.Mutex
	busy   bool
	got    []int64 // times of records
	wrong  error
	closed bool
}

func (h *hung) Open(context.Context) error { return nil }

func (h *hung) Write(_ context.Context, items []sink.Item) error {
	h.mu.Lock()
	if h.busy || h.closed {
		h.wrong = errors.New("written to, or closed, during a write")
	}
	h.busy = true
	h.mu.Unlock()
	if len(items) > 0 {
		<-h.free
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.busy = false
	for i := range items {
		h.got = append(h.got, items[i].Record.Time)
	}
	return nil
}

func (h *hung) Close(context.Context) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	if h.busy {
		h.wrong = errors.New("closed during a write")
	}
	return nil
}

func hungOutlet(t *testing.T, h *hung, required, spooled bool) *outlet {
	t.Helper()
	cfg := OutletConfig{Name: "out", Sink: h, Emit: "records", Required: required}
	if spooled {
		cfg.Spool = &SpoolConfig{SpillAfter: 10 * time.Second}
	}
	o := newOutlet(cfg, slog.New(slog.NewTextHandler(io.Discard, nil)), NewMetrics(prometheus.NewRegistry()), func(err error) { t.Error(err) })
	if err := o.openSpool(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	if err := o.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return o
}

// record puts a batch of one record of a time into an outlet.
func record(o *outlet, pool *batchPool, at int64) error {
	b := pool.get()
	b.addRecord(&sink.Record{Stream: "s", Series: "x", Time: at})
	b.seal()
	b.left.Store(1)
	b.held.Store(1)
	b.done = func(*batch) {}
	return o.put(context.Background(), b, nil, nil)
}

// TestHungWriteIsLeftBehind: a write that heeds nothing holds up no stream whose sink has a
// spool. What it had, and what came meanwhile, is in the spool, in order, and goes to the sink
// once that comes back; until then it is given nothing else.
func TestHungWriteIsLeftBehind(t *testing.T) {
	for _, required := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			h := &hung{free: make(chan struct{})}
			o := hungOutlet(t, h, required, true)
			var pool batchPool
			began := time.Now()
			for n := range int64(100) {
				if err := record(o, &pool, n); err != nil {
					t.Fatal(err)
				}
			}
			if took := time.Since(began); took > 12*time.Second {
				t.Errorf("required %v: the stream was held up for %v", required, took)
			}
			synctest.Wait()
			if s := o.status(); s.Up || s.Err == "" || s.SpoolItems != 100 || o.dropped.Load() != 0 {
				t.Errorf("required %v: %+v, %d dropped; want it down and 100 items in the spool", required, s, o.dropped.Load())
			}
			close(h.free)
			synctest.Wait()
			o.end()
			o.wg.Wait()
			if err := errors.Join(o.close(t.Context()), o.closeSpool(), h.wrong); err != nil {
				t.Error(err)
			}
			first := slices.Index(h.got[1:], 0) + 1 // the write that was left has come to its end before
			if got := h.got[first:]; len(got) != 100 || !slices.IsSorted(got) {
				t.Errorf("required %v: given out: %v", required, h.got)
			}
		})
	}
}

// TestHungWriteEndsWithItsOutlet: without a spool a stop by force ends the outlet all the
// same, and the sink is closed only once the write has come back.
func TestHungWriteEndsWithItsOutlet(t *testing.T) {
	for _, back := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			h := &hung{free: make(chan struct{})}
			o := hungOutlet(t, h, true, false)
			var pool batchPool
			if err := record(o, &pool, 1); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			o.end()
			o.stop()
			o.wg.Wait()
			if back {
				close(h.free)
			}
			ctx, cancel := context.WithTimeout(t.Context(), closeGrace)
			defer cancel()
			if err := o.close(ctx); (err == nil) != back || h.closed != back {
				t.Errorf("back %v: closed %v, %v", back, h.closed, err)
			}
			if !back {
				close(h.free)
			}
			synctest.Wait()
			if h.wrong != nil || fmt.Sprint(h.got) != "[1]" {
				t.Errorf("back %v: got %v, %v", back, h.got, h.wrong)
			}
		})
	}
}

package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/pipeline/state"
)

// TestOneCheckpointAtATime: while a checkpoint waits for its sinks no other one is to
// be taken, since each holds the states of all series that changed.
func TestOneCheckpointAtATime(t *testing.T) {
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	store, _, err := state.Open(t.TempDir(), log)
	if err != nil {
		t.Fatal(err)
	}
	c := newCommitter(store, log, prometheus.NewCounter(prometheus.CounterOpts{Name: "n"}))
	c.start(t.Context())
	if c.busy() {
		t.Fatal("busy with nothing")
	}
	if err := c.put(t.Context(), &point{after: 1, full: true}, false); err != nil {
		t.Fatal(err)
	}
	for len(c.queue) > 0 { // until it has been taken, and waits for batch 1
		time.Sleep(time.Millisecond)
	}
	if !c.busy() {
		t.Error("a checkpoint waits, and another one may be taken")
	}
	c.durable(1)
	for deadline := time.Now().Add(10 * time.Second); c.busy(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the checkpoint is not done with after 10 s")
		}
	}
	if err := c.close(); err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
}

// tightDisk is a store on a disk that has room for nothing until it is given some.
type tightDisk struct {
	state.Store
	room  atomic.Bool
	tried chan struct{} // gets a token, if there is room for one, for each write that was refused
}

func (d *tightDisk) write(do func() error) error {
	if d.room.Load() {
		return do()
	}
	select {
	case d.tried <- struct{}{}:
	default:
	}
	return fmt.Errorf("write: %w", syscall.ENOSPC)
}

func (d *tightDisk) Full(c state.Checkpoint) error {
	return d.write(func() error { return d.Store.Full(c) })
}

func (d *tightDisk) Change(c state.Checkpoint) error {
	return d.write(func() error { return d.Store.Change(c) })
}

func (d *tightDisk) Decide(s state.Switch) error {
	return d.write(func() error { return d.Store.Decide(s) })
}

type acked struct{ n atomic.Int64 }

func (a *acked) Finished(int64, ingest.Position) { a.n.Add(1) }

// TestFullDiskIsWaitedFor: a checkpoint that the disk has no room for is written once it
// has, a switch too, and until then nothing is acknowledged. A stop by force ends it.
func TestFullDiskIsWaitedFor(t *testing.T) {
	for _, room := range []bool{true, false} {
		log, dir := slog.New(slog.NewTextHandler(io.Discard, nil)), t.TempDir()
		store, _, err := state.Open(dir, log)
		if err != nil {
			t.Fatal(err)
		}
		d := &tightDisk{Store: store, tried: make(chan struct{})}
		c := newCommitter(d, log, prometheus.NewCounter(prometheus.CounterOpts{Name: "n"}))
		c.start(t.Context())
		a := &acked{}
		p := &point{full: true, acks: []ingest.Ack{{To: a}}, Checkpoint: state.Checkpoint{Heads: []state.Head{{Part: "p", Next: 7}}}}
		if err := c.put(t.Context(), p, false); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			<-d.tried
		}
		if c.noRoom.Load() == nil || a.n.Load() != 0 {
			t.Errorf("after two attempts: %v, %d acks", c.noRoom.Load(), a.n.Load())
		}
		if !room {
			c.abandon()
			if err := c.close(); !errors.Is(err, syscall.ENOSPC) || a.n.Load() != 0 {
				t.Errorf("stopped by force: %v, %d acks", err, a.n.Load())
			}
			continue
		}
		d.room.Store(true)
		if err := c.insist(func() error { return c.decide(state.Switch{Part: "p", Series: "s"}) }); err != nil && !strings.Contains(err.Error(), "needs a checkpoint") {
			t.Error(err)
		}
		if err := c.close(); err != nil || a.n.Load() != 1 || c.noRoom.Load() != nil {
			t.Errorf("with room: %v, %d acks, %v", err, a.n.Load(), c.noRoom.Load())
		}
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
		if _, snap, err := state.Open(dir, log); err != nil || snap.Heads["p"] != 7 {
			t.Errorf("restored %+v, %v", snap, err)
		}
	}
}

// TestReadingStopsOnAFullDisk: while a checkpoint waits for the disk no more is read than
// may wait for it, a stop is heeded all the same, and with room everything goes on.
func TestReadingStopsOnAFullDisk(t *testing.T) {
	p := testPipeline(t, t.TempDir(), &memSource{finished: map[int64]bool{}}, newSink(1), newSink(2))
	defer p.Close()
	w := p.workers[0]
	chunks := make(chan *chunk)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	reads := func() bool {
		in, _ := w.input(ctx, chunks)
		return in != nil
	}
	w.open = make([]ingest.Ack, mostHeld-1)
	w.com.open.Store(1)
	if !reads() {
		t.Error("few deliveries wait, and nothing is read")
	}
	w.open = make([]ingest.Ack, mostHeld)
	if reads() {
		t.Error("as many deliveries wait as may, and more are read")
	}
	w.com.open.Store(0)
	if !reads() {
		t.Error("nothing is under way, and nothing is read: no checkpoint may ever come")
	}
	w.com.open.Store(1)
	_, gone := w.input(ctx, chunks)
	stop()
	if <-gone; !reads() {
		t.Error("the end of the input is not seen")
	}
}

// TestFullDiskChangesNothing runs a stream whose disk refuses two writes of three, beside
// one whose disk does not: the same comes out, everything is acknowledged, and the health of
// the source tells meanwhile.
func TestFullDiskChangesNothing(t *testing.T) {
	in := steady("x", 0, 2000)
	run := func(tight bool) map[string]string {
		src, out := &memSource{log: in, finished: map[int64]bool{}}, newSink(1)
		p := testPipeline(t, t.TempDir(), src, out, newSink(2))
		w := p.workers[0]
		down := false
		if tight {
			w.com.store = &grudging{Store: w.com.store, told: func() {
				if ok, all := p.Ready(); !ok && slices.ContainsFunc(all, func(s Status) bool { return strings.Contains(s.Err, "no space left") }) {
					down = down || w.condition().kind == "down"
				}
			}}
		}
		if err := p.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if down != tight {
			t.Errorf("tight %v: told that it is down: %v", tight, down)
		}
		if n := len(src.finished); n != len(in) {
			t.Errorf("tight %v: %d of %d deliveries are finished", tight, n, len(in))
		}
		return distinct(t, out.got)
	}
	if d := cmp.Diff(run(false), run(true)); d != "" {
		t.Errorf("%.2000s", d)
	}
}

// grudging is a store whose disk takes every third write.
type grudging struct {
	state.Store
	n    int
	told func()
}

func (g *grudging) write(do func() error) error {
	if g.n++; g.n%3 == 0 {
		g.told() // refused before, and not known to be taken yet
		return do()
	}
	return fmt.Errorf("write: %w", syscall.ENOSPC)
}

func (g *grudging) Full(c state.Checkpoint) error {
	return g.write(func() error { return g.Store.Full(c) })
}

func (g *grudging) Change(c state.Checkpoint) error {
	return g.write(func() error { return g.Store.Change(c) })
}

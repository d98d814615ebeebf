package pipeline

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/pipeline/state"
)

// point is a checkpoint on its way to the disk.
type point struct {
	state.Checkpoint
	after int64 // it may be written once batches up to this one are durable
	calls int64 // of Bank.Refer, when it was taken
	full  bool
	acks  []ingest.Ack
	// states is the memory of the entries' states; nil: they have their own.
	states *arena
	done   chan struct{}
}

// committer writes checkpoints in order, each once everything emitted before it
// is durable, and then gives the acks back. The worker goes on meanwhile.
type committer struct {
	log    *slog.Logger
	count  prometheus.Counter
	queue  chan *point
	open   atomic.Int64 // points that were put and are not done with
	failed chan error

	// over says that the store takes nothing more until the partitions are taken anew,
	// which rejoin asks for.
	over atomic.Bool
	// noRoom is why the disk takes nothing, nil while it does.
	noRoom atomic.Pointer[error]
	took   atomic.Int64 // how long the latest write lasted, ns
	// referred are the calls of the newest point that is durable.
	referred atomic.Int64
	rejoin   func() error

	mu    sync.Mutex // guards store
	store state.Store
	// What the worker asks at each checkpoint, so that it need not wait for mu.
	full   atomic.Bool
	number atomic.Uint64

	seqMu sync.Mutex
	cond  *sync.Cond
	seq   int64 // batches up to this one are durable
	quit  bool
	quits chan struct{} // closed with quit

	wg sync.WaitGroup
}

func newCommitter(store state.Store, log *slog.Logger, count prometheus.Counter) *committer {
	c := &committer{log: log, count: count, store: store, queue: make(chan *point, 1), failed: make(chan error, 1), quits: make(chan struct{})}
	c.cond = sync.NewCond(&c.seqMu)
	c.mirror()
	return c
}

func (c *committer) start(hard context.Context) {
	stop := context.AfterFunc(hard, c.abandon)
	c.wg.Go(func() {
		defer stop()
		broken := false
		for p := range c.queue {
			c.commit(p, &broken)
			c.open.Add(-1)
		}
	})
}

// point writes a checkpoint, unless the partitions are to be taken anew.
func (c *committer) point(p *point) error {
	if c.over.Load() {
		return state.ErrOver
	}
	begun := time.Now()
	err := c.write(p)
	c.took.Store(int64(time.Since(begun)))
	return err
}

// lose notes that the present assignment can't go on, and asks for another one.
func (c *committer) lose(err error) error {
	if c.over.Swap(true) {
		return nil
	}
	c.log.Warn("the state topic did not take a checkpoint for certain, or another process has taken over: the partitions are asked for anew", "err", err)
	return c.rejoin()
}

// commit writes a point once everything before it is durable, and gives its acks.
func (c *committer) commit(p *point, broken *bool) {
	// Stopped by force, nothing more becomes durable. After a write that failed for
	// good nothing may: a later point lacks the series that only the failed one had.
	if *broken || !c.await(p.after) {
		return
	}
	// A disk that is full may get room again, and the same point may be written then: no
	// other one comes before it.
	err := c.insist(func() error { return c.point(p) })
	if err != nil && errors.Is(err, state.ErrOver) {
		if err = c.lose(err); err == nil {
			p.end()
			return
		}
	}
	if err != nil {
		*broken = true
		// Acks must not be given for what is not on the disk: the stream stops, and
		// says so.
		select {
		case c.failed <- err:
		default:
		}
		return
	}
	c.count.Inc()
	c.referred.Store(p.calls)
	for _, a := range p.acks {
		a.Done()
	}
	if p.states != nil {
		p.Entries = nil
		clear(p.acks)
		p.states.acks, p.acks = p.acks[:0], nil
		p.states.release()
	}
	p.end()
}

// insist does what writes to the disk until the disk has room for it, or the waiting is
// ended. The worker and the committer may both be waiting.
func (c *committer) insist(write func() error) error {
	err := write()
	if !isFull(err) {
		return err
	}
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval, wait.MaxInterval = firstPause, mostPause
	why := err
	if first := c.noRoom.CompareAndSwap(nil, &why); first {
		c.log.Error("the disk has no room for a checkpoint: nothing is acknowledged until it has", "err", err)
		defer func() {
			c.noRoom.Store(nil)
			if err == nil {
				c.log.Info("the disk has room for checkpoints again")
			}
		}()
	}
	for isFull(err) {
		select {
		case <-time.After(wait.NextBackOff()):
		case <-c.quits:
			return err
		}
		err = write()
	}
	return err
}

// isFull says that a write failed for want of room, which somebody may make.
func isFull(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }

// end says that the point is done with.
func (p *point) end() {
	if p.done != nil {
		close(p.done)
	}
}

// durable says that every batch up to seq is. Batches become durable in order,
// since each sink works in order and the last one decides.
func (c *committer) durable(seq int64) {
	c.seqMu.Lock()
	c.seq = max(c.seq, seq)
	c.seqMu.Unlock()
	c.cond.Broadcast()
}

// abandon ends the waiting for sinks: what is not durable by now comes again.
func (c *committer) abandon() {
	if s, is := c.store.(state.Shared); is {
		s.Abandon()
	}
	c.seqMu.Lock()
	if !c.quit {
		c.quit = true
		close(c.quits)
	}
	c.seqMu.Unlock()
	c.cond.Broadcast()
}

func (c *committer) await(seq int64) bool {
	c.seqMu.Lock()
	defer c.seqMu.Unlock()
	for c.seq < seq && !c.quit {
		c.cond.Wait()
	}
	return c.seq >= seq
}

// mirror copies what the worker asks for. The caller holds mu, or is alone.
func (c *committer) mirror() {
	c.full.Store(c.store.WantsFull())
	c.number.Store(c.store.Decided())
}

func (c *committer) write(p *point) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer c.mirror()
	if p.full {
		return c.store.Full(p.Checkpoint)
	}
	return c.store.Change(p.Checkpoint)
}

func (c *committer) decide(sw state.Switch) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer c.mirror()
	return c.store.Decide(sw)
}

// wantsFull says that the next checkpoint should be a full one. While one is
// being written the answer is that of before, which costs a full one too many at
// worst.
func (c *committer) wantsFull() bool { return c.full.Load() }

// decided returns the number of the latest durable switch. Only the worker, by
// decide, makes it grow.
func (c *committer) decided() uint64 { return c.number.Load() }

// busy says that a checkpoint waits or is being written. With ten thousand series that
// changed one holds hundreds of megabytes: two at a time would be two of these.
func (c *committer) busy() bool { return c.open.Load() > 0 }

// put queues a checkpoint; with wait it returns once the acks are given.
func (c *committer) put(hard context.Context, p *point, wait bool) error {
	if wait {
		p.done = make(chan struct{})
	}
	c.open.Add(1)
	select {
	case c.queue <- p:
	case err := <-c.failed:
		c.open.Add(-1)
		return err
	case <-hard.Done():
		c.open.Add(-1)
		return context.Cause(hard)
	}
	if !wait {
		return nil
	}
	select {
	case <-p.done:
		return nil
	case err := <-c.failed:
		return err
	case <-hard.Done():
		return context.Cause(hard)
	}
}

// close waits for queued checkpoints.
func (c *committer) close() error {
	close(c.queue)
	c.wg.Wait()
	select {
	case err := <-c.failed:
		return err
	default:
		return nil
	}
}

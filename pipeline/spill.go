package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quell-stream/quell/sink"
	"github.com/quell-stream/quell/sink/spool"
)

// SpoolConfig says where what a sink does not take waits for it.
type SpoolConfig struct {
	// Dir is the spool's own. Default: spools/NAME in the state directory.
	Dir string
	// MaxBytes bounds the spool. One of a required sink that is full holds its
	// streams up; one of an optional sink drops its oldest. Default 1 GiB.
	MaxBytes int64
	// SpillAfter is how long the sink may fail before the spool is used. Then
	// everything goes through the spool until it is drained.
	SpillAfter time.Duration
}

const (
	// leastTry is how long a write under way is waited for at least before it is
	// broken off for the spool's sake.
	leastTry = time.Second
	// crowdedFor is how long an optional sink may keep its queue full before what
	// comes goes to its spool.
	crowdedFor = 100 * time.Millisecond
	// drainGrace is how long a spool is drained at the end of a run.
	drainGrace = 5 * time.Second
	// storePause is the time between attempts to write to a disk that refuses.
	storePause = time.Second
)

// spill is the way round a sink that is away. The outlet's loop puts items into the
// queue, a second goroutine gives them to the sink, and nobody else writes to it
// meanwhile.
type spill struct {
	queue *spool.Queue // nil: there is none
	once  bool         // the queue is what another configuration left behind: it is drained, and takes nothing

	mu       sync.Mutex
	on       bool               // everything goes through the queue
	crowded  bool               // an optional sink has kept its queue in memory full
	breakOff context.CancelFunc // of the write under way that may be broken off

	room   chan struct{} // signalled when the sink has taken something
	losing atomic.Bool   // it was said that items are lost
	said   string        // what was said of a spool that takes nothing, since it took something
	stuck  bool          // it was said that the disk keeps what the sink has
}

// openSpool opens the spool below dir, the folder of all spools. Where none is
// configured what an earlier configuration left behind is drained before anything
// else goes to the sink.
func (o *outlet) openSpool(dir string) error {
	s := &o.spill
	c := SpoolConfig{}
	if s.once = o.cfg.Spool == nil; !s.once {
		c = *o.cfg.Spool
	}
	if c.Dir == "" {
		c.Dir = filepath.Join(dir, o.cfg.Name)
	}
	if s.once {
		if _, err := os.Stat(c.Dir); errors.Is(err, os.ErrNotExist) {
			return nil
		}
	}
	var err error
	s.queue, err = spool.Open(c.Dir, spool.Options{MaxBytes: c.MaxBytes, DropOldest: !o.cfg.Required, Lost: o.lost, Log: o.log})
	if err != nil {
		return fmt.Errorf("sink %s: %w", o.cfg.Name, err)
	}
	if s.once && s.queue.Empty() {
		err := o.closeSpool()
		s.queue = nil
		return err
	}
	if n := s.queue.Len(); n > 0 {
		o.log.Info("the spool holds items of before, they go to the sink first", "items", n)
	}
	o.met.spoolLimit.WithLabelValues(o.cfg.Name).Set(float64(s.queue.MaxBytes()))
	o.observeSpool()
	return nil
}

func (o *outlet) closeSpool() error {
	q := o.spill.queue
	if q == nil {
		return nil
	}
	if n := q.Len(); n > 0 {
		o.log.Warn("items wait in the spool for the next start", "items", n)
	}
	if err := q.Close(); err != nil {
		return fmt.Errorf("sink %s: %w", o.cfg.Name, err)
	}
	return nil
}

// lost counts what the spool loses, and says so once an outage.
func (o *outlet) lost(items int64, why string) {
	o.dropped.Add(items)
	o.met.dropped.WithLabelValues(why).Add(float64(items))
	if why == spool.Full && !o.spill.losing.Swap(true) {
		o.log.Warn("the spool of an optional sink is full and drops its oldest items", "items", items)
	}
}

func (o *outlet) observeSpool() {
	o.met.spoolBytes.WithLabelValues(o.cfg.Name).Set(float64(o.spill.queue.Bytes()))
	o.met.spoolItems.WithLabelValues(o.cfg.Name).Set(float64(o.spill.queue.Len()))
}

// patience is how long the sink may fail before the spool is used.
func (o *outlet) patience() time.Duration {
	if o.cfg.Spool == nil {
		return noSpool
	}
	return o.cfg.Spool.SpillAfter
}

// bounded returns the context of the attempts at a write: with patience a write
// that does not come back is broken off.
func (o *outlet) bounded(ctx context.Context, patience time.Duration) (context.Context, context.CancelFunc) {
	if patience < 0 {
		return ctx, func() {}
	}
	ctx, cancel := context.WithTimeout(ctx, max(patience, leastTry))
	s := &o.spill
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.crowded {
		cancel()
	}
	s.breakOff = cancel
	return ctx, cancel
}

// crowd makes room in the queue of an optional sink by way of its spool: from here
// on putting waits for the disk at most.
func (o *outlet) crowd() {
	s := &o.spill
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.on {
		return
	}
	s.crowded = true
	if s.breakOff != nil {
		s.breakOff()
	}
}

// divert has everything go through the spool from now on, until it is drained.
func (o *outlet) divert(ctx context.Context) {
	s := &o.spill
	s.mu.Lock()
	s.on, s.breakOff = true, nil
	s.mu.Unlock()
	o.log.Info("what the sink does not take goes to its spool", "items", s.queue.Len())
	o.wg.Go(func() {
		ctx, cancel := o.within(ctx, drainGrace)
		defer cancel()
		o.drainSpool(ctx)
	})
}

// store puts items into the spool while everything goes through it, and returns
// those that are not in it. It returns false where it was stopped by force.
func (o *outlet) store(ctx context.Context, items []sink.Item) (rest []sink.Item, ok bool) {
	s := &o.spill
	for len(items) > 0 {
		s.mu.Lock()
		if !s.on {
			s.mu.Unlock()
			return items, true
		}
		if s.once {
			s.mu.Unlock()
			if items, ok = o.hold(ctx, items); !ok {
				return items, false
			}
			continue
		}
		n, err := s.queue.Push(items)
		s.mu.Unlock()
		o.observeSpool()
		items = items[n:]
		if err == nil {
			s.said = ""
			continue
		}
		if errors.Is(err, spool.ErrTooLarge) && !o.cfg.Required {
			o.log.Error("an item is dropped", "err", err)
			o.drop(1, "spool_too_large")
			items = items[1:]
			continue
		}
		if items, ok = o.await(ctx, items, err); !ok {
			return items, false
		}
	}
	return nil, true
}

// hold waits until the sink has taken something of a spool that takes no more. At
// the end of a run an optional sink loses what waits.
func (o *outlet) hold(ctx context.Context, items []sink.Item) (rest []sink.Item, ok bool) {
	ending := o.ending
	if o.cfg.Required {
		ending = nil
	}
	select {
	case <-o.spill.room:
	case <-ending:
		o.drop(len(items), "stopped")
		return nil, true
	case <-ctx.Done():
		return items, false
	}
	return items, true
}

// await does what an error of the spool asks for: a required sink waits for room or
// for the disk, an optional one loses the items.
func (o *outlet) await(ctx context.Context, items []sink.Item, err error) (rest []sink.Item, ok bool) {
	s := &o.spill
	if errors.Is(err, spool.ErrTooLarge) {
		o.fatal(fmt.Errorf("sink %s: %w: raise it", o.cfg.Name, err))
		return items, false
	}
	full := errors.Is(err, spool.ErrFull)
	o.tellSpool(full, err)
	if !o.cfg.Required && !full {
		o.drop(len(items), "spool_failed")
		return nil, true
	}
	select {
	case <-s.room:
	case <-time.After(storePause):
	case <-ctx.Done():
		return items, false
	}
	return items, true
}

// tellSpool says that the spool takes nothing, once until it does, and again where it is
// for another cause.
func (o *outlet) tellSpool(full bool, err error) {
	say, level := "the spool is full: what feeds the sink waits until it takes some", slog.LevelWarn
	if !full {
		say, level = "the spool can't be written", slog.LevelError
	}
	if o.spill.said == say {
		return
	}
	o.spill.said = say
	o.log.Log(context.Background(), level, say, "err", err)
}

// drainSpool gives the sink what is in the spool until nothing is, or ctx ends.
func (o *outlet) drainSpool(ctx context.Context) {
	s := &o.spill
	if o.write(ctx, nil, fromSpool) == stopped {
		return
	}
	for {
		items, err := s.queue.Take()
		if err != nil {
			o.fails(err)
			select {
			case <-time.After(storePause):
				continue
			case <-ctx.Done():
				return
			}
		}
		if len(items) == 0 {
			if o.rejoin() {
				return
			}
			continue
		}
		if o.write(ctx, items, fromSpool) == stopped {
			s.queue.Back()
			return
		}
		o.taken(s.queue.Done())
		o.observeSpool()
		select {
		case s.room <- struct{}{}:
		default:
		}
	}
}

// taken says so, once in a row of failures, where the disk does not take what Done
// tells it.
func (o *outlet) taken(err error) {
	s := &o.spill
	if err != nil && !s.stuck {
		o.log.Warn("what the sink has can't be taken out of its spool, and may come again", "err", err)
	}
	s.stuck = err != nil
}

// rejoin has items go to the sink itself again, if the spool is empty.
func (o *outlet) rejoin() bool {
	s := &o.spill
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.queue.Empty() {
		return false
	}
	if err := s.queue.Clear(); err != nil {
		o.log.Warn("an empty spool keeps its room on disk", "err", err)
	}
	s.on, s.crowded = false, false
	s.losing.Store(false)
	o.observeSpool()
	o.log.Info("the spool is drained")
	select { // who waits for room can write to the sink itself
	case s.room <- struct{}{}:
	default:
	}
	return true
}

package pipeline

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// Parts are streams and sinks of a pipeline.
type Parts struct {
	Sinks   []OutletConfig
	Streams []StreamConfig
}

// Change says what of a running pipeline is replaced while all else goes on.
type Change struct {
	// Streams and Sinks name what ends. A stream that feeds a sink that ends must be
	// among them.
	Streams, Sinks []string
	// Make makes what takes its place, once it has ended: a stream that keeps its name
	// goes on from its own checkpoint.
	Make func() (Parts, error)
	// Back makes again what was there, where Make fails.
	Back func() (Parts, error)
}

// ErrNotRunning says that a pipeline has ended or not begun.
var ErrNotRunning = errors.New("the pipeline is not running")

// changeDrain is how long a change waits for what was read to become durable. What is
// not by then comes again, identical.
const changeDrain = 10 * time.Second

// change is what a running pipeline needs to be changed.
type change struct {
	one sync.Mutex // one change at a time

	mu     sync.RWMutex // guards what follows, and the pipeline's workers and outlets
	ended  *sync.Cond   // a worker has, or a change
	ctx    context.Context
	stop   context.CancelFunc // of ctx
	shifts map[*worker]*shift
	alive  int                // shifts that have not ended
	busy   bool               // a change is under way
	errs   []error            // of workers that could not go on
	past   map[string]Summary // of streams that were replaced
}

// shift is the run of one worker.
type shift struct {
	stop    context.CancelFunc
	kill    context.CancelCauseFunc
	done    chan struct{}
	retired bool // what it returns concerns nobody
}

func (c *change) init() {
	c.ended = sync.NewCond(&c.mu)
	c.shifts, c.past = map[*worker]*shift{}, map[string]Summary{}
}

// crew returns the workers as they are now.
func (p *Pipeline) crew() []*worker {
	p.change.mu.RLock()
	defer p.change.mu.RUnlock()
	return slices.Clone(p.workers)
}

// crewAndPast returns the workers as they are now, and what those gave out that they
// took the place of.
func (p *Pipeline) crewAndPast() ([]*worker, map[string]Summary) {
	p.change.mu.RLock()
	defer p.change.mu.RUnlock()
	return slices.Clone(p.workers), maps.Clone(p.change.past)
}

// sinks returns the outlets as they are now.
func (p *Pipeline) sinks() []*outlet {
	p.change.mu.RLock()
	defer p.change.mu.RUnlock()
	return slices.Clone(p.outlets)
}

// runWorkers runs all workers until each has ended and no change is under way.
func (p *Pipeline) runWorkers(ctx context.Context, stop context.CancelFunc) []error {
	c := &p.change
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ctx, c.stop = ctx, stop
	for _, w := range p.workers {
		p.begin(w)
	}
	for c.alive > 0 || c.busy {
		c.ended.Wait()
	}
	c.ctx = nil
	return c.errs
}

// begin has a worker run. The caller holds change.mu.
func (p *Pipeline) begin(w *worker) {
	c := &p.change
	s := &shift{done: make(chan struct{})}
	ctx, stop := context.WithCancel(c.ctx)
	hard, kill := context.WithCancelCause(p.hard)
	s.stop, s.kill = stop, kill
	c.shifts[w] = s
	c.alive++
	go func() {
		err := w.run(ctx, hard)
		stop()
		kill(nil)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.alive--
		if err != nil && !s.retired {
			c.errs = append(c.errs, err)
			c.stop() // one stream that can't go on stops the process: a supervisor sees it
		}
		close(s.done)
		c.ended.Broadcast()
	}()
}

// Change replaces parts of a running pipeline. Streams that end do so as at the end of
// a run: what was read is computed, made durable and acknowledged, as far as that is
// done within ten seconds; else it comes again. After an error everything is as it was,
// unless the error says that the pipeline ends. It is safe for concurrent use; ctx
// bounds nothing, since a change that has begun must end.
func (p *Pipeline) Change(_ context.Context, ch Change) error {
	c := &p.change
	c.one.Lock()
	defer c.one.Unlock()
	c.mu.Lock()
	if c.ctx == nil || c.ctx.Err() != nil {
		c.mu.Unlock()
		return ErrNotRunning
	}
	c.busy = true
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		c.busy = false
		c.mu.Unlock()
		c.ended.Broadcast()
	}()
	p.health.stop()
	p.health.close()
	p.retire(ch.Streams, p.drainTime(ch.Sinks))
	p.retireSinks(ch.Sinks)
	err := p.add(ch.Make)
	if err != nil {
		if back := p.add(ch.Back); back != nil {
			err = fmt.Errorf("%w; and what ran before can't be started again, so that the process ends: %w", err, back)
			p.kill(err)
		}
	}
	h, bad := newHealth(p)
	if bad != nil {
		p.log.Warn("outages that were told before the change are forgotten", "err", bad)
	}
	p.health = h // of the sinks that there are now
	p.watchHealth()
	if err == nil {
		p.forgetGone(ch)
	}
	return err
}

// drainTime is how long streams may drain into sinks that end: one that is away takes
// nothing, however long one waits.
func (p *Pipeline) drainTime(sinks []string) time.Duration {
	for _, o := range p.sinks() {
		if slices.Contains(sinks, o.cfg.Name) && o.cfg.Required && !o.up.Load() {
			return 0
		}
	}
	return min(changeDrain, p.cfg.Drain)
}

// retire ends the workers of streams.
func (p *Pipeline) retire(streams []string, drain time.Duration) {
	c := &p.change
	c.mu.Lock()
	gone := map[*worker]*shift{}
	p.workers = slices.DeleteFunc(slices.Clone(p.workers), func(w *worker) bool {
		if !slices.Contains(streams, w.name) {
			return false
		}
		s := c.shifts[w]
		s.retired = true
		s.stop()
		gone[w] = s
		return true
	})
	c.mu.Unlock()
	late := time.AfterFunc(drain, func() {
		for _, s := range gone {
			s.kill(ErrDrain)
		}
	})
	defer late.Stop()
	for w, s := range gone {
		<-s.done
		sum := w.summary()
		c.mu.Lock()
		delete(c.shifts, w)
		was := c.past[w.name]
		sum.Records, sum.Events, sum.Read = sum.Records+was.Records, sum.Events+was.Events, sum.Read+was.Read
		c.past[w.name] = sum
		c.mu.Unlock()
		p.cfg.Metrics.forgetPresent(w.name)
		p.log.Info("stream stopped for a change", "stream", w.name)
	}
}

// retireSinks ends outlets that no worker writes to any more.
func (p *Pipeline) retireSinks(names []string) {
	c := &p.change
	c.mu.Lock()
	var gone []*outlet
	p.outlets = slices.DeleteFunc(slices.Clone(p.outlets), func(o *outlet) bool {
		if slices.Contains(names, o.cfg.Name) {
			gone = append(gone, o)
			return true
		}
		return false
	})
	c.mu.Unlock()
	for _, o := range gone {
		p.endOutlet(o)
	}
}

// endOutlet ends an outlet that was started. What it can't write soon is left: a
// required one's comes again, and what a spool holds stays there.
func (p *Pipeline) endOutlet(o *outlet) {
	grace := closeGrace
	if !o.up.Load() {
		grace = 0
	}
	o.end()
	late := time.AfterFunc(grace, o.stop)
	o.wg.Wait()
	late.Stop()
	closing, cancel := context.WithTimeout(context.Background(), closeGrace)
	defer cancel()
	if err := errors.Join(o.close(closing), o.closeSpool()); err != nil {
		p.log.Warn("a sink did not close cleanly", "err", err)
	}
}

// add makes parts and has them run. After an error there are none of them.
func (p *Pipeline) add(build func() (Parts, error)) error {
	parts, err := build()
	if err != nil {
		return errors.Join(err, closeUnused(parts.Streams))
	}
	var outlets []*outlet
	for _, s := range parts.Sinks {
		o := newOutlet(s, p.log, p.cfg.Metrics, func(err error) { p.kill(err) })
		if err = o.openSpool(filepath.Join(p.cfg.StateDir, "spools")); err != nil {
			break
		}
		if err = o.start(p.hard); err != nil {
			err = errors.Join(err, o.closeSpool())
			break
		}
		outlets = append(outlets, o)
	}
	c := &p.change
	c.mu.Lock()
	p.outlets = append(slices.Clone(p.outlets), outlets...)
	c.mu.Unlock()
	var workers []*worker
	if err == nil {
		workers, err = p.makeWorkers(parts.Streams)
	} else {
		err = errors.Join(err, closeUnused(parts.Streams))
	}
	if err != nil {
		p.retireSinks(outletNames(outlets))
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	p.workers = append(slices.Clone(p.workers), workers...)
	for _, w := range workers {
		p.begin(w)
	}
	return nil
}

func (p *Pipeline) makeWorkers(streams []StreamConfig) ([]*worker, error) {
	strange := p.strange(streams)
	p.bank.await(strange)
	var workers []*worker
	for i, s := range streams {
		w, err := p.makeWorker(s)
		if err != nil {
			p.bank.await(-strange)
			errs := []error{err, closeUnused(streams[i:])}
			for _, w := range workers {
				errs = append(errs, w.close())
			}
			return nil, errors.Join(errs...)
		}
		workers = append(workers, w)
	}
	return workers, nil
}

// strange counts the streams that this process has not had yet.
func (p *Pipeline) strange(streams []StreamConfig) (n int) {
	for _, s := range streams {
		name := s.Engine.Stream
		p.change.mu.RLock()
		_, had := p.change.past[name]
		p.change.mu.RUnlock()
		if !had && !slices.ContainsFunc(p.cfg.Streams, func(o StreamConfig) bool { return o.Engine.Stream == name }) {
			n++
		}
	}
	return n
}

func outletNames(outlets []*outlet) (names []string) {
	for _, o := range outlets {
		names = append(names, o.cfg.Name)
	}
	return names
}

// forgetGone takes the metrics of what ended for good off, and tells of spools that
// nobody empties now.
func (p *Pipeline) forgetGone(ch Change) {
	for _, name := range ch.Streams {
		if !slices.ContainsFunc(p.crew(), func(w *worker) bool { return w.name == name }) {
			p.cfg.Metrics.forgetStream(name)
		}
	}
	for _, name := range ch.Sinks {
		if !slices.ContainsFunc(p.sinks(), func(o *outlet) bool { return o.cfg.Name == name }) {
			p.cfg.Metrics.forgetSink(name)
			p.strandedSpools(filepath.Join(p.cfg.StateDir, "spools"))
		}
	}
}

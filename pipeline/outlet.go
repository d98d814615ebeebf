package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/quell-stream/quell/sink"
)

// OutletConfig says how a sink is run.
type OutletConfig struct {
	Name string
	Sink sink.Sink
	// Type is the kind of the sink, such as mqtt, for who looks on.
	Type string
	// Emit is records, events or all; "dead" is the dead letter's own.
	Emit string
	// Required sinks hold checkpoints, and so acks, back until they are durable, in
	// the sink or in its spool. An optional one that falls behind loses batches,
	// counted; with a spool the oldest of what is in it.
	Required bool
	// Queue is the number of batches that may wait, with mostQueued records and events or
	// a few more. Default 16.
	Queue int
	// Spool, when not nil, takes what the sink does not.
	Spool *SpoolConfig
}

// outlet runs one sink: it takes batches from a bounded queue in order and
// writes each until it is durable, for ever.
type outlet struct {
	cfg   OutletConfig
	log   *slog.Logger
	met   *Metrics
	queue chan *batch
	// waiting counts the items of batches that were put and are not done with; freed is
	// told when they become fewer.
	waiting atomic.Int64
	freed   chan struct{}
	up      atomic.Bool
	state   atomic.Pointer[string] // of the circuit
	last    atomic.Pointer[string] // latest error, for /readyz
	told    bool                   // that it is down
	// Items that the sink will never get.
	dropped atomic.Int64
	fatal   func(error)
	spill   spill

	// Of a write that did not come back when it was to, see call. The loop's alone, but
	// for late, which goes with the right to write to the sink.
	writing []*batch      // by the loop
	left    bool          // their items are still read
	late    chan struct{} // closed when the write comes back; nil: there is none

	wg     sync.WaitGroup
	stop   context.CancelFunc
	ending chan struct{} // closed by end
}

// The states of a sink's circuit.
const (
	circuitClosed   = "closed"    // what it is given goes to it
	circuitOpen     = "open"      // it failed, and is left alone for a while
	circuitHalfOpen = "half_open" // it is being tried again, or for the first time
)

// The times between attempts, before jitter: they grow by half each time.
const (
	firstPause = 50 * time.Millisecond
	mostPause  = 5 * time.Second
)

// closeGrace is how long all sinks may take to close, once they are drained.
const closeGrace = 5 * time.Second

// What stands for a patience where an attempt does not end overdue.
const (
	noSpool   time.Duration = -1 // there is nowhere else to go with the items
	fromSpool time.Duration = -2 // that is where they are, and safe
)

// outcome is how an attempt to write ended.
type outcome uint8

const (
	settled outcome = iota // durable, or given up by an optional sink
	stopped                // by force: nothing is known of the items
	overdue                // the sink has failed for so long that the items are for the spool
)

func newOutlet(cfg OutletConfig, log *slog.Logger, met *Metrics, fatal func(error)) *outlet {
	if cfg.Queue == 0 {
		cfg.Queue = 16
	}
	o := &outlet{cfg: cfg, log: log.With("sink", cfg.Name), met: met, queue: make(chan *batch, cfg.Queue), fatal: fatal, ending: make(chan struct{}), freed: make(chan struct{}, 1)}
	o.spill.room = make(chan struct{}, 1)
	met.sinkRecords.WithLabelValues(cfg.Name)
	met.sinkRetries.WithLabelValues(cfg.Name)
	o.turn(circuitHalfOpen)
	return o
}

func (o *outlet) start(ctx context.Context) error {
	ctx, o.stop = context.WithCancel(ctx)
	if err := o.cfg.Sink.Open(ctx); err != nil {
		o.stop()
		return fmt.Errorf("sink %s: %w", o.cfg.Name, err)
	}
	o.wg.Go(func() { o.loop(ctx) })
	return nil
}

// probe finds out whether the sink is there before it has anything to write, so
// that an idle one is not taken for one that works. It gives up where the queue
// ends: what is in it will tell.
func (o *outlet) probe(ctx context.Context) {
	probing, cancel := o.within(ctx, 0)
	defer cancel()
	if o.write(probing, nil, o.patience()) == overdue {
		o.divert(ctx)
	}
}

// within returns a context that ends a while after the queue has.
func (o *outlet) within(ctx context.Context, grace time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		defer cancel()
		select {
		case <-o.ending:
		case <-ctx.Done():
			return
		}
		select {
		case <-time.After(grace):
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// settle makes items durable, in the sink or in its spool. It returns false where
// it was stopped by force.
func (o *outlet) settle(ctx context.Context, items []sink.Item) bool {
	for {
		var ok bool
		if items, ok = o.store(ctx, items); len(items) == 0 || !ok {
			return ok
		}
		switch o.write(ctx, items, o.patience()) {
		case settled:
			return true
		case stopped:
			return false
		}
		o.divert(ctx)
	}
}

// write tries until the items are settled. With a patience of at least 0 it gives
// up, overdue, once the sink has failed for so long. What it refuses for good an
// optional sink loses.
func (o *outlet) write(ctx context.Context, items []sink.Item, patience time.Duration) outcome {
	lost, is := o.attempt(ctx, items, patience)
	if is == settled && lost > 0 {
		o.log.Error("sink refuses items for good, they are dropped", "items", lost, "err", *o.last.Load())
		o.drop(lost, "refused")
	}
	return is
}

// attempt is write without the count of the items that were lost to a refusal, which
// it returns. Where they are not settled all of them come again.
func (o *outlet) attempt(ctx context.Context, items []sink.Item, patience time.Duration) (lost int, is outcome) {
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval, wait.MaxInterval = firstPause, mostPause
	try, cancel := o.bounded(ctx, patience)
	defer cancel()
	began := time.Now()
	ending := o.ending // cuts the waiting short where the end of the run ends the attempts
	if o.cfg.Required && patience == noSpool {
		ending = nil
	}
	for {
		err := o.call(try, items, patience)
		if err == nil {
			o.works(len(items))
			return 0, settled
		}
		if ctx.Err() == nil && errors.Is(err, errLeft) {
			o.fails(err)
		}
		switch {
		case ctx.Err() != nil:
			return 0, stopped
		case errors.Is(try.Err(), context.Canceled):
			return 0, overdue // the sink is slow, which is no failure
		case try.Err() != nil:
			err = fmt.Errorf("no answer for %s: %w", max(patience, leastTry), err)
		}
		o.fails(err)
		if errors.Is(err, sink.ErrPermanent) {
			return o.refused(ctx, items, patience, err)
		}
		ends := o.ends()
		switch {
		case patience >= 0 && (ends || try.Err() != nil || time.Since(began) >= patience):
			return 0, overdue
		case ends && patience == fromSpool:
			return 0, stopped
		case ends && !o.cfg.Required:
			o.drop(len(items), "stopped")
			return 0, settled
		}
		pause := wait.NextBackOff()
		if asked := (*sink.RetryError)(nil); errors.As(err, &asked) {
			pause = max(pause, asked.After)
		}
		if patience >= 0 {
			pause = min(pause, max(0, patience-time.Since(began)))
		}
		select {
		case <-time.After(pause):
		case <-ending:
		case <-try.Done():
			if ctx.Err() != nil {
				return 0, stopped
			}
			return 0, overdue
		}
		o.met.sinkRetries.WithLabelValues(o.cfg.Name).Inc()
		o.turn(circuitHalfOpen)
	}
}

// works notes that the sink took items.
func (o *outlet) works(items int) {
	o.met.sinkRecords.WithLabelValues(o.cfg.Name).Add(float64(items))
	o.up.Store(true)
	o.turn(circuitClosed)
	if o.told {
		o.told = false
		o.log.Info("sink is up again")
	}
}

// fails notes that the sink took nothing.
func (o *outlet) fails(err error) {
	text := err.Error()
	o.last.Store(&text)
	if errors.Is(err, sink.ErrPermanent) {
		return
	}
	o.up.Store(false)
	o.turn(circuitOpen)
	if !o.told {
		o.told = true
		o.log.Warn("sink is down, trying again", "err", err)
	}
}

// refused ends the work of a required sink that refuses for good. Of an optional one
// it finds the items that are refused, by halves, and returns how many there are.
func (o *outlet) refused(ctx context.Context, items []sink.Item, patience time.Duration, err error) (lost int, is outcome) {
	if o.cfg.Required {
		o.fatal(fmt.Errorf("sink %s: %w", o.cfg.Name, err))
		return 0, stopped
	}
	if partly := (*sink.PartlyError)(nil); errors.As(err, &partly) {
		if n := len(items) - partly.Refused; n > 0 {
			o.works(n)
		}
		return partly.Refused, settled
	}
	if len(items) < 2 || errors.Is(err, sink.ErrAll) {
		return len(items), settled
	}
	half := len(items) / 2
	for _, part := range [][]sink.Item{items[:half], items[half:]} {
		n, is := o.attempt(ctx, part, patience)
		if is != settled {
			return 0, is
		}
		lost += n
	}
	return lost, settled
}

func (o *outlet) drop(items int, why string) {
	o.dropped.Add(int64(items))
	o.met.dropped.WithLabelValues(why).Add(float64(items))
}

// turn shows the state of the circuit.
func (o *outlet) turn(state string) {
	if was := o.state.Swap(&state); was != nil && *was == state {
		return
	}
	for _, s := range []string{circuitClosed, circuitOpen, circuitHalfOpen} {
		is := 0.0
		if s == state {
			is = 1
		}
		o.met.sinkCircuit.WithLabelValues(o.cfg.Name, s).Set(is)
	}
}

func (o *outlet) ends() bool {
	select {
	case <-o.ending:
		return true
	default:
		return false
	}
}

// status returns the read-only view of the sink.
func (o *outlet) status() Status {
	s := Status{Name: "sink " + o.cfg.Name, Up: o.up.Load(), Circuit: *o.state.Load()}
	if t := o.last.Load(); t != nil && !s.Up {
		s.Err = *t
	}
	if q := o.spill.queue; q != nil {
		s.SpoolItems, s.SpoolBytes = q.Len(), q.Bytes()
	}
	return s
}

// end ends the queue. Once wg is done everything in it is durable.
func (o *outlet) end() {
	close(o.ending)
	close(o.queue)
}

// close ends the sink. After end and wg it is orderly; without, it is by force.
func (o *outlet) close(ctx context.Context) error {
	o.stop()
	if o.late != nil {
		select {
		case <-o.late:
		case <-ctx.Done():
			return fmt.Errorf("sink %s: it is not closed: %w", o.cfg.Name, errLeft)
		}
	}
	if err := o.cfg.Sink.Close(ctx); err != nil {
		return fmt.Errorf("sink %s: %w", o.cfg.Name, err)
	}
	return nil
}

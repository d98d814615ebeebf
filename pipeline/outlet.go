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
	// Emit is records, events or all; "dead" is the dead letter's own.
	Emit string
	// Required sinks hold checkpoints, and so acks, back until they are durable.
	// An optional one that falls behind loses batches, counted.
	Required bool
	// Queue is the number of batches that may wait. Default 16.
	Queue int
}

// outlet runs one sink: it takes batches from a bounded queue in order and
// writes each until it is durable, for ever.
type outlet struct {
	cfg   OutletConfig
	log   *slog.Logger
	met   *Metrics
	queue chan *batch
	up    atomic.Bool
	last  atomic.Pointer[string] // latest error, for /readyz
	told  bool                   // that it is down
	fatal func(error)

	wg     sync.WaitGroup
	stop   context.CancelFunc
	ending chan struct{} // closed by drain
}

func newOutlet(cfg OutletConfig, log *slog.Logger, met *Metrics, fatal func(error)) *outlet {
	if cfg.Queue == 0 {
		cfg.Queue = 16
	}
	o := &outlet{cfg: cfg, log: log.With("sink", cfg.Name), met: met, queue: make(chan *batch, cfg.Queue), fatal: fatal, ending: make(chan struct{})}
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

// put hands a batch over. For a required sink it blocks while the queue is
// full: that is the back-pressure. An optional sink drops the batch instead.
func (o *outlet) put(ctx context.Context, b *batch) error {
	if !o.cfg.Required {
		select {
		case o.queue <- b:
		default:
			o.met.dropped.WithLabelValues("sink_behind").Add(float64(len(pick(nil, b, o.cfg.Emit))))
			b.finished(false)
		}
		return nil
	}
	select {
	case o.queue <- b:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (o *outlet) loop(ctx context.Context) {
	o.probe(ctx)
	var items []sink.Item
	for b := range o.queue {
		items = pick(items[:0], b, o.cfg.Emit)
		if len(items) > 0 && !o.write(ctx, items) {
			// Stopped by force: nothing of this or later batches is durable, so
			// they never count as done. They are released all the same.
			b.release()
			for b := range o.queue {
				b.release()
			}
			return
		}
		clear(items)
		if b.settled != nil {
			b.settled()
		}
		b.finished(o.cfg.Required)
	}
}

// probe finds out whether the sink is there before it has anything to write, so
// that an idle one is not taken for one that works. It gives up where the queue
// ends: what is in it will tell.
func (o *outlet) probe(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		select {
		case <-o.ending:
			cancel()
		case <-stop:
		}
	}()
	o.write(ctx, nil)
}

// write returns whether the items are settled: durable, or given up by an
// optional sink.
func (o *outlet) write(ctx context.Context, items []sink.Item) bool {
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval, wait.MaxInterval = 50*time.Millisecond, 5*time.Second
	for {
		err := o.cfg.Sink.Write(ctx, items)
		if err == nil {
			o.met.sinkRecords.WithLabelValues(o.cfg.Name).Add(float64(len(items)))
			o.up.Store(true)
			if o.told {
				o.told = false
				o.log.Info("sink is up again")
			}
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		text := err.Error()
		o.last.Store(&text)
		if errors.Is(err, sink.ErrPermanent) {
			if o.cfg.Required {
				o.fatal(fmt.Errorf("sink %s: %w", o.cfg.Name, err))
				return false
			}
			o.log.Error("sink refuses items for good, they are dropped", "items", len(items), "err", err)
			o.met.dropped.WithLabelValues("refused").Add(float64(len(items)))
			return true
		}
		o.up.Store(false)
		if !o.told {
			o.told = true
			o.log.Warn("sink is down, trying again", "err", err)
		}
		pause := wait.NextBackOff()
		if asked := (*sink.RetryError)(nil); errors.As(err, &asked) {
			pause = max(pause, asked.After)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return false
		}
	}
}

// drain ends the queue and waits until everything in it is durable.
func (o *outlet) drain() {
	close(o.ending)
	close(o.queue)
	o.wg.Wait()
}

// close ends the sink. After drain it is orderly; without, it is by force.
func (o *outlet) close(ctx context.Context) error {
	o.stop()
	if err := o.cfg.Sink.Close(ctx); err != nil {
		return fmt.Errorf("sink %s: %w", o.cfg.Name, err)
	}
	return nil
}

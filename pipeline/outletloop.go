package pipeline

import (
	"context"

	"github.com/quell-stream/quell/sink"
)

// loop takes batches from the queue until it ends, and makes them durable.
func (o *outlet) loop(ctx context.Context) {
	if o.spill.queue != nil && !o.spill.queue.Empty() {
		o.divert(ctx) // an earlier process left it behind
	} else {
		o.probe(ctx)
	}
	var items []sink.Item
	var taken []*batch
	for b := range o.queue {
		taken, items = o.gather(append(taken[:0], b), pick(items[:0], b, o.cfg.Emit))
		if len(items) > 0 && !o.settle(ctx, items) {
			// Stopped by force: nothing of these or later batches is durable, so
			// they never count as done. They are released all the same.
			for _, b := range taken {
				b.release()
			}
			for b := range o.queue {
				b.release()
			}
			return
		}
		clear(items)
		for i, b := range taken {
			taken[i] = nil
			if b.settled != nil {
				b.settled()
			}
			b.finished(o.cfg.Required)
		}
	}
}

// gatherMost is how many items are written at a time where several batches wait.
const gatherMost = 4096

// gather adds batches that wait already: a sink that takes longer for a write than it is
// from one batch to the next is given more at a time, and is not left behind.
func (o *outlet) gather(taken []*batch, items []sink.Item) ([]*batch, []sink.Item) {
	for len(items) < gatherMost {
		select {
		case b, ok := <-o.queue:
			if !ok {
				return taken, items // the loop finds out by itself
			}
			taken, items = append(taken, b), pick(items, b, o.cfg.Emit)
		default:
			return taken, items
		}
	}
	return taken, items
}

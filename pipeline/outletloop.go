package pipeline

import (
	"context"

	"github.com/quell-stream/quell/sink"
)

// mostQueued is how many items may wait for a sink, and be written to it: with as many it is
// given no further batch, however few batches that are. A batch of a stream that is
// behind has some thousands.
const mostQueued = 8192

// put hands a batch over. For a required sink it waits until there is room, in batches and
// in items: that is the back-pressure. An optional sink drops the batch instead, or, with a
// spool, has what is behind go there once it was patient for a while. While put waits,
// attend is called whenever wake has a token; a nil wake has none.
func (o *outlet) put(ctx context.Context, b *batch, wake <-chan struct{}, attend func()) error {
	if o.cfg.Required {
		return o.enter(ctx, b, wake, attend)
	}
	if o.offer(b) {
		return nil
	}
	if o.cfg.Spool == nil {
		o.drop(len(pick(nil, b, o.cfg.Emit)), "sink_behind")
		b.finished(false)
		return nil
	}
	patient, cancel := context.WithTimeout(ctx, crowdedFor)
	defer cancel()
	if err := o.enter(patient, b, wake, attend); err == nil || ctx.Err() != nil {
		return err
	}
	o.crowd()
	return o.enter(ctx, b, wake, attend)
}

func (o *outlet) full() bool { return o.waiting.Load() >= mostQueued }

// offer puts a batch into the queue if it has room.
func (o *outlet) offer(b *batch) bool {
	if o.full() {
		return false
	}
	o.waiting.Add(int64(b.len()))
	select {
	case o.queue <- b:
		return true
	default:
		o.waiting.Add(-int64(b.len()))
		return false
	}
}

// enter puts a batch into the queue once it has room. Workers of several streams may
// wait for it: who was told of room passes it on.
func (o *outlet) enter(ctx context.Context, b *batch, wake <-chan struct{}, attend func()) error {
	for o.full() {
		select {
		case <-o.freed:
		case <-wake:
			attend()
		case <-ctx.Done():
			o.free()
			return ctx.Err()
		}
	}
	o.free()
	n := int64(b.len()) // it may be another's once it is in the queue
	o.waiting.Add(n)
	for {
		select {
		case o.queue <- b:
			return nil
		case <-wake:
			attend()
		case <-ctx.Done():
			o.waiting.Add(-n)
			o.free()
			return ctx.Err()
		}
	}
}

// free tells one who waits that there may be room.
func (o *outlet) free() {
	select {
	case o.freed <- struct{}{}:
	default:
	}
}

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
		if o.left { // what a write still reads is not used again
			o.left, items = false, nil
		}
		taken, items = o.gather(append(taken[:0], b), pick(items[:0], b, o.cfg.Emit))
		o.writing = taken
		if len(items) > 0 && !o.settle(ctx, items) {
			// Stopped by force: nothing of these or later batches is durable, so
			// they never count as done. They are released all the same.
			for _, b := range taken {
				o.discard(b)
			}
			for b := range o.queue {
				o.discard(b)
			}
			return
		}
		if !o.left {
			clear(items)
		}
		for i, b := range taken {
			taken[i] = nil
			o.waiting.Add(-int64(b.len()))
			if b.settled != nil {
				b.settled()
			}
			b.finished(o.cfg.Required)
		}
		o.free()
	}
}

// discard releases a batch that is not written.
func (o *outlet) discard(b *batch) {
	o.waiting.Add(-int64(b.len()))
	b.release()
	o.free()
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

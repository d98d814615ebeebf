package pipeline

import (
	"context"
	"fmt"
	"time"

	"github.com/quell-stream/quell/internal/wire"
	"github.com/quell-stream/quell/model/nn"
	"github.com/quell-stream/quell/pipeline/state"
)

// checkpoint takes a checkpoint of the present state and hands it to the
// committer; with wait it returns only when it is durable and acked.
func (w *worker) checkpoint(hard context.Context, wait bool) error {
	w.lastPoint = time.Now()
	// Before the first assignment nothing is known that is not on the disk, and
	// switches that are there still wait to be obeyed.
	if len(w.parts) == 0 || len(w.open) == 0 && !wait {
		return nil
	}
	if !wait && w.com.busy() {
		return nil
	}
	p := &point{after: w.seq - 1, full: w.com.wantsFull(), acks: w.open, Checkpoint: state.Checkpoint{Decided: w.com.decided(), Extra: w.appendExtra(nil)}}
	p.states = newArena(&w.arenas)
	w.open, p.states.acks = p.states.acks, nil
	for _, q := range w.parts {
		p.Heads = append(p.Heads, w.head(&q))
	}
	p.Entries, w.eng.gonePart = w.eng.gonePart, nil // before those of series that came back
	for _, l := range w.eng.lanes {
		if l.touched || p.full {
			p.Entries = append(p.Entries, w.entry(l, p.states, &p.Checkpoint))
			l.touched = false
		}
	}
	if p.full {
		// Partitions we know of but do not own now keep what they had.
		for name, next := range w.snap.Heads {
			if !w.owns(name) {
				p.Heads = append(p.Heads, state.Head{Part: name, Next: next})
				for series, data := range w.snap.Series[name] {
					p.Entries = append(p.Entries, state.Entry{Part: name, Series: series, State: data})
				}
			}
		}
	}
	if wait {
		defer w.pulse.wait()()
	}
	w.pointCost = time.Since(w.lastPoint)
	return w.com.put(hard, p, wait)
}

// The stream's own state: fates that no series holds. Those of series given up
// are in their states.
func (w *worker) appendExtra(dst []byte) []byte {
	for _, n := range w.eng.spare {
		dst = wire.I64(dst, n)
	}
	return w.eng.appendTimes(wire.String(dst, nn.KernelTier()))
}

func (w *worker) restoreExtra(src []byte) error {
	if len(src) == 0 {
		return nil
	}
	r := wire.NewReader(src)
	for i := range w.eng.spare {
		w.eng.spare[i] = r.I64()
	}
	if len(r.Rest()) > 0 { // the first version named no tier
		if was, is := r.String(), nn.KernelTier(); r.Err() == nil && was != is {
			w.log.Warn("the checkpoint was made with other kernels: from here on clean values may differ by rounding from those of an uninterrupted run", "kernel", is, "checkpoint", was)
		}
	}
	if len(r.Rest()) > 0 { // nor did it note how far the partitions had come
		w.eng.restoreTimes(r)
	}
	if err := r.Err(); err != nil {
		return fmt.Errorf("stream %s: saved counters: %w", w.name, err)
	}
	return nil
}

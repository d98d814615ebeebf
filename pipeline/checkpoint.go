package pipeline

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/quell-stream/quell/internal/wire"
	"github.com/quell-stream/quell/model/nn"
	"github.com/quell-stream/quell/pipeline/state"
)

// cut is a checkpoint that is being taken: everything as of one moment between two
// deliveries. The states are written slice by slice while the worker goes on; that of
// a series which is about to change is written first. So what is kept is what there
// was, and no sample waits for thousands of states.
type cut struct {
	p     *point
	lanes []*lane // whose state is wanted, unless it was written before its turn
}

// pointSlice is how long states are written at a time, and pointRest how long the worker
// then leaves the processor to others, who may have a delivery for it.
const (
	pointSlice = time.Millisecond
	pointRest  = time.Millisecond
)

// checkpoint takes a checkpoint of the present state and hands it to the
// committer, over the next slices; with wait it returns only when it is durable and
// acked.
func (w *worker) checkpoint(hard context.Context, wait bool) error {
	if err := w.finishCut(hard); err != nil {
		return err
	}
	w.lastPoint = time.Now()
	// Before the first assignment nothing is known that is not on the disk, and
	// switches that are there still wait to be obeyed.
	if len(w.parts) == 0 || len(w.open) == 0 && !wait {
		return nil
	}
	if !wait && w.com.busy() {
		return nil
	}
	w.begin()
	if w.cut.p.Calm = !wait; !wait {
		return w.carve(hard, pointSlice)
	}
	w.save(w.cut.lanes)
	p := w.taken()
	defer w.pulse.wait()()
	return w.com.put(hard, p, true)
}

// begin makes the cut: what it holds beside the states, and which states.
func (w *worker) begin() {
	p := &point{after: w.seq - 1, full: w.com.wantsFull(), acks: w.open, Checkpoint: state.Checkpoint{Decided: w.com.decided(), Extra: w.appendExtra(nil)}}
	if w.bank != nil {
		p.calls = w.bank.Calls(w.name)
	}
	p.states = w.arenas.take()
	w.open, p.states.acks = p.states.acks, nil
	for _, q := range w.parts {
		p.Heads = append(p.Heads, w.head(&q))
	}
	p.Entries, w.eng.gonePart = w.eng.gonePart, nil // before those of series that came back
	c := &cut{p: p, lanes: w.cutLanes[:0]}
	for _, l := range w.eng.lanes {
		if l.touched || p.full {
			l.due, l.touched = true, false
			c.lanes = append(c.lanes, l)
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
	p.Entries = slices.Grow(p.Entries, len(c.lanes))
	w.cut, w.cutLanes = c, c.lanes
	w.pointCost = time.Since(w.lastPoint)
}

// carve writes states for about as long as is said, and hands the checkpoint over with
// the last of them.
func (w *worker) carve(hard context.Context, length time.Duration) error {
	c := w.cut
	for begun := time.Now(); len(c.lanes) > 0 && time.Since(begun) < length; {
		n := min(8, len(c.lanes))
		w.save(c.lanes[:n])
		c.lanes = c.lanes[n:]
	}
	if len(c.lanes) > 0 {
		w.rested.Reset(pointRest)
		return nil
	}
	return w.com.put(hard, w.taken(), false)
}

// more is ready when there are states to be written.
func (w *worker) more() <-chan time.Time {
	if w.cut == nil {
		return nil
	}
	return w.rested.C
}

// finishCut hands over what is being taken, if anything is.
func (w *worker) finishCut(hard context.Context) error {
	if w.cut == nil {
		return nil
	}
	w.save(w.cut.lanes)
	w.cut.p.Calm = false // somebody waits for what comes behind it
	return w.com.put(hard, w.taken(), false)
}

// taken returns the point of the cut, whose states are all there.
func (w *worker) taken() *point {
	p := w.cut.p
	clear(w.cutLanes)
	w.cut = nil
	return p
}

// save writes the states of those lanes of the cut that are due.
func (w *worker) save(lanes []*lane) {
	for _, l := range lanes {
		if l.due {
			w.saveOne(l)
		}
	}
}

func (w *worker) saveOne(l *lane) {
	begun := time.Now()
	p := w.cut.p
	l.due = false
	p.Entries = append(p.Entries, w.entry(l, p.states, &p.Checkpoint))
	w.pointCost += time.Since(begun)
}

// changes says that the state of the lane is about to become another one.
func (l *lane) changes() {
	if l.due {
		l.eng.save(l)
	}
	l.touched = true
}

// The stream's own state: fates that no series holds. Those of series given up
// are in their states.
func (w *worker) appendExtra(dst []byte) []byte {
	for _, n := range w.eng.spare {
		dst = wire.I64(dst, n)
	}
	dst = w.eng.appendTimes(wire.String(dst, nn.KernelTier()))
	dst = wire.U64(dst, uint64(len(w.logs)))
	for _, part := range slices.Sorted(maps.Keys(w.logs)) {
		dst = wire.Bytes(wire.String(dst, part), w.logs[part])
	}
	return w.appendMade(dst)
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
	if len(r.Rest()) > 0 { // nor which logs they were
		for range r.Len(16) {
			part, mark := r.String(), r.Bytes()
			w.logs[part] = slices.Clone(mark)
		}
	}
	if len(r.Rest()) > 0 { // nor with which channels they were made
		w.restoreMade(r)
	}
	if err := r.Err(); err != nil {
		return fmt.Errorf("stream %s: saved counters: %w", w.name, err)
	}
	return nil
}

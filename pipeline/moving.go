package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/model/nn"
	"github.com/quell-stream/quell/pipeline/state"
	"github.com/quell-stream/quell/sink"
)

// Partitions that go from process to process, with their state in a store that all of
// them read (StreamConfig.Shared).

// openStore opens where the checkpoints go, and what is known at the start.
func (w *worker) openStore() error {
	files, snap, err := state.Open(w.cfg.StateDir, w.log)
	if err != nil {
		return err
	}
	w.snap = snap
	if w.cfg.Shared == nil {
		w.store = files
		return nil
	}
	// What an earlier version kept here is used for partitions that nothing else is
	// known of. Nothing is written to it.
	w.store, snap.Extra = w.cfg.Shared, nil
	return files.Close()
}

// Checkpoints that go to a log cost the network every state that has changed, some
// 60 KB of a series and channel: writing them takes at most one part in restShare of the
// time, unless that puts them off for longer than restMost.
const (
	restShare = 5
	restMost  = time.Minute
)

// rest is the least time between two checkpoints.
func (w *worker) rest() time.Duration {
	if w.cfg.Shared == nil {
		return w.cfg.Checkpoint
	}
	return max(w.cfg.Checkpoint, min(restShare*time.Duration(w.com.took.Load()), restMost))
}

// rejoin asks the source for another assignment.
func (w *worker) rejoin() error {
	r, is := w.cfg.Source.(ingest.Rejoiner)
	if !is {
		return fmt.Errorf("stream %s: its source can't take its partitions anew", w.name)
	}
	r.Rejoin()
	return nil
}

// take takes over the partitions of a new assignment from the store that all
// processes share. What this process had alone all the time stays as it is.
func (w *worker) take(hard context.Context, a *ingest.Assignment) error {
	given := map[string]bool{}
	for _, p := range a.Parts {
		given[p.Name] = true
	}
	if w.com.over.Swap(false) {
		w.forget(w.discard(given))
	}
	taken, err := w.takeAll(hard, a)
	if errors.Is(err, state.ErrStale) {
		w.lead(0)
		w.com.over.Store(true) // until the next assignment, which is on its way
		a.Resume(fromCommitted(len(a.Parts)))
		return nil
	}
	if err != nil {
		return fmt.Errorf("stream %s: %w", w.name, err)
	}
	kept := map[string]part{}
	for i, p := range a.Parts {
		if j := slices.IndexFunc(w.parts, func(q part) bool { return q.name == p.Name }); j >= 0 && taken[i].Kept {
			kept[p.Name] = w.parts[j]
		}
	}
	w.forget(w.handOver(kept))
	w.parts = w.parts[:0]
	first, term := make([]int64, len(a.Parts)), int64(0)
	for i, p := range a.Parts {
		if p.Number == 0 {
			term = taken[i].Term
		}
		q, ok := kept[p.Name]
		if !ok {
			if q, err = w.inherit(p, &taken[i]); err != nil {
				return err
			}
		}
		if err := w.foretold(p.Name); err != nil {
			return err
		}
		first[i] = q.next
		w.parts = append(w.parts, q)
	}
	// The first head stands before anything is finished by it.
	if err := w.flush(hard); err != nil {
		return err
	}
	if err := w.checkpoint(hard, true); err != nil {
		return err
	}
	if w.com.over.Load() { // it may not stand
		first, term = fromCommitted(len(first)), 0
	}
	w.lead(term)
	a.Resume(first)
	w.log.Info("partitions assigned", "count", len(a.Parts))
	return nil
}

// lead tells the adapter whether it decides on the model that the series of all
// processes share, which it does where this one has the lowest partition: its term is
// that of the partition, else 0.
func (w *worker) lead(term int64) {
	if l, is := w.cfg.Adapter.(Leader); is {
		l.Lead(term)
	}
}

// fromCommitted is the answer to an assignment of which nothing may be finished: each partition
// from where the group has it.
func fromCommitted(n int) []int64 {
	first := make([]int64, n)
	for i := range first {
		first[i] = -1
	}
	return first
}

// How long the store is left alone after an error that may pass: first, and at most.
const (
	takeWait = 50 * time.Millisecond
	takeMost = 5 * time.Second
)

// takeAll asks the store until it answers, the assignment is over, or the worker is to
// stop.
func (w *worker) takeAll(hard context.Context, a *ingest.Assignment) ([]state.Taken, error) {
	defer w.pulse.wait()() // for the network: a state of gigabytes takes its time
	defer w.waits.Store(nil)
	parts := make([]state.Partition, len(a.Parts))
	for i, p := range a.Parts {
		parts[i] = state.Partition{Name: p.Name, Number: p.Number}
	}
	confirm := func(ctx context.Context) error {
		if a.Confirm == nil {
			return nil
		}
		err := a.Confirm(ctx)
		if errors.Is(err, ingest.ErrStale) {
			err = fmt.Errorf("%w: %w", state.ErrStale, err)
		}
		return err
	}
	for wait := takeWait; ; wait = min(2*wait, takeMost) {
		taken, err := w.cfg.Shared.Take(hard, parts, confirm)
		if err == nil || errors.Is(err, state.ErrStale) || errors.Is(err, state.ErrRefused) {
			return taken, err
		}
		w.log.Warn("the state of the partitions can't be had yet", "err", err)
		w.waits.Store(&err)
		if err := w.pause(hard, wait); err != nil {
			return nil, err
		}
		if err := confirm(hard); errors.Is(err, state.ErrStale) {
			return nil, err
		}
	}
}

// pause waits, and answers meanwhile who looks on.
func (w *worker) pause(hard context.Context, wait time.Duration) error {
	over := time.NewTimer(wait)
	defer over.Stop()
	for {
		select {
		case <-over.C:
			return nil
		case <-w.desk.wake:
			w.attend()
		case <-w.halt: // what comes after it has no use for the answer
			return state.ErrStale
		case <-hard.Done():
			return context.Cause(hard)
		}
	}
}

// discard forgets everything that may not be in a checkpoint: it comes again, here or
// to another process. It returns the alerts that may be open of partitions that are
// not given to this process again.
func (w *worker) discard(given map[string]bool) (marks []sink.Mark) {
	w.cfg.Shared.Forget()
	for name, l := range w.eng.lanes {
		if !given[l.part] {
			marks = w.mark(marks, name, l)
		}
		w.eng.remove(l)
	}
	for _, p := range w.parts {
		delete(w.lost, p.name) // its samples are counted anew: see Engine.regain
	}
	w.eng.gonePart = nil
	w.seq-- // the batch that was being filled never was
	w.parts, w.cur, w.open = w.parts[:0], w.newBatch(), nil
	w.eng.empty()
	return marks
}

// mark adds the alert of a lane, if one may be open.
func (w *worker) mark(marks []sink.Mark, series string, l *lane) []sink.Mark {
	if !l.alerts.told {
		return marks
	}
	m := l.told
	m.Alert = w.driftAlert(series)
	return append(marks, m)
}

// handOver takes the series of partitions that are not kept out of the engine, and
// returns the alerts that may be open and are another owner's from now on.
func (w *worker) handOver(kept map[string]part) (marks []sink.Mark) {
	for _, p := range w.parts {
		if _, ok := kept[p.name]; !ok {
			w.lost[p.name] = true
		}
	}
	for name, l := range w.eng.lanes {
		if _, ok := kept[l.part]; !ok {
			marks = w.mark(marks, name, l)
			w.eng.drop(name)
		}
	}
	return marks
}

// inherit goes on with a partition where the process before ended.
func (w *worker) inherit(p ingest.Partition, t *state.Taken) (part, error) {
	q := part{name: p.Name, next: t.Next, from: t.Next, ahead: t.Ahead}
	for _, offset := range t.Ahead {
		q.till = max(q.till, offset)
	}
	if t.Next < 0 {
		// Nothing is known of it, unless to an earlier version of this program.
		next, err := w.restore(p)
		if q.next = next; next < 0 {
			q.next = max(p.Committed, 0)
			w.log.Info("nothing is known of a partition: its series begin anew", "partition", p.Name, "next", q.next)
		}
		w.touchAll(p.Name)
		return q, err
	}
	for name, raw := range t.Models {
		if err := w.bank.put(w.name, name, raw); err != nil {
			return q, fmt.Errorf("stream %s: %w", w.name, err)
		}
	}
	tier, names, err := w.eng.restorePart(p.Name, t.Meta)
	if err != nil {
		return q, fmt.Errorf("stream %s: %w", w.name, err)
	}
	w.note(p.Name, names)
	if is := nn.KernelTier(); tier != is {
		w.log.Warn("the process that had the partition has other kernels: clean values may differ by rounding from those that it would have given", "partition", p.Name, "kernel", is, "was", tier)
	}
	if err := w.revive(p.Name, t.Next, t.Series, t.Switches); err != nil {
		return q, err
	}
	w.touchAll(p.Name)
	w.log.Info("state restored", "partition", p.Name, "next", t.Next, "series", len(t.Series))
	if t.Was != 0 {
		return q, w.scatter(p.Name, fmt.Sprintf("the source has another number of partitions than %d, which it had: series have moved", t.Was))
	}
	return q, nil
}

// touchAll has the next checkpoint hold all series of a partition.
func (w *worker) touchAll(part string) {
	for _, l := range w.eng.lanes {
		if l.part == part {
			l.touched = true
		}
	}
}

// scatter ends the context of every series of a partition: they may be another
// partition's from now on.
func (w *worker) scatter(part, why string) error {
	r := w.eng.partition(part)
	for _, l := range w.eng.sorted() {
		if l.part != part {
			continue
		}
		if err := w.eng.end(l, r.newest, why, why); err != nil {
			return fmt.Errorf("stream %s: %w", w.name, err)
		}
	}
	return nil
}

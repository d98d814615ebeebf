package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/internal/wire"
	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/nn"
	"github.com/quell-stream/quell/pipeline/state"
	"github.com/quell-stream/quell/sink"
	"github.com/quell-stream/quell/window"
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
	first := make([]int64, len(a.Parts))
	for i, p := range a.Parts {
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
		first = fromCommitted(len(first))
	}
	a.Resume(first)
	w.log.Info("partitions assigned", "count", len(a.Parts))
	return nil
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

// takeWait is how long the store is left alone after an error that may pass.
const takeWait = 100 * time.Millisecond

// takeAll asks the store until it answers, the assignment is over, or the worker is to
// stop.
func (w *worker) takeAll(hard context.Context, a *ingest.Assignment) ([]state.Taken, error) {
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
	for {
		taken, err := w.cfg.Shared.Take(hard, parts, confirm)
		if err == nil || errors.Is(err, state.ErrStale) || errors.Is(err, state.ErrRefused) {
			return taken, err
		}
		w.log.Warn("the state of the partitions can't be had yet", "err", err)
		select {
		case <-time.After(takeWait):
		case <-w.halt: // what comes after it has no use for the answer
			return nil, state.ErrStale
		case <-hard.Done():
			return nil, context.Cause(hard)
		}
		if confirm(hard) != nil {
			return nil, state.ErrStale
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
	clear(w.eng.dirty)
	w.eng.dirty = w.eng.dirty[:0]
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
		if err := w.bank.put(name, raw); err != nil {
			return q, fmt.Errorf("stream %s: %w", w.name, err)
		}
	}
	tier, err := w.eng.restorePart(p.Name, t.Meta)
	if err != nil {
		return q, fmt.Errorf("stream %s: %w", w.name, err)
	}
	if is := nn.KernelTier(); tier != is {
		w.log.Warn("the process that had the partition has other kernels: clean values may differ by rounding from those that it would have given", "partition", p.Name, "kernel", is, "was", tier)
	}
	if err := w.revive(p.Name, t.Series, t.Switches); err != nil {
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

// unapplied returns the samples of a delivery that no state reflects yet. The others
// were heard of all the same.
func (w *worker) unapplied(p *part, d *ingest.Delivery) []ingest.Sample {
	if len(p.ahead) == 0 {
		return d.Samples
	}
	if d.Offset < p.from { // another log begins, under the name of the one before
		p.ahead = nil
		return d.Samples
	}
	n := 0
	for i := range d.Samples {
		s := &d.Samples[i]
		if last, ok := p.ahead[s.Series]; ok && d.Offset <= last {
			w.eng.heard(p.name, s, d.Stored)
			continue
		}
		d.Samples[n] = *s
		n++
	}
	return d.Samples[:n]
}

// heard has a sample count for the order in which series were heard of, and for
// nothing else.
func (e *Engine) heard(part string, s *ingest.Sample, stored int64) {
	r := e.partition(part)
	e.advance(r, s, stored)
	if l := e.lanes[s.Series]; l != nil {
		r.touch(l, e.now)
	}
}

// spend counts samples of a partition that no lane holds.
func (e *Engine) spend(part string, why window.Fate, n int64) {
	e.spare[why] += n
	e.partition(part).spare[why] += n
}

// head returns how far a partition has been applied.
func (w *worker) head(q *part) state.Head {
	h := state.Head{Part: q.name, Next: q.next}
	if w.cfg.Shared != nil {
		h.Meta = w.eng.appendPart(nil, q.name)
	}
	return h
}

// entry returns the state of a series, and adds the models that it names to those that
// the checkpoint has at hand.
func (w *worker) entry(l *lane, to *arena, c *state.Checkpoint) state.Entry {
	e := state.Entry{Part: l.part, Series: l.series, State: l.save(to)}
	if w.cfg.Shared == nil {
		return e
	}
	for _, m := range l.models() {
		if !w.bank.embedded(m) {
			e.Models = append(e.Models, m.Name())
			w.bank.know(m)
		}
	}
	c.Model = w.bank.bytes
	return e
}

// models returns the models that the state of a lane names.
func (l *lane) models() (all []*model.Model) {
	add := func(m *model.Model) {
		if m != nil {
			all = append(all, m)
		}
	}
	add(l.mod)
	if l.past != nil {
		for _, s := range l.past.models {
			add(s.m)
		}
	}
	for _, list := range [...][]Switch{l.switches, l.later} {
		for i := range list {
			add(list[i].Model)
		}
	}
	return all
}

// decision returns a switch as the store takes it.
func (w *worker) decision(l *lane, sw *Switch) state.Switch {
	out := state.Switch{Part: l.part, Series: l.series, Data: appendSwitch(nil, sw)}
	if w.cfg.Shared != nil && !w.bank.embedded(sw.Model) {
		out.Model, out.Bytes = sw.Model.Name(), sw.Model.Encode
	}
	return out
}

// partVersion is the first byte of what a head says of a partition.
const partVersion = 1

// appendPart appends what is known of a partition beside its series.
func (e *Engine) appendPart(dst []byte, part string) []byte {
	r := e.partition(part)
	dst = wire.String(wire.U8(dst, partVersion), nn.KernelTier())
	dst = wire.I64(wire.I64(wire.I64(dst, r.newest), r.left.till), int64(r.left.epoch))
	dst = wire.U64(dst, uint64(len(r.spare)))
	for _, n := range r.spare {
		dst = wire.I64(dst, n)
	}
	return dst
}

// restorePart reads it back, and returns the kernel tier that it was written with.
func (e *Engine) restorePart(part string, src []byte) (tier string, err error) {
	rd := wire.NewReader(src)
	if v := rd.U8(); rd.Err() == nil && v != partVersion {
		return "", fmt.Errorf("the saved state of partition %s has version %d, this program reads %d", part, v, partVersion)
	}
	tier = rd.String()
	r := e.partition(part)
	newest, gone := rd.I64(), left{till: rd.I64(), epoch: rd.Int()}
	var spare window.Fates
	for i := range rd.Len(8) {
		if n := rd.I64(); i < len(spare) {
			spare[i] = n
		}
	}
	if err := rd.Err(); err != nil {
		return "", fmt.Errorf("the saved state of partition %s: %w", part, err)
	}
	r.newest, r.left = newest, gone
	for i, n := range spare { // in the place of what was counted of it before
		e.spare[i] += n - r.spare[i]
	}
	r.spare = spare
	return tier, nil
}

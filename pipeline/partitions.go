package pipeline

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/pipeline/state"
	"github.com/quell-stream/quell/sink"
)

// assign takes over the partitions of a new assignment.
func (w *worker) assign(hard context.Context, a *ingest.Assignment) error {
	// Everything of the old assignment becomes durable first: what is lost here
	// can then be taken up by its next owner from the offsets committed.
	if err := w.flush(hard); err != nil {
		return err
	}
	if err := w.checkpoint(hard, true); err != nil {
		return err
	}
	if w.cfg.Shared != nil {
		return w.take(hard, a)
	}
	had := make(map[string]int64, len(w.parts))
	for _, p := range w.parts {
		had[p.name] = p.next
	}
	w.parts = w.parts[:0]
	first := make([]int64, len(a.Parts))
	keep := make(map[string]bool, len(a.Parts))
	over := 0 // series taken over from other partitions
	for i, p := range a.Parts {
		keep[p.Name] = true
		next, ok := had[p.Name]
		if !ok {
			var err error
			if next, err = w.restore(p); err != nil {
				return err
			}
			if w.cfg.OneLog {
				if over, err = w.takeOver(p.Name); err != nil {
					return err
				}
			}
		}
		next = w.known(p, next)
		// A wanted offset before the committed one is what a kill leaves behind.
		if err := w.foretold(p.Name); err != nil {
			return err
		}
		first[i] = next
		w.parts = append(w.parts, part{name: p.Name, next: max(next, 0)})
	}
	w.forget(w.giveUp(keep, had))
	if over > 0 {
		if err := w.settleOver(hard); err != nil {
			return err
		}
	}
	a.Resume(first)
	w.log.Info("partitions assigned", "count", len(a.Parts))
	return nil
}

// known returns the next offset of a partition, which is the start where the log of its name
// is another one than the offset was counted in: with that, rows of the new one would be
// skipped. Its series go on, as they do from one file of a day to the next.
func (w *worker) known(p ingest.Partition, next int64) int64 {
	if p.Mark == nil {
		return next
	}
	mark := w.logs[p.Name]
	w.logs[p.Name] = p.Mark
	if mark == nil || next <= 0 || p.Same(mark) { // states of earlier versions have no mark
		return next
	}
	w.log.Warn("this is another file than the one that the state is of: it is read from its start, and its series go on from what is known of them; what is older than that is late",
		"partition", p.Name, "next_of_the_other", next)
	return 0
}

// giveUp takes the series of partitions that went to another owner out of the
// engine, and keeps their states: the partition may come back. It returns the alerts
// that may be open and are the other owner's from now on.
func (w *worker) giveUp(keep map[string]bool, had map[string]int64) (marks []sink.Mark) {
	for name, series := range w.snap.Series { // of an earlier process
		if !keep[name] && !w.lost[name] {
			marks = append(marks, w.marks(series)...)
		}
	}
	for name, next := range had {
		if !keep[name] {
			w.snap.Heads[name], w.snap.Series[name], w.lost[name] = next, map[string][]byte{}, true
		}
	}
	for name, l := range w.eng.lanes {
		if !keep[l.part] {
			marks = w.mark(marks, name, l)
			w.snap.Series[l.part][name] = l.appendState(nil)
			w.eng.drop(name)
		}
	}
	return marks
}

// restore brings a partition's series back and returns its next offset, -1 if
// nothing is known of it.
func (w *worker) restore(p ingest.Partition) (int64, error) {
	partName := p.Name
	next, ok := w.snap.Heads[partName]
	if !ok {
		return -1, nil
	}
	states, switches := w.snap.Series[partName], w.snap.Switches
	delete(w.snap.Heads, partName)
	delete(w.snap.Series, partName)
	w.snap.Switches = slices.DeleteFunc(slices.Clone(switches), func(s state.Switch) bool { return s.Part == partName })
	if p.Committed > next {
		// Another owner has gone on from here, or this state is an old one. With it
		// the series would fill what others have measured.
		delete(w.made, partName)
		w.log.Warn("the saved state of a partition is behind what was finished since: its series start anew",
			"partition", partName, "state", next, "committed", p.Committed, "series", len(states))
		if !w.lost[partName] {
			w.forget(w.marks(states))
		}
		return -1, nil
	}
	w.log.Info("state restored", "partition", partName, "next", next, "series", len(states))
	return next, w.revive(partName, next, states, switches)
}

// revive brings the series of a partition back, and has their switches obeyed. next is the
// first offset that the states do not reflect.
func (w *worker) revive(partName string, next int64, states map[string][]byte, switches []state.Switch) error {
	lanes, err := w.restoreLanes(partName, next, states)
	if err != nil {
		return err
	}
	var open []string // alerts
	for _, l := range lanes {
		if l.alerts.told {
			open = append(open, w.driftAlert(l.series))
		}
		if w.lost[partName] {
			w.eng.regain(l)
		}
	}
	w.eng.adopt(partName, lanes)
	w.remember(open)
	for _, s := range switches {
		if _, had := states[s.Series]; s.Part != partName || had && w.eng.lanes[s.Series] == nil { // it begins anew
			continue
		}
		sw, err := readSwitch(s.Series, s.Data, w.bank)
		if err != nil {
			return fmt.Errorf("stream %s: %w", w.name, err)
		}
		if err := w.eng.Obey(partName, sw); err != nil {
			return fmt.Errorf("stream %s: %w", w.name, err)
		}
	}
	return nil
}

// restoreLanes returns the lanes of the states of a partition.
func (w *worker) restoreLanes(partName string, next int64, states map[string][]byte) ([]*lane, error) {
	if w.otherwise(partName, states) {
		return w.recast(partName, next, states)
	}
	delete(w.made, partName)
	lanes := make([]*lane, 0, len(states))
	for _, series := range slices.Sorted(maps.Keys(states)) {
		l, err := restoreLane(w.eng, partName, series, states[series], w.bank)
		if err != nil {
			return nil, fmt.Errorf("stream %s: %w", w.name, err)
		}
		w.pulse.beat()
		lanes = append(lanes, l)
	}
	w.tellModels(partName, lanes)
	return lanes, nil
}

// tellModels says in the log which lanes are served by another model than before, or than is
// configured.
func (w *worker) tellModels(partName string, lanes []*lane) {
	type change struct {
		was, is string
		kept    bool
	}
	series := map[change]int{}
	for _, l := range lanes {
		if l.was != "" {
			series[change{l.was, l.modelName(), !l.replaced()}]++
		}
	}
	for c, n := range series {
		if c.kept {
			w.log.Warn("series go on with the model that was configured: what is configured now has another look-ahead, stride or scaler than what is known of them; it serves new series, and all of them once the stream is started anew",
				"partition", partName, "model", c.is, "series", n)
			continue
		}
		w.log.Info("the model that is configured serves series in the place of the one that was", "partition", partName, "model", c.is, "was", c.was, "series", n)
	}
}

func (w *worker) owns(name string) bool {
	for i := range w.parts {
		if w.parts[i].name == name {
			return true
		}
	}
	return false
}

package pipeline

import (
	"context"
	"maps"
	"slices"

	"github.com/quell-stream/quell/pipeline/state"
)

// A stream that is filled from recordings and then goes live reads another source than its
// state is of: the same series, in a log of another name.

// takeOver gives the only partition of a source, which was restored, the series that the
// state has of other ones, with their switches and what bounds the keys of those that
// were forgotten. A series that the partition has itself stays as it is. Where the other
// logs were read up to is kept: their source may come back. It returns the number of series.
func (w *worker) takeOver(to string) (int, error) {
	n := 0
	for _, from := range slices.Sorted(maps.Keys(w.snap.Series)) {
		if from == to {
			continue
		}
		states := map[string][]byte{}
		var switches []state.Switch
		for _, sw := range w.snap.Switches {
			if sw.Part == from && w.eng.lanes[sw.Series] == nil {
				sw.Part = to
				switches = append(switches, sw)
			}
		}
		for series, s := range w.snap.Series[from] {
			w.eng.gonePart = append(w.eng.gonePart, state.Entry{Part: from, Series: series})
			if w.eng.lanes[series] == nil {
				states[series] = s
			}
		}
		delete(w.snap.Series, from)
		w.snap.Switches = slices.DeleteFunc(slices.Clone(w.snap.Switches), func(s state.Switch) bool { return s.Part == from })
		w.note(to, w.made[from])
		delete(w.made, from)
		w.eng.merge(to, from)
		if err := w.revive(to, w.snap.Heads[from], states, switches); err != nil {
			return 0, err
		}
		n += len(states)
	}
	if n > 0 {
		w.touchAll(to)
		w.log.Warn("the state is of another source: its series go on from what is known of them, and what is older than that is late", "partition", to, "series", n)
	}
	return n, nil
}

// settleOver makes durable what was taken over, before anything is read: a kill behind it
// finds all series in one partition.
func (w *worker) settleOver(hard context.Context) error {
	if err := w.flush(hard); err != nil {
		return err
	}
	return w.checkpoint(hard, true)
}

// merge has a partition know of its order what another one did, which ends.
func (e *Engine) merge(to, from string) {
	was := e.recent[from]
	if was == nil {
		return
	}
	r := e.partition(to)
	r.newest = max(r.newest, was.newest)
	r.left.till, r.left.epoch = max(r.left.till, was.left.till), max(r.left.epoch, was.left.epoch)
	for i, n := range was.spare { // part of Engine.spare either way
		r.spare[i] += n
	}
	delete(e.recent, from)
}

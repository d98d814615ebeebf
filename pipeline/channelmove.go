package pipeline

import (
	"errors"
	"slices"

	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/sink"
)

// A series whose state was made with other channels, or with the same in another order,
// is restored as it was, by an engine of its own, and what is known of each channel then
// goes to its new place.

// places returns where each channel is among those that were, -1 where it is new.
func places(channels, were []string) []int {
	at := make([]int, len(channels))
	for i, name := range channels {
		at[i] = slices.Index(were, name)
	}
	return at
}

// errNothing says that no channel of a series is known.
var errNothing = errors.New("none of its channels is among those configured")

// moveChannels returns a lane of the engine that goes on as from does, which was restored
// with other channels: at says which of them each channel was, -1: none. The monitor,
// which looks at all channels together, begins anew, and what is remembered for revisions
// of records is forgotten. from is not used any more.
func (e *Engine) moveChannels(from *lane, at []int) (*lane, error) {
	if !slices.ContainsFunc(at, func(k int) bool { return k >= 0 }) {
		return nil, errNothing
	}
	l, err := newLane(e, from.part, from.series)
	if err != nil {
		return nil, err
	}
	l.mark, l.turn, l.life = from.mark, from.turn, from.life
	l.win.Take(from.win, at)
	if err := l.moveModel(from); err != nil {
		e.regroup(l, nil)
		return nil, err
	}
	l.remember()
	for i, k := range at {
		if k >= 0 {
			l.scalers[i], l.held[i], l.heldOK[i] = from.scalers[k], from.held[k], from.heldOK[k]
			l.colours[i], l.announced[i] = from.colours[k], from.announced[k]
		}
	}
	l.emitted, l.switches, l.later = from.emitted, from.switches, from.later
	if err := l.moveStream(from, at); err != nil {
		return nil, err
	}
	l.moveWaiting(from, at)
	l.moveMonitor(from)
	l.touched = true
	return l, nil
}

// moveModel has the lane be served by what serves from, as servedBefore has one whose channels
// are what they were.
func (l *lane) moveModel(from *lane) error {
	if !l.begun && from.rateHz > 0 {
		if err := l.begin(from.rateHz); err != nil {
			return err
		}
	}
	if l.eng.cfg.Window.RateHz == 0 {
		l.rateHz = from.rateHz
	}
	l.was, l.switched = from.was, from.switched
	if name := from.modelName(); name != "" && name != l.modelName() {
		if !from.switched {
			l.was = name
		}
		if from.switched || l.mod == nil || !canFollow(l.mod, from.mod) {
			return l.serve(from.mod)
		}
	}
	return nil
}

// moveStream puts the net and the guard where those of from are.
func (l *lane) moveStream(from *lane, at []int) error {
	if l.stream == nil || from.stream == nil {
		return nil
	}
	in, _ := from.stream.Position()
	had, c := from.columns(), len(from.scalers)
	cols := make([]model.Column, 0, len(had)/c*len(at))
	for ; len(had) > 0; had = had[c:] {
		for _, k := range at {
			if k < 0 {
				cols = append(cols, model.Column{Missing: true, Level: -3})
				continue
			}
			cols = append(cols, had[k])
		}
	}
	l.history.add(cols)
	l.stream.Warm(l.columns(), in)
	switch {
	case l.guard != nil && from.guard != nil:
		l.guard.Take(from.guard.Guard, at)
		if l.replaced() { // what is known of the net is of the one before
			return l.guardOf(l.mod)
		}
	case l.guard != nil:
		l.guard.Begin(in - int64(from.waiting.len()))
	}
	return nil
}

// moveWaiting takes over the slots whose record is not out.
func (l *lane) moveWaiting(from *lane, at []int) {
	own := int64(0)
	for n := range from.waiting.len() {
		was, w := from.waiting.at(n), l.waiting.push()
		w.index, w.time, w.epoch, w.source, w.score, w.state = was.index, was.time, was.epoch, was.source, was.score, was.state
		for i, k := range at {
			if k < 0 {
				w.cells[i] = waitCell{doubt: sink.Good}
				w.cells[i].Missing = ingest.Null
				continue
			}
			if w.cells[i] = was.cells[k]; w.cells[i].Own {
				own++
			}
		}
	}
	l.win.Disown(from.waitingRaw - own)
	l.waitingRaw = own
}

// moveMonitor takes over what was told of drifts, and ends the alert that is open.
func (l *lane) moveMonitor(from *lane) {
	l.alerts, l.told = from.alerts, from.told
	if l.before = from.before; from.watch != nil {
		l.before = from.seen()
	}
	l.retire(l.win.Newest(), "the channels of the series have changed, and its monitor learns anew")
}

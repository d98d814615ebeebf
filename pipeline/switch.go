package pipeline

import (
	"fmt"

	"github.com/quell-stream/quell/model"
)

// Switch is the decision that a series is served by a model from a record on.
// It is made durable before the first record it affects, and obeyed on replay.
type Switch struct {
	Series string
	Record int64 // number of the first record served by the model, counted since the life began
	Life   Life  // that it was decided in: Decide sets it
	Model  *model.Model
	// Why is written into the event; Kind is model.promoted or model.rolled_back.
	Kind, Why string
	// At is the event time of the decision, Unix ns.
	At int64
	// Rebase tells the monitor to take the present as the new normal, once it has
	// seen so many slots, and the scale to forget what was before it: Decide sets Seen.
	Rebase bool
	Seen   int64
}

// Decide schedules a switch for the next record of a series and returns it with
// Record set. It returns false where the series is unknown. The caller makes
// the switch durable before the next Push.
func (e *Engine) Decide(sw Switch) (Switch, bool) {
	l := e.lanes[sw.Series]
	if l == nil {
		return sw, false
	}
	l.drain()
	sw.Record, sw.Life = l.emitted, l.life
	sw.At = l.stamp(sw.Kind)
	if l.watch != nil {
		sw.Seen = l.seen()
	}
	l.schedule(sw)
	return sw, true
}

// stamp returns the time of what was decided on a series: that of its newest sample,
// or later by as little as it takes for no two of a kind to share a key, which would
// have receivers drop the second. It goes by what this process decided alone.
func (l *lane) stamp(kind string) int64 {
	l.drain()
	if epoch := l.win.Epoch(); l.stamps == nil || l.stampsOf != epoch {
		l.stamps, l.stampsOf = map[string]int64{}, epoch
	}
	t := l.win.Newest()
	if was, ok := l.stamps[kind]; ok {
		t = max(t, was+1)
	}
	l.stamps[kind] = t
	return t
}

// Obey schedules a switch that was decided before, on replay. Switches that
// the restored state already holds are ignored. One that was decided after the series
// had been forgotten waits until it is so again.
func (e *Engine) Obey(part string, sw Switch) error {
	l, err := e.lane(part, sw.Series)
	if err != nil || l == nil {
		return err
	}
	l.obey(sw)
	return nil
}

func (l *lane) schedule(sw Switch) {
	l.changes()
	l.switches = append(l.switches, sw)
	if sw.Rebase && l.eng.cfg.Watch {
		l.rebases = append(l.rebases, sw.Seen)
		l.rebase()
	}
	if !l.queued {
		l.queued = true
		l.eng.dirty = append(l.eng.dirty, l)
	}
}

// seen returns the number of slots that the monitors of the lane have seen.
func (l *lane) seen() int64 { return l.before + l.watch.seen }

// rebase has the monitor take the present as the new normal where it is due. The
// model that is to serve was tuned at the scale of what it was tuned on.
// The monitor is ahead of the records by the look-ahead and by what waits for a
// run, so it goes by slots.
func (l *lane) rebase() {
	for l.watch != nil && len(l.rebases) > 0 && l.seen() >= l.rebases[0] {
		l.rebases = l.rebases[:copy(l.rebases, l.rebases[1:])]
		l.watch.rebase(l)
		for i := range l.scalers {
			l.scalers[i].Forget()
		}
	}
}

// applySwitch puts the oldest switch into effect.
func (l *lane) applySwitch() {
	sw := l.switches[0]
	l.switches = l.switches[:copy(l.switches, l.switches[1:])]
	if err := l.takeOver(sw.Model); err != nil {
		// A decision may have been on its way while the rate changed, and a state
		// directory may have been put together by hand. Go on as before.
		l.eng.event(l, sw.At, "model.rolled_back", "warning", err.Error(), nil)
		return
	}
	own, _ := l.eng.cfg.at(l.rateHz)
	l.switched = own == nil || own.Name() != sw.Model.Name()
	l.eng.event(l, sw.At, sw.Kind, "info", sw.Why, map[string]any{"record": sw.Record})
}

// takeOver has a model serve in the place of another. The slots that wait have been
// counted by its look-ahead.
func (l *lane) takeOver(m *model.Model) error {
	if l.mod != nil {
		if err := unlike(m, l.mod); err != nil {
			return fmt.Errorf("%w: the switch is left out", err)
		}
	}
	return l.serve(m)
}

// unlike says why a model can't take the place of one that serves, nil where it can: slots
// wait by how far ahead that looks, and filters by what it looks at for certain.
func unlike(m, of *model.Model) error {
	switch {
	case m.Lookahead() != of.Lookahead():
		return fmt.Errorf("%s looks %d samples ahead, and %s, which serves, %d", m.Name(), m.Lookahead(), of.Name(), of.Lookahead())
	case m.CertainAhead() != of.CertainAhead():
		return fmt.Errorf("%s looks %d samples ahead in any case, and %s, which serves, %d: their strides differ", m.Name(), m.CertainAhead(), of.Name(), of.CertainAhead())
	}
	return nil
}

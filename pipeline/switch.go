package pipeline

import (
	"github.com/quell-stream/quell/model"
)

// Switch is the decision that a series is served by a model from a record on.
// It is made durable before the first record it affects, and obeyed on replay.
type Switch struct {
	Series string
	Record int64 // number of the first record served by the model, counted since the series began
	Model  *model.Model
	// Why is written into the event; Kind is model.promoted or model.rolled_back.
	Kind, Why string
	// At is the event time of the decision, Unix ns.
	At int64
	// Rebase tells the monitor to take the present as the new normal.
	Rebase bool
}

// Decide schedules a switch for the next record of a series and returns it with
// Record set. It returns false where the series is unknown. The caller makes
// the switch durable before the next Push.
func (e *Engine) Decide(sw Switch) (Switch, bool) {
	l := e.lanes[sw.Series]
	if l == nil {
		return sw, false
	}
	sw.Record = l.emitted
	sw.At = l.win.Newest()
	l.schedule(sw)
	return sw, true
}

// Obey schedules a switch that was decided before, on replay. Switches that
// the restored state already holds are ignored.
func (e *Engine) Obey(part string, sw Switch) error {
	l, err := e.lane(part, sw.Series)
	if err != nil || l == nil {
		return err
	}
	if sw.Record >= l.emitted {
		l.schedule(sw)
	}
	return nil
}

func (l *lane) schedule(sw Switch) {
	l.switches = append(l.switches, sw)
	l.touched = true
	if !l.queued {
		l.queued = true
		l.eng.dirty = append(l.eng.dirty, l)
	}
}

// applySwitch puts the oldest switch into effect.
func (l *lane) applySwitch() {
	sw := l.switches[0]
	l.switches = l.switches[:copy(l.switches, l.switches[1:])]
	if err := l.serve(sw.Model); err != nil {
		// The gate only lets models through that fit the stream; a state
		// directory that was put together by hand may not. Go on as before.
		l.eng.event(l, sw.At, "model.rolled_back", "warning", err.Error(), nil)
		return
	}
	if sw.Rebase && l.watch != nil {
		l.watch.rebase(l)
	}
	l.eng.event(l, sw.At, sw.Kind, "info", sw.Why, map[string]any{"record": sw.Record})
}

package pipeline

import (
	"maps"
	"math"
	"time"

	"github.com/quell-stream/quell/internal/wire"
	"github.com/quell-stream/quell/sink"
)

// A series may tell alertBurst events of its alerts at once and one more for each
// alertEvery of event time, and as many remarks (series.reset, noise.colour)
// beside them. What a fine-tune does is told in any case: cool-downs bound it.
const (
	alertBurst = 12
	alertEvery = 10 * time.Minute
)

// bucket counts what was told of late. The zero value is one from which nothing
// was taken.
type bucket struct {
	spent float64
	last  int64 // event time, Unix ns
}

// take says whether one more may be told at time t, and counts it if so. A clock
// that was set back gives nothing back.
func (b *bucket) take(t int64) bool {
	b.spent = math.Max(0, b.spent-math.Max(0, float64(t-b.last))/float64(alertEvery))
	b.last = t
	if b.spent+1 > alertBurst {
		return false
	}
	b.spent++
	return true
}

// alerts is what was told of a series' drifts. A series that flaps is told of up
// to its bound; from there on only the newest state is kept, and told as soon as
// there is room, so that nobody is left with an alert that is over or without
// one that goes on. It depends on event time alone.
type alerts struct {
	drifts, remarks bucket
	told            bool  // an alert is open, as far as anyone was told
	since           int64 // when it opened, Unix ns
	held            *sink.Event
	muted           int64 // events not told since one was
}

// publish hands an event of a series out, as far as its bounds allow.
func (l *lane) publish(e sink.Event) {
	a := &l.alerts
	_, phase := e.Alert()
	switch {
	case phase == sink.Resolve && a.held == nil && a.told && e.Data[stayedAway] == true:
		a.held = &e
	case phase != sink.NoAlert && (a.held != nil || !a.drifts.take(e.Time)):
		l.hold(e, phase)
	case phase != sink.NoAlert:
		l.announce(e, phase)
	case bounded(e.Kind) && !a.remarks.take(e.Time):
		l.mute()
	default:
		l.handOut(e)
	}
}

// stayedAway is the key of the data of a drift.resolved whose level did not come back. It is told
// only once it has been quiet for awaySlots slots and awayTime: what comes before goes on with
// the alert, so that a shift that the monitor is about to name does not end and open again.
const (
	stayedAway = "away"
	awaySlots  = 256
	awayTime   = time.Minute
)

// quiets says whether the event that is held is not to be told yet at time t.
func (l *lane) quiets(t int64) bool {
	e := l.alerts.held
	if _, phase := e.Alert(); phase != sink.Resolve || e.Data[stayedAway] != true {
		return false
	}
	quiet := float64(awayTime)
	if hz := l.win.RateHz(); hz > 0 {
		quiet = max(quiet, awaySlots*1e9/hz)
	}
	return float64(t)-float64(e.Time) < quiet
}

func bounded(kind string) bool { return kind == "series.reset" || kind == "noise.colour" }

func (l *lane) mute() {
	l.alerts.muted++
	if k := l.kept; k != nil {
		k.muted++
		return
	}
	l.eng.muted++
}

// hold keeps an event for when there is room, in place of one that is kept.
func (l *lane) hold(e sink.Event, phase sink.Phase) {
	a := &l.alerts
	if a.held != nil {
		l.mute()
	}
	if a.held = &e; phase == sink.Resolve && !a.told {
		a.held = nil // it came and went untold
		l.mute()
	}
}

// release tells what is held, if there is room by event time t.
func (l *lane) release(t int64) {
	a := &l.alerts
	if a.held == nil || l.quiets(t) || !a.drifts.take(t) {
		return
	}
	e := *a.held
	a.held = nil
	_, phase := e.Alert()
	l.announce(e, phase)
}

// announce tells an event of an alert, under the kind that continues what was
// told before.
func (l *lane) announce(e sink.Event, phase sink.Phase) {
	a := &l.alerts
	switch {
	case phase == sink.Resolve:
		a.told = false
	case a.told:
		e.Kind = "drift.updated"
	default:
		e.Kind, a.told, a.since = "drift.opened", true, e.Time
	}
	l.told.Epoch, l.told.Time = e.Epoch, e.Time
	e.ID = sink.EventKey(e.Stream, e.Series, e.Epoch, e.Kind, e.Time)
	e.Data = maps.Clone(e.Data)
	if e.Data == nil {
		e.Data = map[string]any{}
	}
	e.Data["since"] = string(sink.AppendTime(nil, a.since))
	if a.muted > 0 {
		e.Data["muted"] = a.muted
		a.muted = 0
	}
	l.handOut(e)
}

func (a *alerts) appendState(dst []byte) []byte {
	for _, b := range [...]*bucket{&a.drifts, &a.remarks} {
		dst = wire.I64(wire.F64(dst, b.spent), b.last)
	}
	dst = wire.I64(wire.I64(wire.Bool(dst, a.told), a.since), a.muted)
	if dst = wire.Bool(dst, a.held != nil); a.held != nil {
		dst = wire.Bytes(dst, sink.AppendEvent(nil, a.held))
	}
	return dst
}

func (a *alerts) restoreState(r *wire.Reader) {
	for _, b := range [...]*bucket{&a.drifts, &a.remarks} {
		b.spent, b.last = r.F64(), r.I64()
	}
	a.told, a.since, a.muted = r.Bool(), r.I64(), r.I64()
	if !r.Bool() {
		return
	}
	text := r.Bytes()
	if r.Err() != nil {
		return
	}
	e, err := sink.ParseEvent(text)
	if err != nil {
		r.Fail(err)
		return
	}
	a.held = e
}

package pipeline

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/quell-stream/quell/internal/wire"
	"github.com/quell-stream/quell/pipeline/state"
	"github.com/quell-stream/quell/sink"
)

// expire forgets the series of a partition that were not heard of for StateTTL of
// the partition's event time. It comes before each sample, so that which sample
// finds a series forgotten follows from the partition alone.
func (e *Engine) expire(r *recency) {
	ttl := int64(e.cfg.StateTTL)
	for l := r.front; ttl > 0 && l != nil && r.newest != noMark; l = r.front {
		if l.mark == noMark { // only wrong clocks had spoken
			l.mark = r.newest
		}
		if r.newest-l.mark <= ttl {
			return
		}
		e.evict(l, r.newest)
	}
}

// evict finalises what waits of a series, as a long gap would, and forgets it. Its
// samples stay counted; t is the event time at which that is found.
func (e *Engine) evict(l *lane, t int64) {
	l.win.End(fmt.Sprintf("forgotten after more than %v without a sample", e.cfg.StateTTL), l)
	l.run()
	l.retire(t, fmt.Sprintf("the series sent nothing for %v and is forgotten", time.Duration(t-l.win.Newest()).Round(time.Second)))
	f := l.fates()
	e.spare.Add(&f)
	l.switches, l.rebases = nil, nil // the lane may still be among those that Run looks at
	e.remove(l)
	e.gonePart = append(e.gonePart, state.Entry{Part: l.part, Series: l.series})
	e.evicted++
}

// remove takes a lane out of the engine.
func (e *Engine) remove(l *lane) {
	l.leave()
	delete(e.lanes, l.series)
	e.regroup(l, nil)
	if e.cfg.Tap != nil {
		e.cfg.Tap.Dropped(l.series)
	}
}

// retire tells that an alert is over whose monitor is forgotten: nobody else ever
// would.
func (l *lane) retire(t int64, why string) {
	a := &l.alerts
	held := a.held
	a.held = nil
	if !a.told {
		if held != nil {
			l.mute()
		}
		return
	}
	if held != nil {
		if _, phase := held.Alert(); phase == sink.Resolve {
			l.announce(*held, phase)
			return
		}
		l.mute()
	}
	l.announce(sink.Event{
		Time: t, Stream: l.eng.cfg.Stream, Series: l.series, Epoch: l.win.Epoch(), Kind: "drift.resolved", Severity: "info",
		Why: why, Model: l.modelName(), Data: map[string]any{"kind": l.state},
	}, sink.Resolve)
}

// appendTimes appends how far each partition has come.
func (e *Engine) appendTimes(dst []byte) []byte {
	dst = wire.U64(dst, uint64(len(e.recent)))
	for _, part := range slices.Sorted(maps.Keys(e.recent)) {
		dst = wire.I64(wire.String(dst, part), e.recent[part].newest)
	}
	return dst
}

func (e *Engine) restoreTimes(r *wire.Reader) {
	for range r.Len(16) {
		part, newest := r.String(), r.I64()
		if r.Err() == nil {
			e.partition(part).newest = newest
		}
	}
}

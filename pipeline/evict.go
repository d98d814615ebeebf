package pipeline

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/quell-stream/quell/internal/wire"
	"github.com/quell-stream/quell/pipeline/state"
	"github.com/quell-stream/quell/sink"
	"github.com/quell-stream/quell/window"
)

// evictMost bounds the series that one sample has forgotten, so that none has to wait
// for thousands of them where a whole plant was silent.
const evictMost = 2

// expire forgets series of a partition that were not heard of for StateTTL of the
// partition's event time, those silent for longest first. It comes before each sample:
// which one finds a series forgotten follows from the partition alone.
func (e *Engine) expire(r *recency) error {
	for n := 0; n < evictMost && r.front != nil && e.expired(r, r.front); n++ {
		if err := e.evict(r.front, r.newest); err != nil {
			return err
		}
	}
	return nil
}

// expired says that a series is to be forgotten, by the samples of a partition.
func (e *Engine) expired(r *recency, l *lane) bool {
	if e.cfg.StateTTL <= 0 || l.of != r || r.newest == noMark {
		return false
	}
	if l.mark == noMark { // only wrong clocks had spoken
		l.changes()
		l.mark = r.newest
	}
	return r.newest-l.mark > int64(e.cfg.StateTTL)
}

// evict finalises what waits of a series, as a long gap would, and forgets it. Its
// samples stay counted; t is the event time at which that is found.
func (e *Engine) evict(l *lane, t int64) error {
	return e.end(l, t, fmt.Sprintf("forgotten after more than %v without a sample", e.cfg.StateTTL),
		fmt.Sprintf("the series sent nothing for %v and is forgotten", time.Duration(t-l.win.Newest()).Round(time.Second)))
}

// end finalises what waits of a series, and forgets it: reset tells why its context
// ends, and resolved why an open alert is over.
func (e *Engine) end(l *lane, t int64, reset, resolved string) error {
	l.changes()
	l.drain()
	l.win.End(reset, l)
	l.run()
	e.partition(l.part).left.add(l, l.retire(t, resolved))
	f := l.fates()
	e.spare.Add(&f)
	e.partition(l.part).spare.Add(&f)
	l.switches, l.rebases = nil, nil // the lane may still be among those that Run looks at
	e.remove(l)
	e.gonePart = append(e.gonePart, state.Entry{Part: l.part, Series: l.series})
	e.evicted++
	return e.succeed(l)
}

// add takes in a lane of which all records are out, and which told something last of a
// time, noMark: nothing.
func (f *left) add(l *lane, told int64) {
	f.till = max(f.till, l.mark, l.rec.Time, told) // a slot may lie after its sample
	f.epoch = max(f.epoch, l.win.Epoch()+1)
}

// greet has a series that took no sample yet begin in the highest epoch of those that were
// forgotten: it may be one of them, and who takes an event of an epoch below for an old
// one must not miss it. Where its first sample is from a time that such a series may have
// records of, as when it is sent again from a backup, it begins in an epoch that none
// had, so that no key is told twice.
func (f *left) greet(l *lane, t int64) {
	epoch := f.epoch - 1
	if t <= f.till {
		epoch = f.epoch
	}
	if epoch <= 0 || !l.fresh() {
		return
	}
	if l.drain(); l.fresh() {
		l.win.BeginIn(epoch)
	}
}

// fresh says that a lane has taken no sample yet, of those that it has looked at.
func (l *lane) fresh() bool {
	f := l.win.Fates()
	return f.In() == f[window.Quarantined]
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
// would. It returns the time that it told it of, noMark where it told nothing of t.
func (l *lane) retire(t int64, why string) int64 {
	a := &l.alerts
	held := a.held
	a.held = nil
	if !a.told {
		if held != nil {
			l.mute()
		}
		return noMark
	}
	if held != nil {
		if _, phase := held.Alert(); phase == sink.Resolve {
			l.announce(*held, phase)
			return noMark
		}
		l.mute()
	}
	l.announce(sink.Event{
		Time: t, Stream: l.eng.cfg.Stream, Series: l.series, Epoch: l.win.Epoch(), Kind: "drift.resolved", Severity: "info",
		Why: why, Model: l.modelName(), Data: map[string]any{"kind": l.state},
	}, sink.Resolve)
	return t
}

// appendTimes appends how far each partition has come, and what its forgotten series left.
func (e *Engine) appendTimes(dst []byte) []byte {
	dst = wire.U64(dst, uint64(len(e.recent)))
	for _, part := range slices.Sorted(maps.Keys(e.recent)) {
		r := e.recent[part]
		dst = wire.I64(wire.String(dst, part), r.newest)
		dst = wire.I64(wire.I64(dst, r.left.till), int64(r.left.epoch))
	}
	return dst
}

func (e *Engine) restoreTimes(r *wire.Reader) {
	for range r.Len(32) {
		part, newest, gone := r.String(), r.I64(), left{till: r.I64(), epoch: r.Int()}
		if r.Err() == nil {
			p := e.partition(part)
			p.newest, p.left = newest, gone
		}
	}
}

package pipeline

import (
	"math"

	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/guard"
	"github.com/quell-stream/quell/window"
)

// Late readings whose slot is remembered are taken by it, and the records that they
// change are given out again with rev+1: by the model that served them, over the
// input as it is now, on the scale that their slots had, with the interval
// correction and the share of earlier cycles that they had. The context is
// repaired, so that what follows rests on the readings too. Scaler, evidence,
// monitor and replay buffer have seen what they have seen.
//
// The readings of one call of Engine.Push are told together, at its end, or before
// the next slot closes.

// late takes a reading whose slot has closed, where it is remembered and has none of
// the channel.
func (l *lane) late(in ingest.Sample, k int64) window.Fate {
	l.run() // which records are out must not hang on how the input was cut
	w := l.slotAt(k)
	if w == nil {
		return window.Late
	}
	c := &w.cells[in.Channel]
	switch {
	case !c.Own:
	case c.At != in.Time:
		return window.Late
	case c.Value == in.Value && c.Missing == in.Missing:
		return window.Duplicate
	default:
		return window.Conflicting
	}
	w.changed = w.changed || c.Held || in.Missing != c.Missing
	c.Cell = window.Cell{Value: in.Value, At: in.Time, Missing: in.Missing, Own: true}
	if in.TimeSource > w.source {
		w.source, w.changed = in.TimeSource, true
	}
	l.waitingRaw++
	l.past.late = append(l.past.late, lateReading{k, in.Channel})
	return window.Raw
}

// revise repairs the context with the late readings that were taken, and gives out
// the records that they change.
func (l *lane) revise() {
	if l.past == nil || len(l.past.late) == 0 {
		return
	}
	from, to := l.past.late[0].slot, int64(0)
	for _, r := range l.past.late {
		if r.slot < l.past.end() {
			l.waitingRaw--
		}
		from, to = min(from, r.slot), max(to, l.amend(r)+1)
	}
	l.repair()
	l.recompute(from, to)
	l.past.late = l.past.late[:0]
}

// amend puts a late reading into the input of the net, and has it stand for what is
// missing after it. It returns the last slot that it changes.
func (l *lane) amend(r lateReading) int64 {
	w, ch := l.slotAt(r.slot), r.channel
	c := &w.cells[ch]
	if end := l.past.end(); r.slot < end {
		width := int64(len(l.scalers))
		l.past.raws[int64(len(l.past.raws))-(end-r.slot)*width+int64(ch)] = reading(c)
	}
	l.standIn(w)
	if !c.Valid() {
		return r.slot
	}
	value, at := c.Value, c.At
	last := r.slot
	for k := r.slot; w != nil; k++ {
		c := &w.cells[ch]
		if k > r.slot && c.Valid() {
			return last
		}
		l.input(k, w, ch, value)
		if k > r.slot && !c.Own && !w.empty() && w.time-at <= int64(l.eng.cfg.Window.Hold) {
			c.Value, c.At, c.Held, w.changed = value, at, true, true
		}
		last = k
		w = l.slotAt(k + 1)
	}
	l.held[ch], l.heldOK[ch] = value, true // nothing newer has come of the channel
	return last
}

// standIn has earlier readings stand for the channels without one in a slot that was
// empty before.
func (l *lane) standIn(w *waitSlot) {
	most := int64(l.eng.cfg.Window.Hold)
	for i := range w.cells {
		c := &w.cells[i]
		for k := w.index - 1; most > 0 && !c.Own && !c.Held; k-- {
			s := l.slotAt(k)
			if s == nil || w.time-s.time > most+int64(1e9/l.rateHz) {
				break
			}
			if e := &s.cells[i]; e.Valid() {
				if w.time-e.At <= most {
					c.Value, c.At, c.Held = e.Value, e.At, true
				}
				break
			}
		}
	}
}

func (w *waitSlot) empty() bool {
	for i := range w.cells {
		if w.cells[i].Own {
			return false
		}
	}
	return true
}

// input sets what the net sees of a channel in a closed slot to a value, which is
// its own reading or stands for the one that is missing.
func (l *lane) input(k int64, w *waitSlot, ch int, value float64) {
	wc := &w.cells[ch]
	if !wc.scale.Known() {
		return
	}
	x := float32(min(max((value-wc.scale.Mean)/wc.scale.Dev, -l.limit), l.limit))
	wc.x = float64(x)
	if l.stream == nil {
		return
	}
	if i := l.history.len() - int(l.closed()-k)*len(l.scalers) + ch; i >= 0 {
		l.history.set(i, x, !wc.Valid())
	}
}

// repair has stream and filters go on as if the late readings had come in time.
func (l *lane) repair() {
	if l.stream == nil {
		return
	}
	in, _ := l.stream.Position()
	l.stream.Warm(l.columns(), in)
	if l.guard == nil {
		return
	}
	l.guard.second = nil
	base := l.closed() - in
	read := l.guard.Slot() + int64(l.guard.Pending())
	done := make([]bool, len(l.scalers))
	for _, r := range l.past.late {
		if !done[r.channel] {
			done[r.channel] = true
			first, ys := l.readings(r.channel, read+base-guard.Settled-guard.MaxLookahead-1, read+base)
			l.guard.Refilter(r.channel, first-base, ys)
		}
	}
}

// recompute gives out the records again that inputs from..to-1 change.
func (l *lane) recompute(from, to int64) {
	p := l.past
	if p.slots.len() == 0 {
		return
	}
	for i, s := range p.models {
		until := p.end()
		if i+1 < len(p.models) {
			until = p.models[i+1].from
		}
		first := max(s.from, p.slots.at(0).index)
		if s.m == nil {
			for k := max(first, from); k < min(until, to); k++ {
				l.retell(l.slotAt(k), s.m)
			}
			continue
		}
		l.rerun(s.m, from, to, first, until)
	}
}

// rerun recomputes those of the records first..until-1, all of one model, that
// inputs from..to-1 reach.
func (l *lane) rerun(m *model.Model, from, to, first, until int64) {
	st, err := l.eng.again(m, len(l.scalers))
	if err != nil {
		return // it served, so it has a stream
	}
	reach := int64(st.HistoryLen())
	first, until = max(first, from-reach), min(until, to+reach)
	if first >= until {
		return
	}
	in, _ := l.stream.Position()
	base, c := l.closed()-in, len(l.scalers)
	oldest := l.closed() - int64(l.history.len()/c) // slot of the first column
	if first = max(first, oldest); first >= until {
		return
	}
	// The stream starts early enough for its first output to come no later than the
	// first record.
	split := int(first-oldest) * c
	warm := max(0, split-int(reach)*c)
	last := min(l.closed(), until+reach)
	cols := l.history.part(nil, warm, int(last-oldest)*c)
	st.Warm(cols[:split-warm], first-base)
	_, out := st.Position()
	y := st.Push(cols[split-warm:])
	spread := st.Spread()
	filtered := l.refilter(first, until)
	for k := first; k < until; k++ {
		i := int(k-base-out) * c
		if i+c > len(y) {
			break
		}
		w := l.slotAt(k)
		for ch := range w.ests {
			w.ests[ch].revise(&w.cells[ch], y[i+ch], slot(spread, i, c), ch, filtered[ch], int(k-first), &w.changed)
		}
		l.retell(w, m)
	}
}

// refilter returns, per channel that a filter serves in slots first..until-1, what
// it makes of their readings now, NaN where none serves.
func (l *lane) refilter(first, until int64) [][]float64 {
	all := make([][]float64, len(l.scalers))
	if l.guard == nil {
		return all
	}
	in, _ := l.stream.Position()
	read := l.guard.Slot() + int64(l.guard.Pending()) + l.closed() - in
	for ch, settings := range l.past.filters {
		for i, s := range settings {
			from, to := max(first, s.from), until
			if i+1 < len(settings) {
				to = min(to, settings[i+1].from)
			}
			if from >= to {
				continue
			}
			if all[ch] == nil {
				all[ch] = make([]float64, until-first)
				for k := range all[ch] {
					all[ch][k] = nan
				}
			}
			start, ys := l.readings(ch, from-guard.Settled, min(read, to+guard.MaxLookahead+1))
			x := s.p.Filtered(ys)
			for k := from; k < to && k-start < int64(len(x)); k++ {
				all[ch][k-first] = x[k-start]
			}
		}
	}
	return all
}

// rounding is how far a filter that starts anew may be off one that has run for
// long, in deviations of its error, and both say the same.
const rounding = 1e-6

// revise sets an estimate to what model and filter say now: net at this slot, spread
// and filtered (from the first of them on) if there are any.
func (e *estimate) revise(wc *waitCell, y float32, spread []float32, ch int, filtered []float64, at int, changed *bool) {
	if !e.known || y-y != 0 {
		return
	}
	was := *e
	base, method := wc.scale.Mean+wc.scale.Dev*float64(y), "net"
	if wc.Valid() {
		base = wc.Value - wc.scale.Dev*(wc.x-float64(y))
	}
	if e.filter != "" && wc.Valid() {
		switch {
		case filtered != nil && filtered[at]-filtered[at] == 0:
			base, method = filtered[at], e.filter
			if e.method == method && math.Abs(base-e.alone) <= rounding*e.dev {
				base = e.alone
			}
		case e.method == e.filter: // there is nothing better than what it said
			return
		}
	}
	if spread != nil && e.filter == "" && e.unit > 0 {
		unit := float64(spread[ch])
		e.dev *= unit / e.unit
		e.unit = unit
	}
	if base != e.alone || method != e.method {
		e.clean, e.alone, e.method = base+(e.clean-e.alone), base, method
	}
	*changed = *changed || *e != was
}

// retell gives a slot's record out once more if it has changed.
func (l *lane) retell(w *waitSlot, m *model.Model) {
	if !w.changed {
		return
	}
	w.changed = false
	w.rev++
	r := &l.past.rec
	r.Rev, r.Model, r.Lookahead = w.rev, "", 0
	if m != nil {
		r.Model, r.Lookahead = m.Name(), m.Lookahead()
	}
	fill(r, w, w.ests, w.served, false, l.eng.cfg.Noise)
	l.eng.out.Record(r)
}

// again returns a stream of a model for values that are computed again.
func (e *Engine) again(m *model.Model, channels int) (*model.Stream, error) {
	if e.rerunOf != m {
		st, err := m.NewStream(channels)
		if err != nil {
			return nil, err
		}
		e.rerunOf, e.rerun = m, st
	}
	return e.rerun, nil
}

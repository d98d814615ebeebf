package pipeline

import (
	"slices"

	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/guard"
	"github.com/quell-stream/quell/sink"
)

// past is what a series remembers of its records that are out, so that readings
// that come late can revise them (see revise.go): the latest span slots of the
// present context, and what served them. A nil one remembers nothing.
type past struct {
	span  int
	slots queue // oldest first

	// Readings of the latest slots whose record is out, slot-major, NaN where one is
	// missing: keep slots or more, for filters to settle on before those remembered.
	raws []float64
	keep int

	models  []servedBy   // which model gave out the records, oldest first
	filters [][]filterBy // per channel: which filters did

	late []lateReading // taken, and not yet told
	rec  sink.Record
}

// servedBy is a model that served from a slot on.
type servedBy struct {
	from int64
	m    *model.Model
}

// filterBy are the settings of a filter that served from a slot on, with gaps.
type filterBy struct {
	from int64
	p    guard.Settings
}

// lateReading is a reading that a closed slot took.
type lateReading struct {
	slot    int64
	channel int
}

// remember has the lane keep its past, once the rate of its grid is known, if its
// records are to be revised.
func (l *lane) remember() {
	rate := l.win.RateHz()
	span := l.eng.cfg.Window.Revisable(rate)
	if l.past != nil || span == 0 || rate == 0 {
		return
	}
	c := len(l.scalers)
	l.past = &past{span: span, slots: queue{channels: c}, keep: span + guard.Settled + guard.MaxLookahead, filters: make([][]filterBy, c)}
	l.past.rec = l.rec
	l.past.rec.Values = make([]sink.Value, c)
	l.win.OnLate(l.late)
	l.lengthen()
}

// lengthen has the history reach back as far as revisions need it: what is
// remembered, with all that its oldest record rests on.
func (l *lane) lengthen() {
	if l.past != nil && l.stream != nil {
		l.history.resize(l.past.span + 3*l.stream.HistoryLen())
	}
}

// add remembers a slot whose record was just given out.
func (p *past) add(l *lane, w *waitSlot, served bool) {
	if p == nil {
		return
	}
	if p.slots.len() == p.span {
		p.slots.pop()
		p.prune()
	}
	s := p.slots.push()
	cells, ests := s.cells, s.ests
	*s = *w
	s.cells, s.ests = cells, append(ests[:0], l.estimates...)
	copy(s.cells, w.cells)
	s.served, s.changed, s.rev = served, false, 0
	for i := range w.cells {
		p.raws = append(p.raws, reading(&w.cells[i]))
	}
	if c := len(w.cells); len(p.raws) >= 2*p.keep*c {
		p.raws = p.raws[:copy(p.raws, p.raws[len(p.raws)-p.keep*c:])]
	}
	if n := len(p.models); n == 0 || p.models[n-1].m != l.mod {
		p.models = append(p.models, servedBy{w.index, l.mod})
	}
}

// reading returns the reading of a cell, NaN where it has none.
func reading(wc *waitCell) float64 {
	if wc.Valid() {
		return wc.Value
	}
	return nan
}

// note takes down which filters serve the channels at a slot, before a verdict that
// comes with it.
func (p *past) note(g *laneGuard, slot int64) {
	if p == nil {
		return
	}
	for i, all := range p.filters {
		now, ok := g.Settings(i)
		if n := len(all); ok && (n == 0 || !all[n-1].p.Equal(&now)) {
			p.filters[i] = append(all, filterBy{slot, now})
		}
	}
}

// prune drops what served only slots that are forgotten.
func (p *past) prune() {
	if p.slots.len() == 0 {
		return
	}
	oldest := p.slots.at(0).index
	for len(p.models) > 1 && p.models[1].from <= oldest {
		p.models = p.models[:copy(p.models, p.models[1:])]
	}
	for i, f := range p.filters {
		for len(f) > 1 && f[1].from <= oldest {
			f = slices.Delete(f, 0, 1)
		}
		p.filters[i] = f
	}
}

// reset forgets all: a new context begins.
func (p *past) reset() {
	if p == nil {
		return
	}
	p.slots.head, p.slots.n = 0, 0
	p.raws, p.models, p.late = p.raws[:0], nil, p.late[:0]
	clear(p.filters)
}

// end returns the slot after the newest remembered.
func (p *past) end() int64 {
	if n := p.slots.len(); n > 0 {
		return p.slots.at(n-1).index + 1
	}
	return 0
}

// closed returns the number of slots of the present context that have closed.
func (l *lane) closed() int64 {
	if n := l.waiting.len(); n > 0 {
		return l.waiting.at(n-1).index + 1
	}
	return l.past.end()
}

// slotAt returns a closed slot of the present context, nil where it is remembered
// no more.
func (l *lane) slotAt(k int64) *waitSlot {
	for _, q := range [...]*queue{&l.past.slots, &l.waiting} {
		if q.len() > 0 {
			if i := k - q.at(0).index; i >= 0 && i < int64(q.len()) {
				return q.at(int(i))
			}
		}
	}
	return nil
}

// readings returns the readings of a channel in slots from..to-1, cut to those that
// are known, and the first of these.
func (l *lane) readings(channel int, from, to int64) (first int64, ys []float64) {
	p, c := l.past, len(l.scalers)
	n := int64(len(p.raws) / c)
	end := p.end()
	if first = max(from, end-n); p.slots.len() == 0 && l.waiting.len() > 0 {
		first = max(first, l.waiting.at(0).index)
	}
	for t := first; t < min(to, end); t++ {
		ys = append(ys, p.raws[int(t-(end-n))*c+channel])
	}
	for t := max(first, end); t < min(to, l.closed()); t++ {
		ys = append(ys, reading(&l.slotAt(t).cells[channel]))
	}
	return first, ys
}

package pipeline

import (
	"errors"

	"github.com/quell-stream/quell/internal/wire"
	"github.com/quell-stream/quell/model/guard"
)

// appendState appends what is remembered; nothing where the past is nil.
func (p *past) appendState(dst []byte) []byte {
	if p == nil {
		return dst
	}
	dst = wire.U64(dst, uint64(p.slots.len()))
	for i := range p.slots.len() {
		w := p.slots.at(i)
		dst = wire.I64(wire.Bool(appendWaiting(dst, w), w.served), int64(w.rev))
		for ch := range w.ests {
			dst = w.ests[ch].appendState(dst)
		}
	}
	dst = wire.F64s(dst, p.raws)
	dst = wire.U64(dst, uint64(len(p.models)))
	for _, s := range p.models {
		name := ""
		if s.m != nil {
			name = s.m.Name()
		}
		dst = wire.String(wire.I64(dst, s.from), name)
	}
	for _, f := range p.filters {
		dst = wire.U64(dst, uint64(len(f)))
		for i := range f {
			dst = f[i].p.AppendState(wire.I64(dst, f[i].from))
		}
	}
	return dst
}

// restoreState reads it back, as far as the span is long enough now. Where a model
// is not there any more nothing is remembered. version is that of the lane's state.
func (p *past) restoreState(src []byte, l *lane, bank models, version uint8) error {
	r := wire.NewReader(src)
	for range r.Len(8) {
		w := p.slots.push()
		readWaiting(r, w, version)
		w.served, w.rev, w.changed = r.Bool(), r.Int(), false
		w.ests = make([]estimate, len(w.cells))
		for ch := range w.ests {
			w.ests[ch].restoreState(r)
		}
		if r.Err() != nil {
			return r.Err()
		}
		if n := p.slots.len(); n > 1 && w.index != p.slots.at(n-2).index+1 {
			return errors.New("slots out of order")
		}
		if p.slots.len() > p.span {
			p.slots.pop()
		}
	}
	p.raws = r.F64s(nil)
	there := true
	for range r.Len(16) {
		s, name := servedBy{from: r.I64()}, r.String()
		if l.called(name) {
			s.m = l.mod
		} else if name != "" && r.Err() == nil {
			var err error
			s.m, err = bank.Load(name)
			there = there && err == nil
		}
		p.models = append(p.models, s)
	}
	for ch := range p.filters {
		for range r.Len(8) {
			p.filters[ch] = append(p.filters[ch], filterBy{r.I64(), guard.ReadSettings(r)})
		}
	}
	if r.Err() == nil && (len(p.raws) < p.slots.len()*len(p.filters) || p.slots.len() > 0 && len(p.models) == 0) {
		r.Fail(errors.New("less than its records is there"))
	}
	if !there {
		p.reset()
	}
	return r.Err()
}

func (e *estimate) appendState(dst []byte) []byte {
	dst = wire.Bool(wire.Bool(wire.Bool(dst, e.known), e.coloured), e.cycles)
	for _, v := range [...]float64{e.clean, e.dev, e.alone, e.unit, e.per} {
		dst = wire.F64(dst, v)
	}
	return wire.String(wire.String(wire.F32(dst, e.colour), e.method), e.filter)
}

func (e *estimate) restoreState(r *wire.Reader) {
	e.known, e.coloured, e.cycles = r.Bool(), r.Bool(), r.Bool()
	for _, v := range [...]*float64{&e.clean, &e.dev, &e.alone, &e.unit, &e.per} {
		*v = r.F64()
	}
	e.colour, e.method, e.filter = r.F32(), r.String(), r.String()
}

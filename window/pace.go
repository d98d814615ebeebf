package window

import (
	"errors"
	"fmt"
	"slices"

	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/internal/wire"
)

// off is by how much the spacing of samples must differ from a learnt grid's, either
// way, for the rate to be learnt anew; two spans of LearnFrom samples in a row must
// agree on it.
const (
	off   = 1.5
	agree = 1.25
)

// pace follows the spacing of a series whose rate was learnt, to notice when the
// device sends at another one.
type pace struct {
	channel int     // whose samples count: channels may come in separate messages
	times   []int64 // of the span that is being filled, rising
	step    float64 // ns, that the span before was at where that is off the grid; else 0
	due     float64 // ns, that the grid is to change to; 0: none
}

// push takes the time of a sample, in the order of its series or not, while there is
// room: a newer one makes some. It returns whether the sample is the newest so far.
func (p *pace) push(t int64, room int) bool {
	at, had := slices.BinarySearch(p.times, t)
	newest := at == len(p.times)
	if !had && (at > 0 || newest) && len(p.times) < room {
		p.times = slices.Insert(p.times, at, t)
	}
	return newest
}

// judge sets the step that is due once another span is full: that of the last two
// spans, where it is not that of the grid.
func (p *pace) judge(span int, grid float64) {
	if len(p.times) <= span {
		return
	}
	step, was := stepBetween(p.times), p.step
	p.times = append(p.times[:0], p.times[len(p.times)-1])
	if p.step, p.due = 0, 0; apart(step, grid) < off {
		return
	}
	if p.step = step; was != 0 && apart(step, was) <= agree {
		p.due = step
	}
}

// forget lets go of all times.
func (p *pace) forget() { p.times, p.step, p.due = p.times[:0], 0, 0 }

// apart returns by which factor two steps differ, 1 or more.
func apart(a, b float64) float64 { return max(a/b, b/a) }

// changed ends the context where the samples have another spacing than a learnt grid
// for good, at the first sample behind all slots that wait, of slot k: no slot of the
// new grid may have the time of one of the old. The next slot is the sample's own, on
// a grid of that spacing.
func (s *Series) changed(in *ingest.Sample, k int64, h Handler) bool {
	if s.cfg.RateHz > 0 {
		return false
	}
	p := &s.pace
	if in.Channel == p.channel && p.push(in.Time, 4*s.cfg.LearnFrom) {
		p.judge(s.cfg.LearnFrom, s.step)
	}
	if p.due == 0 || k < s.high {
		return false
	}
	for s.next < s.high {
		s.close(h)
	}
	was := s.RateHz()
	s.step, p.due = p.due, 0
	h.Reset(fmt.Sprintf("the rate is %.6g Hz and no longer %.6g Hz", s.RateHz(), was))
	s.begin(in.Time)
	return true
}

func (p *pace) appendState(dst []byte) []byte {
	dst = wire.U64(wire.F64(wire.F64(wire.I64(dst, int64(p.channel)), p.step), p.due), uint64(len(p.times)))
	for _, t := range p.times {
		dst = wire.I64(dst, t)
	}
	return dst
}

func (p *pace) restoreState(r *wire.Reader) {
	p.channel, p.step, p.due = r.Int(), r.F64(), r.F64()
	if p.due != 0 && !(p.due >= 1) {
		r.Fail(errors.New("slots to come without a length"))
	}
	for range r.Len(8) {
		p.times = append(p.times, r.I64())
	}
}

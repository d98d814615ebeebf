package window

import (
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
}

// push takes the time of a sample, in the order of its series or not, while there is
// room: a newer one makes some.
func (p *pace) push(t int64, room int) {
	at, had := slices.BinarySearch(p.times, t)
	if !had && (at > 0 || len(p.times) == 0) && len(p.times) < room {
		p.times = slices.Insert(p.times, at, t)
	}
}

// judge returns the step that the last two spans are at, once the second one is full,
// where it is not that of the grid; else 0.
func (p *pace) judge(span int, grid float64) float64 {
	if len(p.times) <= span {
		return 0
	}
	step, was := stepBetween(p.times), p.step
	p.times = append(p.times[:0], p.times[len(p.times)-1])
	if p.step = 0; apart(step, grid) < off {
		return 0
	}
	if was == 0 || apart(step, was) > agree {
		p.step = step
		return 0
	}
	return step
}

// apart returns by which factor two steps differ, 1 or more.
func apart(a, b float64) float64 { return max(a/b, b/a) }

// changed ends the context where the samples have another spacing than a learnt grid
// for good. The next slot is the sample's own, on a grid of that spacing.
func (s *Series) changed(in *ingest.Sample, h Handler) bool {
	if s.cfg.RateHz > 0 || in.Channel != s.pace.channel {
		return false
	}
	if s.pace.push(in.Time, 4*s.cfg.LearnFrom); in.Time <= s.newest {
		return false
	}
	step := s.pace.judge(s.cfg.LearnFrom, s.step)
	if step == 0 {
		return false
	}
	for s.next < s.high {
		s.close(h)
	}
	was := s.RateHz()
	s.step = step
	h.Reset(fmt.Sprintf("the rate is %.6g Hz and no longer %.6g Hz", s.RateHz(), was))
	s.begin(in.Time)
	return true
}

func (p *pace) appendState(dst []byte) []byte {
	dst = wire.U64(wire.F64(wire.I64(dst, int64(p.channel)), p.step), uint64(len(p.times)))
	for _, t := range p.times {
		dst = wire.I64(dst, t)
	}
	return dst
}

func (p *pace) restoreState(r *wire.Reader) {
	p.channel, p.step = r.Int(), r.F64()
	for range r.Len(8) {
		p.times = append(p.times, r.I64())
	}
}

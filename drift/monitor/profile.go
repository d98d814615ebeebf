package monitor

import (
	"math"

	"github.com/quell-stream/quell/internal/wire"
)

// segment is how many hops of features are judged together, at least and while
// learning; longest is how many at most.
const (
	segment = 8
	longest = 24
)

// The statistics of a segment.
const (
	statLevel = iota
	statPower // variance over the whole segment
	statNoise
	statMedian // noise by the median
	statDiff   // the first of the lags
	stats      = statDiff + len(lags)
)

// summary is what a channel looked like over a segment; NaN where unknown.
type summary [stats]float64

// profile knows how the segments of one channel usually look, and holds the
// latest hops.
type profile struct {
	ring  [longest]Features
	at    int
	hops  int64
	usual [stats]moments

	// Learnt for the rules on faults.
	samples    int64 // valid
	same       float64
	longestRun int
	longestGap int     // missing samples in a row
	missing    float64 // largest share over a segment
	clip       float64 // likewise
	rail       float64
	learnt     bool
}

func (p *profile) push(f *Features) {
	p.ring[p.at] = *f
	p.at = (p.at + 1) % longest
	p.hops++
}

// latest returns the newest hop.
func (p *profile) latest() *Features { return p.back(0) }

// back returns the hop k hops before the newest.
func (p *profile) back(k int) *Features { return &p.ring[(p.at+longest-1-k)%longest] }

// full says whether there is a whole segment.
func (p *profile) full() bool { return p.hops >= segment }

// mean averages one statistic over the latest hops, weighted by valid samples.
func (p *profile) mean(hops int, get func(*Features) float64) float64 {
	s, n := 0.0, 0.0
	for i := range hops {
		f := p.back(i)
		if v := get(f); !math.IsNaN(v) && f.N > 0 {
			s += v * float64(f.N)
			n += float64(f.N)
		}
	}
	if n == 0 {
		return math.NaN()
	}
	return s / n
}

// summarise describes the latest hops.
func (p *profile) summarise(hops int) summary {
	var s summary
	level := p.mean(hops, func(f *Features) float64 { return f.Level })
	s[statLevel] = level
	s[statPower] = p.mean(hops, func(f *Features) float64 { return f.Spread + (f.Level-level)*(f.Level-level) })
	s[statNoise] = p.mean(hops, func(f *Features) float64 { return f.Noise })
	s[statMedian] = p.mean(hops, func(f *Features) float64 { return f.NoiseMedian })
	for k := range lags {
		s[statDiff+k] = p.mean(hops, func(f *Features) float64 { return f.Diff[k] })
	}
	return s
}

// missingShare returns the share of missing samples of the latest segment.
func (p *profile) missingShare() float64 {
	s := 0.0
	for i := range segment {
		s += p.back(i).Missing
	}
	return s / segment
}

func (p *profile) clipShare() float64 {
	return p.mean(segment, func(f *Features) float64 { return f.Clip })
}

func (p *profile) railShare() float64 {
	return p.mean(segment, func(f *Features) float64 { return f.Rail })
}

// learn takes the newest hop as usual.
func (p *profile) learn() {
	f := p.latest()
	p.samples += int64(f.N)
	p.same += f.Same * float64(f.N)
	p.longestRun = max(p.longestRun, f.Run)
	p.longestGap = max(p.longestGap, f.MissingRun)
	if !p.full() {
		return
	}
	p.missing = max(p.missing, p.missingShare())
	if c := p.clipShare(); c > p.clip {
		p.clip = c
	}
	if c := p.railShare(); c > p.rail {
		p.rail = c
	}
	for i, v := range p.summarise(segment) {
		p.usual[i].add(v)
	}
}

// gap forgets the latest hops.
func (p *profile) gap() { p.ring, p.at, p.hops = [longest]Features{}, 0, 0 }

// flat says that the channel did not move while it was learnt.
func (p *profile) flat() bool { return !(p.usual[statPower].mean > 0) }

func (p *profile) appendState(dst []byte) []byte {
	for i := range p.ring {
		dst = appendFeatures(dst, &p.ring[i])
	}
	dst = wire.I64(wire.U8(dst, uint8(p.at)), p.hops)
	for _, m := range p.usual {
		dst = wire.F64(wire.F64(wire.F64(dst, m.n), m.mean), m.m2)
	}
	dst = wire.F64(wire.I64(dst, p.samples), p.same)
	dst = wire.I64(wire.I64(dst, int64(p.longestRun)), int64(p.longestGap))
	dst = wire.F64(wire.F64(wire.F64(dst, p.missing), p.clip), p.rail)
	return wire.Bool(dst, p.learnt)
}

func (p *profile) restoreState(r *wire.Reader) {
	for i := range p.ring {
		p.ring[i] = readFeatures(r)
	}
	p.at, p.hops = int(r.U8()), r.I64()
	for i := range p.usual {
		p.usual[i] = moments{n: r.F64(), mean: r.F64(), m2: r.F64()}
	}
	p.samples, p.same = r.I64(), r.F64()
	p.longestRun, p.longestGap = r.Int(), r.Int()
	p.missing, p.clip, p.rail = r.F64(), r.F64(), r.F64()
	p.learnt = r.Bool()
	if p.at < 0 || p.at >= longest {
		r.Fail(errForeign)
		p.at = 0
	}
}

func appendFeatures(dst []byte, f *Features) []byte {
	dst = wire.I64(wire.I64(wire.I64(dst, int64(f.N)), int64(f.MissingRun)), int64(f.Run))
	for _, v := range [...]float64{f.Missing, f.Level, f.Spread, f.Noise, f.NoiseMedian, f.Same, f.Rail, f.Clip} {
		dst = wire.F64(dst, v)
	}
	for _, v := range f.Diff {
		dst = wire.F64(dst, v)
	}
	return dst
}

func readFeatures(r *wire.Reader) (f Features) {
	f.N, f.MissingRun, f.Run = r.Int(), r.Int(), r.Int()
	for _, p := range [...]*float64{&f.Missing, &f.Level, &f.Spread, &f.Noise, &f.NoiseMedian, &f.Same, &f.Rail, &f.Clip} {
		*p = r.F64()
	}
	for i := range f.Diff {
		f.Diff[i] = r.F64()
	}
	return f
}

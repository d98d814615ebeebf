package monitor

import (
	"math"
	"slices"

	"github.com/quell-stream/quell/internal/wire"
)

// segment is how many hops of features are judged together, at least and while
// learning; longest is how many at most.
const (
	segment = 8
	longest = 24
	// Beyond that, whole segments are kept, so many of them.
	mostBlocks = 16
)

// The statistics of a segment.
const (
	statLevel = iota
	statPower // variance over the whole segment
	statNoise
	statCoarse
	statPulse
	statDiff                         // the first of the lags
	statRatio = statDiff + len(lags) // ln(Diff/power), for all lags but the last
	stats     = statRatio + ratios
	ratios    = len(lags) - 1
)

// summary is what a channel looked like over a segment; NaN where unknown.
type summary [stats]float64

// hop is what a profile keeps of Features: half the size, with roots instead of
// squares so that the range suffices, and the level about the profile's base.
type hop struct {
	n, run, gap                 int32
	missing, rail, clip         float32
	level, spread, noise, pulse float32
	coarse, top, bottom         float32
	peak, alone                 float32
	diff                        [len(lags)]float32
	// Samples at the top and the bottom, and how many came from elsewhere.
	atTop, newTop, atBottom, newBottom int32
}

// profile knows how the segments of one channel usually look, and holds the
// latest hops.
type profile struct {
	base  float64 // the first level seen
	based bool
	ring  [longest]hop
	at    int
	hops  int64
	// Segments that followed each other, newest last at hops/segment.
	blocks [mostBlocks][stats]float32
	usual  [stats]moments

	// Learnt for the rules on faults.
	samples    int64 // valid
	same       float64
	longestRun int
	longestGap int     // missing samples in a row
	missing    float64 // largest share over a segment
	clip       float64 // likewise
	rail       float64
	end        float64 // likewise, over the latest hops: readings at their highest or lowest
	peak       float64 // largest
	peaks      moments // of the hops
	wild       int64   // hops to come that still hold a reading that was no measurement
	wilds      int64   // such hops while learning
	learnt     bool

	plateau     float64 // where the latest run stood that was too long
	stood, left bool    // there was one; it has ended
}

func root(x float64) float32 { return float32(math.Sqrt(x)) }

func square(x float32) float64 { return float64(x) * float64(x) }

func (p *profile) push(f *Features) {
	if !p.based && f.N > 0 {
		p.base, p.based = f.Level, true
	}
	h := &p.ring[p.at]
	*h = hop{n: int32(f.N), run: int32(min(f.Run, math.MaxInt32)), gap: int32(min(f.MissingRun, math.MaxInt32)),
		missing: float32(f.Missing), rail: float32(f.Rail), clip: float32(f.Clip),
		level: float32(f.Level - p.base), spread: root(f.Spread), noise: root(f.Noise), pulse: root(f.Pulse),
		peak: float32(f.Peak), alone: float32(f.Alone),
		coarse: root(f.Coarse), top: float32(f.Top.Value - p.base), bottom: float32(f.Bottom.Value - p.base),
		atTop: int32(f.Top.At), newTop: int32(f.Top.Arrived), atBottom: int32(f.Bottom.At), newBottom: int32(f.Bottom.Arrived)}
	for k := range lags {
		h.diff[k] = root(f.Diff[k])
	}
	p.at = (p.at + 1) % longest
	p.hops++
	if p.hops%segment == 0 {
		s := p.summarise(segment, 0)
		b := &p.blocks[p.hops/segment%mostBlocks]
		for i := range b {
			b[i] = float32(s[i])
		}
	}
}

// latest returns the newest hop.
func (p *profile) latest() *hop { return p.back(0) }

// back returns the hop k hops before the newest.
func (p *profile) back(k int) *hop { return &p.ring[(p.at+longest-1-k)%longest] }

// full says whether there is a whole segment.
func (p *profile) full() bool { return p.hops >= segment }

// average weighs the hops of a stretch by their valid samples.
type average struct{ sum, n float64 }

func (a *average) add(v, n float64) {
	if !math.IsNaN(v) {
		a.sum += v * n
		a.n += n
	}
}

func (a *average) mean() float64 { return a.sum / a.n } // NaN without any

// average describes the latest hops, beyond those that are kept one by one by
// the mean of their segments, so that what is usual of a segment is usual of
// it. It returns how many segments there were.
func (p *profile) average(hops int) (s summary, n float64) {
	if hops <= longest {
		return p.summarise(hops, 0), float64(hops) / segment
	}
	blocks := min((hops-int(p.hops%segment))/segment, mostBlocks)
	var avg [stats]average
	for k := range blocks {
		for i, v := range p.blocks[(p.hops/segment+mostBlocks-int64(k))%mostBlocks] {
			avg[i].add(float64(v), 1)
		}
	}
	for i := range avg {
		s[i] = avg[i].mean()
	}
	return s, float64(blocks)
}

// summarise describes so many hops, the newest of them skip hops back.
func (p *profile) summarise(hops, skip int) summary {
	var s summary
	var avg [statRatio]average
	for i := range hops {
		h := p.back(skip + i)
		n := float64(h.n)
		if n == 0 {
			continue
		}
		avg[statLevel].add(float64(h.level), n)
		avg[statPulse].add(square(h.pulse), n)
		for k, d := range h.diff {
			avg[statDiff+k].add(square(d), n)
		}
	}
	level := avg[statLevel].mean()
	for i := range hops {
		h := p.back(skip + i)
		if h.n > 0 {
			d := float64(h.level) - level
			avg[statPower].add(square(h.spread)+d*d, float64(h.n))
		}
	}
	for i := range avg {
		s[i] = avg[i].mean()
	}
	s[statNoise] = p.noise(hops, skip, func(h *hop) float32 { return h.noise })
	s[statCoarse] = p.noise(hops, skip, func(h *hop) float32 { return h.coarse })
	for k := range ratios {
		s[statRatio+k] = math.NaN()
		if s[statDiff+k] > 0 && s[statPower] > 0 {
			s[statRatio+k] = math.Log(s[statDiff+k] / s[statPower])
		}
	}
	return s
}

// noise is the median over the latest hops of their noise variance, which hops
// with many outliers do not move either. The variance of a hop is skewed, so
// that the median is below the mean; by how much was measured on white noise.
func (p *profile) noise(hops, skip int, of func(*hop) float32) float64 {
	var v [longest]float64
	k, most := 0, 0
	for i := range hops {
		h := p.back(skip + i)
		if x := square(of(h)); h.n > 0 && !math.IsNaN(x) {
			v[k] = x
			most = max(most, int(h.n))
			k++
		}
	}
	if k == 0 {
		return math.NaN()
	}
	slices.Sort(v[:k])
	return (v[(k-1)/2] + v[k/2]) / 2 / max(1-2.2/(float64(most)+1.6), 0.5)
}

// missingShare returns the share of missing samples of the latest segment.
func (p *profile) missingShare() float64 {
	s := 0.0
	for i := range segment {
		s += float64(p.back(i).missing)
	}
	return s / segment
}

// clipShare and railShare are NaN where nothing is valid.
func (p *profile) clipShare() float64 { return p.share(func(h *hop) float32 { return h.clip }) }
func (p *profile) railShare() float64 { return p.share(func(h *hop) float32 { return h.rail }) }

func (p *profile) share(get func(*hop) float32) float64 {
	var a average
	for i := range segment {
		h := p.back(i)
		a.add(float64(get(h)), float64(h.n))
	}
	return a.mean()
}

// A reading counts as no measurement where it stands out by so many times what is
// usual of a hop, as long as no more than one hop in so many holds such a reading.
const (
	wildPeak = 64
	rareWild = 50
)

// outlying says whether the newest hop, or the segment that it ends, holds a reading
// that is no measurement: squares of one would be all that is learnt.
func (p *profile) outlying(f *Features) bool {
	p.wild = max(0, p.wild-1)
	// What stands out is known when its later neighbour is there; at the end of a hop
	// the spread knows first.
	power := p.usual[statPower].mean
	out := p.peaks.mean > 0 && f.Peak > wildPeak*p.peaks.mean || power > 0 && f.Spread > wildPeak*wildPeak*power
	if !p.learnt && p.peaks.n >= segment && out && float64(rareWild*p.wilds) <= p.peaks.n {
		p.wild = segment + settle // differences reach over the next hops
		p.wilds++
	}
	if p.wild > 0 && p.hops%segment == 0 {
		b := &p.blocks[p.hops/segment%mostBlocks]
		for i := range b {
			b[i] = float32(math.NaN())
		}
	}
	return p.wild > 0
}

// learn takes the newest hop as usual. Once something was learnt, what may be
// the beginning of a fault is left out: a run that has not ended, and more
// missing samples than ever.
func (p *profile) learn(f *Features) {
	p.longestRun = max(p.longestRun, f.Past)
	if !p.learnt {
		p.longestRun = max(p.longestRun, f.Run)
		p.longestGap = max(p.longestGap, f.MissingRun)
	} else if f.Run > p.longestRun {
		return
	}
	p.samples += int64(f.N)
	p.same += f.Same * float64(f.N)
	if p.outlying(f) {
		return
	}
	p.peak = max(p.peak, f.Peak)
	p.peaks.add(f.Peak)
	if !p.full() {
		return
	}
	if !p.learnt {
		p.missing = max(p.missing, p.missingShare())
		p.clip = larger(p.clip, p.clipShare())
		p.rail = larger(p.rail, p.railShare())
		p.end = larger(p.end, max(p.atEnd(1).share, p.atEnd(-1).share))
	} else if p.missingShare() > p.missing+0.05 {
		return
	}
	for i, v := range p.summarise(segment, 0) {
		p.usual[i].add(v)
	}
}

// larger returns b if it is larger than a, which NaN is not.
func larger(a, b float64) float64 {
	if b > a {
		return b
	}
	return a
}

// gap forgets the latest hops.
func (p *profile) gap() {
	p.ring, p.at, p.hops = [longest]hop{}, 0, 0
	p.blocks, p.plateau, p.left, p.wild = [mostBlocks][stats]float32{}, 0, false, 0
	p.stood = false
}

// flat says that the channel did not move while it was learnt.
func (p *profile) flat() bool { return !(p.usual[statPower].mean > 0) }

func (p *profile) appendState(dst []byte) []byte {
	dst = wire.Bool(wire.F64(dst, p.base), p.based)
	for i := range p.ring {
		h := &p.ring[i]
		for _, v := range h.counts() {
			dst = wire.F32(dst, math.Float32frombits(uint32(*v)))
		}
		for _, v := range h.floats() {
			dst = wire.F32(dst, *v)
		}
		for _, v := range h.diff {
			dst = wire.F32(dst, v)
		}
	}
	dst = wire.I64(wire.U8(dst, uint8(p.at)), p.hops)
	for i := range p.blocks {
		for _, v := range p.blocks[i] {
			dst = wire.F32(dst, v)
		}
	}
	for _, m := range p.usual {
		dst = wire.F64(wire.F64(wire.F64(dst, m.n), m.mean), m.m2)
	}
	dst = wire.F64(wire.I64(dst, p.samples), p.same)
	dst = wire.I64(wire.I64(dst, int64(p.longestRun)), int64(p.longestGap))
	for _, v := range [...]float64{p.missing, p.clip, p.rail, p.end, p.plateau, p.peak, p.peaks.n, p.peaks.mean, p.peaks.m2} {
		dst = wire.F64(dst, v)
	}
	dst = wire.I64(wire.I64(dst, p.wild), p.wilds)
	return wire.Bool(wire.Bool(wire.Bool(dst, p.stood), p.left), p.learnt)
}

func (h *hop) floats() [12]*float32 {
	return [...]*float32{&h.missing, &h.rail, &h.clip, &h.level, &h.spread, &h.noise, &h.pulse, &h.coarse, &h.top, &h.bottom, &h.peak, &h.alone}
}

func (h *hop) counts() [7]*int32 {
	return [...]*int32{&h.n, &h.run, &h.gap, &h.atTop, &h.newTop, &h.atBottom, &h.newBottom}
}

// restoreState reads a profile back. One of before is taken to have had readings stand
// out alone only.
func (p *profile) restoreState(r *wire.Reader, before bool) {
	p.base, p.based = r.F64(), r.Bool()
	for i := range p.ring {
		h := &p.ring[i]
		for _, v := range h.counts() {
			*v = int32(math.Float32bits(r.F32()))
		}
		for _, v := range h.floats() {
			if v == &h.alone && before {
				*v = h.peak
				continue
			}
			*v = r.F32()
		}
		for k := range h.diff {
			h.diff[k] = r.F32()
		}
	}
	p.at, p.hops = int(r.U8()), r.I64()
	for i := range p.blocks {
		for k := range p.blocks[i] {
			p.blocks[i][k] = r.F32()
		}
	}
	for i := range p.usual {
		p.usual[i] = moments{n: r.F64(), mean: r.F64(), m2: r.F64()}
	}
	p.samples, p.same = r.I64(), r.F64()
	p.longestRun, p.longestGap = r.Int(), r.Int()
	for _, v := range [...]*float64{&p.missing, &p.clip, &p.rail, &p.end, &p.plateau, &p.peak, &p.peaks.n, &p.peaks.mean, &p.peaks.m2} {
		*v = r.F64()
	}
	p.wild, p.wilds = r.I64(), r.I64()
	p.stood, p.left, p.learnt = r.Bool(), r.Bool(), r.Bool()
	if p.at >= longest || p.hops < 0 || p.wild < 0 || p.wilds < 0 {
		r.Fail(errForeign)
		p.at = 0
	}
}

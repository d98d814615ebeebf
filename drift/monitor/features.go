package monitor

import (
	"fmt"
	"math"
	"slices"

	"github.com/quell-stream/quell/internal/wire"
)

// The lags at which Features.Diff holds mean squared differences.
var lags = [...]int{1, 2, 4, 8, 16}

const maxLag = 16

// aloneReach is how far Features.Alone looks to both sides; the ring reaches as far back.
const aloneReach = (maxLag - 4) / 2

// cubes are those of lags that Features.Cube is of, by number.
var cubes = [...]int{2, 3, 4}

// Features are statistics of the raw signal of one channel over one hop. Only
// valid samples count; what needs pairs of samples skips pairs that a missing
// sample breaks, and reaches back over the border of the hop. A statistic
// without any valid samples is NaN.
type Features struct {
	N int // valid samples of the hop

	Missing    float64 // share of missing samples
	MissingRun int     // missing samples in a row up to the end of the hop

	Level  float64 // mean
	Spread float64 // mean squared deviation from Level

	// Noise is the variance σ̂² of white noise under a smooth signal, from the
	// median of the absolute third differences. (Differences remove a smooth
	// signal: von Neumann et al. 1941; third differences have gain 1+9+9+1 = 20.)
	// Isolated outliers hardly move it, frequent jumps do.
	Noise float64
	// Coarse is Noise from third differences over every second sample. White
	// noise moves both alike, whatever is smooth or coloured moves Coarse more.
	Coarse float64
	// Pulse is the mean square of max(0, |x−(a+b)/2| − |a−b|), a and b the
	// neighbours of x. White noise and isolated outliers move it; a jump, which
	// takes the later neighbour along, does not, nor does anything smooth.
	Pulse float64
	// Peak is the largest of what Pulse averages the squares of.
	Peak float64
	// Alone is the largest of them that has none of half its size or more within six
	// samples to either side, 0 without any. An isolated outlier has none, what swings
	// after a blow has: the next crest, or trough. It is told in the hop in which the
	// seventh sample after it comes in.
	Alone float64
	// Diff holds the mean squared difference over 1, 2, 4, 8 and 16 samples (the
	// structure function). White noise adds the same to all of them, 2σ²; any
	// other change of a signal does not.
	Diff [len(lags)]float64
	// Cube holds the mean cubed difference over 4, 8 and 16 samples. What rises as it
	// falls has none, as white noise has, whatever its level.
	Cube [len(cubes)]float64

	Same float64 // share of samples equal to the one before
	Run  int     // identical samples in a row up to the end of the hop
	Past int     // the longest such run that ended in the hop
	Rail float64 // share of samples at or beyond the channel's rails, see SetRails
	Clip float64 // share of samples exactly at the highest or lowest value known for long

	// The ends of what the hop reads: where they are, how many samples are exactly
	// there, and how many of these came from elsewhere.
	Top, Bottom End
}

// End is the highest or lowest reading of a hop; Value is NaN without any.
type End struct {
	Value       float64
	At, Arrived int
}

func (e *End) take(x, last float64, beyond bool) {
	if beyond {
		*e = End{Value: x}
	}
	if x == e.Value {
		e.At++
		if x != last {
			e.Arrived++
		}
	}
}

// Lag1 returns the lag-1 autocorrelation of the first differences: −½ for
// white noise, towards 1 for a smooth signal.
func (f *Features) Lag1() float64 {
	if !(f.Diff[0] > 0) {
		return math.NaN()
	}
	return f.Diff[1]/(2*f.Diff[0]) - 1
}

// Extractor computes the Features of one channel, hop by hop. It allocates
// nothing after NewExtractor and is not safe for concurrent use.
type Extractor struct {
	hop    int
	lo, hi float64 // rails; infinite where there are none

	// The open hop.
	seen, n   int
	sum, sum2 float64 // about base
	base      float64
	d3        []float64 // |third differences|
	d6        []float64 // the same over every second sample
	top       End
	bottom    End
	psum      float64
	peak      float64
	alone     float64
	pn        int
	dsum      [len(lags)]float64
	dn        [len(lags)]int
	csum      [len(cubes)]float64
	same      int
	pairs     int
	rail      int
	clip      int
	past      int
	run, miss int // of the series, not of the hop

	last     float64 // latest valid value
	hasLast  bool
	ring     [maxLag]float64
	valid    [maxLag]bool
	at       int
	max, min float64
	maxAge   int // samples since max and min were set
	minAge   int
}

// NewExtractor returns an extractor for hops of so many samples. It panics if
// hop is below 1.
func NewExtractor(hop int) *Extractor {
	if hop < 1 {
		panic("monitor: hop below 1")
	}
	e := &Extractor{hop: hop, d3: make([]float64, 0, hop), d6: make([]float64, 0, hop), lo: math.Inf(-1), hi: math.Inf(1)}
	e.Reset()
	return e
}

// SetRails tells the ends of the sensor's range, ±Inf (or NaN) where there is none.
func (e *Extractor) SetRails(lo, hi float64) {
	e.lo, e.hi = math.Inf(-1), math.Inf(1)
	if !math.IsNaN(lo) {
		e.lo = lo
	}
	if !math.IsNaN(hi) {
		e.hi = hi
	}
}

// Reset begins anew, as after a gap: no pair reaches back before it, and a hop
// begins here. The rails stay.
func (e *Extractor) Reset() {
	*e = Extractor{hop: e.hop, lo: e.lo, hi: e.hi, d3: e.d3[:0], d6: e.d6[:0], max: math.Inf(-1), min: math.Inf(1)}
}

// hugeInput is where float32, which hops are kept in, has no room for more; no
// reading is that large.
const hugeInput = 1e30

// settled is how many samples an extreme value must have stood for before
// readings equal to it count as clipped; a slow rise in steps sets a new one
// with every step.
const settled = 64

// Push takes the next sample of the channel. A value that is not finite, or
// beyond ±1e30, counts as missing. Every hop samples it returns the features of the hop and true.
func (e *Extractor) Push(raw float64, missing bool) (Features, bool) {
	missing = missing || !(math.Abs(raw) <= hugeInput)
	if missing {
		e.miss++
		raw = 0
	} else {
		e.take(raw)
	}
	e.maxAge++
	e.minAge++
	e.ring[e.at], e.valid[e.at] = raw, !missing
	e.at = (e.at + 1) % maxLag
	e.stand()
	e.seen++
	if e.seen < e.hop {
		return Features{}, false
	}
	f := e.features()
	e.seen, e.n, e.sum, e.sum2, e.psum, e.peak, e.alone, e.pn, e.d3, e.d6 = 0, 0, 0, 0, 0, 0, 0, 0, e.d3[:0], e.d6[:0]
	e.top, e.bottom = End{}, End{}
	e.dsum, e.dn, e.csum = [len(lags)]float64{}, [len(lags)]int{}, [len(cubes)]float64{}
	e.same, e.pairs, e.rail, e.clip, e.past = 0, 0, 0, 0, 0
	return f, true
}

func (e *Extractor) take(x float64) {
	e.miss = 0
	last := e.last
	if !e.hasLast {
		last = math.NaN()
	}
	e.top.take(x, last, e.n == 0 || x > e.top.Value)
	e.bottom.take(x, last, e.n == 0 || x < e.bottom.Value)
	if e.hasLast {
		e.pairs++
		if x == e.last {
			e.same++
			e.run++
		} else {
			e.past = max(e.past, e.run)
			e.run = 1
		}
	} else {
		e.run = 1
	}
	e.last, e.hasLast = x, true
	if e.n == 0 {
		e.base = x
	}
	e.n++
	e.sum += x - e.base
	e.sum2 += (x - e.base) * (x - e.base)
	for k, l := range lags {
		j := (e.at + maxLag - l) % maxLag
		if e.valid[j] {
			d := x - e.ring[j]
			e.dsum[k] += d * d
			e.dn[k]++
			if k >= cubes[0] {
				e.csum[k-cubes[0]] += d * d * d
			}
		}
	}
	j1, j2, j3 := (e.at+maxLag-1)%maxLag, (e.at+maxLag-2)%maxLag, (e.at+maxLag-3)%maxLag
	if e.valid[j1] && e.valid[j2] && e.valid[j3] {
		e.d3 = append(e.d3, math.Abs((x-e.ring[j3])-3*(e.ring[j1]-e.ring[j2])))
	}
	if j4, j6 := (e.at+maxLag-4)%maxLag, (e.at+maxLag-6)%maxLag; e.valid[j2] && e.valid[j4] && e.valid[j6] {
		e.d6 = append(e.d6, math.Abs((x-e.ring[j6])-3*(e.ring[j2]-e.ring[j4])))
	}
	if e.valid[j1] && e.valid[j2] {
		d := standsOut(e.ring[j2], e.ring[j1], x)
		e.psum += d * d
		e.peak = max(e.peak, d)
		e.pn++
	}
	if x <= e.lo || x >= e.hi {
		e.rail++
	}
	switch {
	case x > e.max:
		e.max, e.maxAge = x, 0
	case x == e.max && e.maxAge >= settled:
		e.clip++
	}
	switch {
	case x < e.min:
		e.min, e.minAge = x, 0
	case x == e.min && e.minAge >= settled && e.min != e.max:
		e.clip++
	}
}

// standsOut says how far x stands out of its neighbours.
func standsOut(a, x, b float64) float64 { return max(0, math.Abs(x-(a+b)/2)-math.Abs(a-b)) }

// stand looks whether the reading stands alone whose neighbourhood is complete now.
func (e *Extractor) stand() {
	d := e.pulseAt(aloneReach + 1)
	if d <= e.alone {
		return
	}
	for k := 1; k <= aloneReach; k++ {
		if 2*e.pulseAt(aloneReach+1-k) >= d || 2*e.pulseAt(aloneReach+1+k) >= d {
			return
		}
	}
	e.alone = d
}

// pulseAt returns how far a reading stands out that has so many after it, at least one; 0
// where it or a neighbour is missing.
func (e *Extractor) pulseAt(after int) float64 {
	a, x, b := (e.at+2*maxLag-after-2)%maxLag, (e.at+2*maxLag-after-1)%maxLag, (e.at+2*maxLag-after)%maxLag
	if !e.valid[a] || !e.valid[x] || !e.valid[b] {
		return 0
	}
	return standsOut(e.ring[a], e.ring[x], e.ring[b])
}

// madGain is the median of |N(0,1)|.
const madGain = 0.6744897501960817

func (e *Extractor) features() Features {
	nan := math.NaN()
	n := float64(e.n)
	f := Features{N: e.n, Missing: 1 - n/float64(e.hop), MissingRun: e.miss, Run: e.run, Past: e.past,
		Level: nan, Spread: nan, Noise: whiteVariance(e.d3), Coarse: whiteVariance(e.d6), Pulse: nan,
		Top: End{Value: nan}, Bottom: End{Value: nan}}
	if e.n > 0 {
		f.Top, f.Bottom = e.top, e.bottom
		m := e.sum / n
		f.Level = e.base + m
		f.Spread = max(0, e.sum2/n-m*m)
		f.Rail = float64(e.rail) / n
		f.Clip = float64(e.clip) / n
	}
	if e.pairs > 0 {
		f.Same = float64(e.same) / float64(e.pairs)
	}
	if e.pn > 0 {
		f.Pulse = e.psum / float64(e.pn)
		f.Peak = e.peak
	}
	f.Alone = e.alone
	for k := range lags {
		f.Diff[k] = nan
		if e.dn[k] > 0 {
			f.Diff[k] = e.dsum[k] / float64(e.dn[k])
		}
	}
	for i, k := range cubes {
		f.Cube[i] = nan
		if e.dn[k] > 0 {
			f.Cube[i] = e.csum[i] / float64(e.dn[k])
		}
	}
	return f
}

// whiteVariance returns the variance of white noise whose absolute third
// differences d are, NaN without any. It sorts d.
func whiteVariance(d []float64) float64 {
	k := len(d)
	if k == 0 {
		return math.NaN()
	}
	slices.Sort(d)
	med := (d[(k-1)/2] + d[k/2]) / 2 / madGain
	// The square of the median of so few, and they overlap, is too large on
	// average; the correction was measured on white noise.
	return med * med / 20 / (1 + min(3.9/(float64(k)+0.9), 1.1))
}

// extractorState marks a snapshot, version 4. Those of version 3, which does not know what
// stands alone, and of version 2, which knows no cubes either, are read too: what they
// lack of the open hop begins where they end.
const (
	extractorState  = 0xfe04
	extractorState3 = 0xfe03
	extractorState2 = 0xfe02
)

// AppendState appends a snapshot.
func (e *Extractor) AppendState(dst []byte) []byte {
	dst = wire.U64(dst, extractorState)
	for _, v := range [...]int{e.hop, e.seen, e.n, e.same, e.pairs, e.rail, e.clip, e.past, e.pn, e.run, e.miss, e.at, e.maxAge, e.minAge} {
		dst = wire.I64(dst, int64(v))
	}
	for _, v := range [...]float64{e.lo, e.hi, e.sum, e.sum2, e.base, e.psum, e.peak, e.last, e.max, e.min} {
		dst = wire.F64(dst, v)
	}
	for k := range lags {
		dst = wire.I64(wire.F64(dst, e.dsum[k]), int64(e.dn[k]))
	}
	dst = wire.Bool(dst, e.hasLast)
	for i := range e.ring {
		dst = wire.Bool(wire.F64(dst, e.ring[i]), e.valid[i])
	}
	for _, end := range [...]*End{&e.top, &e.bottom} {
		dst = wire.I64(wire.I64(wire.F64(dst, end.Value), int64(end.At)), int64(end.Arrived))
	}
	return wire.F64(wire.F64s(wire.F64s(wire.F64s(dst, e.d3), e.d6), e.csum[:]), e.alone)
}

// RestoreState reads a snapshot back and returns the rest of src. On an error
// the extractor is unchanged.
func (e *Extractor) RestoreState(src []byte) ([]byte, error) {
	r := wire.NewReader(src)
	mark := r.U64()
	if mark != extractorState && mark != extractorState3 && mark != extractorState2 {
		return nil, fmt.Errorf("monitor: extractor state: %w", errForeign)
	}
	var n Extractor
	for _, p := range [...]*int{&n.hop, &n.seen, &n.n, &n.same, &n.pairs, &n.rail, &n.clip, &n.past, &n.pn, &n.run, &n.miss, &n.at, &n.maxAge, &n.minAge} {
		*p = r.Int()
	}
	for _, p := range [...]*float64{&n.lo, &n.hi, &n.sum, &n.sum2, &n.base, &n.psum, &n.peak, &n.last, &n.max, &n.min} {
		*p = r.F64()
	}
	for k := range lags {
		n.dsum[k], n.dn[k] = r.F64(), r.Int()
	}
	n.hasLast = r.Bool()
	for i := range n.ring {
		n.ring[i], n.valid[i] = r.F64(), r.Bool()
	}
	for _, end := range [...]*End{&n.top, &n.bottom} {
		end.Value, end.At, end.Arrived = r.F64(), r.Int(), r.Int()
	}
	d3, d6 := r.F64s(nil), r.F64s(nil)
	if mark != extractorState2 {
		floats(r, n.csum[:])
	}
	if mark == extractorState {
		n.alone = r.F64()
	}
	if n.hop != e.hop || n.seen < 0 || n.seen >= n.hop || n.at < 0 || n.at >= maxLag || len(d3) > n.hop || len(d6) > n.hop {
		r.Fail(errForeign)
	}
	if err := r.Err(); err != nil {
		return nil, fmt.Errorf("monitor: extractor state: %w", err)
	}
	n.d3, n.d6 = append(make([]float64, 0, n.hop), d3...), append(make([]float64, 0, n.hop), d6...)
	*e = n
	return r.Rest(), nil
}

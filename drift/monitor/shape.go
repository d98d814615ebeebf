package monitor

import (
	"math"

	"github.com/quell-stream/quell/internal/wire"
)

// The shape of a channel is what no white noise moves: by how much more a signal
// varies over 2 to 16 samples than over one, and whether it rises as it falls. Where
// noise is as large as the signal, both may be another signal's while the power, the
// differences and the error of the sentinel are hardly another. Compared are ratios,
// which the number of beats in a stretch, or its amplitude, doesn't move, over far
// longer stretches than the other figures need, once there is a long history.
//
// White noise adds 2σ² to a mean squared difference over any lag, and nothing to a
// mean cube: the third moment of what is symmetric is 0.
const (
	shapeFirst = iota                              // mean squared difference over one sample
	shapeRise                                      // what there is more of it over 2, 4, 8 and 16
	shapeCube  = shapeRise + len(lags) - 1         // mean cubed differences
	shapeParts = shapeCube + len(cubes)            // of what is followed
	shapePairs = shapeParts * (shapeParts + 1) / 2 // of them

	// shapeRing is how many segments a change is looked for in, at least shapeLeast
	// of them. What leaves the ring is learnt, so that a change is found, or not to
	// be found, before it is history.
	shapeRing, shapeLeast = 24, 6
	// shapeKnown is how many segments must have been learnt before anything is said,
	// shapeMost how many count: beyond them the oldest fade.
	shapeKnown, shapeMost = 40, 1024
	// shapeRun is how many segments in a row the dependence of segments is learnt
	// from: their sums vary by more than those of independent ones.
	shapeRun = 4
	// shapeFlat is the square of what doesn't count as a difference.
	shapeFlat = 1e-150
	// shapeWild bounds what one hop counts, in units of its usual size.
	shapeWild = 32
	// shapeLeastRun is how much less than those of independent segments sums may vary:
	// of a beat, a segment that has much of it follows one that has little.
	shapeLeastRun = 0.15
	// shapeNoisy is how much a signal must vary over one sample, in units of what it
	// varies more over eight: a signal to noise ratio of some 7 dB.
	shapeNoisy = 0.25
	// A change that is worth a name moves a ratio of two differences by a quarter, or
	// the skewness of differences by so much and by a third of what it was.
	shapeSkew, shapeShare = 0.25, 0.3
)

var shapeRatio = math.Log(1.25)

// contrast is two parts of which one is compared in units of the other.
type contrast struct{ of, in int }

// contrasts are what is compared. A cube in units of a square changes with the
// amplitude: what is worth a name is decided by the skewness.
var contrasts = [...]contrast{
	{shapeRise, shapeRise + 2}, {shapeRise + 1, shapeRise + 2}, {shapeRise + 2, shapeRise + 3},
	{shapeCube, shapeRise + 1}, {shapeCube + 1, shapeRise + 2}, {shapeCube + 2, shapeRise + 3},
}

// shapeSums are means of the parts.
type shapeSums [shapeParts]float64

// shape follows the shape of one channel. Once per hop it is pushed; it allocates
// nothing.
type shape struct {
	size float64   // usual mean squared difference over 8 samples, 0: none yet
	unit float64   // what it was once there was one: segments are kept in units of it
	open shapeSums // sums over the segment that is being filled
	hops int       // of it

	ring [shapeRing][shapeParts]float32 // latest segments, segment i at i mod shapeRing
	held int64                          // segments in a row in the ring, and before

	n      float64             // segments learnt
	mean   shapeSums           // of them
	one    [shapePairs]float64 // their covariance, times n
	run    [shapePairs]float64 // that of sums of shapeRun in a row, about as many means
	lately [shapeRun][shapeParts]float32
	row    int64 // segments learnt in a row
	plain  int   // looks in a row that showed a change
}

// push takes the features of a hop, and says whether a segment has ended with it. usual:
// what leaves the ring may be learnt.
func (s *shape) push(f *Features, usual bool) bool {
	if f.N == 0 || math.IsNaN(f.Diff[len(lags)-1]) || math.IsNaN(f.Cube[len(cubes)-1]) {
		s.gap()
		return false
	}
	const middle = 3 // of lags: 8 samples
	if s.size == 0 {
		s.size = f.Diff[middle]
	}
	s.size += (min(f.Diff[middle], shapeWild*s.size) - s.size) / 256
	square := shapeWild * s.size
	s.open[shapeFirst] += min(f.Diff[0], square)
	for k := 1; k < len(lags); k++ {
		s.open[shapeRise+k-1] += bounded(f.Diff[k]-f.Diff[0], square)
	}
	for k, c := range f.Cube {
		s.open[shapeCube+k] += bounded(c, square*math.Sqrt(s.size))
	}
	if s.hops++; s.hops < segment {
		return false
	}
	if s.unit == 0 && s.size > shapeFlat {
		s.unit = s.size
	}
	var v shapeSums
	for i := range v {
		unit := s.unit
		if i >= shapeCube {
			unit *= math.Sqrt(s.unit)
		}
		if unit > 0 {
			v[i] = bounded(s.open[i]/segment/unit, hugeInput)
		}
	}
	s.open, s.hops = shapeSums{}, 0
	s.turn(&v, usual)
	return true
}

func bounded(x, most float64) float64 { return min(max(x, -most), most) }

// turn puts a segment into the ring; what leaves it is learnt where it was usual.
func (s *shape) turn(v *shapeSums, usual bool) {
	at := &s.ring[s.held%shapeRing]
	switch {
	case s.held < shapeRing:
	case usual:
		s.learn(at)
	default:
		s.row = 0
	}
	for i := range v {
		at[i] = float32(v[i])
	}
	s.held++
}

// learn takes a segment as usual.
func (s *shape) learn(seg *[shapeParts]float32) {
	s.lately[s.row%shapeRun] = *seg
	s.row++
	s.n++
	keep := 1.0
	if s.n > shapeMost {
		keep, s.n = 1-1.0/shapeMost, shapeMost
	}
	var before, after, sum shapeSums
	for i, v := range seg {
		before[i] = float64(v) - s.mean[i]
		s.mean[i] += before[i] / s.n
		after[i] = float64(v) - s.mean[i]
		for _, l := range s.lately {
			sum[i] += float64(l[i])
		}
		sum[i] -= shapeRun * s.mean[i]
	}
	k := 0
	for i := range before {
		for j := range i + 1 {
			s.one[k] = keep*s.one[k] + before[i]*after[j]
			more := before[i] * after[j]
			if s.row >= shapeRun {
				more = sum[i] * sum[j] / shapeRun
			}
			s.run[k] = keep*s.run[k] + more
			k++
		}
	}
}

// variance returns that of the mean of many segments, times their number, for what
// weighs two parts with 1 and w.
func (s *shape) variance(c contrast, w float64) float64 {
	of := func(m *[shapePairs]float64) float64 {
		return m[pairOf(c.of, c.of)] + 2*w*m[pairOf(c.of, c.in)] + w*w*m[pairOf(c.in, c.in)]
	}
	return max(shapeLeastRun*of(&s.one), of(&s.run)) / s.n
}

func pairOf(i, j int) int {
	if i < j {
		i, j = j, i
	}
	return i*(i+1)/2 + j
}

// gap forgets the latest segments, which nothing follows.
func (s *shape) gap() {
	s.open, s.hops, s.held, s.row, s.plain = shapeSums{}, 0, 0, 0, 0
}

func (s *shape) appendState(dst []byte) []byte {
	dst = wire.F64s(wire.F64(wire.F64(dst, s.size), s.unit), s.open[:])
	dst = wire.U8(dst, uint8(s.hops))
	for i := range s.ring {
		dst = wire.F32s(dst, s.ring[i][:])
	}
	for i := range s.lately {
		dst = wire.F32s(dst, s.lately[i][:])
	}
	dst = wire.F64s(wire.F64s(wire.F64s(wire.F64(dst, s.n), s.mean[:]), s.one[:]), s.run[:])
	return wire.I64(wire.I64(wire.I64(dst, s.held), s.row), int64(s.plain))
}

func (s *shape) restoreState(r *wire.Reader) {
	*s = shape{size: r.F64(), unit: r.F64()}
	floats(r, s.open[:])
	s.hops = int(r.U8())
	for i := range s.ring {
		into32(r, s.ring[i][:])
	}
	for i := range s.lately {
		into32(r, s.lately[i][:])
	}
	s.n = r.F64()
	floats(r, s.mean[:])
	floats(r, s.one[:])
	floats(r, s.run[:])
	s.held, s.row, s.plain = r.I64(), r.I64(), r.Int()
	if s.hops >= segment || s.held < 0 || s.row < 0 || s.plain < 0 || !(s.n >= 0) {
		r.Fail(errForeign)
	}
}

// floats reads as many values as dst holds.
func floats(r *wire.Reader, dst []float64) {
	if v := r.F64s(nil); copy(dst, v) != len(dst) || len(v) != len(dst) {
		r.Fail(errForeign)
	}
}

// into32 is floats of half the size.
func into32(r *wire.Reader, dst []float32) {
	if v := r.F32s(nil); copy(dst, v) != len(dst) || len(v) != len(dst) {
		r.Fail(errForeign)
	}
}

package classic

import (
	"math"

	"github.com/quell-stream/quell/internal/wire"
)

// Thresholds change after 32, 64 and 128 slots and then after each block, as
// the scale of a series does (window.Scaler).
const (
	statBlock  = 256
	statFirst  = 32
	statFine   = 8              // details that tell a noise level
	statMemory = 32 * statBlock // samples; beyond it statistics forget exponentially
)

// surePoints thresholds of SURE are tried, surePer to a deviation; the largest
// is next to the universal one of a block, √(2 ln 256) = 3.33 deviations.
const (
	surePer    = 8
	surePoints = 27
)

// haarStats follows what the thresholds of the levels depend on.
type haarStats struct {
	rule   Rule
	given  float64 // noise deviation, 0 where it is to be estimated
	limits []float64
	scale  []float64 // 1/σ_j, 0 while unknown

	index int64 // slots so far
	sigma float64
	n     float64   // samples in power, with forgetting
	power []float64 // Σ d² per level
	// Σ and number of (d/σ_j)² per level, by the first of the thresholds tried
	// that is not below |d|/σ_j; the last place takes what exceeds them all.
	m      float64
	square [][]float64
	count  [][]float64

	weight, noise float64 // pooled σ̂², and the details that it was made from
	tail          [len(sym8)]float64
	run           int       // values in a row without a gap, up to len(sym8)
	fine          []float64 // |finest details| of the open block
	scratch       []float64
	sums          [][]float64 // square and count
}

func newHaarStats(levels int, rule Rule, sigma float64) haarStats {
	s := haarStats{rule: rule, given: sigma, sigma: sigma,
		limits: make([]float64, levels), scale: make([]float64, levels), power: make([]float64, levels),
		fine: make([]float64, 0, statBlock), scratch: make([]float64, 0, statBlock)}
	if rule == SURE {
		for range levels {
			s.square = append(s.square, make([]float64, surePoints+1))
			s.count = append(s.count, make([]float64, surePoints+1))
		}
	}
	s.sums = append(append(s.sums, s.square...), s.count...)
	s.rescale()
	return s
}

// levelSigma is the deviation of the noise in the details of level j+1.
func levelSigma(sigma float64, j int) float64 { return sigma * math.Pow(2, -.5*float64(j+1)) }

// rescale makes the scales those of sigma.
func (s *haarStats) rescale() {
	for j := range s.scale {
		s.scale[j] = 0
		if s.sigma > 0 {
			s.scale[j] = 1 / levelSigma(s.sigma, j)
		}
	}
}

// detail takes a detail of level j+1 of the slot to come.
func (s *haarStats) detail(j int, d float64) {
	s.power[j] += d * d
	if s.rule != SURE || s.sigma == 0 {
		return
	}
	u := d * s.scale[j]
	k := surePoints
	if a := math.Ceil(math.Abs(u) * surePer); a < surePoints {
		k = int(a)
	}
	s.square[j][k] += u * u
	s.count[j][k]++
}

// sample takes the slot's value, after its details.
func (s *haarStats) sample(x float64, valid bool) {
	s.n++
	if s.rule == SURE && s.sigma > 0 {
		s.m++
	}
	switch {
	case s.given > 0:
	case valid:
		s.fineDetail(x)
	default:
		s.run = 0
	}
	s.index++
	switch i := s.index; {
	case i%statBlock == 0:
		s.weight, s.noise = s.pooled()
		s.weight = min(s.weight, statMemory)
		s.fine = s.fine[:0]
		s.update(s.noise)
		s.forget()
	case i < statBlock && i >= statFirst && i&(i-1) == 0:
		_, noise := s.pooled()
		s.update(noise)
	}
}

// fineDetail takes a value into the details that tell the noise level.
func (s *haarStats) fineDetail(x float64) {
	copy(s.tail[:], s.tail[1:])
	s.tail[len(s.tail)-1] = x
	if s.run++; s.run < len(s.tail) {
		return
	}
	s.run = len(s.tail)
	d, sign := 0.0, 1.0
	for k, h := range sym8 { // the high-pass twin
		d += sign * h * s.tail[k]
		sign = -sign
	}
	s.fine = append(s.fine, math.Abs(d))
}

// pooled returns weight and mean of σ̂² with the open block.
func (s *haarStats) pooled() (weight, noise float64) {
	k := float64(len(s.fine))
	if k < statFine {
		return s.weight, s.noise
	}
	s.scratch = append(s.scratch[:0], s.fine...)
	sigma := medianOf(s.scratch) / .6745
	weight = s.weight + k
	return weight, s.noise + (sigma*sigma-s.noise)*k/weight
}

// update sets the thresholds from all that was seen.
func (s *haarStats) update(noise float64) {
	if s.given == 0 {
		s.sigma = math.Sqrt(noise)
		s.rescale()
	}
	for j := range s.limits {
		sigma := levelSigma(s.sigma, j)
		universal := sigma * math.Sqrt(2*math.Log(statBlock))
		t := universal
		if s.rule == SURE {
			t = sigma * s.leastRisk(j)
		} else if signal := math.Sqrt(max(0, s.power[j]/s.n-sigma*sigma)); signal > 0 {
			t = sigma * sigma / signal
		}
		s.limits[j] = min(t, universal)
	}
}

// leastRisk returns the threshold, in deviations, with the least estimated risk
//
//	n - 2·#{|u| ≤ t} + Σ min(u², t²)
//
// and 0 while nothing was seen.
func (s *haarStats) leastRisk(j int) float64 {
	best, least := 0.0, math.Inf(1)
	inside, square := 0.0, 0.0
	for k := range surePoints {
		inside += s.count[j][k]
		square += s.square[j][k]
		t := float64(k) / surePer
		if risk := square + (s.m-inside)*t*t - 2*inside; risk < least {
			best, least = t, risk
		}
	}
	return best
}

// forget shrinks statistics to the weight of their memory.
func (s *haarStats) forget() {
	shrinkTo(&s.n, s.power)
	shrinkTo(&s.m, s.sums...)
}

// shrinkTo takes the statistics of n samples to those of at most statMemory.
func shrinkTo(n *float64, sums ...[]float64) {
	if *n <= statMemory {
		return
	}
	f := statMemory / *n
	for _, v := range sums {
		for i := range v {
			v[i] *= f
		}
	}
	*n = statMemory
}

func (s *haarStats) reset() {
	s.index, s.sigma, s.n, s.m, s.weight, s.noise, s.run = 0, s.given, 0, 0, 0, 0, 0
	s.tail = [len(sym8)]float64{}
	s.fine = s.fine[:0]
	s.rescale()
	clear(s.limits)
	clear(s.power)
	for j := range s.square {
		clear(s.square[j])
		clear(s.count[j])
	}
}

// slices returns the statistics that have a fixed length.
func (s *haarStats) slices() [][]float64 {
	all := [][]float64{s.limits, s.power, s.tail[:]}
	return append(all, s.sums...)
}

func (s *haarStats) numbers() [5]*float64 {
	return [...]*float64{&s.sigma, &s.n, &s.m, &s.weight, &s.noise}
}

func (s *haarStats) appendState(dst []byte) []byte {
	dst = wire.I64(wire.I64(dst, s.index), int64(s.run))
	for _, v := range s.numbers() {
		dst = wire.F64(dst, *v)
	}
	for _, v := range s.slices() {
		dst = wire.F64s(dst, v)
	}
	return wire.F64s(dst, s.fine)
}

func (s *haarStats) restore(r *wire.Reader) {
	s.index, s.run = r.I64(), r.Int()
	for _, v := range s.numbers() {
		*v = r.F64()
	}
	for _, v := range s.slices() {
		restoreSame(r, v)
	}
	s.rescale()
	fine := r.F64s(nil)
	if s.index < 0 || s.run < 0 || s.run > len(s.tail) || len(fine) > statBlock {
		r.Fail(errOtherFilter)
		return
	}
	s.fine = append(s.fine[:0], fine...)
}

package classic

import (
	"math"

	"github.com/quell-stream/quell/internal/wire"
)

// Butterworth writes to dst what a digital Butterworth low-pass filter of order
// p.Order with cutoff p.Cutoff leaves of y (Butterworth 1930, by the bilinear
// transform with the cutoff prewarped). dst may alias y.
//
// With a limited look-ahead L it is causal, and dst[t] is its output at t+L: L
// samples make up for as many samples of its delay, 0 for none. It starts as if
// y had always been at its first value, and ends as if it stayed at its last.
//
// With Lookahead Full it runs forwards and backwards, so that it delays nothing
// and loses 6 dB at the cutoff (Gustafsson 1996). At both ends y continues over
// 3·(order+1) samples with its odd mirror image, 2·y[0] - y[k], as in SciPy's
// sosfiltfilt; a shorter recording over as many as it has.
func Butterworth(dst, y []float64, p Params) {
	if p.Lookahead != Full {
		runStream(dst, y, p, ButterworthName)
		return
	}
	checkLengths(dst, y)
	p.Family = ButterworthName
	if err := p.Validate(); err != nil {
		panic("classic: " + err.Error())
	}
	z, lead := fill(y)
	noValue(dst[:lead])
	if len(z) > 0 {
		newButter(p.Order, p.Cutoff, 0).bothWays(dst[lead:], z)
	}
}

// section is one second-order section,
//
//	y[t] = b0·x[t] + b1·x[t-1] + b2·x[t-2] - a1·y[t-1] - a2·y[t-2]
//
// of gain 1 at frequency 0, with its memory in the transposed direct form II.
type section struct {
	b0, b1, b2, a1, a2 float64
	z1, z2             float64
}

// steady puts the section where a constant input x leads to.
func (s *section) steady(x float64) {
	s.z2 = (s.b2 - s.a2) * x
	s.z1 = (s.b1-s.a1)*x + s.z2
}

func (s *section) push(x float64) float64 {
	y := float64(s.b0*x) + s.z1
	s.z1 = float64(s.b1*x) - float64(s.a1*y) + s.z2
	s.z2 = float64(s.b2*x) - float64(s.a2*y)
	return y
}

// design returns the sections of a Butterworth low-pass filter. With
// s = (1-z⁻¹)/(1+z⁻¹) and c = tan(π·fc) the pairs of poles of the prototype are
// the roots of s² + 2·sin(π(2k+1)/2n)·c·s + c²; an odd order has one at -c too.
func design(order int, fc float64) []section {
	c := math.Tan(math.Pi * fc)
	var all []section
	if order%2 == 1 {
		all = append(all, section{b0: c / (1 + c), b1: c / (1 + c), a1: (c - 1) / (1 + c)})
	}
	for k := range order / 2 {
		d := 2 * c * math.Sin(math.Pi*float64(2*k+1)/float64(2*order))
		a0 := 1 + d + c*c
		b := c * c / a0
		all = append(all, section{b0: b, b1: 2 * b, b2: b, a1: 2 * (c*c - 1) / a0, a2: (1 - d + c*c) / a0})
	}
	return all
}

// butter is the causal form, and what the other one is made of.
type butter struct {
	sections []section
	ahead    int
	n        int64
	last     float64
}

func newButter(order int, fc float64, ahead int) *butter {
	return &butter{sections: design(order, fc), ahead: ahead}
}

func (b *butter) push(x float64) (float64, bool) {
	if b.n == 0 {
		for i := range b.sections {
			b.sections[i].steady(x)
		}
	}
	b.n++
	b.last = x
	return b.step(x), b.n > int64(b.ahead)
}

func (b *butter) step(x float64) float64 {
	for i := range b.sections {
		x = b.sections[i].push(x)
	}
	return x
}

func (b *butter) finish(dst []float64) []float64 {
	for range b.ahead {
		if y, ok := b.push(b.last); ok {
			dst = append(dst, y)
		}
	}
	return dst
}

func (b *butter) reset() {
	b.n, b.last = 0, 0
	for i := range b.sections {
		b.sections[i].steady(0)
	}
}

func (b *butter) appendState(dst []byte) []byte {
	dst = wire.F64(wire.I64(dst, b.n), b.last)
	for i := range b.sections {
		dst = wire.F64(wire.F64(dst, b.sections[i].z1), b.sections[i].z2)
	}
	return dst
}

func (b *butter) restore(r *wire.Reader) {
	if b.n, b.last = r.I64(), r.F64(); b.n < 0 {
		r.Fail(errOtherFilter)
	}
	for i := range b.sections {
		b.sections[i].z1, b.sections[i].z2 = r.F64(), r.F64()
	}
}

// mirrored returns by how many samples n samples are continued at either end.
func (b *butter) mirrored(n int) int {
	order := 0
	for i := range b.sections {
		order++
		if b.sections[i].a2 != 0 {
			order++
		}
	}
	return min(3*(order+1), n-1)
}

// bothWays filters z forwards and backwards into dst.
func (b *butter) bothWays(dst, z []float64) {
	n := len(z)
	m := b.mirrored(n)
	x := make([]float64, n+2*m)
	copy(x[m:], z)
	for k := 1; k <= m; k++ {
		x[m-k] = 2*z[0] - z[k]
		x[m+n-1+k] = 2*z[n-1] - z[n-1-k]
	}
	b.reset()
	for i, v := range x {
		x[i], _ = b.push(v)
	}
	b.reset()
	for i := len(x) - 1; i >= m; i-- {
		x[i], _ = b.push(x[i])
	}
	b.reset()
	copy(dst, x[m:])
}

// impulse returns n samples of the response to a single 1.
func (b *butter) impulse(n int) []float64 {
	b.reset()
	h := make([]float64, n)
	for i := range h {
		x := 0.0
		if i == 0 {
			x = 1
		}
		h[i] = b.step(x)
	}
	b.reset()
	return h
}

// energy returns Σ h² of the whole impulse response.
func (b *butter) energy() float64 {
	b.reset()
	sum, x := 0.0, 1.0
	for {
		h := b.step(x)
		sum += h * h
		rest := 0.0
		for i := range b.sections {
			rest = max(rest, math.Abs(b.sections[i].z1), math.Abs(b.sections[i].z2))
		}
		if x == 0 && rest < 1e-12*math.Sqrt(sum) {
			b.reset()
			return sum
		}
		x = 0
	}
}

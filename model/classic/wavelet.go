package classic

import (
	"math"
	"math/bits"
)

// sym8 is the low-pass analysis filter of the least asymmetric Daubechies
// wavelet with eight vanishing moments (Daubechies 1992, table 6.3).
var sym8 = [16]float64{
	-0.0033824159510061256, -0.0005421323317911481, 0.03169508781149298, 0.007607487324917605,
	-0.1432942383508097, -0.061273359067658524, 0.4813596512583722, 0.7771857517005235,
	0.3644418948353314, -0.05194583810770904, -0.027219029917056003, 0.049137179673607506,
	0.003808752013890615, -0.01495225833704823, -0.0003029205147213668, 0.0018899503327594609,
}

// sym8High returns the high-pass twin of sym8: reversed, with alternating signs.
func sym8High() (g [len(sym8)]float64) {
	sign := -1.0
	for k := range g {
		g[k] = sign * sym8[len(sym8)-1-k]
		sign = -sign
	}
	return g
}

// maxLevels returns how often n samples can be halved before the filter is
// longer than they are.
func maxLevels(n int) int {
	if q := n / (len(sym8) - 1); q > 0 {
		return bits.Len(uint(q)) - 1
	}
	return 0
}

// transform is a periodised orthonormal wavelet transform of up to n samples.
// Its memory is reused.
type transform struct {
	high    [len(sym8)]float64
	approx  []float64
	spare   []float64
	details [][]float64 // finest first
	lengths []int       // of what each level was made from
}

func newTransform(n int) *transform {
	return &transform{high: sym8High(), approx: make([]float64, n+1), spare: make([]float64, n+1)}
}

// forward splits x into details and t.approx. An odd length is made even by
// repeating the last value.
func (t *transform) forward(x []float64, levels int) {
	a := t.approx[:len(x)]
	copy(a, x)
	for len(t.details) < levels {
		t.details = append(t.details, nil)
	}
	t.details, t.lengths = t.details[:levels], t.lengths[:0]
	for j := range levels {
		n := len(a)
		t.lengths = append(t.lengths, n)
		if n%2 == 1 {
			a = append(a, a[n-1])
		}
		half := len(a) / 2
		t.details[j] = grown(t.details[j], half)
		t.analyse(t.spare[:half], t.details[j], a)
		t.approx, t.spare = t.spare, t.approx
		a = t.approx[:half]
	}
	t.approx = t.approx[:len(a)]
}

// analyse computes, for a of even length n,
//
//	low[o] = Σ_k h[k]·a[(K/2+2o-k) mod n]
//
// with K taps, and high[o] likewise.
func (t *transform) analyse(low, high, a []float64) {
	const taps = len(sym8)
	n := len(a)
	for o := range low {
		i := taps/2 + 2*o
		var s, d float64
		if i >= taps-1 && i < n {
			win := a[i-taps+1 : i+1]
			for k := range taps {
				v := win[taps-1-k]
				s += sym8[k] * v
				d += t.high[k] * v
			}
		} else {
			for k := range taps {
				v := a[mod(i-k, n)]
				s += sym8[k] * v
				d += t.high[k] * v
			}
		}
		low[o], high[o] = s, d
	}
}

// synthesise is the transpose of analyse, and so its inverse.
func (t *transform) synthesise(a, low, high []float64) {
	const taps = len(sym8)
	clear(a)
	n := len(a)
	for o, s := range low {
		d := high[o]
		i := taps/2 + 2*o
		if i >= taps-1 && i < n {
			win := a[i-taps+1 : i+1]
			for k := range taps {
				win[taps-1-k] += sym8[k]*s + t.high[k]*d
			}
		} else {
			for k := range taps {
				a[mod(i-k, n)] += sym8[k]*s + t.high[k]*d
			}
		}
	}
}

// inverse puts the signal together again and returns it; it is valid until the
// next call.
func (t *transform) inverse() []float64 {
	for j := len(t.details) - 1; j >= 0; j-- {
		half := len(t.details[j])
		out := t.spare[:2*half]
		t.synthesise(out, t.approx[:half], t.details[j])
		t.approx, t.spare = t.spare[:t.lengths[j]], t.approx[:cap(t.approx)]
	}
	x := t.approx
	t.approx = t.approx[:cap(t.approx)]
	return x
}

// mod returns i modulo n, never negative.
func mod(i, n int) int {
	if i %= n; i < 0 {
		i += n
	}
	return i
}

// noiseLevel estimates the deviation of white noise from the median of the
// finest details over 0.6745 (Donoho and Johnstone 1994). It is NaN of nothing.
func noiseLevel(y []float64) float64 {
	return medianOf(fineDetails(y)) / 0.6745
}

// fineDetails returns the magnitudes of the finest wavelet details of y,
// continued by its mirror image, so that a step from end to start, which
// periodising would make, adds nothing.
func fineDetails(y []float64) []float64 {
	const taps = len(sym8)
	high := sym8High()
	n := len(y)
	if n == 0 {
		return nil
	}
	d := make([]float64, 0, (n+taps-1)/2)
	for o := range cap(d) {
		v := 0.0
		for k, h := range high {
			i := mod(2*o+1-k, 2*n)
			if i >= n {
				i = 2*n - 1 - i
			}
			v += h * y[i]
		}
		d = append(d, math.Abs(v))
	}
	return d
}

package downstream

import "math"

// biquad is a recursive filter of second order in direct form.
type biquad struct{ b0, b1, b2, a1, a2 float64 }

// butterworth returns the low-pass or high-pass Butterworth filter of second
// order with its corner at w radians per sample (bilinear transform).
func butterworth(w float64, high bool) biquad {
	k := math.Tan(w / 2)
	norm := 1 / (1 + math.Sqrt2*k + k*k)
	f := biquad{b0: k * k * norm, b1: 2 * k * k * norm, a1: 2 * (k*k - 1) * norm, a2: (1 - math.Sqrt2*k + k*k) * norm}
	if high {
		f.b0, f.b1 = norm, -2*norm
	}
	f.b2 = f.b0
	return f
}

// run filters x in place as if its first value had been there for ever.
func (f biquad) run(x []float64) {
	x1 := x[0]
	y1 := x1 * (f.b0 + f.b1 + f.b2) / (1 + f.a1 + f.a2)
	x2, y2 := x1, y1
	for i, v := range x {
		y := f.b0*v + f.b1*x1 + f.b2*x2 - f.a1*y1 - f.a2*y2
		x2, x1, y2, y1 = x1, v, y1, y
		x[i] = y
	}
}

// bothWays filters x in place forward and backward, so that nothing is delayed.
func (f biquad) bothWays(x []float64) {
	for range 2 {
		f.run(x)
		for i, j := 0, len(x)-1; i < j; i, j = i+1, j-1 {
			x[i], x[j] = x[j], x[i]
		}
	}
}

// movingMean returns the mean of x over 2h+1 samples around each, fewer at the
// ends.
func movingMean(x []float64, h int) []float64 {
	sums := make([]float64, len(x)+1)
	for i, v := range x {
		sums[i+1] = sums[i] + v
	}
	y := make([]float64, len(x))
	for i := range x {
		a, b := max(i-h, 0), min(i+h+1, len(x))
		y[i] = (sums[b] - sums[a]) / float64(b-a)
	}
	return y
}

// held returns x with missing values replaced by the one before, the first ones
// by the first there is, all by 0 where there is none.
func held(x []float64) []float64 {
	y := make([]float64, len(x))
	last := 0.0
	for _, v := range x {
		if v-v == 0 {
			last = v
			break
		}
	}
	for i, v := range x {
		if v-v == 0 {
			last = v
		}
		y[i] = last
	}
	return y
}

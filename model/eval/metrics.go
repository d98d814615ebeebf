package eval

import "math"

// finite says whether x is a value rather than a missing one.
func finite(x float64) bool { return x-x == 0 }

func checkLengths(x []float64, others ...[]float64) {
	for _, y := range others {
		if len(y) != len(x) {
			panic("eval: signals differ in length")
		}
	}
}

// decibel returns 10·log10(a/b): +Inf where b is 0, NaN where a is too.
func decibel(a, b float64) float64 { return 10 * math.Log10(a/b) }

// power returns the mean squared difference of y from x and the number of
// samples it is taken over.
func power(x, y []float64) (p float64, n int) {
	checkLengths(x, y)
	for i, v := range x {
		if d := y[i] - v; finite(d) {
			p += d * d
			n++
		}
	}
	return p / float64(n), n // 0/0 is NaN: nothing to score
}

// Variance returns the mean and the variance (divided by n) of the values of x.
func Variance(x []float64) (mean, variance float64) {
	n := 0.0
	for _, v := range x {
		if finite(v) {
			n++
			d := v - mean
			mean += d / n
			variance += d * (v - mean)
		}
	}
	if n == 0 {
		return math.NaN(), math.NaN()
	}
	return mean, variance / n
}

// SNR returns the signal-to-noise ratio of y, in dB, for a signal of the given
// variance with the clean form x:
//
//	10·log10( signalVar / mean (y-x)² )
func SNR(signalVar float64, x, y []float64) float64 {
	p, _ := power(x, y)
	return decibel(signalVar, p)
}

// Gain returns the improvement of the signal-to-noise ratio in dB, over the
// samples that all three signals have:
//
//	10·log10( Σ (y-x)² / Σ (x̂-x)² )
//
// with x clean, y noisy, x̂ denoised.
func Gain(x, y, denoised []float64) float64 {
	checkLengths(x, y, denoised)
	before, after := 0.0, 0.0
	for i, v := range x {
		a, b := y[i]-v, denoised[i]-v
		if finite(a) && finite(b) {
			before += a * a
			after += b * b
		}
	}
	return decibel(before, after)
}

// RMSE returns the root of the mean squared error, in the signal's unit.
func RMSE(x, denoised []float64) float64 {
	p, _ := power(x, denoised)
	return math.Sqrt(p)
}

// MAD returns the largest absolute error, in the signal's unit; the name is
// that of the DeepFilter benchmark (Romero et al. 2021).
func MAD(x, denoised []float64) float64 {
	checkLengths(x, denoised)
	most := math.NaN()
	for i, v := range x {
		if d := math.Abs(denoised[i] - v); finite(d) && !(d <= most) {
			most = d
		}
	}
	return most
}

// PRD returns the percentage root-mean-square difference as DeepFilter computes
// it:
//
//	100·√( Σ (x̂-x)² / Σ (x̂ - mean x)² )
//
// The denominator holds the estimate, not the truth; textbooks have the truth.
func PRD(x, denoised []float64) float64 {
	mean, _ := Variance(x)
	return prd(x, denoised, mean)
}

func prd(x, denoised []float64, mean float64) float64 {
	checkLengths(x, denoised)
	num, den := 0.0, 0.0
	for i, v := range x {
		if d := denoised[i] - v; finite(d) {
			num += d * d
			den += (denoised[i] - mean) * (denoised[i] - mean)
		}
	}
	return 100 * math.Sqrt(num/den)
}

// WindowedPRD returns the mean and the deviation of PRD over consecutive windows
// of T samples, as benchmarks of single beats print it; the mean in the
// denominator is that of all of x. A rest shorter than a window is left out.
func WindowedPRD(x, denoised []float64, window int) (mean, dev float64) {
	checkLengths(x, denoised)
	if window < 1 {
		panic("eval: window below 1")
	}
	all, _ := Variance(x)
	var each []float64
	for i := 0; i+window <= len(x); i += window {
		each = append(each, prd(x[i:i+window], denoised[i:i+window], all))
	}
	mean, v := Variance(each)
	return mean, math.Sqrt(v)
}

// Cos returns the cosine of the angle between the two signals, offsets included:
//
//	Σ x·x̂ / √( Σ x² · Σ x̂² )
func Cos(x, denoised []float64) float64 {
	checkLengths(x, denoised)
	xy, xx, yy := 0.0, 0.0, 0.0
	for i, v := range x {
		if w := denoised[i]; finite(v) && finite(w) {
			xy += v * w
			xx += v * v
			yy += w * w
		}
	}
	return xy / (math.Sqrt(xx) * math.Sqrt(yy))
}

// Coverage returns the share of samples whose truth lies in lo … hi, bounds
// included, and the mean width of that interval in the signal's unit. Samples
// whose truth or bounds are NaN don't count.
func Coverage(x, lo, hi []float64) (share, width float64) {
	checkLengths(x, lo, hi)
	n, in := 0.0, 0.0
	for i, v := range x {
		w := hi[i] - lo[i]
		if !finite(v) || math.IsNaN(w) {
			continue
		}
		n++
		width += w
		if lo[i] <= v && v <= hi[i] {
			in++
		}
	}
	return in / n, width / n
}

// Lag returns by how many samples the estimate trails the truth: the k within
// ±most at which their cross-correlation is largest,
//
//	argmax_k Σ_t (x[t] - mean x)·(x̂[t+k] - mean x̂)
//
// Of equal ones it takes the least delay. ok is false where either signal does
// not move.
func Lag(x, denoised []float64, most int) (k int, ok bool) {
	checkLengths(x, denoised)
	a, movesA := centred(x)
	b, movesB := centred(denoised)
	if !movesA || !movesB {
		return 0, false
	}
	best := math.Inf(-1)
	most = min(most, len(x)-1)
	for m := 0; m <= most; m++ {
		if s := product(a[:len(a)-m], b[m:]); s > best {
			best, k = s, m
		}
		if m > 0 {
			if s := product(a[m:], b[:len(b)-m]); s > best {
				best, k = s, -m
			}
		}
	}
	return k, true
}

// centred returns x less its mean, 0 where it is missing.
func centred(x []float64) (d []float64, moves bool) {
	mean, variance := Variance(x)
	d = make([]float64, len(x))
	for i, v := range x {
		if finite(v) {
			d[i] = v - mean
		}
	}
	return d, variance > 0
}

func product(a, b []float64) float64 {
	s := 0.0
	for i, v := range a {
		s += v * b[i]
	}
	return s
}

package classic

import (
	"math"
	"slices"
)

// Wavelet writes to dst what is left of y after small wavelet coefficients have
// been shrunk or removed, averaged over p.Shifts circular shifts (cycle
// spinning, Coifman and Donoho 1995). dst may alias y. The wavelet is sym8,
// periodised; the threshold of each level follows p.Rule, the noise level is
// p.Sigma or else estimated from the finest details. Recordings of fewer than
// 30 samples allow no level and come back unchanged.
func Wavelet(dst, y []float64, p Params) {
	checkLengths(dst, y)
	p.Family = WaveletName
	if err := p.Validate(); err != nil {
		panic("classic: " + err.Error())
	}
	wavelet(dst, y, p)
}

// wavelet is Wavelet. It returns the number of coefficients that survive, the
// mean over the shifts: with soft shrinkage and thresholds held fixed it is the
// sum of ∂dst[t]/∂y[t], the transform being orthonormal.
func wavelet(dst, y []float64, p Params) (kept float64) {
	z, lead := fill(y)
	noValue(dst[:lead])
	out := dst[lead:]
	n := len(z)
	levels := min(p.Levels, maxLevels(n))
	sigma := p.Sigma
	if n > 0 && sigma == 0 {
		sigma = noiseLevel(z)
	}
	if levels == 0 || sigma == 0 {
		copy(out, z)
		return float64(n)
	}
	clear(out)
	t := newTransform(n)
	shifted, scratch := make([]float64, n), make([]float64, 0, n/2+1)
	for k := range p.Shifts {
		k %= n
		copy(shifted[k:], z)
		copy(shifted, z[n-k:])
		t.forward(shifted, levels)
		for _, d := range t.details {
			kept += float64(shrink(d, p.threshold(d, sigma, n, scratch), p.Hard))
		}
		kept += float64(len(t.approx))
		x := t.inverse()
		for i := range out {
			j := i + k
			if j >= n {
				j -= n
			}
			out[i] += x[j]
		}
	}
	for i := range out {
		out[i] /= float64(p.Shifts)
	}
	return kept / float64(p.Shifts)
}

// threshold returns the threshold of the details d of n samples.
func (p Params) threshold(d []float64, sigma float64, n int, scratch []float64) float64 {
	switch p.Rule {
	case SURE:
		return min(sureThreshold(d, sigma, scratch), sigma*math.Sqrt(2*math.Log(float64(len(d)))))
	case Universal:
		return sigma * math.Sqrt(2*math.Log(float64(n)))
	default:
		power, peak := 0.0, 0.0
		for _, v := range d {
			power += v * v
			peak = max(peak, math.Abs(v))
		}
		signal := math.Sqrt(max(power/float64(len(d))-sigma*sigma, 1e-20))
		return min(sigma*sigma/signal, peak)
	}
}

// sureThreshold minimises Stein's unbiased estimate of the risk of soft
// thresholding over the magnitudes of d. With u the squares of d/σ in rising
// order, the risk at the i-th of n (from 1) is
//
//	n - 2i + Σ_{k≤i} u[k] + (n-i)·u[i]
func sureThreshold(d []float64, sigma float64, scratch []float64) float64 {
	u := scratch[:0]
	for _, v := range d {
		v /= sigma
		u = append(u, v*v)
	}
	slices.Sort(u)
	best, least, sum := 0.0, math.Inf(1), 0.0
	for i, v := range u {
		sum += v
		risk := float64(len(u)-2*(i+1)) + sum + float64(len(u)-1-i)*v
		if risk < least {
			best, least = v, risk
		}
	}
	return sigma * math.Sqrt(best)
}

// shrink applies threshold t to d and returns how many of it survive.
func shrink(d []float64, t float64, hard bool) (kept int) {
	for i, v := range d {
		a := math.Abs(v)
		if a < t || (!hard && a == t) {
			d[i] = 0
			continue
		}
		kept++
		if !hard {
			d[i] = math.Copysign(a-t, v)
		}
	}
	return kept
}

// medianOf returns the median of v, the mean of the middle two where their
// number is even, and NaN of nothing. It reorders v.
func medianOf(v []float64) float64 {
	if len(v) == 0 {
		return math.NaN()
	}
	slices.Sort(v)
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}

package classic

import "math"

// Wiener writes to dst the best linear estimate of each sample given the
// samples that its taps reach (Wiener 1949; Levinson 1947 in discrete time).
// dst may alias y. p must have been learnt by LearnWiener.
//
//	dst[t] = Mean + Σ_k Taps[k]·(y[t+L-k] - Mean),  L = p.Lookahead
//
// Before its start y continues with the mean of its first 20 samples, after its
// end with that of its last 20.
func Wiener(dst, y []float64, p Params) {
	checkLengths(dst, y)
	p.Family = WienerName
	if err := p.Validate(); err != nil {
		panic("classic: " + err.Error())
	}
	z, lead := fill(y)
	noValue(dst[:lead])
	n := len(z)
	if n == 0 {
		return
	}
	const edge = 20
	first, last := mean(z[:min(n, edge)])-p.Mean, mean(z[max(0, n-edge):])-p.Mean
	taps, ahead := len(p.Taps), p.Lookahead
	// x[i] is the sample i-(taps-1) in the padded signal, less the mean; the
	// taps are turned round, so that each output is one dot product.
	x := make([]float64, taps-1+n+ahead)
	for i := range x {
		switch j := i - (taps - 1); {
		case j < 0:
			x[i] = first
		case j < n:
			x[i] = z[j] - p.Mean
		default:
			x[i] = last
		}
	}
	h := make([]float64, taps)
	for k, v := range p.Taps {
		h[taps-1-k] = v
	}
	for t := range n {
		dst[lead+t] = p.Mean + dot(h, x[t+ahead:t+ahead+taps])
	}
}

// LearnWiener returns p with the taps that are best for a signal with the
// autocovariance and mean of the clean recording x under white noise of the
// given variance. p.Window is the number of taps; p.Lookahead of them reach
// beyond t, Full standing for (Window-1)/2. Missing samples are left out of the
// autocovariance.
//
// The taps solve the Wiener-Hopf equations (R + (noise + 1e-6·r[0])·I)·h = g,
// with R the Toeplitz matrix of the autocovariance r and g[k] = r[|k-L|]; the
// small share of r[0] keeps them solvable where the signal has empty bands. A
// recording that does not move yields a filter that returns its mean.
func LearnWiener(x []float64, noiseVar float64, p Params) Params {
	p.Family = WienerName
	p.Window = max(1, p.Window)
	if p.Lookahead == Full {
		p.Lookahead = (p.Window - 1) / 2
	}
	p.Lookahead = min(p.Lookahead, p.Window-1)
	r, m := autocovariance(x, p.Window)
	p.Mean, p.Taps = m, make([]float64, p.Window)
	if !(r[0] > 0) {
		return p
	}
	g := make([]float64, p.Window)
	for k := range g {
		g[k] = r[max(k-p.Lookahead, p.Lookahead-k)]
	}
	r[0] += max(0, noiseVar) + 1e-6*r[0]
	levinson(p.Taps, r, g)
	return p
}

// autocovariance returns Σ x[t]·x[t+k] / n for k < lags, less the mean, and the
// mean. Dividing by n and not by the number of products keeps the matrix made
// from it positive definite.
func autocovariance(x []float64, lags int) (r []float64, m float64) {
	n := 0
	for _, v := range x {
		if finite(v) {
			n++
			m += (v - m) / float64(n)
		}
	}
	r = make([]float64, lags)
	if n == 0 {
		return r, 0
	}
	d := make([]float64, len(x)) // deviations; 0 where missing adds nothing
	for i, v := range x {
		if finite(v) {
			d[i] = v - m
		}
	}
	for k := range min(lags, len(d)) {
		r[k] = dot(d[:len(d)-k], d[k:]) / float64(n)
	}
	return r, m
}

// levinson solves the symmetric Toeplitz system with first row r for the right
// side g (Levinson 1947), in O(n²). r must be positive definite.
func levinson(x, r, g []float64) {
	n := len(r)
	a, next := make([]float64, n), make([]float64, n) // prediction-error filter, a[0] = 1
	a[0] = 1
	e := r[0]
	x[0] = g[0] / r[0]
	for k := 1; k < n; k++ {
		lambda := 0.0
		for j := range k {
			lambda -= a[j] * r[k-j]
		}
		lambda /= e
		for j := range k + 1 {
			v := 0.0
			if j < k {
				v = a[j]
			}
			if j > 0 {
				v += lambda * a[k-j]
			}
			next[j] = v
		}
		a, next = next, a
		e *= 1 - lambda*lambda
		mu := g[k]
		for j := range k {
			mu -= x[j] * r[k-j]
		}
		mu /= e
		for j := range k {
			x[j] += mu * a[k-j]
		}
		x[k] = mu
	}
}

func mean(v []float64) float64 {
	s := 0.0
	for _, x := range v {
		s += x
	}
	if len(v) == 0 {
		return math.NaN()
	}
	return s / float64(len(v))
}

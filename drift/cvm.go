package drift

import "math"

// cramerVonMises is the two-sample criterion of Cramér and von Mises (Anderson
// 1962, "On the distribution of the two-sample Cramér–von Mises criterion", eq.
// 9 and 10), with midranks for ties and the limiting distribution's p-value, as
// SciPy's cramervonmises_2samp where a sample exceeds 20.
type cramerVonMises struct{}

func (cramerVonMises) learn([]float64) {}

func (cramerVonMises) compare(ref, window []float64) (t, p float64) {
	n, m := float64(len(ref)), float64(len(window))
	u := 0.0
	before := merged{}
	for at := (merged{x: ref, y: window}); at.next(); before = at {
		rank := float64(before.i+before.j) + float64(at.i-before.i+at.j-before.j+1)/2
		for i := before.i; i < at.i; i++ {
			d := rank - float64(i+1)
			u += n * d * d
		}
		for j := before.j; j < at.j; j++ {
			d := rank - float64(j+1)
			u += m * d * d
		}
	}
	k, all := n*m, n+m
	t = u/(k*all) - (4*k-1)/(6*all)
	mean := (1 + 1/all) / 6
	variance := (all + 1) * (4*k*all - 3*(n*n+m*m) - 2*k) / (45 * all * all * 4 * k)
	return t, 1 - cvmLimit(1.0/6+(t-mean)/math.Sqrt(45*variance))
}

// cvmLimit returns the limiting distribution function of the one-sample
// criterion (Csörgő and Faraway 1996, "The exact and asymptotic distributions of
// Cramér–von Mises statistics", eq. 1.3), summed until a term is below 1e-7, as
// in SciPy, which shows in p-values below that.
func cvmLimit(x float64) float64 {
	if x < 0.003 { // below 1e-17
		return 0
	}
	sum := 0.0
	for k := 0.0; ; k++ {
		y := 4*k + 1
		q := y * y / (16 * x)
		term := math.Exp(lgamma(k+0.5)-lgamma(k+1)) / (math.Pow(math.Pi, 1.5) * math.Sqrt(x)) *
			math.Sqrt(y) * scaledBesselQuarter(q)
		sum += term
		if term < 1e-7 {
			return min(sum, 1)
		}
	}
}

// scaledBesselQuarter returns exp(−x)·K_¼(x), K being the modified Bessel
// function of the second kind, by the trapezoidal rule on
//
//	K_ν(x) = ∫₀^∞ exp(−x·cosh t)·cosh(νt) dt
//
// whose error falls exponentially with the step: below rounding at 1/16.
func scaledBesselQuarter(x float64) float64 {
	const step = 1.0 / 16
	sum := 0.5 * math.Exp(-2*x)
	for t := step; ; t += step {
		e := math.Exp(t)
		term := math.Exp(-x*(1+(e+1/e)/2)) * math.Cosh(t/4)
		sum += term
		if term <= 1e-18*sum {
			return sum * step
		}
	}
}

package drift

import "math"

// ks is the two-sample test of Kolmogorov and Smirnov (Smirnov 1939): the
// greatest distance of the distribution functions, with its exact two-sided
// p-value, as SciPy's ks_2samp up to samples of 10,000.
type ks struct{ share []float64 }

func newKS(c TwoWindowConfig) comparison {
	return &ks{share: make([]float64, min(c.ReferenceSize, c.WindowSize)+1)}
}

func (*ks) learn([]float64) {}

func (k *ks) compare(ref, window []float64) (d, p float64) {
	n, m := len(ref), len(window)
	h := ksSteps(ref, window)
	d = float64(h) / float64(n/gcd(n, m)*m)
	if n == m {
		return d, ksEqual(n, h)
	}
	return d, ksUnequal(max(n, m), min(n, m), h, k.share)
}

// kuiper is what Frouros calls Kuiper's test: the statistic of Kolmogorov and
// Smirnov with the p-value of Kuiper's (Stephens 1965, "The goodness-of-fit
// statistic V_N"), which is too great for it, and in its series may end a few
// 1e-10 below 0. With sum the statistic is
// Kuiper's own, the distance above plus that below (Kuiper 1960).
type kuiper struct{ sum bool }

func newKuiper(c TwoWindowConfig) comparison { return kuiper{sum: c.Statistic == "kuiper"} }

func (kuiper) learn([]float64) {}

func (k kuiper) compare(ref, window []float64) (v, p float64) {
	n, m := float64(len(ref)), float64(len(window))
	above, below := ksSides(ref, window)
	steps := max(above, below)
	if k.sum {
		steps = above + below
	}
	v = float64(steps) / (n * m)
	p = kuiperP(v, n*m/(n+m))
	if math.IsNaN(p) {
		p = 1 // far below what can be met by chance
	}
	return v, p
}

// kuiperP returns the probability that Kuiper's statistic of a sample of n is v
// or more.
func kuiperP(v, n float64) float64 {
	switch {
	case v < 2/n:
		return 1 - gammaTimes(n+1, math.Pow(v-1/n, n-1))
	case v < 3/n:
		k := -(n*v - 1) / 2
		r := math.Sqrt(k*k - (n*v-2)*(n*v-2)/2)
		a, b := -k+r, -k-r
		return 1 - gammaTimes(n, (math.Pow(b, n-1)*(1-a)-math.Pow(a, n-1)*(1-b))/math.Pow(n, n-2)/(b-a))
	case v > 0.5 && math.Mod(n, 2) == 0, v > (n-1)/(2*n) && math.Mod(n, 2) == 1:
		return kuiperTail(v, n)
	}
	z := v * math.Sqrt(n)
	first, second := 0.0, 0.0
	for m := 1.0; m < 18.82/z; m++ { // terms beyond underflow
		q := m * m * z * z
		e := math.Exp(-2 * q)
		first += 2 * (4*q - 1) * e
		second += m * m * (4*q - 3) * e
	}
	return first - 8*v/3*second
}

// kuiperTail sums Stephens's exact upper tail.
func kuiperTail(v, n float64) float64 {
	p := 0.0
	for t := 0.0; t <= math.Floor(n*(1-v)); t++ {
		y := v + t/n
		term := math.Pow(y, t-3) * (y*y*y*n - y*y*t*(3-2/n) + y*t*(t-1)*(3-2/n)/n - t*(t-1)*(t-2)/(n*n))
		rest := math.Pow(1-v-t/n, n-t-1)
		if rest == 0 {
			continue
		}
		p += term * rest * math.Exp(lgamma(n+1)-lgamma(t+1)-lgamma(n-t+1))
	}
	return p
}

func lgamma(x float64) float64 {
	v, _ := math.Lgamma(x)
	return v
}

// gammaTimes returns Γ(a)·x without an overflow on the way.
func gammaTimes(a, x float64) float64 {
	return math.Copysign(math.Exp(lgamma(a)+math.Log(math.Abs(x))), x)
}

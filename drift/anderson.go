package drift

import "math"

// andersonDarling is the two-sample test of Anderson and Darling with midranks
// (Scholz and Stephens 1987, "K-sample Anderson–Darling tests", eq. 7). The
// p-value is a fit through the paper's table 2 and ends at its rims, 0.25 and
// 0.001, as in SciPy's anderson_ksamp.
type andersonDarling struct{ sigma float64 }

// newAndersonDarling computes the deviation of the statistic, which depends on the
// sizes only.
func newAndersonDarling(c TwoWindowConfig) comparison {
	n := float64(c.ReferenceSize + c.WindowSize)
	recip := 1/float64(c.ReferenceSize) + 1/float64(c.WindowSize)
	sum, g := 0.0, 0.0
	for i := 2.0; i < n; i++ {
		sum += 1 / (n + 1 - i)
		g += sum / i
	}
	h := sum + 1
	const k = 2
	a := (4*g-6)*(k-1) + (10-6*g)*recip
	b := (2*g-4)*k*k + 8*h*k + (2*g-14*h-4)*recip - 8*h + 4*g - 6
	d := (6*h+2*g-2)*k*k + (4*h-4*g+6)*k + (2*h-6)*recip + 4*h
	e := (2*h+6)*k*k - 4*h*k
	return andersonDarling{sigma: math.Sqrt((a*n*n*n + b*n*n + d*n + e) / ((n - 1) * (n - 2) * (n - 3)))}
}

func (andersonDarling) learn([]float64) {}

func (a andersonDarling) compare(ref, window []float64) (statistic, p float64) {
	n, m := float64(len(ref)), float64(len(window))
	all := n + m
	sumX, sumY := 0.0, 0.0
	before := merged{}
	for at := (merged{x: ref, y: window}); at.next(); before = at {
		dx, dy := float64(at.i-before.i), float64(at.j-before.j)
		ties := dx + dy
		if ties == all {
			return 0, 1 // one value only
		}
		rank := float64(before.i+before.j) + ties/2
		weight := ties / all / (rank*(all-rank) - all*ties/4)
		x := all*(float64(at.i)-dx/2) - rank*n
		y := all*(float64(at.j)-dy/2) - rank*m
		sumX += weight * x * x
		sumY += weight * y * y
	}
	statistic = ((sumX/n+sumY/m)*(all-1)/all - 1) / a.sigma
	return statistic, andersonP(statistic)
}

// andersonP returns the quadratic in the logarithm of p that is least squares
// through the critical values of table 2 for two samples:
//
//	p       0.25   0.1    0.05   0.025  0.01   0.005  0.001
//	value   0.325  1.226  1.961  2.718  3.752  4.592  6.546
func andersonP(a float64) float64 {
	switch {
	case a < 0.325:
		return 0.25
	case a > 6.546:
		return 0.001
	}
	return math.Exp(-1.0777702798204873 + a*(-1.0082265644652506+a*0.01819809457411126))
}

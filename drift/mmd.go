package drift

import "math"

// mmd is the unbiased estimate of the squared maximum mean discrepancy with a
// Gaussian kernel (Gretton et al. 2012, "A kernel two-sample test", eq. 3):
//
//	1/(n(n−1))·ΣΣ k(xᵢ, xⱼ) + 1/(m(m−1))·ΣΣ k(yᵢ, yⱼ) − 2/(nm)·ΣΣ k(xᵢ, yⱼ)
//
// with k(a, b) = exp(−(a − b)²/(2σ²)), i ≠ j in the first two.
type mmd struct{ sigma, within float64 }

func newMMD(c TwoWindowConfig) comparison { return &mmd{sigma: c.Sigma} }

func (d *mmd) learn(ref []float64) { d.within = d.own(ref) }

func (d *mmd) compare(ref, window []float64) (distance, p float64) {
	cross := 0.0
	for _, x := range ref {
		for _, y := range window {
			cross += d.kernel(x, y)
		}
	}
	return d.within + d.own(window) - 2*cross/float64(len(ref)*len(window)), math.NaN()
}

// own returns the mean of the kernel over the pairs of a sample.
func (d *mmd) own(v []float64) float64 {
	sum := 0.0
	for i, x := range v {
		for _, y := range v[:i] {
			sum += d.kernel(x, y)
		}
	}
	return 2 * sum / float64(len(v)*(len(v)-1))
}

func (d *mmd) kernel(x, y float64) float64 {
	return math.Exp(-(x - y) * (x - y) / (2 * d.sigma * d.sigma))
}

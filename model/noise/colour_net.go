package noise

import "math"

const hidden = 20

// perceptron is a network with one hidden layer that makes features into the
// logarithm of the odds of coloured noise:
//
//	score = b + Σ v[j]·tanh(a[j] + Σ w[j][i]·feature[i])
type perceptron struct {
	W [hidden][features]float32
	A [hidden]float32
	V [hidden]float32
	B float32
}

func (p *perceptron) score(f *[features]float64) float64 {
	s := float64(p.B)
	for j := range p.W {
		h := float64(p.A[j])
		for i, w := range p.W[j] {
			h += float64(w) * f[i]
		}
		s += float64(p.V[j]) * math.Tanh(h)
	}
	return s
}

// AppendFeatures appends the figures that the network behind the decision takes,
// of the blocks seen so far, to dst. It is meant for fitting that network.
func (c *Colour) AppendFeatures(dst []float64) []float64 {
	var f [features]float64
	c.measure(&f)
	return append(dst, f[:]...)
}

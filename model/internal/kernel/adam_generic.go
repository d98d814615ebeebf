package kernel

import "math"

// AdamStep holds the numbers of one step of Adam that are the same for all
// parameters.
type AdamStep struct {
	Beta1, Beta2 float64
	Keep         float64 // 1 - learning rate · decay
	Size         float64 // learning rate / (1-β₁ᵗ)
	Root         float64 // √(1-β₂ᵗ)
	Eps          float64
}

// Adam updates the parameters p and the moments m and v with the gradient g:
//
//	m ← β₁·m + (1-β₁)·g
//	v ← β₂·v + (1-β₂)·g²
//	p ← p·keep - size·m / (√v/root + ε)
//
// in double precision, rounding what is stored. All four are of one length.
// Every tier gives the same bits.
func Adam(p, g, m, v []float32, s AdamStep) {
	adam(p, g[:len(p)], m[:len(p)], v[:len(p)], &s)
}

func adamGeneric(p, g, m, v []float32, s *AdamStep) {
	g, m, v = g[:len(p)], m[:len(p)], v[:len(p)]
	for j := range p {
		gj := float64(g[j])
		mj := float64(s.Beta1*float64(m[j])) + float64((1-s.Beta1)*gj)
		vj := float64(s.Beta2*float64(v[j])) + float64(float64((1-s.Beta2)*gj)*gj)
		m[j], v[j] = float32(mj), float32(vj)
		p[j] = float32(float64(float64(p[j])*s.Keep) - float64(s.Size*mj)/(math.Sqrt(vj)/s.Root+s.Eps))
	}
}

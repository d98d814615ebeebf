package train

import (
	"math"

	"github.com/quell-stream/quell/model/nn"
)

// Adam is the optimiser of Kingma and Ba, "Adam: A Method for Stochastic
// Optimization", 2015, algorithm 1, with the decoupled weight decay of Loshchilov
// and Hutter, "Decoupled Weight Decay Regularization", 2019, algorithm 2, as
// PyTorch's AdamW has it: per value p with gradient g at step t = 1, 2, …
//
//	p ← p - lr·λ·p
//	m ← β₁·m + (1-β₁)·g
//	v ← β₂·v + (1-β₂)·g²
//	p ← p - lr · (m/(1-β₁ᵗ)) / (√(v/(1-β₂ᵗ)) + ε)
//
// With a decay of 0 it is Adam. It is not safe for concurrent use.
type Adam struct {
	Beta2 float64 // default of NewAdam .999
	Eps   float64 // default of NewAdam 1e-8
	Decay float64 // λ, default 0

	t    int
	m, v [][]float32
}

// NewAdam returns an optimiser for the given parameters, which only their
// lengths are taken from.
func NewAdam(params [][]float32) *Adam {
	a := &Adam{Beta2: .999, Eps: 1e-8}
	for _, p := range params {
		a.m = append(a.m, make([]float32, len(p)))
		a.v = append(a.v, make([]float32, len(p)))
	}
	return a
}

// Step updates the parameters in place. beta1 may change from step to step.
func (a *Adam) Step(params, grads [][]float32, lr, beta1 float64) {
	a.t++
	size := lr / (1 - math.Pow(beta1, float64(a.t)))
	root := math.Sqrt(1 - math.Pow(a.Beta2, float64(a.t)))
	keep := 1 - lr*a.Decay
	step := nn.AdamStep{Beta1: beta1, Beta2: a.Beta2, Keep: keep, Size: size, Root: root, Eps: a.Eps}
	for i, p := range params {
		nn.Adam(p, grads[i], a.m[i], a.v[i], step)
	}
}

// clip scales the gradients so that their joint Euclidean norm is at most most
// (Pascanu, Mikolov and Bengio 2013, algorithm 1), and returns the norm before.
// A norm that is not finite turns the gradients to zero: the step is lost, not
// the weights.
func clip(grads [][]float32, most float64) float64 {
	sum := 0.0
	for _, g := range grads {
		for _, v := range g {
			sum += float64(v) * float64(v)
		}
	}
	norm := math.Sqrt(sum)
	f := float32(1)
	switch {
	case math.IsNaN(norm) || math.IsInf(norm, 0):
		for _, g := range grads {
			clear(g)
		}
		return norm
	case most > 0 && norm > most:
		f = float32(most / (norm + 1e-6)) // PyTorch's epsilon
	default:
		return norm
	}
	for _, g := range grads {
		for j := range g {
			g[j] *= f
		}
	}
	return norm
}

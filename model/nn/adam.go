package nn

import "github.com/quell-stream/quell/model/internal/kernel"

// AdamStep holds the numbers of one step of Adam that are the same for all
// parameters, see Adam.
type AdamStep = kernel.AdamStep

// Adam updates the parameters p and the moments m and v, all of one length,
// with the gradient g:
//
//	m ← β₁·m + (1-β₁)·g
//	v ← β₂·v + (1-β₂)·g²
//	p ← p·keep - size·m / (√v/root + ε)
//
// in double precision, rounding what is stored: the same bits in every tier.
// It keeps no state.
func Adam(p, g, m, v []float32, s AdamStep) { kernel.Adam(p, g, m, v, s) }

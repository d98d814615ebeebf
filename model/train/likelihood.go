package train

import (
	"math"

	"github.com/quell-stream/quell/model"
)

// Likelihood trains a net whose output is [T][2·n] for readings [T][n]: per slot
// n means μ, then for each the logarithm l of a deviation s = exp(l). The net
// does not see the reading y that an output is for, whose noise has the variance
// σ² = 1/W, so that y ~ N(μ, s²+σ²), and the loss is the negative logarithm of
// that density, less that of the noise alone (Laine et al., "High-Quality
// Self-Supervised Deep Image Denoising", 2019, section 3.3):
//
//	½·(y-μ)²/(s²+σ²) + ½·log((s²+σ²)/σ²)
//
// What is not noise in y is so learnt by μ, as far as the other readings tell it,
// and how far they do by s.
type Likelihood struct {
	Targets int // n
}

// Gradient implements Loss.
func (l Likelihood) Gradient(dy, y []float32, e *Example, scale float64) float64 {
	if len(y) != 2*len(e.Y) {
		panic("train: the net's output is not twice as long as the target")
	}
	if len(y) == 0 {
		return 0
	}
	n, sum := l.Targets, 0.0
	k := scale / float64(len(e.Y))
	for i, reading := range e.Y {
		mu := i/n*2*n + i%n
		at := mu + n
		dy[mu], dy[at] = 0, 0
		if e.W[i] == 0 {
			continue
		}
		noise := 1 / float64(e.W[i])
		s := math.Exp(min(max(float64(y[at]), model.SpreadLeast), model.SpreadMost))
		v := s*s + noise
		r := float64(reading) - float64(y[mu])
		sum += .5 * (r*r/v + math.Log(v/noise))
		dy[mu] = float32(-k * r / v)
		dy[at] = float32(k * s * s / v * (1 - r*r/v))
	}
	return sum / float64(len(e.Y))
}

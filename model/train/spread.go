package train

import "math"

// Spread trains a net whose output is [T][2·n] for targets [T][n]: per slot n
// estimates, then for each the logarithm l of the spread, the mean absolute
// error that is to be expected of it. The estimates are trained by a Loss of
// their own; the spreads by the negative log-likelihood |e|/exp(l) + l of a Laplace
// distribution, the error e taken as given (as β-NLL does it with β = 1: Seitzer
// et al., "On the Pitfalls of Heteroscedastic Uncertainty Estimation", 2022), so
// that it pays nowhere to be unsure instead of right.
type Spread struct {
	Estimate Loss    // of the estimates, default SquaredError{}
	Weight   float64 // of the likelihood in the loss
	Targets  int     // n
}

// Gradient implements Loss. It returns the loss of the estimates only.
func (l Spread) Gradient(dy, y []float32, e *Example, scale float64) float64 {
	if len(y) != 2*len(e.Y) {
		panic("train: the net's output is not twice as long as the target")
	}
	if len(y) == 0 {
		return 0
	}
	n, d := l.Targets, &e.desk
	d.est, d.dest = grow(d.est, len(e.Y)), grow(d.dest, len(e.Y))
	for t := 0; t < len(e.Y); t += n {
		copy(d.est[t:t+n], y[2*t:])
	}
	estimate := l.Estimate
	if estimate == nil {
		estimate = SquaredError{}
	}
	loss := estimate.Gradient(d.dest, d.est, e, scale)
	k := float32(l.Weight * scale / float64(len(e.Y)))
	for t := 0; t < len(e.Y); t += n {
		copy(dy[2*t:2*t+n], d.dest[t:])
		spr, ds := y[2*t+n:2*t+2*n], dy[2*t+n:2*t+2*n]
		for i, v := range spr {
			ds[i] = 0
			if e.W != nil && e.W[t+i] == 0 {
				continue
			}
			off := math.Abs(float64(d.est[t+i] - e.Y[t+i]))
			ds[i] = k * float32(1-min(off*math.Exp(-float64(v)), spreadRatio))
		}
	}
	return loss
}

// spreadRatio bounds how many times the spread an error counts.
const spreadRatio = 8

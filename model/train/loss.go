package train

import "math"

// Loss compares what a net makes of an example with what it should make. It is
// stateless: several goroutines use one at once.
type Loss interface {
	// Gradient returns the loss of the output y, [T][outputs], for targets of
	// weights w, both [T][targets], and sets dy, as long as y, to the loss's
	// gradient times scale. A nil w weighs all alike; a weight of 0 leaves a
	// target out.
	Gradient(dy, y, target, w []float32, scale float64) float64
}

// SquaredError is the loss Σ ρ(√w·(y-target))/n over the n values of an output,
// one for each target, where ρ(r) is r² up to Huber and goes on as a straight
// line (Huber, "Robust Estimation of a Location Parameter", 1964, eq. 2);
// without end if Huber is 0.
type SquaredError struct{ Huber float64 }

// Gradient implements Loss.
func (l SquaredError) Gradient(dy, y, target, w []float32, scale float64) float64 {
	if len(y) != len(target) {
		panic("train: the net's output and the target differ in length")
	}
	if len(y) == 0 {
		return 0
	}
	n := float64(len(y))
	k := float32(2 * scale / n)
	most := float32(l.Huber * l.Huber)
	sum := 0.0
	for i, v := range y {
		e, wi := v-target[i], float32(1)
		if w != nil {
			wi = w[i]
		}
		r2 := wi * e * e
		if most > 0 && r2 > most {
			r := float32(math.Sqrt(float64(r2)))
			wi *= float32(l.Huber) / r
			r2 = float32(l.Huber) * (2*r - float32(l.Huber))
		}
		dy[i] = k * wi * e
		sum += float64(r2)
	}
	return sum / n
}

// Spread trains a net whose output is [T][2·n] for targets [T][n]: per slot n
// estimates, then for each the logarithm l of the spread, the mean absolute
// error that is to be expected of it. The estimates are trained by SquaredError;
// the spreads by the negative log-likelihood |e|/exp(l) + l of a Laplace
// distribution, the error e taken as given (as β-NLL does it with β = 1: Seitzer
// et al., "On the Pitfalls of Heteroscedastic Uncertainty Estimation", 2022), so
// that it pays nowhere to be unsure instead of right.
type Spread struct {
	Huber   float64 // of the SquaredError
	Weight  float64 // of the likelihood in the loss
	Targets int     // n
}

// Gradient implements Loss. It returns the SquaredError of the estimates only.
func (l Spread) Gradient(dy, y, target, w []float32, scale float64) float64 {
	if len(y) != 2*len(target) {
		panic("train: the net's output is not twice as long as the target")
	}
	if len(y) == 0 {
		return 0
	}
	n := l.Targets
	sum, values := 0.0, float64(len(target))
	one := SquaredError{l.Huber}
	k := float32(l.Weight * scale / values)
	for t := 0; t < len(target); t += n {
		est, spr := y[2*t:2*t+n], y[2*t+n:2*t+2*n]
		d, ds := dy[2*t:2*t+n], dy[2*t+n:2*t+2*n]
		ws := w
		if w != nil {
			ws = w[t : t+n]
		}
		sum += one.Gradient(d, est, target[t:t+n], ws, scale*float64(n)/values)
		for i, v := range spr {
			ds[i] = 0
			if w != nil && ws[i] == 0 {
				continue
			}
			e := math.Abs(float64(est[i] - target[t+i]))
			ds[i] = k * float32(1-min(e*math.Exp(-float64(v)), spreadRatio))
		}
	}
	return sum * float64(n) / values
}

// spreadRatio bounds how many times the spread an error counts.
const spreadRatio = 8

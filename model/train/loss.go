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

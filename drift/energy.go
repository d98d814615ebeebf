package drift

import "math"

// energy is the energy distance, as SciPy's energy_distance (Székely and Rizzo
// 2013, "Energy statistics", the root of it): √(2·∫(F − G)²), in the root of the
// unit of the input.
type energy struct{}

func (energy) learn([]float64) {}

func (energy) compare(ref, window []float64) (distance, p float64) {
	return math.Sqrt(2 * integrate(ref, window, func(d float64) float64 { return d * d })), math.NaN()
}

// integrate sums f of the difference of two sorted samples' distribution
// functions over the line.
func integrate(x, y []float64, f func(d float64) float64) float64 {
	sum := 0.0
	before := merged{}
	for at := (merged{x: x, y: y}); at.next(); before = at {
		if before.i+before.j > 0 {
			d := float64(before.i)/float64(len(x)) - float64(before.j)/float64(len(y))
			sum += f(d) * (at.v - before.v)
		}
	}
	return sum
}

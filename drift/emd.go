package drift

import "math"

// emd is the earth mover's or first Wasserstein distance, ∫|F − G|, in the unit
// of the input, as SciPy's wasserstein_distance (Vallender 1973, "Calculation
// of the Wasserstein distance between probability distributions on the line").
type emd struct{}

func (emd) learn([]float64) {}

func (emd) compare(ref, window []float64) (distance, p float64) {
	return integrate(ref, window, math.Abs), math.NaN()
}

// Package floortest has signals that are rough, for tests of what takes them for noise.
package floortest

import (
	"math"
	"math/rand/v2"
)

// Vibration returns n samples of noise through two resonances with a gap between them, one of
// them in the fastest band, which estimates of the noise by the fastest changes go by.
func Vibration(n int) []float64 {
	rng := rand.New(rand.NewPCG(4, 2))
	x := make([]float64, n)
	for _, f := range []float64{.12, .41} {
		const r = .97
		a, b := 0.0, 0.0
		for i := range x {
			a, b = 2*r*math.Cos(2*math.Pi*f)*a-r*r*b+rng.NormFloat64(), a
			x[i] += a / 3
		}
	}
	return x
}

package train_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/quell-stream/quell/model/train"
	"github.com/quell-stream/quell/window"
)

// The rule that nets are trained behind is the one that live series get.
func TestScalesAreThoseOfTheWindow(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	const n = 12000 // beyond the scaler's memory
	x, lost := make([]float64, n), make([]bool, n)
	level := 20.
	for i := range x {
		if rng.Float64() < .002 {
			level += 5 * rng.NormFloat64()
		}
		x[i] = level + math.Sin(float64(i)/30) + .3*rng.NormFloat64()
		lost[i] = rng.Float64() < .05 || i > 3000 && i < 3600
	}
	for name, gaps := range map[string][]bool{"all there": nil, "gaps": lost} {
		var live window.Scaler
		train.Running(x, gaps, func(i int, mean, dev, sigma float64) {
			want := live.Push(x[i], gaps == nil || !gaps[i])
			for _, c := range [][2]float64{{mean, want.Mean}, {dev, want.Dev}, {sigma, want.Sigma}} {
				if math.Abs(c[0]-c[1]) > 1e-9*max(1, math.Abs(c[1])) {
					t.Fatalf("%s: scale of sample %d is %g, %g, %g; want %+v", name, i, mean, dev, sigma, want)
				}
			}
		})
	}
}

package main

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestLinearGains holds the bound against what it is, in closed form, of white
// signals that have nothing in common, and of one signal on both leads.
func TestLinearGains(t *testing.T) {
	const n, power, rho = 200_000, 2., .7
	rng := rand.New(rand.NewPCG(1, 1))
	var x [2][]float64
	for i := range x {
		x[i] = make([]float64, n)
		for k := range x[i] {
			x[i][k] = math.Sqrt(power) * rng.NormFloat64()
		}
	}
	check := func(what string, got, want float64) {
		if !(math.Abs(got-want) < .1) {
			t.Errorf("%s: %.2f dB, want %.2f", what, got, want)
		}
	}
	both, alone := linearGains(x, [2]float64{1, 1}, rho)
	own := power / (power + 1)
	shared := power - power*power*(power+1)/((power+1)*(power+1)-rho*rho)
	check("alone", alone, -10*math.Log10(own))
	check("both", both, -10*math.Log10(shared))
	if _, same := linearGains(x, [2]float64{1, 1}, 0); same != alone {
		t.Errorf("what the noises share changes the bound of one lead: %g and %g dB", same, alone)
	}
	both, _ = linearGains([2][]float64{x[0], x[0]}, [2]float64{1, 1}, 0)
	check("one signal twice", both, -10*math.Log10(power/(2*power+1)))
}

package noise

import (
	"math"
	"testing"
)

func TestEstimatorsOnWhiteNoise(t *testing.T) {
	rng := newRand(5)
	x := make([]float64, 1<<18)
	for i := range x {
		// A smooth signal a hundred times larger must not show.
		x[i] = 300*math.Sin(float64(i)/200) + 3*rng.NormFloat64()
	}
	within(t, "MAD", SigmaMAD(x), 3, .01)
	within(t, "difference", SigmaDiff(x), 3, .01)
	within(t, "MAD, level 2", SigmaMADLevel(x, 2), 3, .01)
	within(t, "MAD, level 3", SigmaMADLevel(x, 3), 3, .01)
}

func TestEstimatorsIgnoreJumps(t *testing.T) {
	rng := newRand(6)
	x := make([]float64, 1<<16)
	level := 0.0
	for i := range x {
		if i%100 == 0 {
			level = 50 * rng.NormFloat64()
		}
		x[i] = level + rng.NormFloat64()
	}
	within(t, "MAD", SigmaMAD(x), 1, .11) // eight details in a hundred see a jump
	within(t, "difference", SigmaDiff(x), 1, .04)
}

// AR(1) noise with ρ = .9 has √(ΣΣ hᵢhⱼρ^|i-j|) = .268 of its deviation in the finest details,
// and the rise from level to level gives it away.
func TestColouredNoise(t *testing.T) {
	c := mustParse(t, "ar1:sigma=1,rho=0.9")
	x := make([]float64, 1<<18)
	c.Apply(x, nil, 1, newRand(7))
	within(t, "MAD", SigmaMAD(x), .2680, .01)
	if r := SigmaMADLevel(x, 2) / SigmaMAD(x); r < 1.4 {
		t.Errorf("level 2 over level 1: %.2f, want at least 1.4", r)
	}
}

func TestShortInput(t *testing.T) {
	for n := range 16 {
		x := make([]float64, n)
		if SigmaMAD(x) != 0 || SigmaDiff(x) != 0 || SigmaMADLevel(x, 3) != 0 {
			t.Errorf("%d samples give an estimate", n)
		}
	}
	if s := SigmaMADLevel(make([]float64, 64), 3); s != 0 {
		t.Errorf("a constant gives %g", s)
	}
}

func TestGainAndSNR(t *testing.T) {
	clean := []float64{1, -1, 1, -1}
	noisy := []float64{1.1, -.9, .9, -1.1}
	better := []float64{1.01, -.99, .99, -1.01}
	within(t, "SNR", SNR(clean, noisy), 20, 1e-9)
	within(t, "gain", Gain(clean, noisy, better), 20, 1e-9)
}

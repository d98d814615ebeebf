package noise

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/dsp/fourier"
)

// red returns AR(1) noise of deviation 1.
func red(n int, rho float64, rng *rand.Rand) []float64 {
	x := make([]float64, n)
	v := rng.NormFloat64()
	for i := range x {
		x[i] = v
		v = rho*v + math.Sqrt(1-rho*rho)*rng.NormFloat64()
	}
	return x
}

func colourOf(x []float64) *Colour {
	c := NewColour()
	for ; len(x) >= ColourBlock; x = x[ColourBlock:] {
		c.Block(x[:ColourBlock])
	}
	return c
}

// TestReds: the levels are those of generated noise, and all of that is possible.
func TestReds(t *testing.T) {
	for i, rho := range []float64{.8, .85, .9, .95} {
		c := colourOf(red(100_000, rho, rand.New(rand.NewPCG(1, uint64(i)))))
		e := c.Evidence()
		for l, want := range reds[i] {
			if got := e.Sigma[l] / e.Sigma[0]; math.Abs(got/want-1) > .25 {
				t.Errorf("ρ = %g: octave %d has level %.3g, want %.3g", rho, l, got, want)
			}
		}
		if p := c.possible(); p < .6 || !c.Coloured() {
			t.Errorf("ρ = %g: %.2f of the noise is possible, coloured is %v", rho, p, c.Coloured())
		}
	}
}

// TestEmptyOctave: what rises over the finest octaves as AR(1) noise does and leaves the
// next one nearly empty, as a machine's vibration does, is no such noise, however high
// the score.
func TestEmptyOctave(t *testing.T) {
	const n = 1 << 15
	rng := rand.New(rand.NewPCG(3, 3))
	octave := []float64{.27, .64, 2.5, .55, 1.7, 3, 2.8, 2.8}
	f := fourier.NewFFT(n)
	z := make([]complex128, n/2+1)
	for k := range z[1:] {
		l := min(int(math.Log2(n/float64(k+1)))-1, len(octave)-1)
		z[k+1] = complex(octave[l]*rng.NormFloat64(), octave[l]*rng.NormFloat64())
	}
	c := colourOf(f.Sequence(nil, z))
	if c.score <= raiseAt {
		t.Fatalf("the score is %.1f: this tests nothing", c.score)
	}
	if c.Coloured() {
		t.Errorf("it is flagged, though only %.2f of it is possible", c.possible())
	}
}

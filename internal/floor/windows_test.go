package floor

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/quell-stream/quell/internal/floor/floortest"
)

// shareWhite returns in how many of some runs so many readings of noise of a memory, beside a slow
// signal, are taken for white.
func shareWhite(n int, rho float64) float64 {
	const runs = 400
	rng := rand.New(rand.NewPCG(7, uint64(n)))
	found := 0.0
	for range runs {
		x, z := make([]float64, n), rng.NormFloat64()
		phase := 6 * rng.Float64()
		for i := range x {
			z = rho*z + math.Sqrt(1-rho*rho)*rng.NormFloat64()
			x[i] = z + 5*math.Sin(phase+float64(i)) // in the second octave
		}
		w := NewWindows()
		if w.Add(x, 1); w.White() {
			found += 1. / runs
		}
	}
	return found
}

// White noise is told from such that has a memory, the sooner the more readings there are.
func TestWhite(t *testing.T) {
	for _, c := range []struct {
		n           int
		rho, lo, hi float64
	}{
		{1024, 0, .58, 1}, {1024, .5, 0, .04}, {1024, .7, 0, .03}, {1024, .9, 0, .03},
		{3072, 0, .97, 1}, {3072, .5, 0, .06}, {3072, .9, 0, .03},
		{900, 0, .5, 1}, {600, 0, 0, 0}, // too few blocks
	} {
		got := shareWhite(c.n, c.rho)
		t.Logf("%d readings, ρ = %g: white in %.3f", c.n, c.rho, got)
		if got < c.lo || got > c.hi {
			t.Errorf("%d readings of noise with ρ = %g: white in %.3f of all, want %g to %g", c.n, c.rho, got, c.lo, c.hi)
		}
	}
}

// Windows that lie apart count as those that follow each other, but for what overlaps them.
func TestShareOfWindows(t *testing.T) {
	x := floortest.Vibration(4096)
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range x {
		x[i] += rng.NormFloat64()
	}
	w := NewWindows()
	for from := 0; from < 768; from += 256 {
		w.Add(x[from:from+256], 9)
	}
	if got, ok := w.Share(); ok || got != 1 {
		t.Errorf("three windows have a share of %.2f", got)
	}
	for from := 768; from < len(x); from += 256 {
		w.Add(x[from:from+256], 9)
	}
	if got, ok := w.Share(); !ok || got < .9/9 || got > 1.4/9 {
		t.Errorf("σ² is %.3f of a σ̂² of 9", got)
	}
}

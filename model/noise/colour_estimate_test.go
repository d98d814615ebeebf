package noise

import (
	"fmt"
	"math"
	"testing"
)

// σ rather too small than too large, and 1-ρ within a factor of two, below signals that
// the networks were not fitted to, in any unit.
func TestEstimate(t *testing.T) {
	const n = 40 * ColourBlock
	cases, told := 0, 0
	for name, signal := range colourSignals {
		for _, rho := range []float64{.8, .9, .95} {
			for _, snr := range []float64{0, 10} {
				for seed := range uint64(2) {
					unit := math.Exp2(20 * (float64(seed) - .5))
					x := disturbed(t, n, func(i int) float64 { return unit * signal(i) },
						fmt.Sprintf("ar1:sigma=%g,rho=%g", unit*math.Pow(10, -snr/20), rho), newRand(200+seed))
					c := judged(x)
					cases++
					e := c.Estimate()
					if e == (AR1{}) {
						continue
					}
					told++
					d, off := depth(e.Rho)-depth(rho), e.Sigma/unit*math.Pow(10, snr/20)
					if math.Abs(d) > 1 || off < .55 || off > 1.3 {
						t.Errorf("%s, ρ %g at %g dB: ρ %.3f, σ %.2f of what it is", name, rho, snr, e.Rho, off)
					}
				}
			}
		}
	}
	if 4*told < 3*cases {
		t.Errorf("told in %d of %d cases", told, cases)
	}
}

// There is an estimate once the flag is raised for good reason and as long as it
// stands, and it moves in a few steps.
func TestEstimateGoesWithTheFlag(t *testing.T) {
	c := NewColour()
	var x []float64
	for k, spec := range []string{"gaussian:snr=10", "ar1:snr=10", "gaussian:snr=10"} {
		x = append(x, disturbed(t, 150*ColourBlock, colourSignals["sine"], spec, newRand(uint64(k)))...)
	}
	moves, raised, told := 0, 0, 0
	for ; len(x) > 0; x = x[ColourBlock:] {
		before := c.Estimate()
		c.Block(x[:ColourBlock])
		e := c.Estimate()
		if !c.Coloured() && e != (AR1{}) || (e.Rho > 0) != (e.Sigma > 0) || e == (AR1{}) && before != e && c.Coloured() {
			t.Fatalf("coloured %v, estimate %+v", c.Coloured(), e)
		}
		if c.Coloured() {
			raised++
		}
		if e != (AR1{}) {
			told++
		}
		if e != before {
			moves++
		}
	}
	if raised < 100 || told < 70 || moves < 2 || moves > 25 {
		t.Errorf("raised for %d blocks, with %d moves of the estimate", raised, moves)
	}
}

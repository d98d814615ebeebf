package guard

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/quell-stream/quell/model/classic"
	"github.com/quell-stream/quell/model/noise"
)

// vibration is noise through two resonances with a gap between them, one of them
// in the fastest band, which σ̂ goes by.
func vibration(n int) []float64 {
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

// TestFloor: what the spectrum allows σ² to be, in the σ² it is told.
func TestFloor(t *testing.T) {
	const n = 12_000
	x := vibration(n)
	for name, c := range map[string]struct {
		clean  func(t int) float64
		told   float64
		lost   float64
		lo, hi float64
	}{
		"noise alone":               {func(int) float64 { return 0 }, 1, 0, .93, 1},
		"a signal far above it":     {func(t int) float64 { return 1000 * math.Sin(float64(t)/60) }, 1, 0, .93, 1},
		"σ̂ too large":              {slow, 2, 0, .23, .28},
		"σ̂ too small":              {slow, .5, 0, 1, 1},
		"resonances":                {func(t int) float64 { return x[t] }, 3, 0, .11, .14},
		"few readings missing":      {slow, 2, .02, .23, .28},
		"too many readings missing": {slow, 2, .2, 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, 2))
			var f floor
			s, y := newSpectra(), make([]float64, n)
			for i := range y {
				y[i] = c.clean(i) + rng.NormFloat64()
				if rng.Float64() < c.lost {
					y[i] = math.NaN()
				}
			}
			for from := 0; from+block <= n; from += hop {
				f.add(&s, y[from:from+block], c.told*c.told)
			}
			if rho := f.rho(); !(rho >= c.lo && rho <= c.hi) {
				t.Errorf("σ² is %.3f of σ̂², want %g to %g", rho, c.lo, c.hi)
			}
		})
	}
}

// TestFloorOfWildReadings: the largest there are leave it a number.
func TestFloorOfWildReadings(t *testing.T) {
	var f floor
	s, y := newSpectra(), make([]float64, block)
	for i := range y {
		y[i] = largestReading * float64(1-2*(i%2))
	}
	for range 100 {
		f.add(&s, y, 1e-300)
	}
	if f.rho() != 1 {
		t.Errorf("σ² is %g of σ̂²", f.rho())
	}
	clear(y)
	for range 3000 {
		f.add(&s, y, 1)
	}
	if rho := f.rho(); rho-rho != 0 {
		t.Errorf("σ² is %g of σ̂² after readings that stand still", rho)
	}
}

// TestVibration: where σ̂ is signal, what is served is as good as the best filter
// that is chosen with the truth, and its interval holds.
func TestVibration(t *testing.T) {
	const n, from = 16_000, 4000
	x := vibration(n)
	for _, sigma := range []float64{1, .7} {
		p := player{clean: func(t int) float64 { return x[t] }, sigma: sigma, off: 8 * sigma, claimed: 8 * sigma}
		rng, y := rand.New(rand.NewPCG(8, 8)), make([]float64, n)
		for i := range y {
			y[i] = x[i] + sigma*rng.NormFloat64()
		}
		p.told = noise.SigmaMAD(y)
		if p.told < 1.5*sigma {
			t.Fatalf("σ̂ is %.2f of σ, too little for this test", p.told/sigma)
		}
		panel := newPanel(t, 8)
		g := New(panel, 1)
		o := p.play(g, n, 5)
		best := 1.0
		for k, c := range panel.Params() {
			if panel.filters[k] == nil {
				continue
			}
			out := make([]float64, n)
			classic.Apply(out, o.y, c)
			best = min(best, p.mse(&o, out, from))
		}
		if served := p.mse(&o, o.served, from); served > best*math.Pow(10, .02) {
			t.Errorf("σ %g: error %.3f of the noise, of the best filter %.3f", sigma, served, best)
		}
		in := 0.0
		for i := from; i < n; i++ {
			if math.Abs(o.served[i]-o.x[i]) <= 1.645*o.choices[i].Spread {
				in++
			}
		}
		if share := in / (n - from); share < .86 || share > .94 {
			t.Errorf("σ %g: a 90 %% interval covers %.3f", sigma, share)
		}
	}
}

// TestSameBlocks: filters are compared over the same blocks, Wiener filters among
// them, which have nothing to learn from at first.
func TestSameBlocks(t *testing.T) {
	g := New(newPanel(t, 8), 1)
	p := player{clean: slow, sigma: 1, told: 1, off: .5, claimed: .5}
	p.play(g, settle+block*patience, 3)
	c := &g.channels[0]
	for k := range c.tally {
		if got, want := c.tally[k].slots, c.tally[0].slots; got != want || want == 0 {
			t.Errorf("%s was seen over %.0f slots, the identity over %.0f", g.panel.params[k], got, want)
		}
	}
}

// TestFloorOfNothing: readings so small that the square of their noise is 0 leave no
// mark on those that come later.
func TestFloorOfNothing(t *testing.T) {
	var f floor
	s, y := newSpectra(), make([]float64, block)
	for _, sigma := range []float64{1e-170, 0, math.NaN()} {
		for i := range y {
			y[i] = float64(i%7) * 1e-170
		}
		f.add(&s, y, sigma*sigma)
	}
	if f.n != 0 || f.rho() != 1 {
		t.Errorf("%v spectra, σ² is %v of σ̂², want none and 1", f.n, f.rho())
	}
}

package guard

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/quell-stream/quell/internal/floor/floortest"
	"github.com/quell-stream/quell/model/classic"
	"github.com/quell-stream/quell/model/noise"
)

// TestVibration: where σ̂ is signal, what is served is as good as the best filter
// that is chosen with the truth, and its interval holds.
func TestVibration(t *testing.T) {
	const n, from = 16_000, 4000
	x := floortest.Vibration(n)
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

// TestRecalibrate: a guard that was told several times the noise knows that, until it is to be
// told what is right, and judges by that from there on as one that is new.
func TestRecalibrate(t *testing.T) {
	const n = 8000
	x := floortest.Vibration(n)
	p := player{clean: func(t int) float64 { return x[t] }, sigma: 1, told: 3, off: 8, claimed: 8}
	g := New(newPanel(t, 8), 1)
	if g.Rough() {
		t.Error("a new guard knows more than it can")
	}
	p.play(g, n, 5)
	if c := &g.channels[0]; !g.Rough() || c.net.rho > .2 {
		t.Fatalf("σ² is %.2f of σ̂², in truth .11", c.net.rho)
	}
	g.Recalibrate()
	if c := &g.channels[0]; g.Rough() || g.blocks != 0 || c.tally != nil || c.floor.Share(g.panel.spectra) != 1 {
		t.Errorf("after %d blocks σ² is %.2f of σ̂²", g.blocks, c.net.rho)
	}
}

package guard

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestHaar: a block's transform keeps its energy, and tells slow from fast.
func TestHaar(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for name, f := range map[string]func(i int) float64{
		"noise":     func(int) float64 { return rng.NormFloat64() },
		"a step":    func(i int) float64 { return float64(i / (block / 2)) },
		"alternate": func(i int) float64 { return float64(i % 2) },
	} {
		var h haar
		want, got := 0., 0.
		for i := range block {
			x := f(i)
			want += x * x
			h.push(i, x)
		}
		for _, v := range h.squares {
			got += v
		}
		if math.Abs(got-want) > 1e-9*want {
			t.Errorf("%s: energy %g, want %g", name, got, want)
		}
		only := map[string]int{"a step": levels - 2, "alternate": 0}
		if j, ok := only[name]; ok && math.Abs(h.squares[j]+h.squares[levels-1]-want) > 1e-9*want {
			t.Errorf("%s: %v lies beside level %d and the mean", name, h.squares, j)
		}
	}
}

// TestResponse: what a filter leaves of noise and what it takes away sum up, over
// the levels, to what its own weight says.
func TestResponse(t *testing.T) {
	for _, lookahead := range []int{0, 8} {
		p := newPanel(t, lookahead)
		for k, f := range p.Params() {
			if p.filters[k] == nil || p.ranks[k] {
				continue
			}
			r := p.respond(f)
			left := 0.
			for j, v := range r.left {
				left += v * coefficients(j, 1)
			}
			if want := 1 - 2*p.own[k] + r.variance; math.Abs(left-want) > 1e-3 {
				t.Errorf("%s: the residual has %g of the noise, want %g", f, left, want)
			}
			if r.variance <= 0 || r.variance > 1+1e-9 {
				t.Errorf("%s leaves %g of the noise", f, r.variance)
			}
		}
	}
}

// TestFilterSpread: the deviation told for a filter is that of its errors, also
// where those are a tenth of the noise, or follow the signal.
func TestFilterSpread(t *testing.T) {
	for name, c := range map[string]player{
		"hardly moves":  {clean: func(t int) float64 { return math.Sin(float64(t) / 3000) }, sigma: 1, told: 1, off: .4, claimed: .4},
		"σ̂ 2 % large":  {clean: func(t int) float64 { return math.Sin(float64(t) / 3000) }, sigma: 1, told: 1.02, off: .4, claimed: .4},
		"slow":          {clean: slow, sigma: 1, told: 1, off: .5, claimed: .5},
		"another unit":  {clean: func(t int) float64 { return 1e6 + 1e-3*slow(t) }, sigma: 1e-3, told: 1e-3, off: .5, claimed: .5},
		"readings lost": {clean: slow, sigma: 1, told: 1, off: .5, claimed: .5, lost: .2},
		"claims twice":  {clean: slow, sigma: 1, told: 1, off: .5, claimed: 1},
	} {
		t.Run(name, func(t *testing.T) {
			const from = 6000
			o := c.play(New(newPanel(t, 8), 1), 20_000, 4)
			var told, errors, n float64
			for i := from; i < len(o.x); i++ {
				if o.choices[i].Filter == "" {
					continue
				}
				e := o.served[i] - o.x[i]
				n, errors, told = n+1, errors+e*e, told+o.choices[i].Spread*o.choices[i].Spread
			}
			if n < .7*float64(len(o.x)-from) {
				t.Fatalf("a filter serves %g slots", n)
			}
			if r := math.Sqrt(told / errors); r < .85 || r > 1.25 {
				t.Errorf("a deviation of %.4f σ is told, the errors have %.4f: %.2f of it", math.Sqrt(told/n)/c.sigma, math.Sqrt(errors/n)/c.sigma, r)
			}
		})
	}
}

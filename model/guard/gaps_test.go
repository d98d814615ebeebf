package guard

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/quell-stream/quell/model/classic"
)

// A filter whose readings have gaps between them is judged by the weight that each of
// them has there, and not by the one that it would have among all.
func TestWeightAmongGaps(t *testing.T) {
	p := newPanel(t, 8)
	rng := rand.New(rand.NewPCG(8, 8))
	const from, n = settle, settle + block + 8
	ys, moved := make([]float64, n), make([]float64, n)
	for i := range ys {
		if ys[i] = rng.NormFloat64(); i%2 == 0 || i%7 == 0 {
			ys[i] = math.NaN()
		}
	}
	at := from + 201 // a reading with a gap to either side
	copy(moved, ys)
	moved[at]++
	for k, c := range p.params {
		if k == 0 || p.ranks[k] || p.filters[k] == nil {
			continue
		}
		a := append([]float64(nil), classic.Over(nil, p.filters[k], ys, from, block)...)
		b := classic.Over(nil, p.filters[k], moved, from, block)
		p.run(k, classic.Params{}, ys, from, 1e9)
		if want, got := b[at-from]-a[at-from], p.owns[at]; math.Abs(got-want) > 1e-6 {
			t.Errorf("%+v: the weight is taken to be %.4f, it is %.4f", c, got, want)
		}
	}
}

// Where half of the readings are missing, what serves is good and its interval covers
// the truth; the network, of an error of half a deviation, is worse.
func TestGaps(t *testing.T) {
	g := New(newPanel(t, 8), 1)
	p := player{clean: slow, sigma: 1, told: 1, off: .5, claimed: .5, lost: .4}
	o := p.play(g, 16_000, 7)
	n, covered, squares := 0.0, 0.0, 0.0
	for i, x := range o.x[4000:] {
		i += 4000
		if o.y[i]-o.y[i] != 0 {
			continue
		}
		n++
		e := o.served[i] - x
		squares += e * e
		if math.Abs(e) <= 1.645*o.choices[i].Spread {
			covered++
		}
	}
	if share := covered / n; share < .82 || share > .98 {
		t.Errorf("the interval of 90 %% covers %.1f %%", 100*share)
	}
	if mse := squares / n; mse > .12 {
		t.Errorf("the error is %.3f σ², want at most .12", mse)
	}
}

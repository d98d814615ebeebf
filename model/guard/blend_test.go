package guard

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/quell-stream/quell/model/classic"
)

// TestTaps: a filter's taps give what the filter gives, and what goes on for too long
// has none.
func TestTaps(t *testing.T) {
	p := newPanel(t, 8)
	rng := rand.New(rand.NewPCG(1, 1))
	ys := make([]float64, 1500)
	for i := range ys {
		ys[i] = slow(i) + rng.NormFloat64()
	}
	with := 0
	for k, f := range p.params {
		taps := p.tapsOf(k)
		if taps == nil {
			continue
		}
		with++
		want := Settings{f}
		got := Settings{learntAs(f, taps, 0)}
		a, b := want.Filtered(ys), got.Filtered(ys)
		for i := longestBlend + 2*p.lookahead; i < len(ys)-longestBlend; i++ {
			if d := math.Abs(a[i] - b[i]); d > 10*mostTail {
				t.Fatalf("%s: value %d by its taps is %g, want %g", f, i, b[i], a[i])
			}
		}
	}
	if with < len(p.params)/2 {
		t.Errorf("%d of %d filters have taps", with, len(p.params))
	}
	long := classic.Params{Family: classic.KalmanName, Trend: true, Lambda: 1e9, Lookahead: 8}
	if h := impulse(long, longestBlend); len(h) != 0 {
		t.Errorf("%s has %d taps", long, len(h))
	}
}

// TestBlend: the mean of two filters serves where they are nearly equal, under the name
// of the better one, and errs less than that one.
func TestBlend(t *testing.T) {
	p := newPanel(t, 8)
	served, alone, blended := 0., 0., 0
	for seed := range uint64(4) {
		g := New(p, 1)
		c := player{clean: slow, sigma: 1, told: 1, off: .6, claimed: .4}
		const from, to = 4500, 6300 // between two verdicts
		o := c.play(g, to, seed)
		f, ok := g.Serving(0)
		if !ok {
			t.Fatal("the network serves")
		}
		best := p.params[g.channels[0].filter]
		if f.Family != best.Family && len(f.Taps) > 0 {
			blended++
		}
		if got := o.choices[to-1].Filter; got != best.Family {
			t.Errorf("%s serves, want %s", got, best.Family)
		}
		one := (&Settings{best}).Filtered(o.y)
		for i := from; i < to; i++ {
			served += (o.choices[i].Alone - o.x[i]) * (o.choices[i].Alone - o.x[i])
			alone += (one[i] - o.x[i]) * (one[i] - o.x[i])
		}
	}
	if blended == 0 {
		t.Error("no two filters were blended")
	}
	if served >= alone {
		t.Errorf("blends err by %g, the better filters by %g", served, alone)
	}
}

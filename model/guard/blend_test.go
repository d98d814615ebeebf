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

// TestBlend: of two filters that look equal the mean serves, which leaves less of the
// noise than the better one; where the evidence tells them apart, by either measure, that
// one serves alone.
func TestBlend(t *testing.T) {
	p := newPanel(t, 8)
	find := func(name string) int {
		for k, f := range p.params {
			if f.String() == name {
				return k
			}
		}
		t.Fatalf("the panel has no %s", name)
		return 0
	}
	first, second := find("kalman:model=level,lambda=100,l=8"), find("moving_average:w=31,l=8")
	a, b := p.tapsOf(first), p.tapsOf(second)
	far := apart(a, b)
	for name, c := range map[string]struct {
		risk, loss float64 // of the second one beyond those of the first
		blends     bool
	}{
		"equal":                          {0, 0, true},
		"a little worse":                 {.4 * far, .4 * far, true},
		"worse":                          {.6 * far, 0, false},
		"foretells worse":                {0, .6 * far, false},
		"better by less than hysteresis": {-.1 * far, 0, true},
	} {
		ch := newChannel(p)
		ch.tally = make([]tally, len(p.params))
		for k := range ch.tally {
			ch.tally[k] = tally{slots: 1, squares: 3, alone: 3}
		}
		ch.tally[first] = tally{slots: 1, squares: 1.05, alone: 1.05}
		ch.tally[second] = tally{slots: 1, squares: float32(1.05 + c.risk), alone: float32(1.05 + c.loss)}
		ch.filter, ch.serves = first, p.params[first]
		ch.blend(p, 1)
		if got := len(ch.serves.Taps) > 0; got != c.blends {
			t.Errorf("%s: blended is %v, want %v", name, got, c.blends)
		}
		if !c.blends {
			continue
		}
		for i, h := range ch.serves.Taps {
			if want := (a[i] + b[i]) / 2; h != want {
				t.Fatalf("%s: tap %d is %g, want %g", name, i, h, want)
			}
		}
		got, want := p.respond(ch.serves).variance, (p.respond(p.params[first]).variance+p.respond(p.params[second]).variance)/2-far/4
		if math.Abs(got-want) > 1e-3*want {
			t.Errorf("%s: it leaves %g of the noise, want %g", name, got, want)
		}
	}
	for k := range p.params { // the identity, medians and what is learnt serve alone
		if p.params[k].Family == classic.IdentityName || p.ranks[k] || p.filters[k] == nil {
			ch := newChannel(p)
			ch.tally = make([]tally, len(p.params))
			ch.filter, ch.serves = k, p.params[k]
			if ch.blend(p, 1); len(ch.serves.Taps) > 0 {
				t.Errorf("%s is blended", p.params[k])
			}
		}
	}
}

// TestBlendIsNamed: a blend serves under the name of the better one, and goes on after a
// restart with the same values.
func TestBlendIsNamed(t *testing.T) {
	p := newPanel(t, 8)
	g := New(p, 1)
	rng := rand.New(rand.NewPCG(5, 5))
	walk := make([]float64, 5300)
	for i := range walk[1:] {
		walk[i+1] = walk[i] + .4*rng.NormFloat64()
	}
	c := player{clean: func(t int) float64 { return walk[t] }, sigma: 1, told: 1, off: .6, claimed: .4}
	o := c.play(g, 5000, 1)
	f, ok := g.Serving(0)
	best := p.params[g.channels[0].filter]
	if !ok || len(f.Taps) == 0 || best.Family == classic.WienerName {
		t.Fatalf("%s serves, want a blend", f)
	}
	if got := o.choices[4999].Filter; got != best.Family {
		t.Errorf("%s serves, want %s", got, best.Family)
	}
	again := New(p, 1)
	if _, err := again.RestoreState(g.AppendState(nil)); err != nil {
		t.Fatal(err)
	}
	if h, ok := again.Serving(0); !ok || h.String() != f.String() || again.channels[0].family != best.Family {
		t.Errorf("after a restart %s serves as %s, want %s as %s", h, again.channels[0].family, f, best.Family)
	}
	choices, others := make([]Choice, 1), make([]Choice, 1)
	for i, x := range walk[5000:] {
		y := []float64{x + rng.NormFloat64()}
		g.Read(y)
		again.Read(y)
		v := []Value{{Net: y[0], Spread: .4, Own: 0, Sigma: 1}}
		g.Estimate(choices, v)
		again.Estimate(others, v)
		if choices[0] != others[0] {
			t.Fatalf("slot %d after a restart is %v, want %v", i, others[0], choices[0])
		}
	}
}

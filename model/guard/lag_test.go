package guard

import (
	"math/rand/v2"
	"testing"
)

// TestLag: where a process jumps, a filter with a long memory gives way to the network, and
// serves again when it has caught up. Without a jump, with single wild readings and through
// gaps it goes on serving.
func TestLag(t *testing.T) {
	const at = 6000
	jump := func(t int) float64 {
		if t >= at && t < 8000 {
			return 14
		}
		return 10
	}
	for _, c := range []struct {
		name  string
		clean func(int) float64
		wild  float64
		lost  float64
		away  bool
	}{
		{"a jump of four deviations", jump, 0, 0, true},
		{"the same with gaps", jump, 0, .2, true},
		{"none", func(int) float64 { return 10 }, 0, 0, false},
		{"a wild reading", func(int) float64 { return 10 }, 35, 0, false},
	} {
		g := New(newPanel(t, 8), 1)
		p := player{clean: c.clean, sigma: 1, told: 1, off: .5, claimed: .5, wild: c.wild, lost: c.lost}
		o := p.play(g, 12000, 3)
		if c.wild != 0 && o.choices[wildSlot].Filter == "" {
			t.Errorf("%s: the network serves it", c.name)
		}
		if f := o.choices[at-1].Filter; f == "" {
			t.Fatalf("%s: the network serves before", c.name)
		}
		share := func(from, to int) float64 {
			n := 0.
			for _, x := range o.choices[from:to] {
				if x.Filter == "" {
					n++
				}
			}
			return n / float64(to-from)
		}
		if got := share(at+30, at+60); (got > .7) != c.away {
			t.Errorf("%s: the network serves %.2f of what comes soon after", c.name, got)
		}
		if got := share(11500, 12000); got > 0 {
			t.Errorf("%s: it serves %.2f of what comes long after", c.name, got)
		}
		if got := share(4000, at); got > 0 {
			t.Errorf("%s: it serves %.4f of what came before", c.name, got)
		}
		if c.away {
			last := o.served[at+60] - 14
			if last < -1.5 || last > 1.5 {
				t.Errorf("%s: 60 slots later %.2f is served", c.name, o.served[at+60])
			}
		}
	}
}

// TestLagOfSpikes: a filter that holds spikes off goes on serving beside a network that lets
// them through.
func TestLagOfSpikes(t *testing.T) {
	var g lag
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range 20000 {
		e := .9 * rng.NormFloat64()
		filter, net := e, e
		if i%20 == 0 {
			filter = 40
		}
		if g.lags(filter, net, 1) {
			t.Fatalf("slot %d: it lags, off by %.2f in the mean", i, g.filter)
		}
	}
}

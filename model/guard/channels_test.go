package guard

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"
)

// pair plays two channels, of which the second is the one that the network is bad at, to a
// guard in the order that is given, from slot on; order -1 is a channel without a reading.
func pair(g *Guard, order []int, from, to int) (choices []Choice) {
	value := func(c, t int) (x, y, net float64) {
		rng := rand.New(rand.NewPCG(uint64(c), uint64(t)))
		x = math.Sin(float64(t) / float64(30+20*c))
		return x, x + .2*rng.NormFloat64(), x + .15*float64(c)*rng.NormFloat64()
	}
	ys, vs, out := make([]float64, len(order)), make([]Value, len(order)), make([]Choice, len(order))
	read := int(g.in)
	for t := from; t < to; t++ {
		for ; read <= t+g.panel.lookahead; read++ {
			for i, c := range order {
				if ys[i] = math.NaN(); c >= 0 {
					_, ys[i], _ = value(c, read)
				}
			}
			g.Read(ys)
		}
		for i, c := range order {
			if vs[i] = (Value{Net: math.NaN(), Own: math.NaN()}); c >= 0 {
				_, _, net := value(c, t)
				vs[i] = Value{Net: net, Spread: .1, Sigma: .2, Own: .3, Side: 1}
			}
		}
		g.Estimate(out, vs)
		choices = append(choices, out...)
	}
	return choices
}

// TestTake: channels that change places keep all that is known of them, bit for bit, and
// one that is new disturbs no other.
func TestTake(t *testing.T) {
	p := newPanel(t, 8)
	for _, turn := range []int{3, 700, 2500} {
		a, b := New(p, 2), New(p, 2)
		pair(a, []int{0, 1}, 0, turn)
		pair(b, []int{1, 0}, 0, turn)
		g := New(p, 2)
		g.Take(a, []int{1, 0})
		if !bytes.Equal(g.AppendState(nil), b.AppendState(nil)) {
			t.Errorf("in another order from slot %d on: the states differ", turn)
		}

		one, more := New(p, 1), New(p, 2)
		pair(one, []int{1}, 0, turn)
		was := New(p, 1)
		pair(was, []int{1}, 0, turn)
		more.Take(was, []int{-1, 0})
		want, got := pair(one, []int{1}, turn, turn+3000), pair(more, []int{0, 1}, turn, turn+3000)
		for i := range want {
			if got[2*i+1] != want[i] {
				t.Fatalf("beside a new channel from slot %d on: slot %d is %+v, want %+v", turn, turn+i, got[2*i+1], want[i])
			}
			if got[2*i].Clean != got[2*i].Clean {
				t.Fatalf("the new channel from slot %d on: slot %d is no number", turn, turn+i)
			}
		}
	}
}

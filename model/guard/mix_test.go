package guard

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/quell-stream/quell/internal/wire"
	"github.com/quell-stream/quell/model/classic"
)

// window is a network that is a filter: the mean of the readings from t-back to t+ahead.
type window struct{ back, ahead int }

// right stands for a network that knows the truth.
var right = window{-1, -1}

// of returns what it makes of readings.
func (w window) of(ys []float64) []float64 {
	out := make([]float64, len(ys))
	for t := range ys {
		from, to := max(0, t-w.back), min(len(ys), t+w.ahead+1)
		for _, y := range ys[from:max(from, to)] {
			out[t] += y / float64(to-from)
		}
	}
	return out
}

// mixPlay plays readings to a guard whose network is a filter, on readings that are moved
// as in a second run too; wild is what is read at slot wildSlot, 0: as anywhere.
func mixPlay(g *Guard, clean func(t int) float64, w window, wildest float64, n int) (x []float64, net []float64, out []Choice) {
	rng := rand.New(rand.NewPCG(5, 9))
	ys, moved := make([]float64, n), make([]float64, n)
	for t := range n {
		x = append(x, clean(t))
		ys[t] = x[t] + rng.NormFloat64()
		if t == wildSlot && wildest != 0 {
			ys[t] = wildest
		}
		moved[t] = ys[t] + float64(Nudge(1, 0, int64(t)))
	}
	net, second := w.of(ys), w.of(moved)
	if w == right {
		net, second = x, x
	}
	choices := make([]Choice, 1)
	for t := range n {
		for g.Ahead() > 0 && int(g.in) < n {
			g.Read(ys[g.in : g.in+1])
		}
		if int(g.in) == n && g.Ahead() > 0 {
			g.Finish()
		}
		by := float64(Nudge(1, 0, int64(t)))
		v := Value{Net: net[t], Spread: 1, Own: math.NaN(), Sigma: 1}
		if g.Wants(int64(t), int64(t)+1) {
			v.Own, v.Side = (second[t]-net[t])/by, math.Copysign(1, by)
		}
		g.Estimate(choices, []Value{v})
		out = append(out, choices[0])
	}
	return x, net, out
}

// serveNetwork returns a guard whose only filters are the identity and a long mean, so that
// the network serves what moves, and what is mixed in is seen.
func serveNetwork(t *testing.T, lookahead int) *Guard {
	t.Helper()
	p := newPanel(t, lookahead)
	k := 1
	for i, f := range p.params {
		if f.Family == classic.MovingAverageName && f.Window > p.params[k].Window {
			k = i
		}
	}
	p.params, p.filters = []classic.Params{p.params[0], p.params[k]}, []classic.Filter{p.filters[0], p.filters[k]}
	p.own, p.ranks = []float64{p.own[0], p.own[k]}, []bool{false, false}
	return New(p, 1)
}

// TestMixLearnsTheSignal: a network that knows nothing of a signal's rhythm gains it,
// and the deviation that is told of its error falls with that.
func TestMixLearnsTheSignal(t *testing.T) {
	for _, lookahead := range []int{0, 8, 32} {
		x, net, out := mixPlay(serveNetwork(t, lookahead), fast, window{1 + min(1, lookahead), min(2, lookahead)}, 0, 30_000)
		const from = 10_000
		var alone, served float64
		for i := from; i < len(x); i++ {
			if out[i].Filter != "" {
				t.Fatalf("slot %d is served by %s", i, out[i].Filter)
			}
			if out[i].Alone != net[i] {
				t.Fatalf("slot %d: alone %g, the network says %g", i, out[i].Alone, net[i])
			}
			a, s := net[i]-x[i], out[i].Clean-x[i]
			alone, served = alone+a*a, served+s*s
		}
		if served > .5*alone {
			t.Errorf("look-ahead %d: a squared error of %.3f, the network alone has %.3f", lookahead, served/float64(len(x)-from), alone/float64(len(x)-from))
		}
	}
}

// TestMixDoesNoHarm: where the network is right next to nothing is lost, and a wild
// reading is not mixed in.
func TestMixDoesNoHarm(t *testing.T) {
	x, _, out := mixPlay(serveNetwork(t, 8), steps, right, 0, 30_000)
	lost := 0.
	for i := range x {
		e := out[i].Clean - x[i]
		lost += e * e / float64(len(x))
	}
	if lost > .002 {
		t.Errorf("a squared error of %.4f beside a network that is right", lost)
	}
	_, net, out := mixPlay(serveNetwork(t, 8), fast, window{2, 2}, 1e6, 12_000)
	for i, c := range out {
		near := i >= wildSlot-2 && i <= wildSlot+2 // the network itself is wild
		if d := math.Abs(c.Clean - net[i]); d > 5 && !near {
			t.Fatalf("slot %d is served %g, the network says %g", i, c.Clean, net[i])
		}
	}
}

// TestMixState: a snapshot goes on bit for bit, and one of before there was a mix is read
// as one that has learnt nothing yet.
func TestMixState(t *testing.T) {
	g := serveNetwork(t, 8)
	_, _, _ = mixPlay(g, fast, window{2, 2}, 0, 9000)
	if g.channels[0].mixer.taps == nil || g.channels[0].mixer.trust.share == 0 {
		t.Fatal("nothing is mixed in after 9,000 slots")
	}
	state := g.AppendState(nil)
	again := serveNetwork(t, 8)
	rest, err := again.RestoreState(state)
	if err != nil || len(rest) > 0 {
		t.Fatalf("%d bytes left, %v", len(rest), err)
	}
	if string(again.AppendState(nil)) != string(state) {
		t.Error("a snapshot of what was restored differs")
	}
	before := state[:len(state)-len(g.channels[0].lag.appendState(nil))]
	if rest, err = again.RestoreState(append(wire.U64(nil, g.panel.print^singles), before[8:]...)); err != nil || len(rest) > 0 || string(again.AppendState(nil)) != string(state) {
		t.Errorf("a state of before it was watched whether a filter follows: %d bytes left, %v, or it differs", len(rest), err)
	}
	wide := wideState(g, before)
	if rest, err = again.RestoreState(wide); err != nil || len(rest) > 0 || string(again.AppendState(nil)) != string(state) {
		t.Errorf("a state with tallies in double precision: %d bytes left, %v, or it differs from the one in single precision", len(rest), err)
	}
	m := len(g.channels[0].mixer.appendState(nil, g.out))
	earlier := append(wire.U64(nil, g.panel.print), wide[8:len(wide)-m]...)
	if rest, err = again.RestoreState(earlier); err != nil || len(rest) > 0 {
		t.Fatalf("an earlier state: %d bytes left, %v", len(rest), err)
	}
	if again.channels[0].mixer.products != nil {
		t.Error("an earlier state has learnt a mix")
	}
	bad := g.channels[0].mixer
	bad.taps = append([]float64{math.Inf(1)}, bad.taps[1:]...)
	g.channels[0].mixer = bad
	if _, err = again.RestoreState(g.AppendState(nil)); err == nil {
		t.Error("a mix that is no number is taken")
	}
}

// wideState returns the state of a guard of one channel as it was before tallies were
// kept in single precision.
func wideState(g *Guard, state []byte) []byte {
	c := &g.channels[0]
	at := 8 * (1 + len(g.counters()) + 1)
	at += 8 * (1 + int(g.in-c.oldest(g)) + len(c.numbers())) // readings and numbers
	at += 8 + 8 + 1 + 1 + 8 + 8 + 8                          // who serves, what is judged, and the number of tallies
	wide := append(wire.U64(nil, g.panel.print^mixes), state[8:at]...)
	for i := range c.tally {
		for _, v := range c.tally[i].numbers() {
			wide = wire.F64(wide, float64(*v))
			at += 4
		}
	}
	return append(wide, state[at:]...)
}

// TestSolve: the solution solves, and there is none where there is no factor.
func TestSolve(t *testing.T) {
	const n = 7
	rng := rand.New(rand.NewPCG(3, 3))
	var full [n][n]float64
	for range 20 {
		var v [n]float64
		for i := range v {
			v[i] = rng.NormFloat64()
		}
		for i := range v {
			for j := range v {
				full[i][j] += v[i] * v[j]
			}
		}
	}
	var a, want, b []float64
	for i := range n {
		a = append(a, full[i][i:]...)
		want = append(want, rng.NormFloat64())
	}
	for i := range n {
		sum := .5 * want[i]
		for j := range n {
			sum += full[i][j] * want[j]
		}
		b = append(b, sum)
	}
	var p Panel
	if !p.solve(b, a, .5) {
		t.Fatal("no solution")
	}
	for i := range b {
		if math.Abs(b[i]-want[i]) > 1e-12 {
			t.Errorf("value %d is %g, want %g", i, b[i], want[i])
		}
	}
	a[0] = -1
	if p.solve(b, a, .5) {
		t.Error("a matrix without a factor has one")
	}
}

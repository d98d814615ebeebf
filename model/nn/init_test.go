package nn

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// meanSquares returns the mean square of every hidden signal of a network in
// order, the median over some seeds, with all weights times gain. The input is
// white noise of variance .7: nets read signals of variance 1 beside masks and
// levels, which are near 0 most of the time.
func meanSquares(t *testing.T, s Spec, gain float32) []float64 {
	t.Helper()
	const columns, seeds = 2048, 9
	rng := rand.New(rand.NewPCG(1, 1))
	x := make([]float32, s.In*columns)
	for i := range x {
		x[i] = float32(math.Sqrt(.7) * rng.NormFloat64())
	}
	var bySignal [][]float64
	for seed := range uint64(seeds) {
		n, err := New(s, seed)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range n.Params() {
			for i := range p.Data {
				p.Data[i] *= gain
			}
		}
		n.Pack()
		tape := n.NewTape(columns)
		tape.Forward(x)
		hidden := len(n.plain.ops) - 1 // the last makes the output
		bySignal = slices.Grow(bySignal, hidden)[:hidden]
		for i := range hidden {
			sig := n.plain.ops[i].out
			v := tape.val[sig].cols(tape.len[sig])
			sum := 0.0
			for _, f := range v {
				sum += float64(f) * float64(f)
			}
			bySignal[i] = append(bySignal[i], sum/float64(len(v)))
		}
	}
	var out []float64
	for _, v := range bySignal {
		slices.Sort(v)
		out = append(out, v[len(v)/2])
	}
	return out
}

// Activations keep their scale through the depth of both architectures at the
// start, as He et al. promise; with Xavier's weights, of half the variance, a deep
// encoder would lose it. Their mean square, which is their variance where the mean
// is zero, is what the derivation holds constant behind a ReLU (eq. 8); a layer
// behind a linear one, such as the code, doubles it.
func TestInitKeepsTheScale(t *testing.T) {
	const low, high = .5, 2.
	deep := DAE(2, 1, []int{16, 32, 32, 32, 32}, 7, 16)
	for name, s := range map[string]Spec{
		"tcn": TCN(7, 2, 24, 5, []int{1, 2, 4, 8, 16, 32}, 8),
		"dae": DAE(2, 1, []int{16, 32}, 5, 8), "deep dae": deep,
	} {
		for i, v := range meanSquares(t, s, 1) {
			if !(v >= low && v <= high) {
				t.Errorf("%s: signal %d has a mean square of %.2f, want %g to %g", name, i, v, low, high)
			}
		}
	}
	if v := meanSquares(t, deep, math.Sqrt2/2); slices.Min(v) > low/4 {
		t.Errorf("with weights of half the variance the scale is kept, too: %.2f", v)
	}
}

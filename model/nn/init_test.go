package nn

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// sumVariances returns the variance of what each convolution of a network sums up,
// in order, over its weights, which are times gain, and white noise of variance 1
// as input. Layers that begin at zero are left out.
func sumVariances(t *testing.T, s Spec, init Init, gain float32) []float64 {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, 1))
	x := make([]float32, s.In*1024)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	// The first layers of a network have the weights of the whole one's.
	after := func(layers []LayerSpec) float64 {
		const seeds = 16
		sum := 0.0
		for seed := range uint64(seeds) {
			n, err := NewInit(Spec{In: s.In, Layers: layers}, seed, init)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range n.Params() {
				for i := range p.Data {
					p.Data[i] *= gain
				}
			}
			n.Pack()
			y := n.NewRunner(1).Run(nil, x)
			for _, v := range y {
				sum += float64(v) * float64(v) / float64(seeds*len(y)) // the mean over weights is 0
			}
		}
		return sum
	}
	var out []float64
	for i, l := range s.Layers {
		switch {
		case (l.Op == Conv || l.Op == ConvT) && !l.Zero:
			out = append(out, after(s.Layers[:i+1]))
		case l.Op == Residual:
			out = append(out, after(append(slices.Clone(s.Layers[:i]), l.Layers[0])))
		}
	}
	return out
}

// The variance of sums stays within .5 to 2 times that of the first layer through
// the depth, as He et al. promise (2015, eq. 10), but for one step: a layer behind
// another without an activation between them doubles it. A residual block's reads
// the stream, which is a sum, and is doubled once for all; in a dae the one behind
// the code is, and all that follow. With Xavier's weights, of half the variance, a
// deep encoder would lose its signal.
func TestInitKeepsTheScale(t *testing.T) {
	const low, high = .5, 2.
	deep := DAE(2, 1, []int{16, 32, 32, 32, 32}, 7, 16)
	for name, c := range map[string]struct {
		spec    Spec
		doubled int // the first sum that is
	}{
		"tcn":      {TCN(7, 2, 24, 5, []int{1, 2, 4, 8, 16, 32}, 8), 1},
		"dae":      {DAE(2, 1, []int{16, 32}, 5, 8), 3},
		"deep dae": {deep, 6},
	} {
		v := sumVariances(t, c.spec, He, 1)
		for i := range v {
			want := v[0]
			if i >= c.doubled {
				want *= 2
			}
			if r := v[i] / want; !(r >= low && r <= high) {
				t.Errorf("%s: sum %d of %.2f has %.2f times the variance it should have", name, i, v, r)
			}
		}
		t.Logf("%s: %.2f", name, v)
	}
	if v := sumVariances(t, deep, He, math.Sqrt2/2); v[5] > low/4*v[0] {
		t.Errorf("with weights of half the variance the encoder keeps its scale, too: %.2f", v)
	}
}

// With UnitVariance all sums have about the variance of the input, whatever comes
// before them.
func TestUnitVarianceInit(t *testing.T) {
	const low, high = .5, 2.
	mixed := Spec{In: 2, Layers: []LayerSpec{
		{Op: Conv, Out: 24, Kernel: 5, Pad: [2]int{2, 2}}, {Op: Tanh},
		{Op: Conv, Out: 24, Kernel: 5, Pad: [2]int{2, 2}}, {Op: GELU},
		{Op: Conv, Out: 24, Kernel: 5, Pad: [2]int{2, 2}}, {Op: Sigmoid},
		{Op: Conv, Out: 24}, {Op: Conv, Out: 24}, {Op: Conv, Out: 24}}}
	for name, spec := range map[string]Spec{
		"tcn":      TCN(7, 2, 24, 5, []int{1, 2, 4, 8, 16, 32}, 8),
		"dae":      DAE(2, 1, []int{16, 32}, 5, 8),
		"deep dae": DAE(2, 1, []int{16, 32, 32, 32, 32}, 7, 16),
		"mixed":    mixed,
	} {
		v := sumVariances(t, spec, UnitVariance, 1)
		for i := range v {
			if !(v[i] >= low && v[i] <= high) {
				t.Errorf("%s: sum %d has a variance of %.2f", name, i, v[i])
			}
		}
		t.Logf("%s: %.2f", name, v)
	}
	if v := sumVariances(t, mixed, He, 1); v[len(v)-1] < high {
		t.Errorf("the gain of He keeps the scale, too: %.2f", v)
	}
}

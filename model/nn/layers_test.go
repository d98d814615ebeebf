package nn

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// layeredSpec has one of each layer that works by channel.
func layeredSpec() Spec {
	return Spec{In: 2, Cond: 2, Layers: []LayerSpec{
		{Op: Conv, Out: 8, Kernel: 3, Pad: [2]int{1, 1}}, {Op: BatchNorm}, {Op: FiLM}, {Op: GELU}, {Op: Dropout, Rate: .3},
		{Op: Residual, Layers: []LayerSpec{{Op: LayerNorm}, {Op: ReLU}, {Op: Dropout, Rate: .5, Spatial: true}, {Op: Conv, Out: 8}, {Op: BatchNorm}}},
		{Op: FiLM}, {Op: ConvT, Out: 6, Kernel: 2, Stride: 2}, {Op: LayerNorm}, {Op: Conv, Out: 1},
	}}
}

func randomNet(t *testing.T, s Spec, seed uint64) (*Net, *rand.Rand) {
	rng := rand.New(rand.NewPCG(seed, 0))
	n := mustNew(t, s, 1)
	randomize(n, rng)
	return n, rng
}

// TestTapeModes compares values and gradients of a net that has one of each layer,
// in each mode and under a condition, with the float64 reference.
func TestTapeModes(t *testing.T) {
	for _, mode := range []Mode{Inference, Training, Sampling} {
		for seed := range uint64(5) {
			n, rng := randomNet(t, layeredSpec(), seed)
			tape := n.NewTape(1)
			tape.Mode, tape.Seed, tape.Cond = mode, seed, []float32{.7, -1.3}
			x := noise(rng, 40*n.Spec().In)
			y := slices.Clone(tape.Forward(x))
			ref := newReference(n)
			ref.training, ref.cond = mode == Training, widen(tape.Cond)
			if mode != Inference {
				for i := range n.plain.ops {
					if n.plain.ops[i].kind == opDrop {
						ref.masks = append(ref.masks, widen(tape.aux[i]))
					}
				}
			}
			close32(t, fmt.Sprint("mode ", mode), y, ref.run(n.Spec(), widen(x)), 1e-5)
			checkTapeGradients(t, n, tape, ref, x, rng)
		}
	}
}

// TestDropoutRate counts what is dropped, and checks that the mean is kept, that
// a seed is one pattern, and that a spatial layer drops whole channels.
func TestDropoutRate(t *testing.T) {
	for _, spatial := range []bool{false, true} {
		const c, cols, rate = 8, 500, .3
		n := mustNew(t, Spec{In: c, Layers: []LayerSpec{{Op: Dropout, Rate: rate, Spatial: spatial}, {Op: ReLU}}}, 1)
		tape := n.NewTape(cols)
		tape.Mode = Training
		x := make([]float32, c*cols)
		for i := range x {
			x[i] = 1
		}
		zeros, sum, total := 0, 0.0, 0
		for seed := range uint64(400) {
			tape.Seed = seed
			y := slices.Clone(tape.Forward(x))
			sameBits(t, "the same seed", tape.Forward(x), y)
			for i, v := range y {
				if spatial && v != y[i%c] {
					t.Fatalf("channel %d is dropped for a part of the window", i%c)
				}
				if spatial && i >= c {
					continue // counts once
				}
				total++
				sum += float64(v)
				if v == 0 {
					zeros++
				}
			}
		}
		share, dev := float64(zeros)/float64(total), math.Sqrt(rate*(1-rate)/float64(total))
		if math.Abs(share-rate) > 4*dev {
			t.Errorf("spatial %v: a share of %.4f is dropped, want %g ± %.4f", spatial, share, rate, 4*dev)
		}
		if mean := sum / float64(total); math.Abs(mean-1) > 4*dev/(1-rate) {
			t.Errorf("spatial %v: mean %.4f, want 1 ± %.4f", spatial, mean, 4*dev/(1-rate))
		}
		tape.Mode = Inference
		sameBits(t, "inference", tape.Forward(x), x)
	}
}

// TestTrack follows the running means of two windows by hand.
func TestTrack(t *testing.T) {
	n := mustNew(t, Spec{In: 1, Layers: []LayerSpec{{Op: BatchNorm}}}, 1)
	g := n.NewGradient()
	for i, x := range [][]float32{{1, 2, 3, 6}, {0, 2}} { // means 3 and 1, unbiased variances 14/3 and 2
		h := n.NewGradient()
		tape := n.NewTape(4)
		tape.Mode = Training
		tape.SetGradient(h)
		y := tape.Forward(x)
		if i == 1 {
			close32(t, "normalised", y, []float64{-1, 1}, 1e-5)
		}
		tape.Backward(make([]float32, len(x)))
		g.Add(h)
	}
	n.Track(g)
	n.Pack()
	mean, variance := n.Buffers()[0], n.Buffers()[1]
	if mean.Name != "layers.0.running_mean" || variance.Name != "layers.0.running_var" {
		t.Errorf("buffers %q and %q", mean.Name, variance.Name)
	}
	close32(t, "running mean", mean.Data, []float64{.1 * 2}, 1e-6)
	close32(t, "running variance", variance.Data, []float64{.9 + .1*(14./3+2)/2}, 1e-6)
	k := 1 / math.Sqrt(float64(variance.Data[0])+1e-5)
	close32(t, "inference", n.NewRunner(1).Run(nil, []float32{1}), []float64{(1 - .2) * k}, 1e-6)
	g.Zero()
	n.Track(g)
	close32(t, "no windows", mean.Data, []float64{.2}, 1e-6)
}

// TestFold is the promise that a folded net gives what the net gave, and that no
// batchnorm is left in it.
func TestFold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, rng := genNet(t)
		f, _ := n.Fold()
		checkFolded(t, n, f, rng, nil)
		if f.Spec().Has(BatchNorm) || f.Spec().Has(FiLM) != n.Spec().Has(FiLM) {
			t.Fatalf("folded %v to %v", n.Spec(), f.Spec())
		}
	})
	n, rng := randomNet(t, Spec{In: 3, Window: 4, Layers: []LayerSpec{
		{Op: BatchNorm}, {Op: Conv, Out: 2, NoBias: true}, {Op: BatchNorm}, {Op: BatchNorm}, {Op: ReLU},
		{Op: ConvT, Out: 3, Kernel: 2, Stride: 2}, {Op: BatchNorm},
		{Op: Residual, Layers: []LayerSpec{{Op: BatchNorm}, {Op: Conv, Out: 3}, {Op: BatchNorm}}}, {Op: BatchNorm},
		{Op: Dense, Out: 2, Steps: 3, NoBias: true}, {Op: BatchNorm}}}, 1)
	f, left := n.Fold()
	checkFolded(t, n, f, rng, nil)
	want := []LayerSpec{
		{Op: Conv, Out: 3}, {Op: Conv, Out: 2}, {Op: ReLU}, {Op: ConvT, Out: 3, Kernel: 2, Stride: 2},
		{Op: Residual, Layers: []LayerSpec{{Op: Conv, Out: 3}, {Op: Conv, Out: 3}}}, {Op: Conv, Out: 3}, {Op: Dense, Out: 2, Steps: 3},
	}
	if d := cmp.Diff(want, f.Spec().Layers); d != "" {
		t.Errorf("layers (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{"layers[0]", "layers[7].layers[0]", "layers[8]"}, left); d != "" {
		t.Errorf("left (-want +got):\n%s", d)
	}
}

// TestConditioned is the promise that a net given its condition is what a tape does
// under that condition.
func TestConditioned(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, rng := genNet(t)
		cond := noise(rng, n.Spec().Cond)
		f, err := n.Conditioned(cond)
		if err != nil {
			t.Fatal(err)
		}
		checkFolded(t, n, f, rng, cond)
		if f.Spec().Cond != 0 || f.Spec().Has(BatchNorm, FiLM) {
			t.Fatalf("conditioned %v is %v", n.Spec(), f.Spec())
		}
	})
	n, rng := randomNet(t, layeredSpec(), 1)
	x := noise(rng, 20)
	f, err := n.Conditioned([]float32{0, 0})
	if err != nil {
		t.Fatal(err)
	}
	close32(t, "no condition", n.NewRunner(1).Run(nil, x), widen(f.NewRunner(1).Run(nil, x)), 1e-5)
	if _, err := n.Conditioned([]float32{1}); err == nil || !strings.Contains(err.Error(), "1 values; the network takes 2") {
		t.Errorf("Conditioned: error %v, want one about the length", err)
	}
	if _, err := n.Conditioned([]float32{1, float32(math.NaN())}); err == nil {
		t.Error("Conditioned takes NaN")
	}
	tape := n.NewTape(1)
	tape.Cond = []float32{1}
	mustPanic(t, "Forward under a condition of another length", func() { tape.Forward(x) })
}

func checkFolded(t fataler, n, f *Net, rng *rand.Rand, cond []float32) {
	t.Helper()
	cols := 30
	if n.Spec().Window > 0 {
		cols = n.Spec().Window
	}
	x := noise(rng, cols*n.Spec().In)
	tape := n.NewTape(cols)
	tape.Cond = cond
	want, got := tape.Forward(x), f.NewRunner(1).Run(nil, x)
	if len(got) != len(want) {
		t.Fatalf("%d values, want %d", len(got), len(want))
	}
	peak := 1.0
	for _, v := range want {
		peak = max(peak, math.Abs(float64(v)))
	}
	tol := 1e-5
	if n.Spec().Has(LayerNorm) {
		tol = 1e-4 // it divides by the deviation of a column, which may be next to nothing
	}
	for i := range got {
		if d := math.Abs(float64(got[i] - want[i])); !(d <= tol*peak) {
			t.Fatalf("value %d is %v, want %v, off by %.2g of the peak", i, got[i], want[i], d/peak)
		}
	}
}

func TestQuantizeRefusesLayers(t *testing.T) {
	for _, tc := range []struct {
		op   Op
		want string
	}{
		{LayerNorm, "nn: quantize: layers[1].layers[0]: layernorm has no 8-bit form: use the network in single precision, or train one with batchnorm"},
		{BatchNorm, "nn: quantize: layers[1].layers[0]: batchnorm has no 8-bit form: fold the network first"},
		{FiLM, "nn: quantize: layers[1].layers[0]: film has no 8-bit form: give the network its condition first"},
	} {
		s := Spec{In: 1, Layers: []LayerSpec{{Op: Conv, Out: 2}, {Op: Residual, Layers: []LayerSpec{{Op: tc.op}, {Op: ReLU}}}}}
		if tc.op == FiLM {
			s.Cond = 1
		}
		n, rng := randomNet(t, s, 1)
		if _, err := Quantize(n, [][]float32{noise(rng, 20)}); err == nil || err.Error() != tc.want {
			t.Errorf("Quantize of %s: error %v, want %q", tc.op, err, tc.want)
		}
		if _, err := NewQuantized(s, nil); err == nil || !strings.Contains(err.Error(), string(tc.op)+" has no 8-bit form") {
			t.Errorf("NewQuantized of %s: error %v", tc.op, err)
		}
	}
}

func TestCloneLayers(t *testing.T) {
	n, rng := randomNet(t, layeredSpec(), 1)
	x := noise(rng, 20)
	want := n.NewRunner(1).Run(nil, x)
	c := n.Clone()
	sameBits(t, "clone", c.NewRunner(1).Run(nil, x), want)
	randomize(c, rng)
	sameBits(t, "original after the clone changed", n.NewRunner(1).Run(nil, x), want)
}

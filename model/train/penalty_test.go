package train

import (
	"bytes"
	"math"
	"slices"
	"testing"

	"github.com/quell-stream/quell/model/nn"
)

// Leaving a channel out by its weights is leaving it out of what the layer reads.
func TestDropout(t *testing.T) {
	spec := nn.Spec{In: 1, Layers: []nn.LayerSpec{
		{Op: nn.Conv, Out: 6, Kernel: 3, Pad: [2]int{1, 1}}, {Op: nn.GELU},
		{Op: nn.Conv, Out: 4, Kernel: 3, Stride: 2, Pad: [2]int{1, 1}}, {Op: nn.ReLU},
		{Op: nn.ConvT, Out: 5, Kernel: 2, Stride: 2, NoBias: true}, {Op: nn.Tanh},
		{Op: nn.Conv, Out: 1}}}
	net, err := nn.New(spec, 3)
	if err != nil {
		t.Fatal(err)
	}
	d := newDropout(net, .5, 9)
	if len(d.layer) != 2 || d.layer[0].param != 2 || d.layer[1].param != 4 || d.layer[1].in != 4 {
		t.Fatalf("drops %+v, want layers 2 and 4", d.layer)
	}
	var params, grads [][]float32
	for _, p := range net.Params() {
		params, grads = append(params, p.Data), append(grads, slices.Repeat([]float32{1}, len(p.Data)))
	}
	before := weights(net)
	x := make([]float32, 16)
	for i := range x {
		x[i] = float32(math.Sin(float64(i)))
	}
	layersOf := func(from, to, in int) *nn.Net {
		part, err := nn.New(nn.Spec{In: in, Layers: spec.Layers[from:to]}, 0)
		if err != nil {
			t.Fatal(err)
		}
		return part
	}
	fill := func(part *nn.Net, at int) *nn.Net {
		for i, p := range part.Params() {
			copy(p.Data, net.Params()[at+i].Data)
		}
		part.Pack()
		return part
	}
	mask := func(h []float32, m []float32) []float32 {
		for i := range h {
			h[i] *= m[i%len(m)]
		}
		return h
	}
	h := fill(layersOf(0, 2, 1), 0).NewRunner(16).Run(nil, x)
	second, third := fill(layersOf(2, 4, 6), 2), fill(layersOf(4, 7, 4), 4)
	d.apply(4, params)
	net.Pack()
	h = second.NewRunner(16).Run(nil, mask(h, d.layer[0].mask))
	want := third.NewRunner(8).Run(nil, mask(h, d.layer[1].mask))
	for i, v := range net.NewRunner(16).Run(nil, x) {
		near(t, "output", float64(v), float64(want[i]), 1e-5)
	}
	d.undo(params, grads)
	if !bytes.Equal(weights(net), before) {
		t.Error("the weights are not what they were")
	}
	for i, g := range grads[2] {
		if m := d.layer[0].mask[i/3%6]; g != m {
			t.Errorf("gradient %d is %g, want %g", i, g, m)
		}
	}
	sum, n := 0.0, 0.
	for step := range 2000 {
		d.apply(step, params)
		for _, m := range d.layer[0].mask {
			sum, n = sum+float64(m), n+1
		}
		d.undo(params, grads)
	}
	near(t, "mean of the mask", sum/n, 1, .03)
}

// jacobian returns the mean over the middle of a window of the squared Frobenius
// norm of ∂y/∂signal per column, by nudging one reading after the other.
func jacobian(net *nn.Net, x []float32, in, out int) float64 {
	run := net.NewRunner(1)
	y := run.Run(nil, x)
	sum := 0.0
	for at := 0; at < len(x); at += in {
		z := slices.Clone(x)
		z[at] += nudge
		for i, v := range run.Run(nil, z) {
			d := float64(v-y[i]) / nudge
			sum += d * d
		}
	}
	return sum / float64(len(y)/out)
}

// The penalty is the Jacobian's norm times the weight, its gradient that by
// differences, and training with it makes the norm fall.
func TestContraction(t *testing.T) {
	arch := DAEArch(1, []int{6, 8}, 5, 3)
	net, err := nn.New(arch.Spec, 4)
	if err != nil {
		t.Fatal(err)
	}
	e := Example{X: make([]float32, 2*64), Channels: 1}
	for i := 0; i < len(e.X); i += 2 {
		e.X[i] = float32(math.Sin(float64(i) / 5))
	}
	c := newContraction(net, .3, 1, 1)
	tape := net.NewTape(1)
	y := tape.Forward(e.X)
	dy := make([]float32, len(y))
	mean := 0.0
	for step := range 3000 {
		mean += c.example(0, &e, y, dy, step, 0, 1) / 3000
	}
	near(t, "penalty", mean, .3*jacobian(net, e.X, 2, 1), .05)

	// The gradient of one draw, with a net that has no kinks.
	smooth := slices.Clone(arch.Spec.Layers)
	for i := range smooth {
		if smooth[i].Op == nn.ReLU {
			smooth[i].Op = nn.Tanh
		}
	}
	if net, err = nn.New(nn.Spec{In: 2, Layers: smooth}, 4); err != nil {
		t.Fatal(err)
	}
	c, tape = newContraction(net, .3, 1, 1), net.NewTape(1)
	penalty := func() float64 {
		net.Pack()
		y := tape.Forward(e.X)
		return c.example(0, &e, y, make([]float32, len(y)), 7, 0, 1)
	}
	clear(dy)
	g := net.NewGradient()
	tape.SetGradient(g)
	c.tapes[0].SetGradient(g)
	y = tape.Forward(e.X)
	c.example(0, &e, y, dy, 7, 0, 1)
	tape.Backward(dy)
	grads := tape.Grads()
	for _, p := range []struct{ param, at int }{{0, 4}, {2, 9}, {8, 3}} {
		w := &net.Params()[p.param].Data[p.at]
		was := *w
		*w = was + 1e-2
		up := penalty()
		*w = was - 1e-2
		down := penalty()
		*w = was
		if want := (up - down) / 2e-2; math.Abs(float64(grads[p.param][p.at])-want) > .05*math.Abs(want)+1e-4 {
			t.Errorf("parameter %v: gradient %g, by differences %g", p, grads[p.param][p.at], want)
		}
	}

	norms := map[float64]float64{}
	for _, weight := range []float64{0, .3} {
		m, _, err := Supervised(t.Context(), SupervisedConfig{Clean: [][]float64{pulseTrain(3000, 0)}, Arch: arch,
			Steps: 150, Batch: 2, Window: 64, Peak: 1e-2, Recipe: Recipe{Contract: weight}})
		if err != nil {
			t.Fatal(err)
		}
		norms[weight] = jacobian(m.Net(), e.X, 2, 1)
	}
	t.Logf("squared Jacobian norms by weight: %.3f", norms)
	if !(norms[.3] < .8*norms[0]) {
		t.Errorf("squared Jacobian norms by weight: %v", norms)
	}
}

// The activity of known codes, the penalty's gradient by differences, and that
// training meets the target where it would not have without.
func TestSparsity(t *testing.T) {
	z := []float32{1, 3, 0, -3, 0, 3, -1, 3}
	for k, want := range []float64{.5, 1} {
		m1, m2 := activity(z, 2, k)
		near(t, "activity", m1*m1/m2, want, 1e-6)
	}
	rng := draw(5, 0, 0)
	z = z[:0]
	for range 60 {
		z = append(z, float32(rng.NormFloat64()))
	}
	dz, none := make([]float32, len(z)), make([]float32, len(z))
	sparsePenalty(dz, z, 3, .2, .5)
	for i := range z {
		was := z[i]
		z[i] = was + 1e-3
		up := sparsePenalty(none, z, 3, .2, 1)
		z[i] = was - 1e-3
		down := sparsePenalty(none, z, 3, .2, 1)
		z[i] = was
		if want := .5 * (up - down) / 2e-3; math.Abs(want-float64(dz[i])) > 1e-3*math.Abs(want)+1e-4 {
			t.Errorf("value %d: gradient %g, by differences %g", i, dz[i], want)
		}
	}

	activities := map[float64]float64{}
	for _, target := range []float64{0, .15} {
		m, _, err := Supervised(t.Context(), SupervisedConfig{Clean: [][]float64{pulseTrain(6000, 0)}, Arch: DAEArch(1, []int{8, 12}, 5, 4),
			Steps: 300, Batch: 4, Window: 256, Peak: 1e-2, Recipe: Recipe{Sparse: target}})
		if err != nil {
			t.Fatal(err)
		}
		code := newSparsity(m.Net(), .5, 1, 1)
		code.take(m.Net())
		x := make([]float32, 2*256)
		for i, v := range pulseTrain(256, 3) {
			x[2*i] = float32((v - 30.9) / 1.2)
		}
		z := code.net.NewRunner(256).Run(nil, x)
		for k := range 4 {
			m1, m2 := activity(z, 4, k)
			activities[target] += m1 * m1 / m2 / 4
		}
	}
	t.Logf("mean activities by target: %.3f", activities)
	if !(activities[.15] > .1 && activities[.15] < .2 && activities[0] > .3) {
		t.Errorf("mean activities by target: %v; want .15, and twice as much without", activities)
	}
}

package nn

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestValidate(t *testing.T) {
	conv := func(edit func(*LayerSpec)) Spec {
		l := LayerSpec{Op: Conv, Out: 2}
		edit(&l)
		return Spec{In: 1, Layers: []LayerSpec{l}}
	}
	body := func(l ...LayerSpec) Spec {
		return Spec{In: 2, Layers: []LayerSpec{{Op: Residual, Layers: l}}}
	}
	for _, tc := range []struct {
		spec Spec
		want string // one line per mistake
	}{
		{Spec{}, "in: 0 channels; want 1 to 16384\nlayers: no layers; want at least one"},
		{Spec{In: 1, Window: -1, Layers: []LayerSpec{{Op: ReLU}}}, "window: -1 columns; want 0 (any) to 16777216"},
		{Spec{In: 1, Layers: []LayerSpec{{Op: "lstm"}}}, `layers[0]: unknown op "lstm"; want conv, convt, relu, gelu, sigmoid, tanh, residual, dense, layernorm, batchnorm, dropout or film`},
		{conv(func(l *LayerSpec) { l.Out = 0 }), "layers[0]: out is 0; want 1 to 16384"},
		{conv(func(l *LayerSpec) { l.Kernel = -1 }), "layers[0]: kernel is -1; want 0 to 1024"},
		{conv(func(l *LayerSpec) { l.Stride = 65 }), "layers[0]: stride is 65; want 0 to 64"},
		{conv(func(l *LayerSpec) { l.Pad[1] = -2 }), "layers[0]: pad[1] is -2; want 0 to 65536"},
		{conv(func(l *LayerSpec) { l.OutputPad = 1 }), "layers[0]: conv has no output_pad"},
		{conv(func(l *LayerSpec) { l.Steps = 1 }), "layers[0]: conv has no steps"},
		{conv(func(l *LayerSpec) { l.Layers = []LayerSpec{{Op: ReLU}} }), "layers[0]: conv has no layers"},
		{conv(func(l *LayerSpec) { l.Kernel, l.Dilation = 1000, 1000 }), "layers[0]: kernel and dilation span 999001 columns; want at most 65536"},
		{conv(func(l *LayerSpec) { l.Op, l.Stride, l.OutputPad = ConvT, 2, 2 }), "layers[0]: output_pad is 2; want less than the stride, 2"},
		{conv(func(l *LayerSpec) { l.Op, l.Kernel, l.Pad = ConvT, 3, [2]int{0, 5} }), "layers[0]: pad[1] is 5; want at most 2, which the taps reach past the end"},
		{Spec{In: 1, Layers: []LayerSpec{{Op: ReLU, Out: 3, NoBias: true, Zero: true}}},
			"layers[0]: relu has no out\nlayers[0]: relu has no no_bias\nlayers[0]: relu has no zero"},
		{Spec{In: 10000, Layers: []LayerSpec{{Op: Conv, Out: 10000}}}, "layers[0]: more than 67108864 weights"},
		{Spec{In: 1, Layers: []LayerSpec{{Op: Dense, Out: 1, Steps: 1}}}, "layers[0]: dense needs a fixed window; set window of the network"},
		{Spec{In: 1, Window: 4, Layers: []LayerSpec{{Op: Conv, Out: 1, Kernel: 5}, {Op: Dense, Out: 1, Steps: 1}}}, "layers[0]: no columns are left of 4"},
		{Spec{In: 1, Layers: []LayerSpec{{Op: Conv, Out: 1, Stride: 64}, {Op: Conv, Out: 1, Stride: 64}}}, "layers[1]: the total stride is over 1024"},
		{Spec{In: 1, Layers: []LayerSpec{{Op: Conv, Out: 1, Stride: 64}, {Op: Conv, Out: 1, Kernel: 1000, Dilation: 50}}},
			"layers: the receptive field is 3196801 columns; want at most 1048576"},
		{body(), "layers[0].layers: no layers; want at least one"},
		{Spec{In: 2, Cond: -1, Layers: []LayerSpec{{Op: Dropout, Rate: 1}, {Op: ReLU, Rate: .5, Spatial: true}}},
			"cond: -1 values; want 0 (none) to 1024\nlayers[0]: rate is 1; want above 0 and below 1\nlayers[1]: relu has no rate\nlayers[1]: relu has no spatial"},
		{Spec{In: 2, Cond: 3, Layers: []LayerSpec{{Op: ReLU}}}, "cond: 3 values that no film layer reads"},
		{Spec{In: 2, Layers: []LayerSpec{{Op: FiLM, Out: 2}, {Op: FiLM}}}, "layers[0]: film has no out\nlayers[1]: film needs a condition; set cond of the network"},
		{Spec{In: 1, Layers: []LayerSpec{{Op: BatchNorm}, {Op: LayerNorm}}}, "layers[1]: layernorm of 1 channel leaves nothing of it; want 2 channels or more"},
		{Spec{In: 2, Layers: []LayerSpec{{Op: Dropout, Rate: .1}}}, "layers: nothing but dropout; want another layer"},
		{body(LayerSpec{Op: Dropout, Rate: .1}), "layers[0].layers: nothing but dropout; want another layer"},
		{body(LayerSpec{Op: Conv, Out: 3}), "layers[0]: residual body turns 2 channels into 3; want 2"},
		{body(LayerSpec{Op: ReLU}, LayerSpec{Op: Conv, Out: 2, Kernel: 3, Pad: [2]int{1, 0}}),
			"layers[0].layers[1]: shortens the signal inside a residual block; want pad[0]+pad[1] = 2"},
		{body(LayerSpec{Op: Conv, Out: 2, Kernel: 3, Pad: [2]int{2, 1}}), "layers[0]: residual body adds 1 columns; want as many as it gets"},
		{body(LayerSpec{Op: Conv, Out: 2, Stride: 2}), "layers[0].layers[0]: stride 2 inside a residual block; want 1"},
		{Spec{In: 1, Layers: []LayerSpec{{Op: ReLU}, {Op: ReLU}, {Op: Residual, Layers: []LayerSpec{{Op: Conv, Kernel: 3}, {Op: "x"}}}, {Op: GELU, Steps: 2}}},
			"layers[2].layers[0]: out is 0; want 1 to 16384\n" +
				"layers[2].layers[1]: unknown op \"x\"; want conv, convt, relu, gelu, sigmoid, tanh, residual, dense, layernorm, batchnorm, dropout or film\n" +
				"layers[3]: gelu has no steps"},
	} {
		err := tc.spec.Validate()
		if err == nil {
			t.Errorf("no error, want %q", tc.want)
			continue
		}
		if d := cmp.Diff(tc.want, err.Error()); d != "" {
			t.Errorf("Validate() (-want +got):\n%s", d)
		}
		if _, err := New(tc.spec, 1); err == nil || !strings.HasPrefix(err.Error(), "nn: ") {
			t.Errorf("New: error %v, want that of Validate after %q", err, "nn: ")
		}
	}
}

// deep nests residual blocks.
func deep(n int) []LayerSpec {
	if n == 0 {
		return []LayerSpec{{Op: ReLU}}
	}
	return []LayerSpec{{Op: Residual, Layers: deep(n - 1)}}
}

func TestValidateDepth(t *testing.T) {
	if err := (Spec{In: 1, Layers: deep(maxDepth)}).Validate(); err != nil {
		t.Errorf("%d nested blocks: %v", maxDepth, err)
	}
	if err := (Spec{In: 1, Layers: deep(maxDepth + 1)}).Validate(); err == nil {
		t.Errorf("%d nested blocks: no error", maxDepth+1)
	}
}

// FuzzSpec checks that a spec that passes Validate can be built and run.
func FuzzSpec(f *testing.F) {
	for _, s := range []Spec{modelA(), modelB(), denseSpec(), TCN(2, 1, 4, 3, []int{1, 2}, 1), DAE(1, 1, []int{3, 4}, 4, 1), layeredSpec()} {
		b, err := json.Marshal(s)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var s Spec
		if json.Unmarshal(b, &s) != nil || s.Validate() != nil {
			return
		}
		if heavy(s.Layers, s.In) > 1<<16 || s.Window > 1<<10 || s.In*(1+s.Cond) > 1<<16 {
			return
		}
		n, err := New(s, 1)
		if err != nil {
			t.Fatal(err)
		}
		if s.Stride() > 1<<10 || s.ReceptiveField() > 1<<14 {
			return
		}
		cols := 9
		if s.Streamable() != nil {
			cols = s.Window
		}
		x := make([]float32, cols*s.In)
		y := n.NewRunner(cols).Run(nil, x)
		sameBits(t, "tape", n.NewTape(cols).Forward(x), y)
		if st, err := n.NewStream(); err == nil {
			sameBits(t, "stream", stream(st, x, s.In, 4), y)
		}
	})
}

func heavy(layers []LayerSpec, in int) int {
	sum := 0
	for _, l := range layers {
		sum += heavy(l.Layers, in) + max(1, l.Steps)*max(1, l.Out)*(l.packedTaps()+l.Pad[0]+l.Pad[1])
		if l.Out > 0 {
			sum += l.Out * in * l.packedTaps()
			in = l.Out
		}
	}
	return sum
}

func TestParams(t *testing.T) {
	n := mustNew(t, Spec{In: 2, Window: 6, Layers: []LayerSpec{
		{Op: Conv, Out: 4, Kernel: 3, Pad: [2]int{1, 1}},
		{Op: Residual, Layers: []LayerSpec{{Op: GELU}, {Op: Conv, Out: 4, NoBias: true}}},
		{Op: ConvT, Out: 3, Kernel: 2, Stride: 2},
		{Op: Dense, Out: 5, Steps: 2, Zero: true},
	}}, 7)
	type param struct {
		Name  string
		Shape []int
	}
	var got []param
	sum := 0
	for _, p := range n.Params() {
		got = append(got, param{p.Name, p.Shape})
		sum += len(p.Data)
	}
	want := []param{
		{"layers.0.weight", []int{4, 2, 3}}, {"layers.0.bias", []int{4}},
		{"layers.1.layers.1.weight", []int{4, 4, 1}},
		{"layers.2.weight", []int{4, 3, 2}}, {"layers.2.bias", []int{3}},
		{"layers.3.weight", []int{10, 36}}, {"layers.3.bias", []int{10}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("Params (-want +got):\n%s", d)
	}
	if n.NumParams() != sum {
		t.Errorf("NumParams() = %d, want %d", n.NumParams(), sum)
	}
}

func TestNewDraws(t *testing.T) {
	spec := Spec{In: 16, Layers: []LayerSpec{
		{Op: Conv, Out: 32, Kernel: 5}, {Op: ConvT, Out: 16, Kernel: 4, Stride: 2}, {Op: Conv, Out: 4, Zero: true}}}
	a, b, c := mustNew(t, spec, 1), mustNew(t, spec, 1), mustNew(t, spec, 2)
	for i, p := range a.Params() {
		sameBits(t, p.Name+" of the same seed", b.Params()[i].Data, p.Data)
		want := map[string]float64{"layers.0.weight": 2.0 / (16 * 5), "layers.1.weight": 2.0 / (32 * 4 / 2)}[p.Name]
		sum := 0.0
		for _, v := range p.Data {
			sum += float64(v) * float64(v)
		}
		if got := sum / float64(len(p.Data)); math.Abs(got-want) > 0.1*want {
			t.Errorf("%s: variance %v, want about %v", p.Name, got, want)
		}
	}
	if c.Params()[0].Data[0] == a.Params()[0].Data[0] {
		t.Error("another seed gave the same weights")
	}
}

func TestClone(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	n := mustNew(t, modelA(), 1)
	x := noise(rng, 64*4)
	want := n.NewRunner(64).Run(nil, x)
	c := n.Clone()
	sameBits(t, "clone", c.NewRunner(64).Run(nil, x), want)
	randomize(c, rng)
	if y := c.NewRunner(64).Run(nil, x); y[0] == want[0] {
		t.Error("Pack had no effect on the clone")
	}
	sameBits(t, "original after the clone changed", n.NewRunner(64).Run(nil, x), want)
}

func denseSpec() Spec {
	return Spec{In: 2, Window: 12, Layers: []LayerSpec{
		{Op: Conv, Out: 3, Kernel: 3, Stride: 2, Pad: [2]int{1, 1}}, {Op: ReLU},
		{Op: Dense, Out: 4, Steps: 1}, {Op: GELU},
		{Op: Dense, Out: 3, Steps: 6}, {Op: ReLU},
		{Op: Residual, Layers: []LayerSpec{{Op: Dense, Out: 3, Steps: 6, NoBias: true}}},
		{Op: ConvT, Out: 2, Kernel: 3, Stride: 2, Pad: [2]int{1, 1}, OutputPad: 1},
	}}
}

func TestDense(t *testing.T) {
	spec := denseSpec()
	rng := rand.New(rand.NewPCG(5, 5))
	n := mustNew(t, spec, 1)
	randomize(n, rng)
	x := noise(rng, 12*2)
	r, tape := n.NewRunner(1), n.NewTape(1)
	y := r.Run(nil, x)
	close32(t, "dense", y, newReference(n).run(spec, widen(x)), 2e-6)
	sameBits(t, "again", r.Run(nil, x), y)
	sameBits(t, "tape", tape.Forward(x), y)
	if a, f := spec.Lookahead(), spec.ReceptiveField(); a != 11 || f != 12 {
		t.Errorf("Lookahead, ReceptiveField = %d, %d, want 11, 12", a, f)
	}
	if _, err := n.NewStream(); err == nil || !strings.Contains(err.Error(), "layers[2]: dense") {
		t.Errorf("NewStream: error %v, want one that names layers[2]", err)
	}
	mustPanic(t, "Run of another window", func() { r.Run(nil, x[:20]) })
	mustPanic(t, "Forward of another window", func() { tape.Forward(x[:20]) })
}

func mustPanic(t *testing.T, what string, f func()) {
	t.Helper()
	defer func() {
		if v, ok := recover().(string); !ok || !strings.HasPrefix(v, "nn: ") {
			t.Errorf("%s: recovered %v, want a panic that starts with nn:", what, v)
		}
	}()
	f()
}

func TestMisuse(t *testing.T) {
	n := mustNew(t, modelA(), 1)
	s, err := n.NewStream()
	if err != nil {
		t.Fatal(err)
	}
	tape := n.NewTape(8)
	mustPanic(t, "Run", func() { n.NewRunner(8).Run(nil, make([]float32, 3)) })
	mustPanic(t, "Push", func() { s.Push(make([]float32, 3)) })
	mustPanic(t, "Forward", func() { tape.Forward(make([]float32, 3)) })
	mustPanic(t, "Backward before Forward", func() { tape.Backward(nil) })
	tape.Forward(make([]float32, 32))
	mustPanic(t, "Backward of another length", func() { tape.Backward(make([]float32, 4)) })
	mustPanic(t, "Warm, too short", func() { s.Warm(make([]float32, 4), 1000) })
	mustPanic(t, "Warm, ragged", func() { s.Warm(make([]float32, 5), 1000) })
	mustPanic(t, "Warm, too long", func() { s.Warm(make([]float32, 8), 1) })
	mustPanic(t, "CopyFrom", func() {
		o, _ := n.Clone().NewStream()
		s.CopyFrom(o)
	})
	s.Finish()
	mustPanic(t, "Push after Finish", func() { s.Push(nil) })
	s.Reset()
	s.Push(nil)
}

// TestGradients checks the networks that matter; the random ones are in
// TestTapeGradients.
// nested is a convolution inside so many residual blocks.
func nested(depth int) Spec {
	l := LayerSpec{Op: Conv, Out: 2, Kernel: 3, Pad: [2]int{1, 1}}
	for range depth {
		l = LayerSpec{Op: Residual, Layers: []LayerSpec{l}}
	}
	return Spec{In: 2, Layers: []LayerSpec{l}}
}

func TestGradients(t *testing.T) {
	for _, spec := range []Spec{
		TCN(3, 1, 6, 5, []int{1, 2, 4}, 3), DAE(2, 2, []int{4, 5, 6}, 5, 2), DAE(1, 2, []int{3, 4}, 4, 2), modelA(), denseSpec(),
		nested(4),
	} {
		rng := rand.New(rand.NewPCG(9, 9))
		n := mustNew(t, spec, 1)
		randomize(n, rng)
		cols := 40
		if spec.Window > 0 {
			cols = spec.Window
		}
		checkGradients(t, n, noise(rng, cols*spec.In), rng)
	}
}

func TestNeedDX(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 9))
	n := mustNew(t, TCN(2, 1, 4, 3, []int{1, 2}, 1), 1)
	randomize(n, rng)
	a, b := n.NewTape(20), n.NewTape(20)
	b.NeedDX = false
	x := noise(rng, 40)
	dy := noise(rng, 20)
	a.Forward(x)
	b.Forward(x)
	if a.Backward(dy) == nil || b.Backward(dy) != nil {
		t.Error("want dx from the tape that needs it only")
	}
	for i := range a.Grads() {
		sameBits(t, n.Params()[i].Name, b.Grads()[i], a.Grads()[i])
	}
}

// TestTraining takes steps of plain gradient descent and expects to get there.
func TestTraining(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	for _, spec := range []Spec{TCN(1, 1, 8, 3, []int{1, 2, 4}, 3), DAE(1, 1, []int{8, 8}, 5, 4)} {
		n := mustNew(t, spec, 3)
		tape := n.NewTape(64)
		tape.NeedDX = false
		var first, last float64
		x, want := make([]float32, 64), make([]float32, 64)
		dy := make([]float32, 64)
		for range 600 {
			phase := rng.Float64() * 6
			for i := range x {
				want[i] = float32(math.Sin(phase + float64(i)/5))
				x[i] = want[i] + 0.3*float32(rng.NormFloat64())
			}
			y := tape.Forward(x)
			loss := 0.0
			for i := range y {
				d := y[i] - want[i]
				loss += float64(d) * float64(d) / 64
				dy[i] = 2 * d / 64
			}
			if first == 0 {
				first, last = loss, loss
			}
			last += 0.05 * (loss - last)
			tape.ZeroGrads()
			tape.Backward(dy)
			for i, p := range n.Params() {
				for j, g := range tape.Grads()[i] {
					p.Data[j] -= 0.05 * g
				}
			}
			n.Pack()
		}
		if !(last < 0.06) {
			t.Errorf("%s…: loss went from %.3f to %.3f, want below 0.06", spec.Layers[0].Op, first, last)
		}
	}
}

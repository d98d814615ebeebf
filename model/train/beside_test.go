package train

import (
	"bytes"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/nn"
)

// randomNet returns a net of a spec no weight of which is zero.
func randomNet(t *testing.T, s nn.Spec, seed uint64) *nn.Net {
	t.Helper()
	net, err := nn.New(s, seed)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(seed, 5))
	for _, p := range net.Params() {
		for i := range p.Data {
			p.Data[i] += float32(.2 * rng.NormFloat64())
		}
	}
	net.Pack()
	return net
}

// beside returns nets of one signal, and the net that they make side by side.
func beside(t *testing.T, a Arch, signals int) (each []*nn.Net, wide Arch, net *nn.Net) {
	t.Helper()
	wide, err := a.Beside(signals)
	if err != nil {
		t.Fatal(err)
	}
	for k := range signals {
		each = append(each, randomNet(t, a.Spec, uint64(k+1)))
	}
	net = randomNet(t, wide.Spec, 99)
	setBeside(net, each)
	return each, wide, net
}

// TestBesideIsEachAlone holds the net of several signals, as training begins with
// it, against a net of one signal for each.
func TestBesideIsEachAlone(t *testing.T) {
	const slots = 64
	for name, a := range map[string]Arch{"tcn": TCNArch(0, 6, 3, []int{1, 2, 4}, 3), "dae": DAEArch(1, []int{4, 6}, 5, 3)} {
		for _, signals := range []int{2, 3, 16} {
			each, wide, net := beside(t, a, signals)
			rng := rand.New(rand.NewPCG(7, 7))
			cols := make([]model.Column, slots*signals)
			for i := range cols {
				cols[i] = model.Column{X: float32(rng.NormFloat64()), Level: float32(-rng.Float64()), Missing: rng.IntN(9) == 0, Colour: float32(rng.Float64())}
			}
			run := func(n *nn.Net, a Arch, first int) []float32 {
				return n.NewRunner(1).Run(nil, model.NewFeatures(a.Inputs, a.perNet()).Append(nil, cols, signals, first))
			}
			got := run(net, wide, 0)
			for k, one := range each {
				want := run(one, a, k)
				outs := len(want) / slots
				for i, v := range want {
					to := i/outs*outs*signals + i%outs*signals + k
					if d := math.Abs(float64(got[to] - v)); !(d <= 1e-4*(1+math.Abs(float64(v)))) {
						t.Fatalf("%s, signal %d of %d, value %d: got %g, want %g", name, k, signals, i, got[to], v)
					}
				}
			}
		}
	}
}

func TestBesideRefuses(t *testing.T) {
	tcn := TCNArch(0, 6, 3, []int{1, 2}, 3)
	with := func(layers ...nn.LayerSpec) Arch {
		a := tcn
		a.Spec.Layers = layers
		return a
	}
	conv := nn.LayerSpec{Op: nn.Conv, Out: 2}
	for _, c := range []struct {
		arch    Arch
		signals int
		want    string
	}{
		{TCNArch(2, 6, 3, []int{1}, 3), 2, "2 nets of 2 signals side by side"},
		{tcn, 1, "1 nets of 1 signals side by side"},
		{with(nn.LayerSpec{Op: nn.Residual, Layers: []nn.LayerSpec{conv}}, conv), 2, "outside of a residual layer"},
		{with(conv, nn.LayerSpec{Op: nn.Conv, Out: 2, Groups: 2}), 2, "groups or taps"},
		{with(conv, nn.LayerSpec{Op: nn.Dense, Out: 2, Steps: 8}), 2, "a layer of kind dense"},
		{TCNArch(0, 32, 5, []int{1, 2, 4, 8, 16, 32}, 8), 16, "9510912 weights; at most 1048576: take narrower ones"},
	} {
		if _, err := c.arch.Beside(c.signals); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%d signals: %v; want %q", c.signals, err, c.want)
		}
	}
}

// TestWidthBeside: the nets that training takes by itself can be trained.
func TestWidthBeside(t *testing.T) {
	for signals := 2; signals <= 40; signals++ {
		a := TCNArch(0, WidthBeside(24, signals), 5, []int{1, 2, 4, 8, 16, 32}, -1)
		if _, err := a.Beside(signals); err != nil {
			t.Errorf("%d signals: %v", signals, err)
		}
	}
	if got := WidthBeside(24, 2); got != 24 {
		t.Errorf("two signals: %d channels each, want those of one signal", got)
	}
	if got := WidthBeside(24, 8); got != 8 {
		t.Errorf("eight signals: %d channels each, want 8", got)
	}
}

// twoWaves are two signals that have nothing in common, and noise of which they
// share the most.
func twoWaves(n int) (clean, noise [][]float64) {
	rng := rand.New(rand.NewPCG(3, 3))
	clean = [][]float64{make([]float64, n), make([]float64, n)}
	noise = [][]float64{make([]float64, n), make([]float64, n)}
	walk := 0.
	for t := range n {
		clean[0][t] = math.Sin(float64(t)/9) + math.Sin(float64(t)/31)
		walk = .9*walk + .5*rng.NormFloat64() // hardly to be told from noise
		clean[1][t] = 5 + walk
		e := rng.NormFloat64()
		noise[0][t] = .5 * (.95*e + .3*rng.NormFloat64())
		noise[1][t] = .6 * e
	}
	return clean, noise
}

// TestSupervisedLearnsSharedNoise: of noise that the channels share, one tells the
// other, if what is recorded at a time stays together.
func TestSupervisedLearnsSharedNoise(t *testing.T) {
	if testing.Short() {
		t.Skip("a long training")
	}
	clean, noise := twoWaves(6000)
	best := func(clean, noise [][]float64) float64 {
		cfg := SupervisedConfig{Arch: TCNArch(0, 6, 3, []int{1, 2, 4}, 4), Clean: clean, Noise: noise, Steps: 150, Window: 128, Seed: 1, Peak: 1e-2}
		_, rep, err := Supervised(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		return rep.Best
	}
	together := best(clean, noise)
	alone := (best(clean[:1], noise[:1]) + best(clean[1:], noise[1:])) / 2
	t.Logf("loss %.3f together, %.3f alone", together, alone)
	if !(together < .7*alone) {
		t.Errorf("loss %.3f of both together, %.3f of each alone; want at most .7 of that", together, alone)
	}
}

// TestSupervisedFromOneSignal starts from a model of one signal, of which the first
// update takes next to nothing.
func TestSupervisedFromOneSignal(t *testing.T) {
	clean, noise := twoWaves(3000)
	a := TCNArch(0, 6, 3, []int{1, 2, 4}, 4)
	from, err := model.New(a.header("one"), randomNet(t, a.Spec, 4))
	if err != nil {
		t.Fatal(err)
	}
	m, _, err := Supervised(t.Context(), SupervisedConfig{From: from, Clean: clean, Noise: noise, Steps: 1, Window: 128, Peak: 1e-9})
	if err != nil {
		t.Fatal(err)
	}
	h := m.Header()
	if h.Channels != 2 || h.Provenance.Parent != from.Name() || len(h.Scaler.Mean) != 2 {
		t.Errorf("%d channels from %s, scaler %+v", h.Channels, h.Provenance.Parent, h.Scaler)
	}
	want, err := nn.New(h.Spec, 0)
	if err != nil {
		t.Fatal(err)
	}
	setBeside(want, []*nn.Net{from.Net(), from.Net()})
	for i, p := range m.Net().Params() {
		for j, v := range p.Data {
			if w := want.Params()[i].Data[j]; !(math.Abs(float64(v-w)) < 1e-6) {
				t.Fatalf("%s[%d]: %g, want %g", p.Name, j, v, w)
			}
		}
	}
	if _, _, err := Supervised(t.Context(), SupervisedConfig{From: m, Clean: clean[:1], Steps: 1}); err == nil || !strings.Contains(err.Error(), "1 clean channels; the net takes 2") {
		t.Errorf("two channels from a model, one recording: %v", err)
	}
}

func TestSupervisedRefusesUnequalNoise(t *testing.T) {
	clean, noise := twoWaves(3000)
	noise[1] = noise[1][1:]
	_, _, err := Supervised(t.Context(), SupervisedConfig{Arch: TCNArch(0, 4, 3, []int{1}, 1), Clean: clean, Noise: noise, Steps: 1})
	if err == nil || !strings.Contains(err.Error(), "noise of channel 1 has 2999 samples, that of channel 0 has 3000") {
		t.Errorf("error %v", err)
	}
}

// TestBesideIsAModelLikeAnyOther saves, loads, streams and exports a model of
// nets side by side, and makes one of 8 bits of its net.
func TestBesideIsAModelLikeAnyOther(t *testing.T) {
	clean, noise := twoWaves(3000)
	m, _, err := Supervised(t.Context(), SupervisedConfig{Arch: TCNArch(0, 6, 3, []int{1, 2, 4}, 4), Clean: clean, Noise: noise, Steps: 3, Window: 128})
	if err != nil {
		t.Fatal(err)
	}
	b := encode(t, m)
	again, err := model.Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(encode(t, again), b) {
		t.Error("saved and loaded, it is another model")
	}
	const slots = 200
	rng := rand.New(rand.NewPCG(1, 1))
	cols := make([]model.Column, 2*slots)
	for i := range cols {
		cols[i] = model.Column{X: float32(rng.NormFloat64()), Level: -.5, Missing: i%7 == 3}
	}
	want := denoiseColumns(t, m, cols, slots)
	if got := denoiseColumns(t, again, cols, 3); !slices.Equal(got, want) {
		t.Error("it streams other values than it denoises at once")
	}
	x, err := m.ONNX()
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := model.FromONNX(x, model.ImportConfig{})
	if err != nil {
		t.Fatal(err)
	}
	if got := denoiseColumns(t, foreign, cols, slots); !slices.Equal(got, want) {
		t.Error("by way of ONNX it gives other values")
	}
	q, err := model.Quantize(m, [][]model.Column{cols}, "a test")
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range denoiseColumns(t, q, cols, slots) {
		if d := math.Abs(float64(v - want[i])); !(d < .05) {
			t.Fatalf("value %d: %g with 8 bits, %g without", i, v, want[i])
		}
	}
}

// denoiseColumns pushes columns of two channels, so many slots at a time.
func denoiseColumns(t *testing.T, m *model.Model, cols []model.Column, slots int) []float32 {
	t.Helper()
	s, err := m.NewStream(2)
	if err != nil {
		t.Fatal(err)
	}
	var out []float32
	for part := range slices.Chunk(cols, 2*slots) {
		out = append(out, s.Push(part)...)
	}
	return append(out, s.Finish()...)
}

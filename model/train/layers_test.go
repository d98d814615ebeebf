package train

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/nn"
	"github.com/quell-stream/quell/model/noise"
)

// layered is a small architecture with all layers that differ in training.
func layered() Arch {
	a := Arch{Kind: model.TCN, Spec: nn.TCN(1, 1, 6, 3, []int{1, 2}, 3), Inputs: []model.Input{model.Signal}}
	return a.With(nn.Extra{Norm: nn.BatchNorm, Dropout: .2}, model.Condition{{Name: "type", Values: []string{"a", "b"}}})
}

// told has the condition of each example come with it.
type told struct{ line }

func (b told) Example(e *Example, step, i int) {
	b.line.Example(e, step, i)
	e.Cond = []float32{float32(i % 2), float32(1 - i%2)}
}

// line are noisy straight lines.
type line struct{ n int }

func (b line) Example(e *Example, step, i int) {
	rng := e.draw(5, step, i)
	e.resize(b.n, 1, 1)
	slope := rng.NormFloat64()
	for t := range b.n {
		v := slope * (float64(t)/float64(b.n) - .5)
		e.X[t], e.Y[t], e.W[t] = float32(v+.3*rng.NormFloat64()), float32(v), 1
	}
}

// TestLayersAreReproducible is the promise that the same seed gives the same bytes
// for any number of workers and across a resume, running means included, with and
// without a mean of the weights and the penalty that runs a second tape.
func TestLayersAreReproducible(t *testing.T) {
	var ends [][][]float32
	for _, edit := range []func(*FitConfig){
		func(*FitConfig) {},
		func(c *FitConfig) { c.EMA = .9 },
		func(c *FitConfig) { c.Contract = .1 },
		func(c *FitConfig) { c.Dropout = .2 },
		func(c *FitConfig) { c.Seed = 8 },
	} {
		run := func(workers int, resume *Snapshot, snap **Snapshot) [][]float32 {
			net, err := nn.New(layered().Spec, 3)
			if err != nil {
				t.Fatal(err)
			}
			cfg := FitConfig{Steps: 12, Batch: 8, Cycle: OneCycle{Peak: .01}, Workers: workers, Seed: 7, Every: 3, CheckpointEvery: 5, Resume: resume,
				Validate: func(n *nn.Net) float64 { return float64(n.Buffers()[0].Data[0]) }}
			edit(&cfg)
			cfg.Checkpoint = func(s *Snapshot) error {
				if snap != nil && *snap == nil {
					b, err := s.MarshalBinary()
					if err != nil {
						return err
					}
					*snap = new(Snapshot)
					return (*snap).UnmarshalBinary(b)
				}
				return nil
			}
			if _, err := Fit(context.Background(), net, told{line{40}}, cfg); err != nil {
				t.Fatal(err)
			}
			return cloneAll(values(net))
		}
		var snap *Snapshot
		want := run(1, nil, &snap)
		same := func(what string, got [][]float32) {
			t.Helper()
			if !slices.EqualFunc(got, want, func(a, b []float32) bool { return slices.Equal(a, b) }) {
				t.Errorf("%s: other values than one worker's", what)
			}
		}
		same("three workers", run(3, nil, nil))
		if snap == nil || snap.Step() != 5 {
			t.Fatalf("snapshot %v, want one at step 5", snap)
		}
		same("resumed", run(2, snap, nil))
		ends = append(ends, want)
	}
	if first, last := ends[0], ends[len(ends)-1]; slices.Equal(first[0], last[0]) {
		t.Error("another seed gave the same weights: nothing was dropped")
	}
}

// TestRunningMeansAreKept checks that they move in training, that the mean of the
// weights has one of them, and that the best net brings its own.
func TestRunningMeansAreKept(t *testing.T) {
	net, err := nn.New(layered().Spec, 3)
	if err != nil {
		t.Fatal(err)
	}
	var seen []float32
	cfg := FitConfig{Steps: 9, Cycle: OneCycle{Peak: .01}, Every: 3, Validate: func(n *nn.Net) float64 {
		seen = append(seen, n.Buffers()[0].Data[0])
		return float64(len(seen)) // the first is the best
	}}
	if _, err := Fit(context.Background(), net, told{line{40}}, cfg); err != nil {
		t.Fatal(err)
	}
	if got := net.Buffers()[0].Data[0]; got != seen[0] || got == seen[1] || got == 0 {
		t.Errorf("running mean %v at the end, want that of the first validation of %v", got, seen)
	}
}

// TestBatchNormModelIsFolded checks that a model has no batchnorm layers and
// gives what the net gave.
func TestBatchNormModelIsFolded(t *testing.T) {
	a := Arch{Kind: model.TCN, Spec: nn.TCN(1, 1, 6, 3, []int{1, 2}, 3), Inputs: []model.Input{model.Signal}}.With(nn.Extra{Norm: nn.BatchNorm}, nil)
	net, err := nn.New(a.Spec, 3)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Fit(context.Background(), net, line{40}, FitConfig{Steps: 60, Cycle: OneCycle{Peak: .01}}); err != nil {
		t.Fatal(err)
	}
	m, err := model.New(a.header("folded"), net)
	if err != nil {
		t.Fatal(err)
	}
	if m.Header().Spec.Has(nn.BatchNorm) || m.Net().NumParams() >= net.NumParams() {
		t.Errorf("%d parameters of %v, want fewer than %d and no batchnorm", m.Net().NumParams(), m.Header().Spec, net.NumParams())
	}
	var e Example
	line{200}.Example(&e, 999, 0)
	want, got := net.NewRunner(1).Run(nil, e.X), m.Net().NewRunner(1).Run(nil, e.X)
	for i := range want {
		if d := math.Abs(float64(got[i] - want[i])); !(d < 1e-5) {
			t.Fatalf("value %d is %v folded, %v before", i, got[i], want[i])
		}
	}
	b, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := model.Decode(b); err != nil {
		t.Error(err)
	}
}

// twoTypes is a recording of blocks of two types of sensor in turn: slow signals,
// and fast ones, which a net cannot tell from noise if it does not know.
func twoTypes(blocks, n int, rng *rand.Rand) (x []float64, sections []Section) {
	for b := range blocks {
		kind, period := "slow", 60.
		if b%2 == 1 {
			kind, period = "fast", 5
		}
		sections = append(sections, Section{From: len(x), To: len(x) + n, Known: map[string]string{"type": kind}})
		phase, amp := rng.Float64()*6, 1.
		for range n {
			phase += 2 * math.Pi / period * (1 + .1*rng.NormFloat64())
			amp += .05 * (1 - amp + .5*rng.NormFloat64())
			x = append(x, amp*math.Sin(phase))
		}
	}
	return x, sections
}

// TestConditionHelps is the check of conditioning on metadata: of seeded
// recordings that were not trained on, the net that is told the right type gives
// more than the same net that is told nothing, more than one of the same size that
// was trained without, and more than told the wrong type, in the mean of three
// seeds and by .3 dB.
func TestConditionHelps(t *testing.T) {
	if testing.Short() {
		t.Skip("trains six nets")
	}
	gains := map[string]float64{}
	const seeds = 3
	for seed := range uint64(seeds) {
		x, sections := twoTypes(40, 800, rand.New(rand.NewPCG(seed, 1)))
		chain, err := noise.ParseSpec("gaussian:snr=0")
		if err != nil {
			t.Fatal(err)
		}
		base := Arch{Kind: model.TCN, Spec: nn.TCN(1, 1, 8, 3, []int{1, 2}, 3), Inputs: []model.Input{model.Signal}}
		film := base.With(nn.Extra{}, model.Condition{{Name: "type", Values: []string{"slow", "fast"}}})
		cfg := SupervisedConfig{Arch: base, Clean: [][]float64{x}, Corrupt: chain, Steps: 300, Window: 256, Peak: 1e-2, Seed: seed}
		without, _, err := Supervised(context.Background(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		cfg.Arch, cfg.Sections = film, sections
		with, _, err := Supervised(context.Background(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		clean, sections := twoTypes(10, 2000, rand.New(rand.NewPCG(seed, 2)))
		for _, s := range sections {
			rng := rand.New(rand.NewPCG(seed, uint64(s.From)))
			truth := clean[s.From:s.To]
			y := slices.Clone(truth)
			for i := range y {
				y[i] += .7 * rng.NormFloat64()
			}
			score := func(name string, m *model.Model, known map[string]string) {
				m, err := m.Conditioned(known)
				if err != nil {
					t.Fatal(err)
				}
				out, err := Denoise(m, y, nil)
				if err != nil {
					t.Fatal(err)
				}
				gains[name] += noise.Gain(truth, y, out) / float64(len(sections)*seeds)
			}
			wrong := map[string]string{"type": "slow"}
			if s.Known["type"] == "slow" {
				wrong["type"] = "fast"
			}
			score("without", without, nil)
			score("right", with, s.Known)
			score("none", with, nil)
			score("wrong", with, wrong)
		}
	}
	t.Logf("gain in dB: right %.2f, told nothing %.2f, trained without %.2f, wrong %.2f", gains["right"], gains["none"], gains["without"], gains["wrong"])
	for _, name := range []string{"without", "none", "wrong"} {
		if !(gains["right"] > gains[name]+.3) {
			t.Errorf("right condition %.2f dB, %s %.2f dB; want it .3 dB better", gains["right"], name, gains[name])
		}
	}
}

func TestSectionsAreChecked(t *testing.T) {
	x, sections := twoTypes(10, 300, rand.New(rand.NewPCG(1, 1)))
	base := Arch{Kind: model.TCN, Spec: nn.TCN(1, 1, 4, 3, []int{1}, 1), Inputs: []model.Input{model.Signal}}
	film := base.With(nn.Extra{}, model.Condition{{Name: "type", Values: []string{"slow", "fast"}}})
	other := slices.Clone(sections)
	other[3].Known = map[string]string{"type": "warm"}
	outside := append(slices.Clone(sections), Section{From: 2900, To: 3001})
	for _, tc := range []struct {
		arch     Arch
		sections []Section
		recipe   Recipe
		want     string
	}{
		{film, nil, Recipe{}, "the net takes a condition: say in which sections"},
		{base, sections, Recipe{}, "sections with a condition; the net takes none"},
		{film, other, Recipe{}, `section 3: condition type: there is no value "warm"; want slow, fast`},
		{film, outside, Recipe{}, "section 10 of 2900 to 3001 in 3000 samples"},
		{film, []Section{{From: 0, To: 100}}, Recipe{}, "no section has 256 samples among 0 to"},
		{film, sections, Recipe{Sparse: .2}, "sparse is for nets without batchnorm, dropout and film layers"},
	} {
		_, _, err := Supervised(context.Background(), SupervisedConfig{Arch: tc.arch, Clean: [][]float64{x}, Sections: tc.sections, Steps: 1, Window: 256, Recipe: tc.recipe})
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("error %v, want %q", err, tc.want)
		}
	}
}

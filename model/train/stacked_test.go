package train

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/quell-stream/quell/model/eval"
	"github.com/quell-stream/quell/model/nn"
	"github.com/quell-stream/quell/model/noise"
)

// stackStudy trains a dae on 2,000 samples, with so many updates per layer before,
// and returns the validation losses after every so many updates.
func stackStudy(t *testing.T, seed uint64, layer, steps, every int) (losses []float64) {
	t.Helper()
	chain, err := noise.ParseSpec("gaussian:snr=10")
	if err != nil {
		t.Fatal(err)
	}
	cfg := SupervisedConfig{Clean: [][]float64{pulseTrain(2000, 0)}, Arch: DAEArch(1, []int{16, 32}, 9, 8), Corrupt: chain,
		Window: 128, Seed: seed, Recipe: Recipe{Schedule: ConstantKind}}
	if err := cfg.defaults(); err != nil {
		t.Fatal(err)
	}
	parts, err := eval.Split(len(cfg.Clean[0]), cfg.Arch.Spec.ReceptiveField())
	if err != nil {
		t.Fatal(err)
	}
	net, err := nn.New(cfg.Arch.Spec, seed)
	if err != nil {
		t.Fatal(err)
	}
	data, val := newPairs(&cfg, parts.Train, 0, .8), newPairs(&cfg, parts.Tune, .8, 1)
	val.scales = data.scales
	fit, err := cfg.Recipe.fit(FitConfig{Steps: steps, Batch: cfg.Batch, Decay: cfg.Decay, Every: every}, cfg.Arch, cfg.Peak)
	if err != nil {
		t.Fatal(err)
	}
	if layer > 0 {
		if err := pretrain(t.Context(), net, data, fit, layer); err != nil {
			t.Fatal(err)
		}
	}
	judge := validator(val, fit.Loss, 64)
	fit.Validate = func(n *nn.Net) float64 {
		losses = append(losses, judge(n))
		return losses[len(losses)-1]
	}
	if _, err := Fit(t.Context(), net, data, fit); err != nil {
		t.Fatal(err)
	}
	return losses
}

// A pretrained stack needs fewer updates to a validation loss than training from
// scratch, on 2,000 samples and for each of several seeds. With the updates of the
// pretraining it needs more in all.
func TestPretrainingNeedsFewerSteps(t *testing.T) {
	if raceBuild || testing.Short() {
		t.Skip("several trainings")
	}
	const target, layer, steps, every = .1, 200, 250, 5
	stepsTo := func(seed uint64, layer int) int {
		losses := stackStudy(t, seed, layer, steps, every)
		i := slices.IndexFunc(losses, func(v float64) bool { return v <= target })
		if i < 0 {
			t.Fatalf("seed %d, %d updates per layer: no loss of %g, but %g", seed, layer, target, losses)
		}
		return (i + 1) * every
	}
	var scratch, stacked int
	for seed := range uint64(4) {
		a, b := stepsTo(seed, 0), stepsTo(seed, layer)
		t.Logf("seed %d: %d updates from scratch, %d behind pretraining", seed, a, b)
		if b >= a {
			t.Errorf("seed %d: %d updates behind pretraining, %d from scratch", seed, b, a)
		}
		scratch, stacked = scratch+a, stacked+b
	}
	if 3*stacked > 2*scratch {
		t.Errorf("%d updates behind pretraining, %d from scratch: not a third fewer", stacked, scratch)
	}
}

// Workers, an interruption and a resumption change nothing behind a pretraining.
func TestPretrainingIsDeterministic(t *testing.T) {
	if testing.Short() {
		t.Skip("a long training")
	}
	var snap *Snapshot
	cfg := SupervisedConfig{Clean: [][]float64{pulseTrain(3000, 0), pulseTrain(3000, 3)}, Arch: DAEArch(2, []int{4, 6}, 4, 2), Steps: 8, Batch: 3, Window: 64,
		Workers: 1, Recipe: Recipe{Pretrain: 5, Init: nn.UnitVariance, Loss: Feature{Weight: .3}},
		Checkpoint: func(s *Snapshot) error {
			if s.Step() == 4 {
				snap = s
			}
			return nil
		}}
	m, _, err := Supervised(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	want := encode(t, m)
	cfg.Checkpoint, cfg.Workers = nil, 3
	if m, _, err := Supervised(t.Context(), cfg); err != nil || !bytes.Equal(encode(t, m), want) {
		t.Errorf("three workers give another model, %v", err)
	}
	cfg.Resume = snap
	if m, _, err := Supervised(t.Context(), cfg); err != nil || !bytes.Equal(encode(t, m), want) {
		t.Errorf("resumed, the model differs, %v", err)
	}
	cfg.Resume, cfg.Pretrain = nil, 0
	if m, _, err := Supervised(t.Context(), cfg); err != nil || bytes.Equal(encode(t, m), want) {
		t.Errorf("without pretraining the model is the same, %v", err)
	}
}

// What is trained by itself is each layer with its counterpart, by their own
// weights.
func TestStackLevels(t *testing.T) {
	spec := DAEArch(2, []int{4, 6}, 4, 3).Spec
	levels, err := stackLevels(spec)
	if err != nil {
		t.Fatal(err)
	}
	net, err := nn.New(spec, 7)
	if err != nil {
		t.Fatal(err)
	}
	want := []struct {
		in  int
		ops string
	}{{4, "conv relu convt"}, {4, "conv relu convt relu"}, {6, "conv conv relu"}}
	if len(levels) != len(want) {
		t.Fatalf("%d levels, want %d", len(levels), len(want))
	}
	seen := map[int]bool{}
	for k, l := range levels {
		part, at, err := levelNet(net, l)
		if err != nil {
			t.Fatal(err)
		}
		var ops []string
		for _, layer := range part.Spec().Layers {
			ops = append(ops, string(layer.Op))
		}
		if got := strings.Join(ops, " "); got != want[k].ops || part.Spec().In != want[k].in {
			t.Errorf("level %d: %s of %d channels, want %s of %d", k, got, part.Spec().In, want[k].ops, want[k].in)
		}
		for i, p := range part.Params() {
			whole := net.Params()[at[i]]
			if !slices.Equal(p.Data, whole.Data) || !slices.Equal(p.Shape, whole.Shape) || seen[at[i]] {
				t.Errorf("level %d: %s is not %s, or that of another level, too", k, p.Name, whole.Name)
			}
			seen[at[i]] = true
		}
	}
	if len(seen) != len(net.Params()) {
		t.Errorf("%d of %d parameters are pretrained", len(seen), len(net.Params()))
	}
	if _, err := stackLevels(TCNArch(0, 4, 3, []int{1}, 0).Spec); err == nil || !strings.Contains(err.Error(), "stacked") {
		t.Errorf("a tcn: error %v", err)
	}
}

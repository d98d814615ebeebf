package train

import (
	"bytes"
	"math"
	"strings"
	"testing"

	"github.com/quell-stream/quell/model/nn"
	"github.com/quell-stream/quell/model/noise"
)

// Techniques change neither that workers don't matter nor that a snapshot resumes,
// and an update with them allocates nothing.
func TestTechniquesAreDeterministic(t *testing.T) {
	arch := DAEArch(1, []int{4, 6}, 4, 2)
	recipe := Recipe{Loss: Spectral{Weight: .1}, EMA: .9, Dropout: .2, Contract: .1, Sparse: .3}
	var want []byte
	for _, workers := range []int{1, 3} {
		m, _, err := Supervised(t.Context(), SupervisedConfig{Clean: [][]float64{pulseTrain(3000, 0)}, Arch: arch,
			Steps: 12, Batch: 3, Window: 64, Recipe: recipe, Workers: workers, Curriculum: true})
		if err != nil {
			t.Fatal(err)
		}
		if want == nil {
			want = encode(t, m)
		} else if !bytes.Equal(want, encode(t, m)) {
			t.Errorf("%d workers give another model", workers)
		}
	}
	var snap *Snapshot
	cfg := SupervisedConfig{Clean: [][]float64{pulseTrain(3000, 0)}, Arch: arch, Steps: 12, Batch: 3, Window: 64, Recipe: recipe, Curriculum: true,
		Checkpoint: func(s *Snapshot) error {
			if s.Step() == 5 {
				snap = s
			}
			return nil
		}}
	if _, _, err := Supervised(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	cfg.Checkpoint, cfg.Resume = nil, snap
	if m, _, err := Supervised(t.Context(), cfg); err != nil || !bytes.Equal(encode(t, m), want) {
		t.Errorf("resumed, the model differs, %v", err)
	}

	net, err := nn.New(arch.Spec, 1)
	if err != nil {
		t.Fatal(err)
	}
	fit, err := recipe.fit(FitConfig{Steps: 1000, Batch: 4, Workers: 2}, arch, 1e-3)
	if err != nil {
		t.Fatal(err)
	}
	if err := fit.defaults(); err != nil {
		t.Fatal(err)
	}
	f := newFitter(net, maskedConstant{}, fit)
	defer f.crew.close()
	for range 20 {
		f.update()
	}
	if n := testing.AllocsPerRun(20, f.update); n > 0 && !raceBuild {
		t.Errorf("%g allocations per update", n)
	}
}

// maskedConstant is constant for a net that reads a mask.
type maskedConstant struct{}

func (maskedConstant) Example(e *Example, step, i int) {
	e.resize(64, 2, 1)
	for t := range e.Y {
		e.X[2*t], e.X[2*t+1], e.Y[t], e.W[t] = float32(t), 0, 1, 1
	}
}

func TestRecipeRefuses(t *testing.T) {
	x := [][]float64{pulseTrain(3000, 0)}
	tcn, dae := TCNArch(0, 4, 3, []int{1}, 0), DAEArch(1, []int{4}, 4, 2)
	for want, c := range map[string]struct {
		arch Arch
		r    Recipe
	}{
		"EMA 1":             {dae, Recipe{EMA: 1}},
		"dropout -0.1":      {dae, Recipe{Dropout: -.1}},
		"sparse NaN":        {dae, Recipe{Sparse: math.NaN()}},
		"contract -1":       {dae, Recipe{Contract: -1}},
		"no schedule":       {dae, Recipe{Schedule: "steps"}},
		"contract is for":   {tcn, Recipe{Contract: .1}},
		"pretrain -1":       {dae, Recipe{Pretrain: -1}},
		"mirrors its enc":   {tcn, Recipe{Pretrain: 5}},
		"no code to make s": {tcn, Recipe{Sparse: .1}},
	} {
		if _, _, err := Supervised(t.Context(), SupervisedConfig{Clean: x, Arch: c.arch, Recipe: c.r}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

// What is trained towards noisy targets has no spectrum to compare with.
func TestSpectralNeedsCleanTargets(t *testing.T) {
	base, _, err := Base(t.Context(), tinyBase(1, 2))
	if err != nil {
		t.Fatal(err)
	}
	windows := windowsOf(base, addWhite(pulseTrain(9000, 0), .5, 1), 2048)
	cfg := TruthlessConfig{Method: R2R, FineTuneConfig: FineTuneConfig{Steps: 2, Batch: 2, Length: 128, Recipe: Recipe{Loss: Spectral{Weight: 1}}}}
	if _, _, err := Truthless(t.Context(), base, windows, cfg); err == nil || !strings.Contains(err.Error(), "clean targets") {
		t.Errorf("R2R: error %v", err)
	}
	if _, _, err := Recorrupted(t.Context(), base, windows, cfg.FineTuneConfig); err == nil {
		t.Error("recorrupted: accepted")
	}
	cfg.Recipe.Loss = Feature{Weight: 1}
	if _, _, err := FineTune(t.Context(), base, windows, cfg.FineTuneConfig); err == nil || !strings.Contains(err.Error(), "clean recordings") {
		t.Errorf("feature loss: error %v", err)
	}
	cfg.Recipe.Loss, cfg.Method = Spectral{Weight: 1}, IDR
	if _, _, err := Truthless(t.Context(), base, windows, cfg); err != nil {
		t.Errorf("IDR: %v", err)
	}
}

// A curriculum begins with weak noise of one kind and ends with all of it.
func TestCurriculum(t *testing.T) {
	chain, err := noise.ParseSpec("gaussian:snr=0..20+spike:p=0.1..0.5,amp=4+wander:amp=1")
	if err != nil {
		t.Fatal(err)
	}
	k := newCurriculum(chain, 320)
	before := 0.0
	for step := range 170 {
		hard, c := k.at(step, chain)
		if hard < before {
			t.Fatalf("step %d is easier than the one before", step)
		}
		before = hard
		snr := c[0].Args[0].Value
		if snr.Hi != 20 || math.Abs(snr.Lo-20*(1-hard)) > 1e-9 {
			t.Fatalf("step %d: snr %v at hardness %g", step, snr, hard)
		}
		if kinds := min(3, 1+int(3*hard)); len(c) != kinds {
			t.Fatalf("step %d: %d kinds of noise at hardness %g", step, len(c), hard)
		}
	}
	if hard, c := k.at(160, chain); hard != 1 || c.String() != chain.String() {
		t.Errorf("from the middle on: %s at %g", c, hard)
	}
	if v := ease(chain, .5)[1].Args[0].Value; v.Lo != .1 || math.Abs(v.Hi-.3) > 1e-9 {
		t.Errorf("half-way spikes cover %v, want .1 to .3", v)
	}
	if chain.String() != "gaussian:snr=0..20+spike:p=0.1..0.5,amp=4+wander:amp=1,period=300..3000" {
		t.Errorf("the chain was changed: %s", chain)
	}
	one, err := noise.ParseSpec("gaussian:snr=5")
	if err != nil {
		t.Fatal(err)
	}
	if v := ease(one, .25)[0].Args[0].Value; v.Lo != 20 || v.Hi != 20 {
		t.Errorf("a level of 5 dB begins a quarter on at %v", v)
	}
	// Recorded noise fades in, and validation is never eased.
	z := make([]float64, 3000)
	for i := range z {
		z[i] = float64(1 - 2*(i&1))
	}
	cfg := SupervisedConfig{Clean: [][]float64{make([]float64, 3000)}, Noise: [][]float64{z}, Arch: TCNArch(0, 4, 3, []int{1}, 0), Window: 64, Curriculum: true}
	if err := cfg.defaults(); err != nil {
		t.Fatal(err)
	}
	data := newPairs(&cfg, struct{ From, To int }{0, 3000}, 0, 1)
	data.ease = newCurriculum(nil, 320)
	var e Example
	for step, want := range map[int]float64{0: 0, 80: .5, 200: 1} {
		data.Example(&e, step, 0)
		near(t, "recorded noise", math.Abs(float64(e.X[0])), want, 1e-6)
	}
}

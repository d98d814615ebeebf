package train

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"testing"

	"github.com/quell-stream/quell/model/nn"
)

// AdamW under each schedule against the trace that PyTorch leaves, see
// testdata/schedule_trace.py.
func TestSchedulesFollowPyTorch(t *testing.T) {
	data, err := os.ReadFile("testdata/schedule_trace.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Steps       int
		Peak, Decay float64
		Traces      map[ScheduleKind][][4]float64
	}
	if err := json.Unmarshal(data, &golden); err != nil {
		t.Fatal(err)
	}
	if len(golden.Traces) != 3 {
		t.Fatalf("%d traces, want 3", len(golden.Traces))
	}
	for kind, trace := range golden.Traces {
		schedule, err := kind.New(golden.Peak, golden.Steps)
		if err != nil {
			t.Fatal(err)
		}
		p, g := [][]float32{{-2, .5, 3}}, [][]float32{make([]float32, 3)}
		a := NewAdam(p)
		a.Decay = golden.Decay
		for step, want := range trace {
			for i, v := range p[0] {
				g[0][i] = float32(i+1) * (v - 1)
			}
			lr, beta1 := schedule.At(step)
			a.Step(p, g, lr, beta1)
			near(t, string(kind)+": rate", lr/golden.Peak, want[0]/golden.Peak, 1e-9)
			for i, v := range p[0] {
				near(t, string(kind)+": value", float64(v), want[i+1], 1e-6)
			}
			if t.Failed() {
				t.Fatalf("after step %d", step)
			}
		}
	}
	if _, err := ScheduleKind("step").New(1, 1); err == nil {
		t.Error("an unknown schedule was taken")
	}
}

// Schedules that come down end a third lower than a constant rate, on noisy targets.
func TestSchedulesBeatAConstantRate(t *testing.T) {
	loss := map[ScheduleKind]float64{}
	for _, kind := range []ScheduleKind{OneCycleKind, CosineKind, ConstantKind} {
		net := smallNet(t)
		schedule, err := kind.New(3e-2, 300)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Fit(t.Context(), net, noisyHalving{}, FitConfig{Steps: 300, Batch: 2, Schedule: schedule}); err != nil {
			t.Fatal(err)
		}
		loss[kind] = validator(halving{5}, SquaredError{}, 32)(net)
	}
	if !(loss[OneCycleKind] < loss[ConstantKind]/1.5 && loss[CosineKind] < loss[ConstantKind]/1.5) {
		t.Errorf("validation losses %v, want two thirds of the constant rate's at most", loss)
	}
}

// noisyHalving is halving with noise on what is asked for, which one can't learn.
type noisyHalving struct{}

func (noisyHalving) Example(e *Example, step, i int) {
	halving{1}.Example(e, step, i)
	rng := draw(6, step, i)
	for t := range e.Y {
		e.Y[t] += float32(rng.NormFloat64())
	}
}

// The mean is the recursion written out, is what is validated and kept, steadies
// a noisy run, and goes through a snapshot.
func TestAverage(t *testing.T) {
	net := smallNet(t)
	a := newAverage(net, .9)
	want := float64(net.Params()[0].Data[0])
	p := [][]float32{}
	for _, q := range net.Params() {
		p = append(p, slices.Clone(q.Data))
	}
	for step := range 50 {
		p[0][0] = float32(step % 7)
		a.add(step, p)
		d := min(.9, float64(1+step)/float64(10+step))
		want = d*want + (1-d)*float64(step%7)
	}
	near(t, "mean", float64(a.net().Params()[0].Data[0]), want, 1e-5)

	run := func(cfg FitConfig) (*nn.Net, FitReport) {
		net := smallNet(t)
		cfg.Steps, cfg.Batch, cfg.Schedule = 200, 1, Constant{Peak: 3e-2, Steps: 200}
		rep, err := Fit(t.Context(), net, noisyHalving{}, cfg)
		if err != nil {
			t.Fatal(err)
		}
		return net, rep
	}
	val := validator(halving{5}, SquaredError{}, 32)
	plain, _ := run(FitConfig{})
	var snap *Snapshot
	mean, _ := run(FitConfig{EMA: .99, CheckpointEvery: 70, Checkpoint: func(s *Snapshot) error {
		snap = s
		return nil
	}})
	if !(val(mean) < val(plain)/1.5) {
		t.Errorf("the mean has a validation loss of %g, the last weights one of %g", val(mean), val(plain))
	}
	b, err := snap.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	again := new(Snapshot)
	if err := again.UnmarshalBinary(b); err != nil {
		t.Fatal(err)
	}
	if resumed, _ := run(FitConfig{EMA: .99, Resume: again}); !bytes.Equal(weights(resumed), weights(mean)) {
		t.Error("a resumed run gives another mean")
	}
	if _, err := Fit(t.Context(), smallNet(t), halving{1}, FitConfig{Steps: 200, Resume: again}); err == nil {
		t.Error("a snapshot with a mean was taken by a run without")
	}
	best, rep := run(FitConfig{EMA: .99, Validate: val, Every: 20})
	if got := val(best); got != rep.Best {
		t.Errorf("the net kept has a validation loss of %g, the best was %g", got, rep.Best)
	}
}

// The teacher of the next round of refinement is the mean.
func TestFineTuneByAverage(t *testing.T) {
	base, _, err := Base(t.Context(), tinyBase(1, 60))
	if err != nil {
		t.Fatal(err)
	}
	windows := windowsOf(base, addWhite(pulseTrain(3000, 0), .5, 1), 256)
	cfg := FineTuneConfig{Steps: 30, Batch: 2, Rounds: 2, Length: 128, Seed: 2, Recipe: Recipe{EMA: .99}}
	a, _, err := FineTune(t.Context(), base, windows, cfg)
	if err != nil {
		t.Fatal(err)
	}
	b, _, err := FineTune(t.Context(), base, windows, cfg)
	if err != nil {
		t.Fatal(err)
	}
	cfg.EMA = 0
	c, _, err := FineTune(t.Context(), base, windows, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if a.Name() != b.Name() || a.Name() == c.Name() {
		t.Errorf("with a mean %s and %s, without %s", a.Name(), b.Name(), c.Name())
	}
}

package train

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"testing"

	"go.uber.org/goleak"

	"github.com/quell-stream/quell/model/nn"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// halving asks a net for half of the value before.
type halving struct{ seed uint64 }

func (b halving) Example(e *Example, step, i int) {
	rng := draw(b.seed, step, i)
	n := 16 + rng.IntN(8)
	e.resize(n, 1, 1)
	for t := range n {
		e.X[t], e.W[t] = float32(rng.NormFloat64()), 1
		e.Y[t] = 0
		if t > 0 {
			e.Y[t] = .5 * e.X[t-1]
		}
	}
}

func smallNet(t testing.TB) *nn.Net {
	t.Helper()
	net, err := nn.New(nn.TCN(1, 1, 4, 3, []int{1, 2}, 1), 7)
	if err != nil {
		t.Fatal(err)
	}
	return net
}

func weights(net *nn.Net) []byte {
	var b []byte
	for _, p := range net.Params() {
		for _, v := range p.Data {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
		}
	}
	return b
}

func TestFitLearnsAShift(t *testing.T) {
	net := smallNet(t)
	first := math.NaN()
	rep, err := Fit(t.Context(), net, halving{1}, FitConfig{Steps: 300, Cycle: OneCycle{Peak: 1e-2}, Progress: func(p Progress) {
		if p.Step == 1 {
			first = p.Loss
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	if rep.Steps != 300 || !(rep.Loss < first/50) {
		t.Errorf("after %d steps the loss is %g, at first it was %g", rep.Steps, rep.Loss, first)
	}
	// The live weights are packed.
	x := []float32{1, 0, 0, 0, 0, 0, 0, 0}
	if y := net.NewRunner(8).Run(nil, x); math.Abs(float64(y[1])-.5) > .1 {
		t.Errorf("response %v, want .5 one later", y)
	}
}

func TestFitIsTheSameForAnyNumberOfWorkers(t *testing.T) {
	var want []byte
	for workers := 1; workers <= 5; workers++ {
		net := smallNet(t)
		if _, err := Fit(t.Context(), net, halving{1}, FitConfig{Steps: 20, Batch: 6, Workers: workers, Decay: .01}); err != nil {
			t.Fatal(err)
		}
		if want == nil {
			want = weights(net)
		} else if !bytes.Equal(weights(net), want) {
			t.Errorf("%d workers give other weights than one", workers)
		}
	}
}

func TestResume(t *testing.T) {
	run := func(cfg FitConfig) ([]byte, FitReport) {
		net := smallNet(t)
		cfg.Steps, cfg.Every = 40, 7
		val := validator(halving{2}, SquaredError{}, 4)
		cfg.Validate = func(n *nn.Net) float64 { return math.Round(val(n) * 1e3) }
		rep, err := Fit(t.Context(), net, halving{1}, cfg)
		if err != nil {
			t.Fatal(err)
		}
		return weights(net), rep
	}
	var snaps []*Snapshot
	want, wantRep := run(FitConfig{CheckpointEvery: 9, Checkpoint: func(s *Snapshot) error {
		snaps = append(snaps, s)
		return nil
	}})
	if len(snaps) != 4 {
		t.Fatalf("%d checkpoints, want 4", len(snaps))
	}
	for _, s := range snaps {
		b, err := s.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		var again Snapshot
		if err := again.UnmarshalBinary(b); err != nil {
			t.Fatal(err)
		}
		got, rep := run(FitConfig{Resume: &again})
		if !bytes.Equal(got, want) || rep.Best != wantRep.Best || rep.BestAt != wantRep.BestAt {
			t.Errorf("resumed at step %d, the result differs: %+v, want %+v", s.Step(), rep, wantRep)
		}
		if err := again.UnmarshalBinary(b[:len(b)/2]); err == nil {
			t.Error("half a snapshot was read")
		}
	}
	other, err := nn.New(nn.TCN(1, 1, 5, 3, []int{1}, 1), 7)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Fit(t.Context(), other, halving{1}, FitConfig{Steps: 40, Resume: snaps[0]}); err == nil {
		t.Error("a snapshot of another net was taken")
	}
	if _, err := Fit(t.Context(), smallNet(t), halving{1}, FitConfig{Steps: 5, Resume: snaps[0]}); err == nil {
		t.Error("a snapshot of a longer run was taken")
	}
}

func TestEarlyStopKeepsTheBest(t *testing.T) {
	losses := []float64{5, 3, 4, math.NaN(), 3, 2}
	net := smallNet(t)
	var seen [][]byte
	rep, err := Fit(t.Context(), net, halving{1}, FitConfig{Steps: 60, Every: 5, Patience: 3, Validate: func(n *nn.Net) float64 {
		seen = append(seen, weights(n))
		return losses[len(seen)-1]
	}})
	if err != nil {
		t.Fatal(err)
	}
	if !rep.Stopped || rep.Steps != 25 || rep.BestAt != 10 || rep.Best != 3 {
		t.Errorf("%+v, want a stop at 25 with the best, 3, at 10", rep)
	}
	if !bytes.Equal(weights(net), seen[1]) {
		t.Error("the net is not the best one")
	}
}

func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	rep, err := Fit(ctx, smallNet(t), halving{1}, FitConfig{Steps: 50, Progress: func(p Progress) {
		if p.Step == 3 {
			cancel(why)
		}
	}})
	if !errors.Is(err, why) || rep.Steps != 3 {
		t.Errorf("stopped after %d steps with %v, want 3 and %v", rep.Steps, err, why)
	}
	full := errors.New("disk full")
	if _, err := Fit(t.Context(), smallNet(t), halving{1}, FitConfig{Steps: 50, Checkpoint: func(*Snapshot) error { return full }}); !errors.Is(err, full) {
		t.Errorf("error %v, want that of the checkpoint", err)
	}
	if _, err := Fit(t.Context(), smallNet(t), halving{1}, FitConfig{}); err == nil {
		t.Error("no steps accepted")
	}
}

func TestUpdateAllocatesNothing(t *testing.T) {
	cfg := FitConfig{Steps: 1000, Batch: 4, Workers: 2}
	if err := cfg.defaults(); err != nil {
		t.Fatal(err)
	}
	f := newFitter(smallNet(t), constant{}, cfg)
	defer f.crew.close()
	for range 20 {
		f.update()
	}
	if n := testing.AllocsPerRun(20, f.update); n > 0 {
		t.Errorf("%g allocations per update", n)
	}
}

type constant struct{}

func (constant) Example(e *Example, step, i int) {
	e.resize(64, 1, 1)
	for t := range e.X {
		e.X[t], e.Y[t], e.W[t] = float32(t), 1, 1
	}
}

func TestDrawIsKeyed(t *testing.T) {
	seen := make(map[uint64]bool)
	for seed := range uint64(5) {
		for step := range 5 {
			for i := range 5 {
				seen[draw(seed, step, i).Uint64()] = true
			}
		}
	}
	if len(seen) != 125 {
		t.Errorf("%d different first draws of 125", len(seen))
	}
	if a, b := draw(1, 2, 3), draw(1, 2, 3); !slices.Equal([]uint64{a.Uint64(), a.Uint64()}, []uint64{b.Uint64(), b.Uint64()}) {
		t.Error("the same key draws differently")
	}
}

// A run that is cancelled leaves a snapshot of where it was.
func TestCancelSaves(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var last *Snapshot
	_, err := Fit(ctx, smallNet(t), halving{1}, FitConfig{Steps: 50, CheckpointEvery: 20,
		Progress: func(p Progress) {
			if p.Step == 27 {
				cancel()
			}
		},
		Checkpoint: func(s *Snapshot) error { last = s; return nil }})
	if !errors.Is(err, context.Canceled) || last == nil || last.Step() != 27 {
		t.Fatalf("error %v, snapshot %v; want one of step 27", err, last)
	}
}

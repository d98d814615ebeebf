package bench

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/quell-stream/quell/model/nn"
	"github.com/quell-stream/quell/model/train"
)

func mustNew(t *testing.T, s nn.Spec) *nn.Net {
	t.Helper()
	n, err := nn.New(s, 1)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestMeasureInterleaves(t *testing.T) {
	var order []string
	counting := func(name string) Case {
		return Case{Name: name, Units: []Unit{{"windows", 2}}, FLOPs: 1000, Make: func() (Op, error) {
			return loop(func() { order = append(order, name); time.Sleep(50 * time.Microsecond) }), nil
		}}
	}
	var told []int
	rep, err := Measure(t.Context(), []Case{counting("a"), counting("b")}, Options{Rounds: 4, Slice: 200 * time.Microsecond,
		Progress: func(round, _ int) { told = append(told, round) }})
	if err != nil {
		t.Fatal(err)
	}
	if want := []int{1, 2, 3, 4}; !slices.Equal(told, want) {
		t.Errorf("progress told %v, want %v", told, want)
	}
	// After calibration, which is one case after the other, the slices of four
	// rounds alternate, and each round begins with another case.
	slicesSeen := slices.Compact(order)
	want := []string{"a", "b", "a", "b", "a", "b", "a"} // a (calibrated) b (calibrated), then ab ba ab ba
	if !slices.Equal(slicesSeen, want) {
		t.Errorf("slices %v, want %v", slicesSeen, want)
	}
	for _, r := range rep.Results {
		if r.Min < 50e3 || r.Median < r.Min {
			t.Errorf("%s: %v ns at best and %v in the middle; each operation sleeps for 50 µs", r.Case.Name, r.Min, r.Median)
		}
		if best, median := r.PerSecond(r.Case.Units[0]); best != 2e9/r.Min || median != 2e9/r.Median {
			t.Errorf("%s: %v and %v windows per second of %v and %v ns", r.Case.Name, best, median, r.Min, r.Median)
		}
		if r.GFLOPS() != 1000/r.Min {
			t.Errorf("%s: %v GFLOP/s, 1000 in %v ns", r.Case.Name, r.GFLOPS(), r.Min)
		}
	}
}

func TestMeasureSharesWorkAmongThreads(t *testing.T) {
	var total atomic.Int64
	perOp := make([]int64, 0, 3)
	c := Case{Name: "c", Threads: 3, Make: func() (Op, error) {
		i := len(perOp)
		perOp = append(perOp, 0)
		return loop(func() { perOp[i]++; total.Add(1) }), nil
	}}
	r, err := start(&c)
	if err != nil {
		t.Fatal(err)
	}
	r.time(100)
	r.close()
	if total.Load() != 100 || len(perOp) != 3 || slices.Min(perOp) < 33 {
		t.Errorf("of 100 operations the threads did %v", perOp)
	}
}

func TestMeasureStops(t *testing.T) {
	why := errors.New("why")
	ctx, cancel := context.WithCancelCause(t.Context())
	c := Case{Name: "c", Make: func() (Op, error) { return loop(func() {}), nil }}
	_, err := Measure(ctx, []Case{c}, Options{Rounds: 1 << 20, Slice: time.Millisecond, Progress: func(int, int) { cancel(why) }})
	if !errors.Is(err, why) {
		t.Errorf("error %v, want the cause", err)
	}
	c.Make = func() (Op, error) { return nil, why }
	if _, err := Measure(t.Context(), []Case{c}, Options{Rounds: 1}); !errors.Is(err, why) {
		t.Errorf("error %v, want that of Make", err)
	}
}

func TestShare(t *testing.T) {
	r := Result{Case: &Case{FLOPs: 1000, Threads: 2}, Min: 10}
	if !math.IsNaN(r.Share()) {
		t.Errorf("a share of %v without a peak", r.Share())
	}
	r.Peak = 200
	if got := r.Share(); got != .25 { // 100 of 2·200 GFLOP/s
		t.Errorf("share %v, want .25", got)
	}
}

func TestMACs(t *testing.T) {
	dense := nn.Spec{In: 2, Window: 8, Layers: []nn.LayerSpec{{Op: nn.Dense, Out: 3, Steps: 4}}}
	for _, c := range []struct {
		name string
		spec nn.Spec
		t    int
		want float64
	}{
		{"A", ModelA(), Window, 1_032_192},
		{"B", ModelB(), Window, 4_784_128},
		{"dense", dense, 8, 2 * 8 * 3 * 4},
	} {
		if got := MACs(c.spec, c.t); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// every is a network with every operation.
func every() nn.Spec {
	return nn.Spec{In: 2, Window: 16, Layers: []nn.LayerSpec{
		{Op: nn.Conv, Out: 4, Kernel: 5, Stride: 2, Pad: [2]int{2, 2}}, {Op: nn.GELU},
		{Op: nn.Residual, Layers: []nn.LayerSpec{{Op: nn.Conv, Out: 4, Kernel: 3, Dilation: 2, Pad: [2]int{4, 0}, NoBias: true}, {Op: nn.Tanh}}},
		{Op: nn.ConvT, Out: 3, Kernel: 4, Stride: 2, Dilation: 2, Pad: [2]int{2, 3}}, {Op: nn.Sigmoid},
		{Op: nn.Dense, Out: 2, Steps: 5},
	}}
}

func TestCheck(t *testing.T) {
	for name, spec := range map[string]nn.Spec{"A": ModelA(), "B": ModelB(), "every": every()} {
		a, err := Check(mustNew(t, spec))
		if err != nil {
			t.Fatal(err)
		}
		if a.Share() > 1e-5 || a.Whole == 0 {
			t.Errorf("%s: error %.2g of a peak of %.2g", name, a.Whole, a.Peak)
		}
		if streams := name != "every"; a.Streams != streams || a.Equal != streams {
			t.Errorf("%s: %+v; does it stream: %v", name, a, streams)
		}
	}
}

// TestCompareFindsErrors: a figure for correctness that can't be bad says nothing.
func TestCompareFindsErrors(t *testing.T) {
	net := mustNew(t, ModelB())
	x := noise(Window*4, 1)
	want := Forward(net, x)
	want[77] += .25
	a, err := Compare(net, []Pair{{x, want}})
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(a.Whole-.25) > 1e-4 || math.Abs(a.Streamed-.25) > 1e-4 || !a.Equal {
		t.Errorf("%+v, want errors of .25 and equal bits", a)
	}
	want[77] = math.NaN()
	if _, err := Compare(net, []Pair{{x, want}}); err == nil {
		t.Error("NaN passes")
	}
	if _, err := Compare(net, []Pair{{x, want[1:]}}); err == nil {
		t.Error("an output of the wrong length passes")
	}
}

func TestTrainTakesSteps(t *testing.T) {
	net := mustNew(t, nn.DAE(1, 1, []int{4}, 3, 2))
	before := slices.Clone(net.Params()[0].Data)
	s := newStepper(net, 3, 2)
	s.Run(1)
	if slices.Equal(before, net.Params()[0].Data) {
		t.Error("a step changes nothing")
	}
	first := slices.Clone(net.Params()[0].Data)
	s.Run(4)
	s.Close()
	// The same by Fit itself.
	again := mustNew(t, nn.DAE(1, 1, []int{4}, 3, 2))
	stop := errors.New("stop")
	ctx, cancel := context.WithCancelCause(t.Context())
	_, err := train.Fit(ctx, again, newWindows(again.Spec(), 3), train.FitConfig{Steps: 1 << 30, Batch: 3, Workers: 1,
		Cycle: train.OneCycle{Peak: 1e-4}, Progress: func(p train.Progress) {
			if p.Step == 5 {
				cancel(stop)
			}
		}})
	if !errors.Is(err, stop) {
		t.Fatal(err)
	}
	got := net.Params()[0].Data
	if !slices.Equal(got, again.Params()[0].Data) || slices.Equal(got, first) {
		t.Error("1 + 4 steps are not 5 steps of Fit")
	}
	newStepper(net, 3, 1).Close() // without a step
	c := Train("x", net, 2, 8)
	op, err := c.Make()
	if err != nil {
		t.Fatal(err)
	}
	op.Run(1)
	op.Close()
	if !slices.Equal(got, net.Params()[0].Data) {
		t.Error("the network of a case was trained")
	}
	if c.Workers != 2 {
		t.Errorf("%d workers for 2 windows", c.Workers)
	}
}

func TestStream(t *testing.T) {
	net := mustNew(t, ModelB())
	c, err := Stream("B", net, 16, 3, 1)
	if err != nil {
		t.Fatal(err)
	}
	if want := 37_376. * 16 * 3; c.FLOPs != want || c.Units[0].N != 48 {
		t.Errorf("%v FLOPs and %v samples, want %v and 48", c.FLOPs, c.Units[0].N, want)
	}
	if _, err := Stream("d", mustNew(t, every()), 1, 1, 1); err == nil {
		t.Error("a dense layer streams")
	}
	bytes, err := StreamBytes(net)
	if err != nil {
		t.Fatal(err)
	}
	// 132 rows of 32 values is the least that B needs.
	if bytes < 132*32*4 || bytes > 64<<10 {
		t.Errorf("a stream takes %d bytes", bytes)
	}
}

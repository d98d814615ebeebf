package train

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/quell-stream/quell/model/nn"
	"github.com/quell-stream/quell/model/noise"
)

// signals is an example of two channels with an unknown target and a known clean
// signal, and an output for it.
func signals(slots int) (e *Example, y []float32) {
	rng := draw(11, 0, 0)
	e = &Example{Channels: 2}
	for i := range 2 * slots {
		e.Y, e.W = append(e.Y, float32(rng.NormFloat64())), append(e.W, .2+rng.Float32())
		e.Clean = append(e.Clean, float32(math.Sin(float64(i)/9)))
		e.Gain = append(e.Gain, -.3-.2*rng.Float32())
		y = append(y, e.Y[i]+.5*float32(rng.NormFloat64()))
	}
	e.W[5], e.Clean[5], e.Gain[5] = 0, 0, 0
	return e, y
}

// The gradients of the losses against central differences, alone and as that of
// the estimates of a net that tells its spread.
func TestLossGradients(t *testing.T) {
	for _, text := range []string{"mse", "huber:0.4", "huber", "l1", "spectral", "spectral:2"} {
		loss, err := ParseLoss(text)
		if err != nil {
			t.Fatal(err)
		}
		const slots = 150
		e, y := signals(slots)
		dy, none := make([]float32, len(y)), make([]float32, len(y))
		value := loss.Gradient(dy, y, e, .5)
		for _, i := range []int{0, 5, 31, 78, 149, 222, 299} {
			const h = 2e-3
			was := y[i]
			y[i] = was + h
			up := loss.Gradient(none, y, e, 1)
			y[i] = was - h
			down := loss.Gradient(none, y, e, 1)
			y[i] = was
			want := .5 * (up - down) / (2 * h)
			if i == 5 {
				want = 0
			}
			if got := float64(dy[i]); math.Abs(got-want) > 2e-3*math.Abs(want)+3e-6 {
				t.Errorf("%s: value %d has the gradient %g, by differences %g", text, i, got, want)
			}
		}
		var wide []float32 // estimates and spreads
		for i := 0; i < len(y); i += 2 {
			wide = append(wide, y[i], y[i+1], .3, -.2)
		}
		dw := make([]float32, len(wide))
		if got := (Spread{Estimate: loss, Weight: .1, Targets: 2}).Gradient(dw, wide, e, .5); got != value {
			t.Errorf("%s: a net that tells its spread has a loss of %g, want %g", text, got, value)
		}
		for i := range y {
			if dw[i/2*4+i%2] != dy[i] {
				t.Fatalf("%s: the estimate's gradient %d differs", text, i)
			}
		}
	}
}

// What has the spectrum of the truth costs nothing, and what is smoothed costs
// though its squared error is less than that of shifted noise.
func TestSpectralDistance(t *testing.T) {
	rng := draw(3, 0, 0)
	const n = 512
	e := &Example{}
	var smooth, alike []float32
	for range n {
		e.Y = append(e.Y, float32(rng.NormFloat64()))
		smooth = append(smooth, 0)
		alike = append(alike, float32(rng.NormFloat64()))
	}
	dy := make([]float32, n)
	part := func(y []float32) float64 {
		return Spectral{Weight: 1}.Gradient(dy, y, e, 1) - SquaredError{}.Gradient(dy, y, e, 1)
	}
	if d := part(e.Y); d != 0 {
		t.Errorf("the truth has a distance of %g", d)
	}
	if flat, same := part(smooth), part(alike); !(flat > 3*same) || !(same > 0) {
		t.Errorf("a flat line has a distance of %g, other noise of the same level one of %g", flat, same)
	}
	if (Spectral{Weight: 1}).Gradient(dy[:20], smooth[:20], &Example{Y: e.Y[:20]}, 1) != (SquaredError{}).Gradient(dy[:20], smooth[:20], &Example{Y: e.Y[:20]}, 1) {
		t.Error("a window without room for a frame has a distance")
	}
}

func TestParseLossRefuses(t *testing.T) {
	for _, bad := range []string{"", "l2", "huber:", "huber:0", "huber:-1", "spectral:x", "spectral:Inf", "mse:1", "l1:2"} {
		if l, err := ParseLoss(bad); err == nil {
			t.Errorf("%q is read as %v", bad, l)
		}
	}
}

// The loss that is chosen does what it is for: few large errors in the readings
// move the mean and not the median.
func TestLossesAgainstOutliers(t *testing.T) {
	off := map[string]float64{}
	for _, text := range []string{"mse", "huber:1", "l1"} {
		loss, _ := ParseLoss(text)
		net := smallNet(t)
		if _, err := Fit(t.Context(), net, outliers{}, FitConfig{Steps: 250, Loss: loss, Cycle: OneCycle{Peak: 1e-2}}); err != nil {
			t.Fatal(err)
		}
		off[text] = math.Abs(float64(net.NewRunner(8).Run(nil, make([]float32, 8))[4]))
	}
	if !(off["mse"] > .7 && off["l1"] < .2 && off["huber:1"] < .5*off["mse"]) {
		t.Errorf("a tenth of targets of 10 among 0: the estimates are %v", off)
	}
}

// outliers has targets of 0, and of 10 in a tenth of the cases.
type outliers struct{}

func (outliers) Example(e *Example, step, i int) {
	rng := draw(2, step, i)
	e.resize(32, 1, 1)
	for k := range e.X {
		e.X[k], e.Y[k], e.W[k] = 0, 0, 1
		if rng.Float64() < .1 {
			e.Y[k] = 10
		}
	}
}

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
	if !(activities[.15] > .1 && activities[.15] < .2 && activities[0] > .3) {
		t.Errorf("mean activities by target: %v; want .15, and twice as much without", activities)
	}
}

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
		"no code to make s": {tcn, Recipe{Sparse: .1}},
	} {
		if _, _, err := Supervised(t.Context(), SupervisedConfig{Clean: x, Arch: c.arch, Recipe: c.r}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
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

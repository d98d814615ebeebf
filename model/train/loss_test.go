package train

import (
	"math"
	"testing"
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
	for _, text := range []string{"mse", "huber:0.4", "huber", "l1", "spectral", "spectral:2", "feature:2"} {
		loss, err := ParseLoss(text)
		if err != nil {
			t.Fatal(err)
		}
		if l, ok := loss.(Feature); ok {
			l.from = []*features{sineFeatures(t), sineFeatures(t)}
			loss = l
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

// sineFeatures are those of a sentinel of two sine waves.
func sineFeatures(t *testing.T) *features {
	t.Helper()
	rng := draw(8, 0, 0)
	var windows [][]float32
	for range 12 {
		w := make([]float32, 64*4)
		a, b := rng.Float64(), rng.Float64()
		for i := range 64 {
			w[4*i], w[4*i+1] = float32(math.Sin(a+float64(i)/4)), float32(math.Sin(b+float64(i)/9))
		}
		windows = append(windows, w)
	}
	net, err := Sentinel(windows, 2, 1)
	if err != nil {
		t.Fatal(err)
	}
	f, err := newFeatures(net, 2, windows)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// The truth costs nothing, an estimate that lacks what the net was fitted to costs
// its variance; features that never move don't count.
func TestFeatureDistance(t *testing.T) {
	f := sineFeatures(t)
	e := &Example{Channels: 2}
	for i := range 128 {
		e.Y = append(e.Y, float32(math.Sin(float64(i)/4)), float32(math.Sin(float64(i)/9)))
	}
	dy := make([]float32, len(e.Y))
	from := []*features{f}
	part := func(y []float32) float64 {
		return Feature{Weight: 1, from: from}.Gradient(dy, y, e, 1) - SquaredError{}.Gradient(dy, y, e, 1)
	}
	if d := part(e.Y); d != 0 {
		t.Errorf("the truth has a distance of %g", d)
	}
	if d := part(make([]float32, len(e.Y))); !(d > .2 && d < 5) {
		t.Errorf("a flat line has a distance of %g, want about the variance", d)
	}
	if n := testing.AllocsPerRun(20, func() { part(e.Y) }); n > 0 && !raceBuild {
		t.Errorf("%g allocations per example", n)
	}
	f.inverse = make([]float32, len(f.inverse))
	if d := part(make([]float32, len(e.Y))); d != 0 {
		t.Errorf("without features there is a distance of %g", d)
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
	for _, bad := range []string{"", "l2", "huber:", "huber:0", "huber:-1", "spectral:x", "spectral:Inf", "mse:1", "l1:2", "feature:0"} {
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

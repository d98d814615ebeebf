package train

import (
	"bytes"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/eval"
	"github.com/quell-stream/quell/model/eval/downstream"
	"github.com/quell-stream/quell/model/nn"
	"github.com/quell-stream/quell/model/noise"
)

// ripple is a pulsing signal that in a fifth of the time, in runs of 60 to 240
// samples, has a ripple on it that is weaker than the noise will be, and where.
func ripple(n int, seed uint64) (x []float64, fault []int) {
	rng := rand.New(rand.NewPCG(seed, 4))
	x, fault = pulseTrain(n, 0), make([]int, n)
	for at := rng.IntN(600); at < n; at += 300 + rng.IntN(900) {
		length := 60 + rng.IntN(181)
		for i := at; i < min(at+length, n); i++ {
			x[i] += 1.1 * math.Sin(float64(i)*1.3)
			fault[i] = 1
		}
		at += length
	}
	return x, fault
}

// partly keeps labels in stretches of 50 samples that cover a share of the time.
func partly(labels []int, share float64, seed uint64) []int {
	rng := rand.New(rand.NewPCG(seed, 5))
	out := slices.Repeat([]int{-1}, len(labels))
	for at := 0; at < len(labels); at += 50 {
		if rng.Float64() < share {
			copy(out[at:min(at+50, len(out))], labels[at:])
		}
	}
	return out
}

// wrong turns over a share of the known labels, in stretches of 25 samples.
func wrong(labels []int, share float64, seed uint64) []int {
	rng := rand.New(rand.NewPCG(seed, 6))
	out := slices.Clone(labels)
	for at := 0; at < len(out); at += 25 {
		if rng.Float64() < share {
			for i := at; i < min(at+25, len(out)); i++ {
				if out[i] >= 0 {
					out[i] = 1 - out[i]
				}
			}
		}
	}
	return out
}

// faultStudy trains a net on a recording with labels and returns how well its
// faults are told on the test part, by the head and by the residual, whose
// thresholds are those that are best on the tune part.
func faultStudy(t *testing.T, arch Arch, steps int, seed uint64, r Recipe, labels func([]int) []int) (head, residual, auc, gain float64) {
	t.Helper()
	const n, sigma = 20000, .8
	x, fault := ripple(n, seed)
	chain, err := noise.ParseSpec("gaussian:sigma=0.8")
	if err != nil {
		t.Fatal(err)
	}
	cfg := SupervisedConfig{Clean: [][]float64{x}, Arch: arch, Corrupt: chain, Steps: steps, Window: 256, Seed: seed, Peak: 6e-3, Recipe: r}
	if labels != nil {
		cfg.Labels, cfg.Classes = labels(fault), []string{"normal", "fault"}
	}
	m, _, err := Supervised(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	y := addWhite(x, sigma, seed+100)
	clean, err := Denoise(m, y, nil)
	if err != nil {
		t.Fatal(err)
	}
	parts, err := eval.Split(n, m.Header().Spec.ReceptiveField())
	if err != nil {
		t.Fatal(err)
	}
	truth := make([]float64, n)
	for i, f := range fault {
		truth[i] = float64(f)
	}
	f1 := func(score []float64) float64 {
		return downstream.F1(parts.Test.Of(score), parts.Test.Of(truth), downstream.BestThreshold(parts.Tune.Of(score), parts.Tune.Of(truth)))
	}
	residual = f1(downstream.ResidualScore(y, clean))
	gain = noise.Gain(parts.Test.Of(x), parts.Test.Of(y), parts.Test.Of(clean))
	if labels == nil {
		return 0, residual, 0, gain
	}
	p, err := Classify(m, [][]float64{y}, nil)
	if err != nil {
		t.Fatal(err)
	}
	score := make([]float64, n)
	for i := range score {
		score[i] = float64(p[0][2*i+1])
	}
	return f1(score), residual, downstream.AUC(parts.Test.Of(score), parts.Test.Of(truth)), gain
}

// With a tenth of the labels a head tells faults far better than a threshold on
// what was taken away, and costs no denoising to speak of.
func TestFaultHead(t *testing.T) {
	if raceBuild || testing.Short() {
		t.Skip("several trainings")
	}
	arch := TCNArch(0, 12, 5, []int{1, 2, 4, 8, 16}, 8)
	const steps = 600
	var cost float64
	seeds := []uint64{0, 2}
	for _, seed := range seeds {
		tenth := func(l []int) []int { return partly(l, .1, seed) }
		f1, residual, auc, gain := faultStudy(t, arch, steps, seed, Recipe{}, tenth)
		_, _, _, without := faultStudy(t, arch, steps, seed, Recipe{}, nil)
		t.Logf("seed %d: F1 %.3f and AUC %.3f by the head, F1 %.3f by the residual; gain %.2f dB, %.2f without a head", seed, f1, auc, residual, gain, without)
		if !(f1 > .8) || !(f1 > residual+.3) || !(auc > .95) {
			t.Errorf("seed %d: F1 %.3f and AUC %.3f, by the residual %.3f", seed, f1, auc, residual)
		}
		cost += (without - gain) / float64(len(seeds))
	}
	if cost > .3 {
		t.Errorf("the head costs %.2f dB", cost)
	}
}

// Labels three tenths of which are wrong are still learnt from, far better than a
// threshold on the residual. Neither bootstrapping nor smoothing is of help here;
// bootstrapping does no harm.
func TestNoisyLabels(t *testing.T) {
	if raceBuild || testing.Short() {
		t.Skip("several trainings")
	}
	arch := TCNArch(0, 12, 5, []int{1, 2, 4, 8, 16}, 8)
	noisy := func(l []int) []int { return wrong(partly(l, .4, 0), .3, 0) }
	for name, r := range map[string]Recipe{"plain": {}, "smoothing": {LabelSmoothing: .2}, "bootstrap": {Bootstrap: .2}} {
		f1, residual, auc, _ := faultStudy(t, arch, 600, 0, r, noisy)
		t.Logf("%s: F1 %.3f and AUC %.3f by the head, F1 %.3f by the residual", name, f1, auc, residual)
		if least := map[string]float64{"plain": .75, "smoothing": .6, "bootstrap": .75}[name]; !(f1 > least) || !(f1 > residual+.2) {
			t.Errorf("%s: F1 %.3f, want more than %g", name, f1, least)
		}
	}
}

// A valve's state is reconstructed as a probability that says more than the share of
// time that it is open, beside the pressure that follows it.
func TestBinaryChannel(t *testing.T) {
	if testing.Short() {
		t.Skip("a long training")
	}
	const n = 12000
	rng := rand.New(rand.NewPCG(3, 7))
	valve, pressure := make([]float64, n), make([]float64, n)
	open, level := 0., 0.
	for i := range n {
		if rng.Float64() < .02 {
			open = 1 - open
		}
		level += .1 * (open - level)
		valve[i], pressure[i] = open, 40+10*level
	}
	chain, err := noise.ParseSpec("gaussian:snr=0+saltpepper:p=0.1,amp=1")
	if err != nil {
		t.Fatal(err)
	}
	cfg := SupervisedConfig{Clean: [][]float64{valve, pressure}, Outputs: []model.Output{model.Probability, model.Value},
		Corrupt: chain, Arch: TCNArch(2, 10, 5, []int{1, 2, 4}, 8), Steps: 300, Window: 128}
	m, _, err := Supervised(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	h := m.Header()
	if !h.NotWhite || h.Scaler.Mean[0] != 0 || h.Scaler.Dev[0] != 1 || !(h.Scaler.Mean[1] > 40) {
		t.Errorf("not white: %v, scaler %+v", h.NotWhite, h.Scaler)
	}
	parts, err := eval.Split(n, h.Spec.ReceptiveField())
	if err != nil {
		t.Fatal(err)
	}
	noisy := [][]float64{slices.Clone(valve), slices.Clone(pressure)}
	var cols [2][]model.Column
	for k, y := range noisy {
		_, dev := moments(parts.Train.Of(cfg.Clean[k]))
		chain.Apply(y, nil, dev, rng)
		cols[k], _ = columnsOf(m, k, y, nil)
	}
	both := make([]model.Column, 0, 2*n)
	for i := range n {
		both = append(both, cols[0][i], cols[1][i])
	}
	st, err := m.NewStream(2)
	if err != nil {
		t.Fatal(err)
	}
	var p, clean, spread []float64
	take := func(y []float32) {
		for i := 0; i < len(y); i += 2 {
			p, clean = append(p, float64(y[i])), append(clean, h.Scaler.Mean[1]+h.Scaler.Dev[1]*float64(y[i+1]))
			spread = append(spread, float64(st.Spread()[i]))
		}
	}
	take(st.Push(both))
	take(st.Finish())
	prior, _ := moments(parts.Train.Of(valve))
	logLoss := func(p func(i int) float64) float64 {
		sum := 0.
		for i := parts.Test.From; i < parts.Test.To; i++ {
			sum -= math.Log(max(1e-12, valve[i]*p(i)+(1-valve[i])*(1-p(i)))) / float64(parts.Test.Len())
		}
		return sum
	}
	net, known := logLoss(func(i int) float64 { return p[i] }), logLoss(func(int) float64 { return prior })
	auc, raw := downstream.AUC(parts.Test.Of(p), parts.Test.Of(valve)), downstream.AUC(parts.Test.Of(noisy[0]), parts.Test.Of(valve))
	gain := noise.Gain(parts.Test.Of(pressure), parts.Test.Of(noisy[1]), parts.Test.Of(clean))
	t.Logf("log-loss %.3f, of the prior %.3f; AUC %.4f, of the readings %.4f; pressure gains %.2f dB", net, known, auc, raw, gain)
	if !(net < known/2) || !(auc > raw) || !(auc > .95) || !(gain > 8) {
		t.Error("not as good as that")
	}
	if slices.Max(spread) != 0 {
		t.Error("a probability has a spread of its own")
	}
}

// The gradients of cross-entropies against central differences, with labels that
// are missing, smooth and bootstrapped.
func TestCrossEntropyGradients(t *testing.T) {
	const slots, classes = 40, 3
	e, y := signals(slots)
	for i := range e.Y {
		e.Odds = append(e.Odds, 0)
		if i%2 == 1 {
			e.Y[i], e.W[i], e.Clean[i], e.Gain[i], e.Odds[i] = float32(i/2%2), 0, 0, 0, 1
		}
	}
	e.Odds[7] = 0 // unknown
	for i := range slots {
		e.Class = append(e.Class, i%(classes+1)-1)
	}
	rng := draw(4, 0, 0)
	var wide []float32
	for i := range slots {
		wide = append(wide, y[2*i], y[2*i+1])
		for range classes {
			wide = append(wide, float32(rng.NormFloat64()))
		}
	}
	for _, head := range []Head{{Weight: .7}, {Weight: .7, Smoothing: .2}, {Weight: .7, Smoothing: .1, Bootstrap: .3}} {
		head.Loss, head.Classes = Binary{Others: SquaredError{}}, classes
		dy, none := make([]float32, len(wide)), make([]float32, len(wide))
		head.Gradient(dy, wide, e, .5)
		for i := range wide {
			const h = 2e-3
			was := wide[i]
			wide[i] = was + h
			up := head.Gradient(none, wide, e, 1)
			wide[i] = was - h
			down := head.Gradient(none, wide, e, 1)
			wide[i] = was
			want := .5 * (up - down) / (2 * h)
			if got := float64(dy[i]); math.Abs(got-want) > 3e-3*math.Abs(want)+3e-6 {
				t.Errorf("%+v: output %d has the gradient %g, by differences %g", head, i, got, want)
			}
		}
	}
	// An unsure net that is right half of the time pays log 2, a sure one that is wrong far more.
	binary := Binary{Others: SquaredError{}}
	pays := func(z float32) float64 {
		return binary.Gradient([]float32{0}, []float32{z}, &Example{Y: []float32{1}, W: []float32{0}, Odds: []float32{1}}, 1)
	}
	near(t, "cross-entropy of a half", pays(0), math.Ln2, 1e-6)
	near(t, "cross-entropy of a wrong one", pays(-80), 80, 1e-6)
	near(t, "cross-entropy of a right one", pays(80), 0, 1e-6)
}

// A model that is trained on keeps what it does when it gets a head, and the head
// is part of it, whatever number of workers trains it.
func TestHeadOnATrainedModel(t *testing.T) {
	x, fault := ripple(4000, 1)
	for name, arch := range map[string]Arch{"tcn": TCNArch(0, 6, 3, []int{1, 2}, 2), "dae": DAEArch(1, []int{4, 6}, 4, 2)} {
		cfg := SupervisedConfig{Clean: [][]float64{x}, Arch: arch, Steps: 20, Batch: 4, Window: 128, Workers: 1}
		before, _, err := Supervised(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		classed, err := arch.withClasses([]string{"a", "b"})
		if err != nil {
			t.Fatal(err)
		}
		wide, err := nn.New(classed.Spec, 5)
		if err != nil {
			t.Fatal(err)
		}
		wide = widened(wide, before.Net())
		in := make([]float32, 64*arch.Spec.In)
		for i := range in {
			in[i] = float32(math.Sin(float64(i)))
		}
		want, got := before.Net().NewRunner(64).Run(nil, in), wide.NewRunner(64).Run(nil, in)
		outs := arch.Spec.OutChannels()
		for i, v := range got {
			at, k := i/(outs+2), i%(outs+2)
			if k < outs && v != want[at*outs+k] || k >= outs && v != 0 {
				t.Fatalf("%s: output %d of column %d is %g", name, k, at, v)
			}
		}
		cfg.From, cfg.Labels, cfg.Classes, cfg.Arch = before, fault, []string{"0", "1"}, Arch{}
		m, _, err := Supervised(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		if c := m.Header().Classes; !slices.Equal(c, cfg.Classes) {
			t.Errorf("%s: classes %q", name, c)
		}
		cfg.Workers = 3
		if again, _, err := Supervised(t.Context(), cfg); err != nil || !bytes.Equal(encode(t, m), encode(t, again)) {
			t.Errorf("%s: three workers give another model, %v", name, err)
		}
		// Training on without labels would spoil it.
		if _, _, err := FineTune(t.Context(), m, windowsOf(m, addWhite(x, .8, 1), 1024), FineTuneConfig{Steps: 3, Batch: 2, Length: 128}); err == nil || !strings.Contains(err.Error(), "without labels") {
			t.Errorf("%s: fine-tuned without labels: %v", name, err)
		}
		cfg.From, cfg.Labels, cfg.Classes = m, nil, nil
		if _, _, err := Supervised(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "give labels") {
			t.Errorf("%s: trained on without labels: %v", name, err)
		}
		if _, err := Classify(before, [][]float64{x}, nil); err == nil {
			t.Errorf("%s: a model without a head tells classes", name)
		}
	}
}

func TestLabelsRefuse(t *testing.T) {
	x := pulseTrain(3000, 0)
	alike := make([]int, 3000)
	ab := []string{"a", "b"}
	good := SupervisedConfig{Clean: [][]float64{x}, Arch: DAEArch(1, []int{4}, 4, 2), Window: 64, Steps: 1}
	for want, edit := range map[string]func(*SupervisedConfig){
		"2 labels for 3000": func(c *SupervisedConfig) { c.Labels, c.Classes = []int{0, 1}, ab },
		"want 2 or more":    func(c *SupervisedConfig) { c.Labels, c.Classes = alike, ab[:1] },
		"without labels":    func(c *SupervisedConfig) { c.Classes = ab },
		"nothing to tell":   func(c *SupervisedConfig) { c.Labels, c.Classes = alike, ab },
		"has a label":       func(c *SupervisedConfig) { c.Labels, c.Classes = slices.Repeat([]int{-1}, 3000), ab },
		"class 2 of 2":      func(c *SupervisedConfig) { c.Labels, c.Classes = slices.Repeat([]int{2}, 3000), ab },
		"holds 0 and 1":     func(c *SupervisedConfig) { c.Outputs = []model.Output{model.State} },
		"one per channel":   func(c *SupervisedConfig) { c.Outputs = []model.Output{model.State, model.Value} },
		"label smoothing 1": func(c *SupervisedConfig) { c.LabelSmoothing = 1 },
		"bootstrap -1":      func(c *SupervisedConfig) { c.Bootstrap = -1 },
		"label weight NaN":  func(c *SupervisedConfig) { c.LabelWeight = math.NaN() },
		"and nothing else":  func(c *SupervisedConfig) { c.Contract, c.Labels, c.Classes = .1, partly(alike, .5, 1), ab },
	} {
		cfg := good
		edit(&cfg)
		if _, _, err := Supervised(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

package train

import (
	"bytes"
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/quell-stream/quell/model"
)

// trainedBase is a base model that has not seen pulses.
func trainedBase(t *testing.T) *model.Model {
	t.Helper()
	m, _, err := Base(t.Context(), tinyBase(4, 150))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func ar1(n int, sigma, rho float64, seed uint64) []float64 {
	rng := rand.New(rand.NewPCG(seed, 5))
	z, state := make([]float64, n), rng.NormFloat64()
	for i := range z {
		z[i] = sigma * state
		state = rho*state + math.Sqrt(1-rho*rho)*rng.NormFloat64()
	}
	return z
}

func added(a, b []float64) []float64 {
	y := slices.Clone(a)
	for i := range y {
		y[i] += b[i]
	}
	return y
}

func mustWindows(t *testing.T, m *model.Model, h History) []Window {
	t.Helper()
	ws, err := h.Windows(m)
	if err != nil {
		t.Fatal(err)
	}
	return ws
}

// quick is a config of few steps for the tiny nets of tests.
func quick(steps int) FineTuneConfig {
	return FineTuneConfig{Name: "tuned", Steps: steps, Batch: 4, Length: 128, Peak: 5e-3, Seed: 2}
}

// The noises of the two sides of a recorrupted pair are uncorrelated and as
// strong as the levels and weights say; white and recorded.
func TestRecorruptedPairs(t *testing.T) {
	const n, sigma = 1 << 15, .4
	arch := TCNArch(0, 4, 3, []int{1}, 0)
	for name, recorded := range map[string][]float64{"white": nil, "recorded": ar1(1<<16, 1, .8, 3)} {
		rho := 0.
		if recorded != nil {
			rho = .8
		}
		w := Window{Channels: 1, Cols: make([]model.Column, n)}
		if recorded != nil {
			w.Noise = [][]float64{recorded}
		}
		y := ar1(n, sigma, rho, 9) // the clean signal is zero
		for i := range w.Cols {
			w.Cols[i] = model.Column{X: float32(y[i]), Level: float32(math.Log10(sigma))}
		}
		x := examples{arch: arch, length: 512, seed: 1}
		x.add(&w, 0)
		r := recorruption{examples: x}
		var e Example
		var in, out, cross, claimedIn, claimedOut, count float64
		for k := range 400 {
			r.Example(&e, 0, k)
			for i, col := range e.desk.cols[:512] {
				want := e.desk.want[i]
				if math.IsNaN(want.sigma) {
					continue
				}
				in += float64(col.X) * float64(col.X)
				out += want.clean * want.clean
				cross += float64(col.X) * want.clean
				claimedIn += math.Pow(10, 2*float64(col.Level))
				claimedOut += want.sigma * want.sigma
				count++
			}
		}
		if c := cross / math.Sqrt(in*out); math.Abs(c) > .02 {
			t.Errorf("%s: input and target noise have a correlation of %.3f", name, c)
		}
		if q := in / claimedIn; math.Abs(q-1) > .08 {
			t.Errorf("%s: the input's noise has %.2f times the variance of its level", name, q)
		}
		if q := out / claimedOut; math.Abs(q-1) > .08 {
			t.Errorf("%s: the target's noise has %.2f times the variance of its weight", name, q)
		}
		if count < 400*400 {
			t.Errorf("%s: only %g slots are learnt from", name, count)
		}
	}
}

// Missing slots are neither learnt nor given noise of their own.
func TestRecorruptedSkipsMissing(t *testing.T) {
	w := Window{Channels: 1, Cols: make([]model.Column, 200)}
	for i := range w.Cols {
		w.Cols[i] = model.Column{X: 1, Level: -.5, Missing: i%5 == 4}
	}
	x := examples{arch: TCNArch(0, 4, 3, []int{1}, 0), length: 128, seed: 1}
	x.add(&w, 0)
	r := recorruption{examples: x}
	var e Example
	r.Example(&e, 0, 0)
	missing := 0
	for i, c := range e.desk.cols {
		if !c.Missing {
			continue
		}
		missing++
		if i > 0 && c.X != e.desk.cols[i-1].X {
			t.Fatalf("slot %d does not hold the value before it", i)
		}
		if !math.IsNaN(e.desk.want[i].sigma) {
			t.Fatalf("slot %d is learnt from", i)
		}
	}
	if missing < 20 {
		t.Errorf("%d missing slots", missing)
	}
}

func TestRecorruptedGains(t *testing.T) {
	if testing.Short() {
		t.Skip("a long training")
	}
	base := trainedBase(t)
	clean := pulseTrain(24000, 0)
	noisy := addWhite(clean, .5, 1)
	tuned, rep, err := Recorrupted(t.Context(), base, mustWindows(t, base, History{X: noisy[:20000]}), quick(300))
	if err != nil {
		t.Fatal(err)
	}
	before, after := gainOf(t, base, clean[20000:], noisy[20000:]), gainOf(t, tuned, clean[20000:], noisy[20000:])
	if !(after > before+1) || len(rep.Rounds) != 1 {
		t.Errorf("gain %.2f dB, was %.2f before; %+v", after, before, rep)
	}
}

func TestFitTwin(t *testing.T) {
	clean := pulseTrain(20000, 0)
	channel, twin := addWhite(clean, .8, 1), addWhite(clean, .3, 2)
	for i := range twin {
		twin[i] = -2.5*twin[i] + 7
	}
	channel[3], twin[5] = math.NaN(), math.NaN()
	f, err := FitTwin(channel, twin)
	if err != nil {
		t.Fatal(err)
	}
	// Least squares would come to -1.95: the channel's noise flattens it.
	if math.Abs(f.Gain+2.5) > .05 || math.Abs(f.Of(f.Gain*31+f.Offset)-31) > 1e-9 || math.Abs(f.Of(-2.5*31+7)-31) > .05 {
		t.Errorf("fit %+v, want a gain of -2.5 and an offset of 7", f)
	}
	if math.Abs(f.Sigma-.3) > .05 {
		t.Errorf("noise of the twin %.3f, want .3", f.Sigma)
	}
	for want, pair := range map[string][2][]float64{
		"correlation":   {channel, addWhite(make([]float64, len(channel)), 1, 4)},
		"does not move": {channel, make([]float64, len(channel))},
		"at least 64":   {channel[:50], twin[:50]},
	} {
		if _, err := FitTwin(pair[0], pair[1]); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

// A second sensor teaches, whatever it is calibrated to and whatever the noise.
func TestNoiseToNoise(t *testing.T) {
	if testing.Short() {
		t.Skip("a long training")
	}
	base := trainedBase(t)
	clean := pulseTrain(104000, 0)
	noisy := added(clean, ar1(104000, .6, .9, 1))
	raw := added(clean, ar1(104000, .6, .9, 2))
	before := gainOf(t, base, clean[100000:], noisy[100000:])
	for _, calibration := range [][2]float64{{1, 0}, {-3, 100}} {
		twin := slices.Clone(raw[:100000])
		for i := range twin {
			twin[i] = calibration[0]*twin[i] + calibration[1]
		}
		h := History{X: noisy[:100000], Twin: twin}
		var err error
		if h.Fit, err = FitTwin(h.X, twin); err != nil {
			t.Fatal(err)
		}
		tuned, rep, err := Truthless(t.Context(), base, mustWindows(t, base, h), TruthlessConfig{FineTuneConfig: quick(400)})
		if err != nil {
			t.Fatal(err)
		}
		after := gainOf(t, tuned, clean[100000:], noisy[100000:])
		t.Logf("%.2f dB, was %.2f; %+v", after, before, rep.Attempts)
		if !(after > before+2) || !slices.Equal(rep.Kept(), []Method{Noise2Noise}) {
			t.Errorf("twin %v: gain %.2f dB, was %.2f before; %+v", calibration, after, before, rep.Attempts)
		}
		if e := rep.Attempts[0].GainDB; math.Abs(e-(after-before)) > 2 {
			t.Errorf("twin %v: estimated %.2f dB, in truth %.2f", calibration, e, after-before)
		}
	}
	if _, _, err := NoiseToNoise(t.Context(), base, mustWindows(t, base, History{X: noisy}), quick(1)); err == nil {
		t.Error("windows without a twin accepted")
	}
}

func TestTruthless(t *testing.T) {
	if testing.Short() {
		t.Skip("a long training")
	}
	base := trainedBase(t)
	clean := pulseTrain(48000, 0)
	noisy := addWhite(clean, .5, 1)
	long, short := mustWindows(t, base, History{X: noisy}), mustWindows(t, base, History{X: noisy[:6000]})
	test := pulseTrain(4000, 5)
	hear := addWhite(test, .5, 7)
	before := gainOf(t, base, test, hear)
	for _, c := range []struct {
		method  Method
		windows []Window
		want    []Method
	}{
		{"", long, []Method{IDR, IDR, R2R, BlindSpot}},
		{Auto, short, []Method{IDR, IDR}},
		{R2R, short, []Method{R2R}},
	} {
		var told []int
		cfg := TruthlessConfig{Method: c.method, FineTuneConfig: quick(80)}
		cfg.Progress = func(p Progress) { told = append(told, p.Step) }
		tuned, rep, err := Truthless(t.Context(), base, c.windows, cfg)
		if err != nil {
			t.Fatal(err)
		}
		var tried []Method
		for _, a := range rep.Attempts {
			tried = append(tried, a.Method)
		}
		if !slices.Equal(tried, c.want) {
			t.Errorf("%q tried %v, want %v", c.method, tried, c.want)
		}
		if len(told) != 80*len(c.want) || told[len(told)-1] != len(told) {
			t.Errorf("%q told progress %d times, at last %d", c.method, len(told), told[len(told)-1])
		}
		if g := gainOf(t, tuned, test, hear); !(g > before+.5) {
			t.Errorf("%q: gain %.2f dB, was %.2f before; %+v", c.method, g, before, rep.Attempts)
		}
		if p := tuned.Header().Provenance; p.Parent != base.Name() || !strings.Contains(p.Command, string(rep.Kept()[len(rep.Kept())-1])) {
			t.Errorf("provenance %+v", p)
		}
		again, _, err := Truthless(t.Context(), base, c.windows, cfg)
		if err != nil || !bytes.Equal(encode(t, again), encode(t, tuned)) {
			t.Errorf("%q: the same seed gives other bytes, %v", c.method, err)
		}
	}
}

// What is worse is not kept, and what started is returned.
func TestTruthlessKeepsTheBetter(t *testing.T) {
	if testing.Short() {
		t.Skip("a long training")
	}
	base := trainedBase(t)
	ws := mustWindows(t, base, History{X: addWhite(pulseTrain(8000, 0), .5, 1)})
	cfg := TruthlessConfig{Method: IDR, FineTuneConfig: quick(20)}
	cfg.Peak = 3 // ruins the net
	got, rep, err := Truthless(t.Context(), base, ws, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if got != base || len(rep.Attempts) != 1 || rep.Attempts[0].Kept || !(rep.Attempts[0].GainDB < 0) {
		t.Errorf("got %s, %+v", got.Name(), rep.Attempts)
	}
}

func TestTruthlessRefuses(t *testing.T) {
	base := trainedBase(t)
	white := mustWindows(t, base, History{X: addWhite(pulseTrain(4000, 0), .5, 1)})
	red := mustWindows(t, base, History{X: added(pulseTrain(4000, 0), ar1(4000, 1, .9, 1))})
	if _, _, err := Truthless(t.Context(), base, red, TruthlessConfig{}); !errors.Is(err, ErrColoured) {
		t.Errorf("coloured noise: error %v", err)
	}
	if _, _, err := Truthless(t.Context(), base, red, TruthlessConfig{Method: IDR, FineTuneConfig: quick(1)}); err != nil {
		t.Errorf("coloured noise, but the method is named: %v", err)
	}
	if _, _, err := Truthless(t.Context(), base, white, TruthlessConfig{Method: "magic"}); err == nil {
		t.Error("a method that there is not")
	}
	if _, _, err := Truthless(t.Context(), base, white, TruthlessConfig{Method: Noise2Noise}); err == nil || !strings.Contains(err.Error(), "no twin") {
		t.Errorf("no twin: %v", err)
	}
	if _, _, err := Truthless(t.Context(), base, []Window{white[0].slice(0, 900)}, TruthlessConfig{}); err == nil || !strings.Contains(err.Error(), "too short") {
		t.Errorf("900 slots: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := Truthless(ctx, base, white, TruthlessConfig{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// Under coloured noise a recording of it makes the difference.
func TestTruthlessRecordedNoise(t *testing.T) {
	if testing.Short() {
		t.Skip("a long training")
	}
	base := trainedBase(t)
	const sigma, rho = 1, .9
	clean := pulseTrain(24000, 0)
	noisy := added(clean, ar1(24000, sigma, rho, 1))
	h := History{X: noisy[:20000], Noise: added(ar1(3000, sigma, rho, 3), slices.Repeat([]float64{12}, 3000))}
	tuned, rep, err := Truthless(t.Context(), base, mustWindows(t, base, h), TruthlessConfig{FineTuneConfig: quick(300)})
	if err != nil {
		t.Fatal(err)
	}
	before, after := gainOf(t, base, clean[20000:], noisy[20000:]), gainOf(t, tuned, clean[20000:], noisy[20000:])
	t.Logf("%.2f dB, was %.2f; %+v", after, before, rep.Attempts)
	if !(after > before+1) {
		t.Errorf("gain %.2f dB, was %.2f before; %+v", after, before, rep.Attempts)
	}
}

func TestHistoryWindows(t *testing.T) {
	base := trainedBase(t)
	x := addWhite(pulseTrain(9000, 0), .5, 1)
	z := make([]float64, 500)
	for i := range z {
		z[i] = 40 + .01*float64(i) + .2*float64(1-2*(i%2))
	}
	ws := mustWindows(t, base, History{X: x, Noise: z})
	total := 0
	for _, w := range ws {
		total += w.slots()
		if w.slots() > 4096 {
			t.Errorf("a window of %d slots", w.slots())
		}
	}
	if len(ws) != 3 || total != 9000-16 {
		t.Errorf("%d windows of %d slots in all; want 3 of 8984", len(ws), total)
	}
	_, scales := columns(base, x, nil)
	if got, want := ws[0].Sigma[0], .2/scales[16].dev; math.Abs(got-want) > .01*want {
		t.Errorf("deviation %g, want %g: that of the recording without mean and slope", got, want)
	}
	if _, dev := moments(ws[0].Noise[0]); math.Abs(dev-1) > 1e-9 {
		t.Errorf("the recorded noise has a deviation of %g", dev)
	}
	ws = mustWindows(t, base, History{X: x, Noise: z, Sigma: .7})
	if got, want := ws[1].Sigma[0], .7/scales[16+ws[0].slots()].dev; math.Abs(got-want) > 1e-9 {
		t.Errorf("deviation %g, want %g, which is known", got, want)
	}
	for want, z := range map[string][]float64{"at least 64": make([]float64, 10), "does not move": make([]float64, 100)} {
		if _, err := (&History{X: x, Noise: z}).Windows(base); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

// Nothing that is judged is trained on.
func TestHoldOut(t *testing.T) {
	base := trainedBase(t)
	cols := func(n int) []model.Column {
		c := make([]model.Column, n)
		for i := range c {
			c[i] = model.Column{X: float32(i), Level: -1}
		}
		return c
	}
	for _, sizes := range [][]int{{4096, 4096, 1500}, {512, 512, 512, 512, 512, 512, 512}, {1024}, slices.Repeat([]int{1024}, 200)} {
		h := truthless{model: base}
		var windows []Window
		all := 0
		for _, n := range sizes {
			windows = append(windows, Window{Channels: 1, Cols: cols(n)})
			all += n
		}
		h.hold(windows)
		trained := map[*model.Column]bool{}
		for _, w := range h.train {
			for i := range w.Cols {
				trained[&w.Cols[i]] = true
			}
		}
		judged := 0
		for _, e := range h.held {
			for i := e.From; i < e.To; i++ {
				judged++
				if trained[&e.Cols[i]] {
					t.Fatalf("windows of %v: slot %d is trained on and judged", sizes, i)
				}
			}
		}
		if judged < all/20 && len(h.held) < mostEvidence || judged > all/3 || len(h.held) > mostEvidence {
			t.Errorf("windows of %v: %d of %d slots in %d stretches are judged", sizes, judged, all, len(h.held))
		}
	}
}

package train

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/nn"
	"github.com/quell-stream/quell/model/noise"
	"github.com/quell-stream/quell/model/synth"
)

// tinyBase is a recipe that takes a moment.
func tinyBase(lookahead, steps int) BaseConfig {
	return BaseConfig{Lookahead: lookahead, Channels: 8, Taps: 3, Dilations: []int{1, 2, 4}, Steps: steps,
		Batch: 4, Window: 128, Peak: 5e-3, Decay: 1e-4, Huber: 4, Seed: 3, HoldOut: 6}
}

func encode(t *testing.T, m *model.Model) []byte {
	t.Helper()
	b, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBaseIsSeeded(t *testing.T) {
	var first []byte
	for _, workers := range []int{1, 3} {
		cfg := tinyBase(2, 6)
		cfg.Workers = workers
		m, rep, err := Base(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		if rep.Steps != 6 || m.Lookahead() != 2 || !strings.HasPrefix(m.Name(), "base@") {
			t.Errorf("%s with look-ahead %d after %d steps", m.Name(), m.Lookahead(), rep.Steps)
		}
		if first == nil {
			first = encode(t, m)
		} else if !bytes.Equal(encode(t, m), first) {
			t.Error("the number of workers changes the model")
		}
	}
	cfg := tinyBase(2, 6)
	cfg.Seed++
	if m, _, err := Base(t.Context(), cfg); err != nil || bytes.Equal(encode(t, m), first) {
		t.Errorf("another seed gives the same model, %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := Base(ctx, cfg); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestBaseLearns(t *testing.T) {
	m, _, err := Base(t.Context(), tinyBase(4, 250))
	if err != nil {
		t.Fatal(err)
	}
	h := m.Header()
	if g := h.Metrics["synthetic_gain_db_at_0"]; !(g > 3) {
		t.Errorf("gain of %g dB at 0 dB, want more than 3", g)
	}
	// A calibrated interval at 0 dB is well below that of the noise itself.
	if half := m.HalfWidth(.9).At(-.15); !(half > .1 && half < 1.645) {
		t.Errorf("half width %g σ̂ at 0 dB, want .1 to 1.645", half)
	}
	if !strings.Contains(h.Card, "look-ahead 4") || h.Licence == "" {
		t.Error("the card is not filled in")
	}
}

// Training windows never hold anything that would upset a net.
func TestBaseExamplesAreSane(t *testing.T) {
	b := &baseData{arch: TCNArch(0, 8, 3, []int{1}, 0), seed: 5, window: 128}
	var e Example
	loss, n := 0.0, 300
	for i := range n {
		b.Example(&e, i, 0)
		if len(e.X) != 7*128 || len(e.Y) != 128 || len(e.W) != 128 {
			t.Fatalf("lengths %d, %d, %d", len(e.X), len(e.Y), len(e.W))
		}
		for k, v := range e.X {
			if !(math.Abs(float64(v)) <= inputLimit) {
				t.Fatalf("example %d: input %d is %g", i, k, v)
			}
		}
		one := 0.0
		for k, y := range e.Y {
			if !(e.W[k] >= 0) || math.IsInf(float64(e.W[k]), 0) {
				t.Fatalf("example %d: weight %g", i, e.W[k])
			}
			one += float64(e.W[k]*y*y) / 128
		}
		loss += min(one, 5) / float64(n)
	}
	// Errors count in units of the noise, so the identity loses about 1.
	if loss < .7 || loss > 1.3 {
		t.Errorf("the identity has a loss of %g, want about 1", loss)
	}
}

// pulseTrain is a signal whose shape repeats, for nets to learn.
func pulseTrain(n int, phase float64) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = 30 + 4*math.Exp(8*(math.Cos((float64(i)+phase)/8)-1))
	}
	return x
}

func addWhite(x []float64, sigma float64, seed uint64) []float64 {
	rng := rand.New(rand.NewPCG(seed, 8))
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = v + sigma*rng.NormFloat64()
	}
	return y
}

func gainOf(t *testing.T, m *model.Model, clean, noisy []float64) float64 {
	t.Helper()
	out, err := Denoise(m, noisy, nil)
	if err != nil {
		t.Fatal(err)
	}
	return noise.Gain(clean, noisy, out)
}

func TestSupervised(t *testing.T) {
	clean := pulseTrain(6000, 0)
	corrupt, err := noise.ParseSpec("gaussian:snr=5")
	if err != nil {
		t.Fatal(err)
	}
	cfg := SupervisedConfig{Clean: [][]float64{clean}, Corrupt: corrupt, Arch: TCNArch(0, 8, 5, []int{1, 2, 4, 8}, 4),
		Steps: 200, Batch: 4, Window: 128, Peak: 1e-2, Seed: 1}
	m, rep, err := Supervised(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	h := m.Header()
	mean, dev := moments(clean[:3500])
	if s := h.Scaler; s.Kind != model.ScaleFixed || math.Abs(s.Mean[0]-mean) > .05 || math.Abs(s.Dev[0]-dev) > .05 ||
		math.Abs(s.Sigma[0]-dev*math.Pow(10, -.25)) > .01 {
		t.Errorf("scaler %+v, want mean %.2f and deviation %.2f", s, mean, dev)
	}
	test := clean[4800:]
	if g := gainOf(t, m, test, addWhite(test, dev*math.Pow(10, -.25), 3)); !(g > 6) {
		t.Errorf("gain %.1f dB after %d steps, want more than 6", g, rep.Steps)
	}
	// Samples of the test part are never looked at.
	spoilt := append([]float64(nil), clean...)
	for i := 4800; i < len(spoilt); i++ {
		spoilt[i] = 1e6
	}
	cfg.Steps = 3
	a, _, err := Supervised(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Clean = [][]float64{spoilt}
	b, _, err := Supervised(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if a.Name() != b.Name() {
		t.Error("the test part changes the model")
	}
}

func TestSupervisedRangeLeavesSigmaOpen(t *testing.T) {
	m, _, err := Supervised(t.Context(), SupervisedConfig{Clean: [][]float64{pulseTrain(3000, 0)},
		Arch: TCNArch(0, 4, 3, []int{1}, 0), Steps: 2, Batch: 2, Window: 64})
	if err != nil {
		t.Fatal(err)
	}
	if s := m.Header().Scaler.Sigma[0]; s != 0 {
		t.Errorf("noise level %g, want 0: it has a range", s)
	}
}

// Two channels at once, strided, with drop-outs: the mask is used.
func TestSupervisedDAE(t *testing.T) {
	corrupt, err := noise.ParseSpec("gaussian:snr=15+dropout:p=.1,len=4")
	if err != nil {
		t.Fatal(err)
	}
	a, b := pulseTrain(6000, 0), pulseTrain(6000, 10)
	m, _, err := Supervised(t.Context(), SupervisedConfig{Clean: [][]float64{a, b}, Corrupt: corrupt,
		Arch: DAEArch(2, []int{8, 12}, 6, 6), Steps: 300, Batch: 4, Window: 64, Peak: 1e-2, From: nil})
	if err != nil {
		t.Fatal(err)
	}
	if h := m.Header(); h.Kind != model.DAE || h.Channels != 2 || len(h.Scaler.Mean) != 2 || h.Residual {
		t.Errorf("header %+v", h)
	}
	if loss := m.Header().Metrics["validation_loss"]; !(loss < 6) {
		// Without the net the missing samples alone cost far more.
		t.Errorf("validation loss %g, want below 6", loss)
	}
}

func TestSupervisedRefuses(t *testing.T) {
	x := pulseTrain(3000, 0)
	holes := append([]float64(nil), x...)
	holes[7] = math.NaN()
	for want, cfg := range map[string]SupervisedConfig{
		"no clean recording": {},
		"is not finite":      {Clean: [][]float64{holes}},
		"has 10 samples":     {Clean: [][]float64{x, x[:10]}},
		"clean channels":     {Clean: [][]float64{x, x}, Arch: TCNArch(3, 4, 3, []int{1}, 0)},
		"multiple of":        {Clean: [][]float64{x}, Arch: DAEArch(1, []int{4, 4}, 4, 2), Window: 30},
		"too few":            {Clean: [][]float64{x[:600]}, Arch: TCNArch(0, 4, 3, []int{1}, 0)},
		"too short":          {Clean: [][]float64{x[:600]}},
		"channels of noise":  {Clean: [][]float64{x}, Noise: [][]float64{x, x}},
	} {
		if _, _, err := Supervised(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

// windowsOf scales a noisy recording as the pipeline does and cuts it.
func windowsOf(m *model.Model, noisy []float64, length int) []Window {
	cols, _ := columns(m, noisy, nil)
	var ws []Window
	for at := 512; at+length <= len(cols); at += length {
		ws = append(ws, Window{Channels: 1, Cols: cols[at : at+length]})
	}
	return ws
}

// Fine-tuning on noisy windows alone gains on a shape the base has not seen.
func TestFineTuneGains(t *testing.T) {
	if testing.Short() {
		t.Skip("a long training")
	}
	base, _, err := Base(t.Context(), tinyBase(4, 150))
	if err != nil {
		t.Fatal(err)
	}
	clean := pulseTrain(8000, 0)
	noisy := addWhite(clean, .5, 1)
	cfg := FineTuneConfig{Steps: 150, Batch: 4, Length: 128, Peak: 5e-3, Seed: 2}
	var names []string
	for _, workers := range []int{1, 2} {
		cfg.Workers = workers
		tuned, rep, err := FineTune(t.Context(), base, windowsOf(base, noisy[:5000], 256), cfg)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, tuned.Name())
		if rep.Windows != 17 || rep.Refused != 0 || len(rep.Rounds) != 1 {
			t.Errorf("report %+v", rep)
		}
		before, after := gainOf(t, base, clean[5000:], noisy[5000:]), gainOf(t, tuned, clean[5000:], noisy[5000:])
		if !(after > before+.5) {
			t.Errorf("gain %.2f dB, was %.2f before", after, before)
		}
		if h := tuned.Header(); h.Provenance.Parent != base.Name() || h.Name != "base" {
			t.Errorf("provenance %+v", h.Provenance)
		}
	}
	if names[0] != names[1] {
		t.Errorf("two workers make %s, one makes %s", names[1], names[0])
	}
}

func TestFineTuneRefusesAndSkips(t *testing.T) {
	base, _, err := Base(t.Context(), tinyBase(1, 2))
	if err != nil {
		t.Fatal(err)
	}
	known := make([]model.Column, 128)
	for i := range known {
		known[i] = model.Column{X: float32(i % 7), Level: -.5, Missing: i%9 == 0}
	}
	blank := make([]model.Column, 128)
	for i := range blank {
		blank[i] = model.Column{Missing: true, Level: -3}
	}
	cfg := FineTuneConfig{Steps: 2, Batch: 2, Rounds: 2, Rehearse: .5}
	_, rep, err := FineTune(t.Context(), base, []Window{{Channels: 1, Cols: known}, {Channels: 1, Cols: blank}, {Channels: 1, Cols: known[:8]}, {Channels: 2, Cols: known}}, cfg)
	if err != nil || rep.Windows != 2 || rep.Refused != 2 || len(rep.Rounds) != 2 {
		t.Errorf("report %+v, %v", rep, err)
	}
	if _, _, err := FineTune(t.Context(), base, []Window{{Channels: 1, Cols: blank}}, cfg); err == nil {
		t.Error("windows without a noise level accepted")
	}
	if _, _, err := FineTune(t.Context(), base, []Window{{Channels: 3, Cols: known}}, cfg); err == nil {
		t.Error("a window of 42⅔ slots accepted")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := FineTune(ctx, base, []Window{{Channels: 1, Cols: known}}, cfg); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// sentinelWindows cuts scaled windows with masks from signals.
func sentinelWindows(channels, slots, n int, signal func(t, c int) float64) [][]float32 {
	var ws [][]float32
	for i := range n {
		w := make([]float32, 0, slots*2*channels)
		for t := range slots {
			for c := range channels {
				w = append(w, float32(signal(i*8+t, c)))
			}
			for range channels {
				w = append(w, 0)
			}
		}
		ws = append(ws, w)
	}
	return ws
}

// reconstruction returns the mean squared reconstruction error.
func reconstruction(net *nn.Net, ws [][]float32, channels int) float64 {
	run, sum, n := net.NewRunner(1), 0., 0
	for _, w := range ws {
		y := run.Run(nil, w)
		for t := range len(y) / channels {
			for c := range channels {
				d := float64(y[t*channels+c] - w[t*2*channels+c])
				sum += d * d
				n++
			}
		}
	}
	return sum / float64(n)
}

func TestSentinel(t *testing.T) {
	for _, channels := range []int{1, 2, 6} {
		usual := sentinelWindows(channels, 32, 60, func(t, c int) float64 { return 1.4 * math.Sin(float64(t)/5+float64(c)) })
		odd := sentinelWindows(channels, 32, 60, func(t, c int) float64 { return 1.4 * math.Sin(1.3*float64(t)+float64(c)) })
		net, err := Sentinel(usual, channels, 4)
		if err != nil {
			t.Fatal(err)
		}
		if n := net.NumParams(); n > 4500 || channels < 3 && n > 3000 {
			t.Errorf("%d channels: %d weights", channels, n)
		}
		u, o := reconstruction(net, usual, channels), reconstruction(net, odd, channels)
		if !(u < .2 && o > 4*u) {
			t.Errorf("%d channels: the usual is reconstructed with an error of %.3f, the unusual with %.3f", channels, u, o)
		}
		again, err := Sentinel(usual, channels, 4)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(weights(net), weights(again)) {
			t.Error("not the same again")
		}
	}
	for _, bad := range [][][]float32{nil, {{}}, {make([]float32, 30)}, {make([]float32, 32), make([]float32, 64)}, {append(make([]float32, 63), float32(math.NaN()))}} {
		if _, err := Sentinel(bad, 1, 1); err == nil {
			t.Errorf("accepted %v", bad)
		}
	}
}

func BenchmarkSentinel(b *testing.B) {
	for _, c := range []int{1, 4} {
		ws := sentinelWindows(c, 32, 100, func(t, c int) float64 { return math.Sin(float64(t)/5 + float64(c)) })
		b.Run(fmt.Sprint("channels=", c), func(b *testing.B) {
			for b.Loop() {
				if _, err := Sentinel(ws, c, 1); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkDraw is the drawing of one training window of the base model; what
// is made of it is BenchmarkStep.
func BenchmarkDraw(b *testing.B) {
	cfg := DefaultBase(8)
	d := &baseData{arch: TCNArch(0, cfg.Channels, cfg.Taps, cfg.Dilations, 8), seed: 1, window: cfg.Window}
	var e Example
	i := 0
	for b.Loop() {
		d.Example(&e, i, 0)
		i++
	}
}

func ExampleDenoise() {
	m, err := model.Base(8)
	if err != nil {
		fmt.Println(err)
		return
	}
	rng := rand.New(rand.NewPCG(1, 2))
	clean, noisy := make([]float64, 3000), make([]float64, 3000)
	synth.Sines.Generate(clean, rng)
	for i, v := range clean {
		noisy[i] = v + .3*rng.NormFloat64()
	}
	out, err := Denoise(m, noisy, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(noise.Gain(clean, noisy, out) > 5)
	// Output: true
}

// TestNotWhite: what a net learns to take away is told in its model.
func TestNotWhite(t *testing.T) {
	rng := draw(8, 0, 0)
	white, red, spiky := make([]float64, 4000), make([]float64, 4000), make([]float64, 4000)
	for i := range white {
		white[i] = rng.NormFloat64()
		if red[i] = white[i]; i > 0 {
			red[i] += .5 * red[i-1]
		}
		if spiky[i] = white[i]; i%50 == 0 {
			spiky[i] += 8
		}
	}
	chain := func(text string) noise.Chain {
		c, err := noise.ParseSpec(text)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	for name, c := range map[string]struct {
		cfg  SupervisedConfig
		want bool
	}{
		"gaussian":    {SupervisedConfig{Corrupt: chain("gaussian:snr=10")}, false},
		"with losses": {SupervisedConfig{Corrupt: chain("gaussian:snr=10+mask:p=0.1")}, false},
		"with spikes": {SupervisedConfig{Corrupt: chain("gaussian:snr=10+spike:p=0.02")}, true},
		"ar1":         {SupervisedConfig{Corrupt: chain("ar1:snr=10")}, true},
		"white":       {SupervisedConfig{Noise: [][]float64{white}}, false},
		"red":         {SupervisedConfig{Noise: [][]float64{white, red}}, true},
		"spiky":       {SupervisedConfig{Noise: [][]float64{spiky}}, true},
	} {
		if got := c.cfg.notWhite(); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

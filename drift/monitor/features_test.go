package monitor

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// averaged returns the mean features of a series over hops, from the second on.
func averaged(hop, n int, f func(i int) float64) (avg Features) {
	e := NewExtractor(hop)
	k := 0.0
	for i := range hop * n {
		h, ok := e.Push(f(i), false)
		if !ok || i < 4*hop {
			continue
		}
		k++
		avg.Level += h.Level
		avg.Spread += h.Spread
		avg.Noise += h.Noise
		avg.Coarse += h.Coarse
		avg.Pulse += h.Pulse
		avg.Same += h.Same
		for j := range lags {
			avg.Diff[j] += h.Diff[j]
		}
	}
	for _, p := range []*float64{&avg.Level, &avg.Spread, &avg.Noise, &avg.Coarse, &avg.Pulse, &avg.Same} {
		*p /= k
	}
	for j := range lags {
		avg.Diff[j] /= k
	}
	return avg
}

func near(t *testing.T, what string, got, want, tol float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tol) {
		t.Errorf("%s = %v, want %v within %v", what, got, want, tol)
	}
}

func TestFeaturesOfWhiteNoise(t *testing.T) {
	for _, hop := range []int{4, 8, 16, 32} {
		r := rand.New(rand.NewPCG(1, uint64(hop)))
		const sigma2 = 4.0
		f := averaged(hop, 60000/hop, func(int) float64 { return 1e6 + 2*r.NormFloat64() })
		near(t, "Level", f.Level, 1e6, 0.05)
		near(t, "Noise", f.Noise, sigma2, 0.05*sigma2)
		near(t, "Coarse", f.Coarse, sigma2, 0.1*sigma2)
		near(t, "Pulse", f.Pulse, pulseGain*sigma2, 0.05*sigma2)
		near(t, "Spread", f.Spread, sigma2*(1-1/float64(hop)), 0.05*sigma2)
		for k := range lags {
			near(t, "Diff", f.Diff[k], 2*sigma2, 0.1*sigma2)
		}
		near(t, "Lag1", f.Lag1(), -0.5, 0.02)
	}
}

func TestNoiseIgnoresTheSignal(t *testing.T) {
	smooth := averaged(8, 500, func(i int) float64 { return 100 * math.Sin(2*math.Pi*float64(i)/60) })
	if smooth.Noise > 0.01 || smooth.Pulse > 0.5 {
		t.Errorf("a sine of amplitude 100: Noise %v, Pulse %v, want next to nothing", smooth.Noise, smooth.Pulse)
	}
	if l := smooth.Lag1(); l < 0.95 {
		t.Errorf("a sine: Lag1 = %v, want near 1", l)
	}
	jumps := averaged(8, 500, func(i int) float64 { return float64(i / 20 % 2 * 10) })
	if jumps.Pulse != 0 {
		t.Errorf("jumps: Pulse %v, want 0", jumps.Pulse)
	}
	spikes := averaged(8, 500, func(i int) float64 { return float64(max(0, 1-i%20)) * 10 })
	if spikes.Noise > 1 || math.Abs(spikes.Pulse-5) > 0.2 {
		t.Errorf("spikes of 10 every 20 samples: Noise %v, Pulse %v, want less than 1 and 5", spikes.Noise, spikes.Pulse)
	}
}

// An isolated outlier stands alone, at the border of hops too; the crests of what swings
// after a blow do not, and neither do two outliers that are close.
func TestAlone(t *testing.T) {
	blow := func(at, period float64) func(i int) float64 {
		return func(i int) float64 {
			k := float64(i) - at
			if k < 0 {
				return 0
			}
			return 10 * math.Exp(-k/8) * math.Sin(2*math.Pi*k/period)
		}
	}
	for name, c := range map[string]struct {
		of          func(i int) float64
		peak, alone float64
	}{
		"outlier":             {func(i int) float64 { return float64(max(0, 10-10*max(i-50, 50-i))) }, 10, 10},
		"at the end of a hop": {func(i int) float64 { return float64(max(0, 10-10*max(i-55, 55-i))) }, 10, 10},
		"at the start of one": {func(i int) float64 { return float64(max(0, 10-10*max(i-56, 56-i))) }, 10, 10},
		"downwards":           {func(i int) float64 { return -float64(max(0, 10-10*max(i-50, 50-i))) }, 10, 10},
		"two, far apart":      {func(i int) float64 { return map[int]float64{50: 10, 57: -8}[i] }, 10, 10},
		"two, near":           {func(i int) float64 { return map[int]float64{50: 10, 56: -8}[i] }, 10, 0},
		"a lesser one near":   {func(i int) float64 { return map[int]float64{50: 10, 54: 4}[i] }, 10, 10},
		"a jump":              {func(i int) float64 { return float64(10 * min(max(i-50, 0), 1)) }, 0, 0},
		"blow, period 4":      {blow(50, 4), 8.8, 0},
		"blow, period 5":      {blow(50.3, 5), 4.1, 0},
	} {
		e := NewExtractor(8)
		peak, alone := 0.0, 0.0
		for i := range 96 {
			if f, ok := e.Push(c.of(i), false); ok {
				peak, alone = max(peak, f.Peak), max(alone, f.Alone)
			}
		}
		if math.Abs(peak-c.peak) > .2*c.peak || math.Abs(alone-c.alone) > .2 {
			t.Errorf("%s: peak %.3g, alone %.3g, want %g, %g", name, peak, alone, c.peak, c.alone)
		}
	}
}

// Blows whose swinging dies away are the process, readings that are off one by one are
// spikes.
func TestBlowsAreNoSpikes(t *testing.T) {
	for name, swings := range map[string]bool{"outliers": false, "blows": true} {
		rng := rand.New(rand.NewPCG(1, 2))
		e, p := NewExtractor(8), &profile{}
		spiky := 0
		for i := range 8 * 600 {
			x := math.Sin(float64(i)/30) + .1*rng.NormFloat64()
			if k := i % 40; i >= 8*500 && (k == 0 || swings) {
				x += 3 * math.Exp(-float64(k)/6) * math.Cos(math.Pi/2*float64(k))
			}
			f, ok := e.Push(x, false)
			if !ok {
				continue
			}
			p.push(&f)
			if i < 8*400 {
				p.learn(&f)
			}
			if p.learnt = i >= 8*400; p.learnt && p.spiky(true) {
				spiky++
			}
		}
		if swings && spiky > 0 || !swings && spiky < 20 {
			t.Errorf("%s: %d hops of 100 are called spiky", name, spiky)
		}
	}
}

func TestFeaturesByHand(t *testing.T) {
	e := NewExtractor(4)
	e.SetRails(math.NaN(), 9)
	push := func(x float64, missing bool) (Features, bool) { t.Helper(); return e.Push(x, missing) }
	for _, x := range []float64{1, 1, 1} {
		if _, ok := push(x, false); ok {
			t.Fatal("features before the end of the hop")
		}
	}
	got, ok := push(3, false)
	nan := math.NaN()
	want := Features{N: 4, Level: 1.5, Spread: 0.75, Noise: 4 / 20. / (1 + 1.1) / madGain / madGain, Coarse: nan, Pulse: 0,
		Diff: [5]float64{4. / 3, 2, nan, nan, nan}, Cube: [3]float64{nan, nan, nan}, Same: 2. / 3, Run: 1, Past: 3, Top: End{3, 1, 1}, Bottom: End{1, 3, 1}}
	eq := cmp.Options{cmp.Comparer(func(a, b float64) bool {
		return math.IsNaN(a) && math.IsNaN(b) || math.Abs(a-b) < 1e-12
	})}
	if d := cmp.Diff(want, got, eq); !ok || d != "" {
		t.Errorf("first hop (-want +got):\n%s", d)
	}
	push(9, false)
	push(0, true)
	push(math.Inf(1), false)
	got, _ = push(math.NaN(), false)
	want = Features{N: 1, Missing: 0.75, MissingRun: 3, Level: 9, Rail: 1, Run: 1, Past: 1,
		Noise: 4 / 20. / (1 + 1.1) / madGain / madGain, Coarse: nan, Pulse: 0, Diff: [5]float64{36, 64, 64, nan, nan}, Cube: [3]float64{512, nan, nan},
		Top: End{9, 1, 1}, Bottom: End{9, 1, 1}}
	if d := cmp.Diff(want, got, eq); d != "" {
		t.Errorf("second hop (-want +got):\n%s", d)
	}
	for range 3 {
		push(0, true)
	}
	got, _ = push(0, true)
	if got.N != 0 || got.Missing != 1 || got.MissingRun != 7 || !math.IsNaN(got.Level) || !math.IsNaN(got.Noise) {
		t.Errorf("a hop without samples: %+v", got)
	}
	// A run goes on over missing samples, and over the border of the hop.
	push(9, false)
	push(0, true)
	push(9, false)
	if got, _ = push(9, false); got.Run != 4 {
		t.Errorf("Run = %d, want 4", got.Run)
	}
}

func TestClipNeedsAnOldExtreme(t *testing.T) {
	e := NewExtractor(8)
	clip := 0.0
	for i := range 800 { // a rise in steps of 40 samples
		if f, ok := e.Push(float64(i/40), false); ok {
			clip += f.Clip
		}
	}
	if clip != 0 {
		t.Errorf("a slow rise counts as clipped: %v", clip)
	}
	e = NewExtractor(8)
	for i := range 800 {
		x := math.Min(math.Sin(float64(i)/5), 0.5)
		if f, ok := e.Push(x, false); ok && i > 400 {
			clip += f.Clip / 50
		}
	}
	near(t, "share of a clipped sine", clip, 1./3, 0.05)
}

func TestExtractorState(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	e := NewExtractor(8)
	e.SetRails(-5, 5)
	for i := range 500 {
		snap := e.AppendState(nil)
		f := NewExtractor(8)
		rest, err := f.RestoreState(append(snap, 7))
		if err != nil || len(rest) != 1 {
			t.Fatalf("sample %d: rest %v, %v", i, rest, err)
		}
		if !bytes.Equal(f.AppendState(nil), e.AppendState(nil)) {
			t.Fatalf("sample %d: the restored state differs", i)
		}
		x, missing := math.Round(10*r.NormFloat64())/10, r.Float64() < 0.2
		a, okA := e.Push(x, missing)
		b, okB := f.Push(x, missing)
		if okA != okB || cmp.Diff(a, b, cmp.Comparer(func(a, b float64) bool {
			return math.Float64bits(a) == math.Float64bits(b)
		})) != "" {
			t.Fatalf("sample %d: %+v %v, restored %+v %v", i, a, okA, b, okB)
		}
	}
	snap := e.AppendState(nil)
	for n := range snap {
		if _, err := NewExtractor(8).RestoreState(snap[:n]); err == nil {
			t.Fatalf("took %d of %d bytes", n, len(snap))
		}
	}
	if _, err := NewExtractor(16).RestoreState(snap); err == nil {
		t.Error("took the state of another hop")
	}
}

func TestExtractorAllocatesNothing(t *testing.T) {
	e := NewExtractor(8)
	r := rand.New(rand.NewPCG(4, 4))
	if n := testing.AllocsPerRun(1000, func() { e.Push(r.NormFloat64(), false) }); n != 0 {
		t.Errorf("%v allocations per sample", n)
	}
}

// TestWildReadingWhileLearning has one reading that was no measurement among what is
// learnt from: it is neither all that is usual nor a drift as soon as that is learnt.
func TestWildReadingWhileLearning(t *testing.T) {
	for _, wild := range []float64{100, 1e3, 1e9, 1e39, -1e200} {
		cfg := ShortHistory(1, 1e-6)
		g := newRig(newSensor("sine", 1), cfg)
		n := 0
		for g.m.State() == Learning {
			x, _ := g.s.next()
			if n++; n == 400 {
				x = wild
			}
			score, _ := g.lin.push(min(max(x, -50), 50))
			f, ok := g.ex.Push(x, false)
			g.index++
			if ok {
				g.m.Update(Observation{Index: g.index - 1, Score: score, Features: []Features{f}})
			}
		}
		for range 2000 {
			if d, ok := g.step(); ok && d.Opened {
				t.Errorf("%g: %s", wild, d.Why)
				break
			}
		}
		g.s.period /= 1.6
		g.until(t, "regime", 600, opened)
	}
}

func TestScalingLeavesOutWildReadings(t *testing.T) {
	raw := make([]float64, 2000)
	for i := range raw {
		raw[i] = 5 + math.Sin(float64(i))
	}
	mean, dev := Scaling(raw, 2)
	for i, wild := range []float64{1e4, 1e200, math.NaN()} {
		raw[100+2*i] = wild
	}
	m, d := Scaling(raw, 2)
	if math.Abs(m[0]-mean[0]) > .01 || math.Abs(d[0]-dev[0]) > .01 || m[1] != mean[1] || d[1] != dev[1] {
		t.Errorf("mean %v and deviation %v, without wild readings %v and %v", m, d, mean, dev)
	}
	for _, w := range Windows(raw, m, d, 32, 32) {
		for _, v := range w {
			if !(math.Abs(float64(v)) <= inputLimit) {
				t.Fatalf("a window holds %g", v)
			}
		}
	}
}

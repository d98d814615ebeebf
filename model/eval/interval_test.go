package eval

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestCRPS compares with the definition, ∫ (F(u) - 1{u ≥ x})² du, by the
// trapezoidal rule.
func TestCRPS(t *testing.T) {
	lo, hi := []float64{-1, 2, nan, 3}, []float64{3, 2.5, 1, 3}
	x := []float64{2.2, 9, 1, 5}
	want, inside := 0.0, func(v float64) float64 { return .5 * (1 + math.Erf(v/math.Sqrt2)) }
	for _, i := range []int{0, 1} {
		mean, sigma := (lo[i]+hi[i])/2, (hi[i]-lo[i])/2/1.6448536269514722
		const step = 1e-4
		for u := -20.0; u < 20; u += step {
			f := inside((u - mean) / sigma)
			if u >= x[i] {
				f--
			}
			want += f * f * step
		}
	}
	want += 2 // no width: the absolute error
	if got := CRPS(x, lo, hi); math.Abs(got-want/3) > 1e-3 {
		t.Errorf("CRPS is %v, want %v", got, want/3)
	}
	if got := CRPS([]float64{nan}, []float64{0}, []float64{1}); !math.IsNaN(got) {
		t.Errorf("CRPS of nothing is %v", got)
	}
}

func TestCoverageBlocks(t *testing.T) {
	const n = 4600
	x, lo, hi := make([]float64, n), make([]float64, n), make([]float64, n)
	for i := range x {
		lo[i], hi[i] = -1, 1
	}
	for i := 0; i < 100; i++ { // 90 % of the first block; all of the second are inside
		x[i] = 2
	}
	for i := range 600 { // the third has too few samples, the fourth covers 81.9 %
		x[2000+i] = nan
	}
	for i := range 181 {
		x[3000+i] = -2
	}
	if got := CoverageBlocks(x, lo, hi); !same(got, 1./3) {
		t.Errorf("share of good blocks is %v, want 1/3", got)
	}
	x[3180] = 0 // exactly .82
	if got := CoverageBlocks(x, lo, hi); !same(got, 2./3) {
		t.Errorf("share of good blocks is %v, want 2/3", got)
	}
	if got := CoverageBlocks(x[:999], lo[:999], hi[:999]); !math.IsNaN(got) {
		t.Errorf("share of good blocks among none is %v", got)
	}
}

// TestReliability: an interval that is right covers as often as it claims, at
// every nominal level.
func TestReliability(t *testing.T) {
	trial, err := NoisyTrial("a", waves(100_000), 10, White, 3, 0)
	if err != nil {
		t.Fatal(err)
	}
	y := trial.Parts.Test.Of(trial.Noisy)
	sigma := math.Sqrt(trial.SignalVar / 10)
	e := Estimate{Clean: y}
	for k, z := range []float64{.6744897501960817, 1.2815515655446004, normal90, 1.959963984540054} {
		for _, v := range y {
			b := &e.Bounds[k]
			b.Lo, b.Hi = append(b.Lo, v-z*sigma), append(b.Hi, v+z*sigma)
		}
	}
	r := trial.ScoreEstimate("reading", e)
	for k, nominal := range Nominal() {
		if math.Abs(r.Reliability[k]-nominal) > .01 {
			t.Errorf("an interval of %g covers %g", nominal, r.Reliability[k])
		}
	}
	if r.Coverage != r.Reliability[Ninety] || r.CoverageBlocks != 1 {
		t.Errorf("coverage %g, good blocks %g", r.Coverage, r.CoverageBlocks)
	}
	// The expected CRPS of a right Gaussian forecast is σ/√π.
	if want := sigma / math.Sqrt(math.Pi); math.Abs(r.CRPS-want) > .02*want {
		t.Errorf("CRPS is %g, want %g", r.CRPS, want)
	}
}

func TestWelch(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	x := make([]float64, 1<<15)
	for i := range x {
		x[i] = 5 + 2*rng.NormFloat64() + 3*math.Sin(2*math.Pi*float64(i)*64/512)
	}
	p := Welch(x)
	if len(p) != 257 {
		t.Fatalf("%d frequencies, want 257", len(p))
	}
	sum, peak := 0.0, 0
	for k, v := range p {
		sum += v / 512
		if v > p[peak] {
			peak = k
		}
	}
	if want := 4 + 4.5; math.Abs(sum-want) > .03*want {
		t.Errorf("the spectrum sums to %g, want the variance %g", sum, want)
	}
	if peak != 64 || math.Abs(p[200]-8) > 3 { // white noise of variance 4, one-sided
		t.Errorf("peak at %d, noise floor %g", peak, p[200])
	}
	gap := append([]float64(nil), x...)
	gap[0], gap[100], gap[len(x)-1] = nan, nan, nan
	for k, v := range Welch(gap) {
		if !finite(v) || math.Abs(v-p[k]) > .1*p[64] {
			t.Fatalf("with gaps the power at %d is %g, want about %g", k, v, p[k])
		}
	}
	if Welch(x[:7]) != nil || Welch([]float64{nan, nan, nan, nan, nan, nan, nan, nan}) != nil {
		t.Error("there is a spectrum of nothing")
	}
}

// TestSpectralErrors: half the amplitude is a quarter of the power.
func TestSpectralErrors(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 1))
	x, half := make([]float64, 5000), make([]float64, 5000)
	for i := range x {
		x[i] = rng.NormFloat64()
		half[i] = x[i] / 2
	}
	x[7] = nan
	rrmse, lsd := SpectralErrors(x, half)
	if !same(rrmse, .75) || math.Abs(lsd-10*math.Log10(4)) > 1e-9 {
		t.Errorf("spectral error %v, distance %v dB", rrmse, lsd)
	}
	if got := RRMSE(x, half); !same(got, .5) {
		t.Errorf("temporal error %v, want .5", got)
	}
	if got := CC(x, half); math.Abs(got-1) > 1e-12 {
		t.Errorf("correlation with half of itself is %v", got)
	}
	if a, b := SpectralErrors(make([]float64, 100), make([]float64, 100)); !math.IsNaN(a) || !math.IsNaN(b) {
		t.Errorf("a constant has spectral errors %v, %v", a, b)
	}
	_, lsd = SpectralErrors(x, make([]float64, 5000))
	if !(lsd > 80) || math.IsInf(lsd, 0) {
		t.Errorf("distance of silence is %v dB", lsd)
	}
}

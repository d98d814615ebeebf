package noise

import (
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
)

func TestQuietest(t *testing.T) {
	const n, length = 20_000, 500
	rng := newRand(31)
	x := make([]float64, n)
	for i := range x {
		x[i] = 5*math.Sin(float64(i)/40) + .1*rng.NormFloat64()
		switch {
		case i >= 12_000 && i < 12_700: // rest on a slope
			x[i] = 3 + .02*float64(i-12_000) + .1*rng.NormFloat64()
		case i >= 15_000 && i < 16_000: // dead
			x[i] = 7
		}
	}
	from, to := Quietest(x, length)
	if to-from != length || from < 11_990 || to > 12_710 {
		t.Errorf("[%d,%d), want %d samples of [12000,12700)", from, to, length)
	}
	// By the definition, window by window.
	want, least := 0, math.Inf(1)
	for at := 0; at+length <= n; at++ {
		if at+length > 15_000 && at < 16_000 {
			continue
		}
		if v := aboutLine(x[at : at+length]); v < least {
			want, least = at, v
		}
	}
	if from != want {
		t.Errorf("from %d, want %d", from, want)
	}
	if from, to := Quietest(x[:300], length); from != 0 || to != 300 {
		t.Errorf("a short recording gives [%d,%d), want all of it", from, to)
	}
	if from, to := Quietest(make([]float64, 600), length); from != 0 || to != length {
		t.Errorf("a constant gives [%d,%d), want the first %d", from, to, length)
	}
}

func aboutLine(x []float64) float64 {
	n := float64(len(x))
	mean, c, s := 0.0, 0.0, 0.0
	for _, v := range x {
		mean += v / n
	}
	for i, v := range x {
		d := float64(i) - (n-1)/2
		c += d * (v - mean)
		s += d * d
	}
	sum := 0.0
	for i, v := range x {
		e := v - mean - c/s*(float64(i)-(n-1)/2)
		sum += e * e
	}
	return sum / n
}

// ar1Noise is AR(1) noise of deviation sigma on a cubic trend.
func ar1Noise(t *testing.T, n int, sigma float64, seed uint64) []float64 {
	x := make([]float64, n)
	mustParse(t, "ar1:sigma=1,rho=0.9").Apply(x, nil, 1, newRand(seed))
	for i := range x {
		u := float64(i) / float64(n)
		x[i] = sigma*x[i] + 20 - 30*u + 15*u*u*u
	}
	return x
}

func mustRecord(t *testing.T, x []float64) *Recorded {
	t.Helper()
	r, err := NewRecorded(x)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRecorded(t *testing.T) {
	x := ar1Noise(t, 200_000, 2, 32)
	before := slices.Clone(x)
	r := mustRecord(t, x)
	if !slices.Equal(x, before) {
		t.Error("the recording was changed")
	}
	within(t, "Sigma", r.Sigma(), 2, .02)
	c := r.Autocovariance(20)
	for k, v := range c {
		if want := 4 * math.Pow(.9, float64(k)); math.Abs(v-want) > .1 {
			t.Errorf("autocovariance at %d: %g, want %g", k, v, want)
		}
	}
	// A trend alone leaves nothing.
	for i := range x {
		u := float64(i) / 1e4
		x[i] = 1 + 2*u - 3*u*u + u*u*u
	}
	if _, err := NewRecorded(x); err == nil {
		t.Error("a cubic was taken for noise")
	}
}

// A piece that fits is part of the recording, up to its sign.
func TestRecordedPiece(t *testing.T) {
	r := mustRecord(t, ar1Noise(t, 2000, 2, 33))
	signs := make(map[float64]int)
	for seed := range uint64(200) {
		dst := make([]float64, 300)
		for i := range dst {
			dst[i] = 7
		}
		r.Add(dst, .5, newRand(seed))
		found := false
		for at := r.fade; at+len(dst) <= len(r.ring) && !found; at++ {
			for _, sign := range []float64{1, -1} {
				same := true
				for i, v := range dst {
					if math.Abs(v-7-sign*.5*r.x[at+i]) > 1e-9 {
						same = false
						break
					}
				}
				if same {
					found = true
					signs[sign]++
				}
			}
		}
		if !found {
			signs[0]++ // it runs over the ring's seam
		}
	}
	if signs[1] < 60 || signs[-1] < 60 || signs[0] > 60 {
		t.Errorf("signs %v, want about 85 each and 30 over the seam", signs)
	}
}

// Long pieces of a short recording keep variance, correlation and mean, at the
// joints too.
func TestRecordedBootstrap(t *testing.T) {
	const n, runs = 6000, 400
	r := mustRecord(t, ar1Noise(t, 1500, 2, 34))
	c := r.Autocovariance(10)
	// The ring has a variance of its own, near that of the recording.
	ring := 0.0
	for _, v := range r.ring {
		ring += v * v / float64(len(r.ring))
	}
	within(t, "variance of the ring", ring, c[0], .1)
	var mean, square, lag5 float64
	var first, worst float64
	at := make([]float64, n)
	for seed := range uint64(runs) {
		dst := make([]float64, n)
		r.Add(dst, 3, newRand(seed))
		for i, v := range dst {
			mean += v / (n * runs)
			square += v * v / (n * runs)
			at[i] += v * v / runs
			if i >= 5 {
				lag5 += v * dst[i-5] / ((n - 5) * runs)
			}
		}
		first += dst[0] * dst[0] / runs
	}
	if math.Abs(mean) > .1 {
		t.Errorf("mean %g, want 0", mean)
	}
	within(t, "variance", square, 9*ring, .03)
	within(t, "variance of the first sample", first, 9*ring, .25)
	within(t, "covariance at 5", lag5/square, c[5]/c[0], .08)
	for _, v := range at {
		worst = max(worst, math.Abs(v/(9*ring)-1))
	}
	if worst > .45 { // four deviations of a mean of 400 squares are .28 for normal noise; this is the largest of 6000
		t.Errorf("the variance at one sample is off by %.2f", worst)
	}
}

// The fade itself keeps the variance: white noise through it stays white.
func TestFadeKeepsVariance(t *testing.T) {
	for _, fade := range []int{1, 2, 7, 100} {
		for i := range fade {
			in, out := weights(i, fade)
			within(t, "power of a fade", in*in+out*out, 1, 1e-12)
			if in <= 0 || out <= 0 {
				t.Errorf("fade %d: weights %g and %g at %d", fade, in, out, i)
			}
		}
	}
}

func TestRecordedIsSeededAndShared(t *testing.T) {
	r := mustRecord(t, ar1Noise(t, 1500, 2, 35))
	var wg sync.WaitGroup
	out := make([][]float64, 4)
	for k := range out {
		wg.Go(func() {
			out[k] = make([]float64, 5000)
			r.Add(out[k], 1, newRand(uint64(k/2)))
		})
	}
	wg.Wait()
	if !slices.Equal(out[0], out[1]) || !slices.Equal(out[2], out[3]) || slices.Equal(out[0], out[2]) {
		t.Error("the noise is not a function of the seed")
	}
	dst, rng := make([]float64, 5000), newRand(1)
	if n := testing.AllocsPerRun(20, func() { r.Add(dst, 1, rng) }); n != 0 {
		t.Errorf("Add allocates %g times", n)
	}
}

func TestRecordedRefuses(t *testing.T) {
	bad := normal(100, 36)
	bad[17] = math.NaN()
	flat := make([]float64, 100)
	for name, c := range map[string]struct {
		x    []float64
		want string
	}{
		"short":    {bad[:63], "too short"},
		"gap":      {bad, "sample 17 of the recorded noise is not finite"},
		"constant": {flat, "does not move"},
	} {
		if _, err := NewRecorded(c.x); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
	}
}

func TestRecordedInAChain(t *testing.T) {
	r := mustRecord(t, ar1Noise(t, 50_000, 2, 37))
	c, err := ParseSpecRecorded("recorded:gain=0.5..2+gaussian:sigma=3", r)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := c.String(), "recorded:gain=0.5..2+gaussian:snr=10,sigma=3"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	lo, hi := math.Inf(1), 0.0
	for seed := range uint64(300) {
		x := make([]float64, 4000)
		a := c.Apply(x, nil, 1, newRand(seed))
		gain := math.Sqrt(a.Sigma*a.Sigma-9) / r.Sigma()
		lo, hi = min(lo, gain), max(hi, gain)
		if _, dev := moments(x); math.Abs(dev/a.Sigma-1) > .25 {
			t.Errorf("seed %d: deviation %g, Sigma says %g", seed, dev, a.Sigma)
		}
	}
	if lo < .5 || lo > .52 || hi > 2 || hi < 1.98 {
		t.Errorf("gains from %g to %g, want .5 to 2", lo, hi)
	}
	if _, err := ParseSpec("gaussian+recorded"); err == nil || !strings.Contains(err.Error(), "needs a recording") {
		t.Errorf("without a recording: %v", err)
	}
}

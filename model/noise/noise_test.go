package noise

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }

func mustParse(t *testing.T, spec string) Chain {
	t.Helper()
	c, err := ParseSpec(spec)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func moments(x []float64) (mean, dev float64) {
	for _, v := range x {
		mean += v / float64(len(x))
	}
	for _, v := range x {
		dev += (v - mean) * (v - mean) / float64(len(x))
	}
	return mean, math.Sqrt(dev)
}

func within(t *testing.T, what string, got, want, share float64) {
	t.Helper()
	if !(math.Abs(got-want) <= share*math.Abs(want)) {
		t.Errorf("%s: got %g, want %g within %g %%", what, got, want, 100*share)
	}
}

// Rates and moments of every kind, measured on a constant signal (or a ramp
// where values have to differ).
func TestMoments(t *testing.T) {
	const n = 1 << 20
	apply := func(spec string, ramp bool) (x []float64, lost []bool, a Added) {
		x, lost = make([]float64, n), make([]bool, n)
		for i := range x {
			x[i] = 5
			if ramp {
				x[i] = float64(i)
			}
		}
		a = mustParse(t, spec).Apply(x, lost, 2, newRand(3))
		return x, lost, a
	}
	share := func(x []float64, is func(i int) bool) float64 {
		k := 0
		for i := range x {
			if is(i) {
				k++
			}
		}
		return float64(k) / float64(len(x))
	}

	x, _, a := apply("gaussian:snr=6", false)
	mean, dev := moments(x)
	within(t, "gaussian mean", mean, 5, .01)
	within(t, "gaussian dev", dev, 2*math.Pow(10, -.3), .01)
	within(t, "gaussian Sigma", a.Sigma, 2*math.Pow(10, -.3), 1e-12)

	x, _, _ = apply("gaussian:sigma=0.7", false)
	_, dev = moments(x)
	within(t, "gaussian sigma", dev, .7, .01)

	x, _, a = apply("ar1:snr=0,rho=0.9", false)
	_, dev = moments(x)
	within(t, "ar1 dev", dev, 2, .01)
	within(t, "ar1 Sigma", a.Sigma, 2, 1e-12)
	lag := 0.0
	for i := 1; i < n; i++ {
		lag += (x[i] - 5) * (x[i-1] - 5) / n
	}
	within(t, "ar1 rho", lag/(dev*dev), .9, .01)

	x, _, _ = apply("spike:p=0.2,amp=3", false)
	within(t, "spike share", share(x, func(i int) bool { return x[i] != 5 }), .2, .01)
	within(t, "spike sign", share(x, func(i int) bool { return x[i] == 11 }), .1, .01)

	x, _, _ = apply("saltpepper:p=0.2,amp=3", false)
	within(t, "salt share", share(x, func(i int) bool { return math.Abs(x[i]-11) < 1e-6 }), .1, .01)
	within(t, "pepper share", share(x, func(i int) bool { return math.Abs(x[i]+1) < 1e-6 }), .1, .01)

	x, lost, a := apply("mask:p=0.3", true)
	within(t, "mask share", share(x, func(i int) bool { return lost[i] }), .3, .01)
	if want := share(x, func(i int) bool { return lost[i] }) * n; float64(a.Lost) != want {
		t.Errorf("mask: Lost = %d, want %g", a.Lost, want)
	}
	for i := 1; i < n; i++ {
		if lost[i] && x[i] != x[i-1] {
			t.Fatalf("mask: sample %d does not hold the value before it", i)
		}
	}

	x, lost, _ = apply("dropout:p=0.4,len=8", true)
	within(t, "dropout share", share(x, func(i int) bool { return lost[i] }), .4, .01)
	starts := share(x, func(i int) bool { return i > 0 && lost[i] && !lost[i-1] })
	// Neighbouring runs touch with the chance that a free run is empty.
	free := 8 * .6 / .4
	within(t, "dropout runs", starts, .4/8*(1-1/(free+1)), .02)

	x, _, _ = apply("stuck:p=0.4,len=10", true)
	// A stuck run of length k repeats k-1 times.
	within(t, "stuck share", share(x, func(i int) bool { return i > 0 && x[i] == x[i-1] }), .4*.9, .01)

	x, _, _ = apply("burst:snr=0,p=0.3,len=40", false)
	within(t, "burst share", share(x, func(i int) bool { return x[i] != 5 }), .3, .02)
	_, dev = moments(x)
	within(t, "burst power", dev*dev, .3*4, .02)

	x, _, _ = apply("quantize:step=0.5", true)
	within(t, "quantize share", share(x, func(i int) bool { return x[i] == math.Round(x[i]) }), 1, 0)

	x, _, _ = apply("quantize:step=0.5", false) // a step of 1; what matters is the error on values in between
	mustParse(t, "gaussian:sigma=20").Apply(x, nil, 1, newRand(4))
	exact := append([]float64(nil), x...)
	mustParse(t, "quantize:step=0.5").Apply(x, nil, 2, newRand(4))
	for i := range x {
		x[i] -= exact[i]
	}
	mean, dev = moments(x)
	if math.Abs(mean) > .002 {
		t.Errorf("quantize: mean of the error %g, want 0", mean)
	}
	within(t, "quantize error", dev*dev, 1./12, .01)

	x, _, _ = apply("spike:p=0.2,amp=3", false)
	mean, dev = moments(x)
	within(t, "spike mean", mean, 5, .01)
	within(t, "spike power", dev*dev, .2*36, .01)

	x, _, _ = apply("wander:amp=0.5,period=500", false)
	_, dev = moments(x)
	within(t, "wander dev", dev, 1, .01)

	for _, spec := range []string{"spike:p=0", "mask:p=0", "dropout:p=0", "stuck:p=0", "quantize:step=0", "none", ""} {
		if x, _, a := apply(spec, false); x[0] != 5 || x[n-1] != 5 || a.Lost != 0 || a.Sigma != 0 {
			t.Errorf("%q changes the signal", spec)
		}
	}
	if _, lost, _ = apply("dropout:p=1", false); !lost[0] || !lost[n-1] {
		t.Error("dropout:p=1 leaves samples")
	}
}

func TestApplyIsSeeded(t *testing.T) {
	c := mustParse(t, "gaussian:snr=-2..25+spike+ar1+burst+wander+quantize+stuck+dropout+mask+saltpepper")
	run := func(seed uint64) []float64 {
		x := make([]float64, 500)
		c.Apply(x, nil, 1, newRand(seed))
		return x
	}
	if d := cmp.Diff(run(1), run(1)); d != "" {
		t.Error("the same seed gives different noise:", d)
	}
	if cmp.Equal(run(1), run(2)) {
		t.Error("different seeds give the same noise")
	}
}

func TestRangeIsDrawnPerSignal(t *testing.T) {
	c, rng := mustParse(t, "gaussian:snr=-2..25"), newRand(1)
	lo, hi := math.Inf(1), math.Inf(-1)
	for range 2000 {
		s := -20 * math.Log10(c.Apply(make([]float64, 1), nil, 1, rng).Sigma)
		lo, hi = min(lo, s), max(hi, s)
	}
	if lo < -2 || lo > -1.8 || hi > 25 || hi < 24.8 {
		t.Errorf("levels from %g to %g dB, want -2 to 25", lo, hi)
	}
}

func TestParseSpec(t *testing.T) {
	for spec, want := range map[string]string{
		"white":                          "gaussian:snr=10",
		"gaussian:snr=10":                "gaussian:snr=10",
		" Gaussian : snr=-2..25 ":        "gaussian:snr=-2..25",
		"spike:p=.02":                    "spike:p=0.02,amp=3..8",
		"gaussian:sigma=0.5":             "gaussian:snr=10,sigma=0.5",
		"gaussian:snr=10+spike:p=.02":    "gaussian:snr=10+spike:p=0.02,amp=3..8",
		"salt-and-pepper+quantise+drop":  "saltpepper:p=0.02,amp=4+quantize:step=0.1+dropout:p=0.1,len=20",
		"none":                           "",
		"ar1:rho=.5,snr=3":               "ar1:snr=3,rho=0.5",
		"baseline:amp=1,period=10..20.5": "wander:amp=1,period=10..20.5",
	} {
		c, err := ParseSpec(spec)
		if err != nil {
			t.Errorf("%q: %v", spec, err)
			continue
		}
		if got := c.String(); got != want {
			t.Errorf("%q: got %q, want %q", spec, got, want)
		}
	}
	for spec, want := range map[string]string{
		"gausian":                 "unknown corruption",
		"gaussian:snr":            "not name=value",
		"gaussian:level=3":        "no parameter",
		"gaussian:snr=x":          "neither a number",
		"gaussian:snr=5..1":       "backwards",
		"gaussian:snr=NaN":        "neither a number",
		"gaussian:snr=1e999":      "neither a number",
		"spike:p=2":               "want 0 to 1",
		"spike:p=.1,p=.2":         "given twice",
		"gaussian:snr=1,sigma=1":  "not both",
		"gaussian:snr=10+":        "unknown corruption",
		"stuck:len=0":             "want 1 to",
		"gaussian:snr=-1000":      "want -60 to 120",
		"mask:p=0.1,,":            "not name=value",
		"gaussian:sigma=-1":       "want 0 to",
		"ar1:rho=1":               "want -0.9999",
		"wander:period=1":         "want 2 to",
		"quantize:step=-1..1":     "want 0 to",
		"gaussian:snr=-Inf..10":   "neither a number",
		"spike:p=0.1;amp=3":       "neither a number",
		"gaussian snr=10":         "unknown corruption",
		"gaussian:snr=10,sigma=1": "not both",
	} {
		if _, err := ParseSpec(spec); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", spec, err, want)
		}
	}
}

func FuzzParseSpec(f *testing.F) {
	f.Add("gaussian:snr=-2..25+spike:p=.02")
	f.Add("dropout:p=1,len=1e9+quantize:step=0")
	f.Fuzz(func(t *testing.T, spec string) {
		c, err := ParseSpec(spec)
		if err != nil {
			return
		}
		x, lost := make([]float64, 64), make([]bool, 64)
		c.Apply(x, lost, 1, newRand(1))
		// snr stays in the text as a default when sigma is given.
		if strings.Contains(c.String(), "sigma") {
			return
		}
		again, err := ParseSpec(c.String())
		if err != nil || again.String() != c.String() {
			t.Errorf("%q becomes %q, which becomes %q, %v", spec, c, again, err)
		}
	})
}

func ExampleParseSpec() {
	c, err := ParseSpec("gaussian:snr=10+dropout:p=0.05,len=3")
	if err != nil {
		fmt.Println(err)
		return
	}
	x, lost := make([]float64, 10000), make([]bool, 10000)
	a := c.Apply(x, lost, 2, rand.New(rand.NewPCG(1, 2)))
	fmt.Printf("%s: deviation %.2f\n", c, a.Sigma)
	// Output: gaussian:snr=10+dropout:p=0.05,len=3: deviation 0.63
}

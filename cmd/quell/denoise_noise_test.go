package main

import (
	"encoding/csv"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// red writes a recording of a heart-beat-like signal under AR(1) noise, and one
// of the noise alone, and returns the signal.
func red(t *testing.T, n int) (in, alone string, truth, noisy []float64) {
	t.Helper()
	const rho, sigma = .9, .5
	rng := rand.New(rand.NewPCG(4, 4))
	z := rng.NormFloat64()
	next := func() float64 {
		v := sigma * z
		z = rho*z + math.Sqrt(1-rho*rho)*rng.NormFloat64()
		return v
	}
	dir := t.TempDir()
	write := func(name string, row func(i int) float64) string {
		var b strings.Builder
		b.WriteString("a\n")
		for i := range n {
			fmt.Fprintln(&b, row(i))
		}
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	in = write("in.csv", func(i int) float64 {
		at := float64(i%130) - 60
		x := 4*math.Exp(-at*at/18) - .8*math.Exp(-(at-30)*(at-30)/200)
		y := x + next()
		truth, noisy = append(truth, x), append(noisy, y)
		return y
	})
	return in, write("noise.csv", func(int) float64 { return next() }), truth, noisy
}

// gainOf denoises and returns the gain in dB, the coverage and the flags.
func gainOf(t *testing.T, truth, noisy []float64, args ...string) (gain, coverage float64, flags map[string]int) {
	t.Helper()
	out, errs, code := quell(t, append([]string{"denoise"}, args...)...)
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	rows, err := csv.NewReader(strings.NewReader(out)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	flags = map[string]int{}
	before, after, in := 0.0, 0.0, 0.0
	const from = 1000
	for i, r := range rows[1+from:] {
		x, y, c := truth[from+i], noisy[from+i], number(r[1])
		before, after = before+(y-x)*(y-x), after+(c-x)*(c-x)
		if number(r[2]) <= x && x <= number(r[3]) {
			in++
		}
		for _, f := range strings.Fields(r[6]) {
			flags[f]++
		}
	}
	return 10 * math.Log10(before/after), in / float64(len(rows)-1-from), flags
}

// TestRecordedNoise: a recording of coloured noise helps the model, and its
// interval, where the series alone does not tell what is noise.
func TestRecordedNoise(t *testing.T) {
	in, alone, truth, noisy := red(t, 8000)
	without, _, _ := gainOf(t, truth, noisy, in, "--rate", "100")
	with, coverage, flags := gainOf(t, truth, noisy, in, "--rate", "100", "--noise", alone)
	if with < 1 || with < without+.7 {
		t.Errorf("with the recorded noise %.2f dB are gained, without %.2f", with, without)
	}
	if coverage < .8 || coverage > .98 {
		t.Errorf("%.3f of the truth is within the interval, .9 is claimed", coverage)
	}
	if flags["coloured_noise"] != 7000 {
		t.Errorf("flags %v", flags)
	}
}

// TestColourIsEstimated: without a recording the noise is found to be coloured after a
// while, and a note says what it is taken for.
func TestColourIsEstimated(t *testing.T) {
	in, _, truth, noisy := red(t, 16000)
	gain, coverage, flags := gainOf(t, truth, noisy, in, "--rate", "100")
	if gain < 1 || flags["colour_estimated"] < 6000 || flags["colour_estimated"] != flags["coloured_noise"] {
		t.Errorf("%.2f dB are gained; flags %v", gain, flags)
	}
	if coverage < .7 {
		t.Errorf("%.3f of the truth is within the interval", coverage)
	}
	_, errs, _ := quell(t, "denoise", in, "--rate", "100", "-o", filepath.Join(t.TempDir(), "out.csv"))
	if !strings.Contains(errs, "note: in: a: the noise is taken to be coloured, with an estimated deviation of ") {
		t.Errorf("it says %q", errs)
	}
}

func TestParseSigmas(t *testing.T) {
	got, err := parseSigmas([]string{"2", "b=.5"}, []string{"a", "b"})
	if err != nil || got[0].Sigma != 2 || got[1].Sigma != .5 {
		t.Errorf("%v, %v", got, err)
	}
	for arg, want := range map[string]string{"x": "a deviation above 0", "0": "a deviation above 0", "a=-1": "a deviation above 0", "a=inf": "a deviation above 0", "c=1": "no channel c"} {
		if _, err := parseSigmas([]string{arg}, []string{"a", "b"}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", arg, err)
		}
	}
}

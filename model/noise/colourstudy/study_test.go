package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The gradients are those of the losses, by central differences.
func TestGradient(t *testing.T) {
	const inputs = 5
	rng := rand.New(rand.NewPCG(1, 1))
	n := newNet(inputs, rng)
	x := []float64{.3, -1, 2, .1, -.4}
	var h [hidden]float64
	for name, l := range map[string]struct {
		slope loss
		value func(s, y float64) float64
		ys    []float64
	}{
		"logistic": {logistic, func(s, y float64) float64 { return math.Log1p(math.Exp(s)) - y*s }, []float64{0, 1}},
		"quantile": {quantile(.3), func(s, y float64) float64 {
			const corner, p = .1, .3
			switch e := s - y; {
			case e > 2*(1-p)*corner:
				return 2 * (1 - p) * (e - (1-p)*corner)
			case e < -2*p*corner:
				return -2 * p * (e + p*corner)
			default:
				return e * e / 2 / corner
			}
		}, []float64{-3, 3, n.gradient(nil, x, 0, quantile(.5), &h) + .02}},
	} {
		value := func(y float64) float64 { return l.value(n.gradient(nil, x, y, l.slope, &h), y) }
		for _, y := range l.ys {
			g := make([]float64, len(n.w))
			n.gradient(g, x, y, l.slope, &h)
			for i := range n.w {
				const e = 1e-5
				was := n.w[i]
				n.w[i] = was + e
				up := value(y)
				n.w[i] = was - e
				down := value(y)
				n.w[i] = was
				if want := (up - down) / (2 * e); math.Abs(g[i]-want) > 1e-7 {
					t.Errorf("%s, %g wanted: weight %d has gradient %g, want %g", name, y, i, g[i], want)
				}
			}
		}
	}
}

// A fit separates what one feature separates, in the units of the features.
func TestFit(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	var ps []point
	for range 2000 {
		f := []float64{100 + 7*rng.NormFloat64(), rng.NormFloat64()}
		y := 0.
		if f[0] > 103 || f[0] < 92 {
			y = 1
		}
		ps = append(ps, point{f, y})
	}
	n := fit(ps, logistic, 1)
	var h [hidden]float64
	wrong := 0
	for _, p := range ps {
		if n.gradient(nil, p.feature, 0, logistic, &h) > 0 != (p.want > 0) {
			wrong++
		}
	}
	if wrong > 60 {
		t.Errorf("%d of %d points on the wrong side", wrong, len(ps))
	}
}

// A quantile is above as many of the points as it says.
func TestQuantile(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	var ps []point
	for range 2000 {
		x := rng.NormFloat64()
		ps = append(ps, point{[]float64{x}, 5 + x + rng.NormFloat64()})
	}
	n := fit(ps, quantile(.3), 1)
	var h [hidden]float64
	above := 0
	for _, p := range ps {
		if n.gradient(nil, p.feature, 0, quantile(.3), &h) > p.want {
			above++
		}
	}
	if above < 540 || above > 660 {
		t.Errorf("%d of %d points are below the quantile .3, want 600", above, len(ps))
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "data", "some"), 0o755); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	fmt.Fprintln(z, "n,value,state,sparse")
	rng := rand.New(rand.NewPCG(3, 3))
	for i := range 5000 {
		fmt.Fprintf(z, "%d,%g,on,", i, rng.NormFloat64())
		if i%2 == 0 {
			fmt.Fprint(z, i)
		}
		fmt.Fprintln(z)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "data", "some", "file.csv.gz"), b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	rs, err := load(filepath.Join(dir, "data"))
	if err != nil {
		t.Fatal(err)
	}
	if len(rs) != 1 || rs[0].name != "some/file:value" || len(rs[0].x) != 5000 {
		t.Fatalf("%d recordings, want some/file:value alone", len(rs))
	}
	var out strings.Builder
	if err := report(&out, rs, .9); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"some/file:value", "all clean", "all white", "all ar1", "octaves of 7"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report has no %q:\n%s", want, out.String())
		}
	}
	if err := run([]string{t.TempDir()}); err == nil || !strings.Contains(err.Error(), "no recordings") {
		t.Errorf("an empty folder: %v", err)
	}
}

// The level of AR(1) noise in an octave is the root of its mean spectral density
// there; the octaves of a wavelet overlap a little.
func TestOctaveLevels(t *testing.T) {
	const rho, steps = .9, 1000
	got := octaveLevels(rho)
	for l := range got {
		lo, mean := math.Pi/math.Exp2(float64(l+1)), 0.
		for i := range steps {
			w := lo * (1 + (float64(i)+.5)/steps)
			mean += (1 - rho*rho) / (1 - 2*rho*math.Cos(w) + rho*rho) / steps
		}
		if want := math.Sqrt(mean); math.Abs(got[l]/want-1) > .15 {
			t.Errorf("octave %d has a level of %.3f, want %.3f", l+1, got[l], want)
		}
	}
}

// The same points come of any number of workers, and both labels occur.
func TestPoints(t *testing.T) {
	a, b := labels(12, 5), labels(12, 5)
	seen := make(map[float64]int)
	for i := range a {
		seen[a[i].want]++
		for k, f := range a[i].feature {
			if f != b[i].feature[k] || math.IsNaN(f) {
				t.Fatalf("point %d, feature %d: %g and %g", i, k, f, b[i].feature[k])
			}
		}
	}
	if seen[1] == 0 || seen[0] == 0 {
		t.Errorf("labels %v", seen)
	}
	rho, sigma := targets(12, 5)
	for i := range rho {
		if c := rho[i].want; !(c > .9 && c < 5.7) { // ρ of .5 to .98
			t.Errorf("point %d: -log2(1-ρ) is %g", i, c)
		}
		if s := sigma[i].want; math.IsNaN(s) || math.IsInf(s, 0) {
			t.Errorf("point %d: σ is 2^%g of the unit", i, s)
		}
	}
}

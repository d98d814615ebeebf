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

// The gradient is that of the logistic loss, by central differences.
func TestGradient(t *testing.T) {
	const inputs = 5
	rng := rand.New(rand.NewPCG(1, 1))
	n := newNet(inputs, rng)
	x := []float64{.3, -1, 2, .1, -.4}
	var h [hidden]float64
	loss := func(y float64) float64 {
		s := n.gradient(nil, x, 0, &h)
		return math.Log1p(math.Exp(s)) - y*s
	}
	for _, y := range []float64{0, 1} {
		g := make([]float64, len(n.w))
		n.gradient(g, x, y, &h)
		for i := range n.w {
			const e = 1e-5
			was := n.w[i]
			n.w[i] = was + e
			up := loss(y)
			n.w[i] = was - e
			down := loss(y)
			n.w[i] = was
			if want := (up - down) / (2 * e); math.Abs(g[i]-want) > 1e-7 {
				t.Errorf("label %g: weight %d has gradient %g, want %g", y, i, g[i], want)
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
		ps = append(ps, point{f, f[0] > 103 || f[0] < 92})
	}
	n := fit(ps, 1)
	var h [hidden]float64
	wrong := 0
	for _, p := range ps {
		if n.gradient(nil, p.feature, 0, &h) > 0 != p.coloured {
			wrong++
		}
	}
	if wrong > 60 {
		t.Errorf("%d of %d points on the wrong side", wrong, len(ps))
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
	for _, want := range []string{"some/file:value", "all clean", "all white", "all ar1"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report has no %q:\n%s", want, out.String())
		}
	}
	if err := run([]string{t.TempDir()}); err == nil || !strings.Contains(err.Error(), "no recordings") {
		t.Errorf("an empty folder: %v", err)
	}
}

// The same points come of any number of workers, and both labels occur.
func TestPoints(t *testing.T) {
	a, b := points(12, 5), points(12, 5)
	labels := make(map[bool]int)
	for i := range a {
		labels[a[i].coloured]++
		for k, f := range a[i].feature {
			if f != b[i].feature[k] || math.IsNaN(f) {
				t.Fatalf("point %d, feature %d: %g and %g", i, k, f, b[i].feature[k])
			}
		}
	}
	if labels[true] == 0 || labels[false] == 0 {
		t.Errorf("labels %v", labels)
	}
}

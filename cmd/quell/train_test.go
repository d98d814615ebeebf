package main

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// gen writes a recording of waves for a script: gen FILE ROWS. p and p2 are
// noisy, p_ref is the truth of both; truth.csv holds it by the name p, noise.csv
// noise alone, and r of red.csv has coloured noise and nothing else for 800 rows.
func gen(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: gen FILE ROWS")
	}
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	rng := rand.New(rand.NewPCG(1, 1))
	rec, truth := bytes.NewBufferString("ts,p,p2,p_ref\n"), bytes.NewBufferString("ts,p\n")
	white, red, hiss := bytes.NewBufferString("p\n"), bytes.NewBufferString("r\n"), 0.0
	typed := bytes.NewBufferString("ts,p_ref,kind\n")
	for i := range n {
		x := 20 + 3*math.Sin(float64(i)/9) + 2*math.Sin(float64(i)/31)
		fmt.Fprintf(rec, "%d,%.4f,%.4f,%.4f\n", i, x+.8*rng.NormFloat64(), x+.8*rng.NormFloat64(), x)
		fmt.Fprintf(truth, "%d,%.4f\n", i, x)
		fmt.Fprintf(typed, "%d,%.4f,%s\n", i, x, []string{"pt100", "thermocouple"}[i/600%2])
		hiss = .9*hiss + .4*rng.NormFloat64()
		fmt.Fprintf(white, "%.4f\n", .8*rng.NormFloat64())
		fmt.Fprintf(red, "%.4f\n", x*min(1, max(0, float64(i-800)/200))+hiss)
	}
	ts.Check(os.WriteFile(ts.MkAbs("noise.csv"), white.Bytes(), 0o644))
	ts.Check(os.WriteFile(ts.MkAbs("red.csv"), red.Bytes(), 0o644))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), rec.Bytes(), 0o644))
	ts.Check(os.WriteFile(ts.MkAbs("typed.csv"), typed.Bytes(), 0o644))
	ts.Check(os.WriteFile(ts.MkAbs("truth.csv"), truth.Bytes(), 0o644))
}

// genFaults writes a recording with faults for a script: genfaults FILE ROWS. Over
// the wave p there is a ripple while state is 1, which few rows of seen tell by name
// (wear, or fine); v is a valve of 0 and 1 that p follows.
func genFaults(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: genfaults FILE ROWS")
	}
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	rec := bytes.NewBufferString("p,v,state,seen\n")
	level := 0.0
	for i := range n {
		state, valve := i/150%3/2, i/70%2
		level += .2 * (float64(valve) - level)
		x := 3*math.Sin(float64(i)/9) + level + 2*float64(state)*math.Sin(1.3*float64(i))
		seen := ""
		if i/40%4 == 0 {
			seen = []string{"fine", "wear"}[state]
		}
		fmt.Fprintf(rec, "%.4f,%d,%d,%s\n", x, valve, state, seen)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), rec.Bytes(), 0o644))
}

func TestFilled(t *testing.T) {
	nan := math.NaN()
	y, ok := filled([]float64{nan, nan, 3, nan, 5, nan})
	if !ok || !slices.Equal(y, []float64{3, 3, 3, 3, 5, 5}) {
		t.Errorf("got %v, %v", y, ok)
	}
	if _, ok := filled([]float64{nan, nan}); ok {
		t.Error("a column without values was filled")
	}
}

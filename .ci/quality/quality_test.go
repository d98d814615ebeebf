package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/quell-stream/quell/internal/csvtable"
	"github.com/quell-stream/quell/model/classic"
	"github.com/quell-stream/quell/model/eval"
)

func TestJudge(t *testing.T) {
	for _, c := range []struct {
		must, aim bound
		x         float64
		want      string
	}{
		{atLeast(9), atLeast(10), 8.99, missed},
		{atLeast(9), atLeast(10), 9, mustMet},
		{atLeast(9), atLeast(10), 10, aimMet},
		{atMost(.2), none, .2, mustMet},
		{atMost(.2), none, .21, missed},
		{within(.88, .92), within(.89, .91), .9, aimMet},
		{within(.88, .92), within(.89, .91), .88, mustMet},
		{within(.88, .92), within(.89, .91), .93, missed},
		{none, atMost(1), 2, told},
		{none, none, 2, told},
		{atLeast(0), none, math.NaN(), missed},
	} {
		r := row{must: c.must, aim: c.aim}
		if got := r.judge(c.x); got != c.want {
			t.Errorf("must %s, aim %s: %g is %q, want %q", c.must, c.aim, c.x, got, c.want)
		}
	}
}

// TestRows: a row is found by its name, so there can be one of each.
func TestRows(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range rows() {
		if seen[r.name] {
			t.Errorf("two rows %s", r.name)
		}
		seen[r.name] = true
		if r.measure == nil || r.what == "" {
			t.Errorf("row %s is not whole", r.name)
		}
	}
}

func TestReport(t *testing.T) {
	dir := t.TempDir()
	list := filepath.Join(dir, "open.txt")
	write(t, list, "# known\nsweep/blocks because\n")
	of := func(name string, f figure, err error) row {
		return row{name: name, must: atLeast(1), measure: func(*lab) (figure, error) { return f, err }}
	}
	for _, c := range []struct {
		row    row
		strict bool
		want   string // part of the error; empty: none
	}{
		{of("a", figure{value: 1}, nil), true, ""},
		{of("a", figure{value: .5}, nil), false, "1 of 1 rows miss their must: a"},
		{of("a", figure{}, fmt.Errorf("broken")), false, "miss their must: a"},
		{of("a", figure{}, notAvailable("no guard")), false, ""},
		{of("a", figure{}, notAvailable("no guard")), true, "miss their must: a"},
		{of("a", figure{}, noData("x.csv is not there")), true, ""},
		{of("sweep/blocks", figure{value: .5}, nil), false, ""},
		{of("sweep/blocks", figure{value: .5}, nil), true, "miss their must: sweep/blocks"},
		{of("sweep/blocks", figure{}, fmt.Errorf("broken")), false, "miss their must"},
	} {
		r, err := newReport(&options{strict: c.strict, open: list})
		if err != nil {
			t.Fatal(err)
		}
		r.add(c.row, nil)
		got := ""
		if err := r.verdict(); err != nil {
			got = err.Error()
		}
		if (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s, strict %v: %q, want %q", c.row.name, c.strict, got, c.want)
		}
	}
	r, err := newReport(&options{})
	if err != nil {
		t.Fatal(err)
	}
	if r.verdict() == nil {
		t.Error("a run of no rows is no success")
	}
	write(t, list, "no/such/row\n")
	if _, err := newReport(&options{open: list}); err == nil || !strings.Contains(err.Error(), "no/such/row") {
		t.Errorf("a list with a row that is not there: %v", err)
	}
}

func TestRewrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "quality.md")
	write(t, path, "before\n"+beginMark+"\nold\n"+endMark+"\nafter\n")
	r, err := newReport(&options{})
	if err != nil {
		t.Fatal(err)
	}
	r.add(row{name: "a/b", what: "gain", unit: "dB", must: atLeast(1), aim: atLeast(2), measure: func(*lab) (figure, error) {
		return figure{1.5, "one | two", []string{"worst"}}, nil
	}}, nil)
	if err := r.rewrite(path); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	got := string(b)
	for _, want := range []string{"before\n" + beginMark, endMark + "\nafter\n", "| gain | 1.50 dB | ≥ 1 | ≥ 2 | met | one / two | `a/b` |", "worst"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
	if strings.Contains(got, "old") {
		t.Errorf("the old table is still there:\n%s", got)
	}
	write(t, path, "no markers")
	if err := r.rewrite(path); err == nil {
		t.Error("a document without markers was taken")
	}
}

// TestInterval: an interval of the right form but 1.5 times as wide is found to
// be so, and one that stays silent does not gain by it.
func TestInterval(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	const n = 20000
	x, clean, lo, hi := make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)
	for i := range x {
		half := 1 + float64(i%7)
		x[i] = 5
		clean[i] = 5 + (2*rng.Float64()-1)*half/nominal
		lo[i], hi[i] = clean[i]-half, clean[i]+half
	}
	v := measure(x, clean, lo, hi)
	if math.Abs(v.coverage()-nominal) > .01 || math.Abs(v.Width-1) > .02 || v.GoodBlocks != v.Blocks || v.Blocks != n/block {
		t.Errorf("right interval: %+v", v)
	}
	for i := range lo {
		lo[i], hi[i] = clean[i]+1.5*(lo[i]-clean[i]), clean[i]+1.5*(hi[i]-clean[i])
	}
	v = measure(x, clean, lo, hi)
	if v.coverage() != 1 || math.Abs(v.Width-1.5) > .03 || v.GoodBlocks != 0 {
		t.Errorf("wide interval: %+v", v)
	}
	for i := range n / 2 {
		lo[i] = math.NaN()
	}
	v = measure(x, clean, lo, hi)
	if v.coverage() != .5 || v.Silent != n/2 || v.Samples != n {
		t.Errorf("silent for a half: %+v", v)
	}
	for i := range n / 2 {
		x[i] = math.NaN()
	}
	if v = measure(x, clean, lo, hi); v.Samples != n/2 || v.Blocks != n/2/block {
		t.Errorf("no truth for a half: %+v", v)
	}
}

func TestOwnWeight(t *testing.T) {
	for _, w := range []int{3, 9, 31} {
		f := filter{Family: classic.MovingAverageName, Window: w, Lookahead: classic.Full}
		if got := ownWeight(f); math.Abs(got-1/float64(w)) > 1e-12 {
			t.Errorf("moving average of %d: own weight %g", w, got)
		}
	}
	f := filter{Family: classic.EMAName, Alpha: .3}
	if got := ownWeight(f); math.Abs(got-.3) > 1e-12 {
		t.Errorf("ema: own weight %g", got)
	}
}

// TestSelectBlind: on smooth signals and under white noise the choice is as good
// as the oracle's, and nothing is filtered where there is nothing to gain.
func TestSelectBlind(t *testing.T) {
	const n = 3 * settled
	x := make([]float64, n)
	for i := range x {
		x[i] = math.Sin(float64(i)/40) + .5*math.Sin(float64(i)/11)
	}
	_, v := eval.Variance(x)
	for _, ahead := range []int{0, 8} {
		for _, snr := range []float64{0, 10, 20} {
			y, _ := eval.AddNoise(x, snr, eval.White, 3, v)
			c := rival(x, y, ahead)
			if c.Oracle-c.Blind > .3 || c.Blind <= 0 {
				t.Errorf("look-ahead %d, %g dB: %s gains %.2f dB, the oracle's %s %.2f", ahead, snr, c.BlindName, c.Blind, c.OracleName, c.Oracle)
			}
		}
	}
	// Steps that a causal filter smears, with hardly any noise beside them.
	rng := rand.New(rand.NewPCG(4, 5))
	for i := range x {
		if i%20 == 0 {
			v = rng.NormFloat64()
		}
		x[i] = v
	}
	y, _ := eval.AddNoise(x, 60, eval.White, 3, 1)
	if c := rival(x, y, 0); c.Blind < -.2 {
		t.Errorf("steps: %s was chosen, which loses %.2f dB; the oracle's %s gains %.2f", c.BlindName, -c.Blind, c.OracleName, c.Oracle)
	}
}

func TestTable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.csv")
	nan := math.NaN()
	if err := csvtable.Write(path, []string{"a", "b"}, []float64{1, nan, .1 + .2}, []float64{nan, 2, -1e-9}); err != nil {
		t.Fatal(err)
	}
	got, err := csvtable.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := got.Cols[0], got.Cols[1]; a[0] != 1 || a[1] == a[1] || a[2] != .1+.2 || b[0] == b[0] || b[2] != -1e-9 {
		t.Errorf("read back %v %v", a, b)
	}
	if err := csvtable.Write(path, []string{"a"}, []float64{1, nan, 2}); err != nil {
		t.Fatal(err)
	}
	if got, err = csvtable.Read(path); err != nil || len(got.Cols[0]) != 3 {
		t.Errorf("a column with a gap: %v, %v", got, err)
	}
	write(t, path, "a,word\n1,x\n2,y\n")
	if got, err = csvtable.Read(path, "word"); err != nil || len(got.Names) != 1 || got.Text[0][1] != "y" {
		t.Errorf("a column of words: %v, %v", got, err)
	}
}

// TestRemember: what is kept is found again, what failed is not kept.
func TestRemember(t *testing.T) {
	c := &cache{dir: t.TempDir()}
	calls := 0
	get := func(key string, fail bool) (cell, error) {
		return remember(c, []string{key}, func() (cell, error) {
			calls++
			if fail {
				return cell{}, fmt.Errorf("broken")
			}
			return cell{Gain: math.Inf(1), By: map[string]int{"net": 3}, Band: interval{Samples: 7, Width: math.NaN()}}, nil
		})
	}
	if _, err := get("a", true); err == nil {
		t.Error("an error was lost")
	}
	for range 2 {
		v, err := get("a", false)
		if err != nil || v.By["net"] != 3 || v.Band.Samples != 7 || !math.IsNaN(v.Band.Width) || !math.IsInf(v.Gain, 1) {
			t.Errorf("got %+v, %v", v, err)
		}
	}
	if _, err := get("b", false); err != nil || calls != 3 {
		t.Errorf("%d calls, want 3: %v", calls, err)
	}
}

func TestKinds(t *testing.T) {
	for _, c := range []struct{ file, column, kind string }{
		{"ecg_mitdb/mitdb_100.csv.gz", "mlii_mv", "ecg"},
		{"ecg_mitdb/mitdb_100.csv.gz", "n", ""},
		{"ecg_nstdb/nst118_aligned.csv.gz", "clean_v1_mv", "ecg"},
		{"ecg_nstdb/nst118_aligned.csv.gz", "e24_v1_mv", ""},
		{"femto/Bearing2_4_temp.csv.gz", "temp_c", "bearing temperature"},
		{"femto/Bearing2_4_temp.csv.gz", "ss", ""},
		{"broad/x.csv.gz", "imu_acc_x_ms2", "acceleration"},
		{"new_folder/x.csv.gz", "flow", "new_folder"},
	} {
		if kind, _ := kindOf(c.file, c.column); kind != c.kind {
			t.Errorf("%s %s is of kind %q, want %q", c.file, c.column, kind, c.kind)
		}
	}
}

func write(t *testing.T, path, s string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(s), 0o644); err != nil {
		t.Fatal(err)
	}
}

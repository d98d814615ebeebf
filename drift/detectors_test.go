package drift

import (
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
)

func build(t testing.TB, name string, params map[string]string) Detector {
	t.Helper()
	d, err := New(name, params)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// alarms feeds values and returns where there was a drift.
func alarms(d Detector, xs []float64) []int {
	var at []int
	for i, x := range xs {
		if d.Update(x) == Drift {
			at = append(at, i)
		}
	}
	return at
}

// steps returns n samples per level, Gaussian of unit variance around it.
func steps(seed uint64, n int, levels ...float64) []float64 {
	r := rand.New(rand.NewPCG(seed, 17))
	var xs []float64
	for _, level := range levels {
		for range n {
			xs = append(xs, level+r.NormFloat64())
		}
	}
	return xs
}

func variable(t *testing.T, d Detector, name string) float64 {
	t.Helper()
	got := math.NaN()
	d.Vars(func(n string, v float64) {
		if n == name {
			got = v
		}
	})
	return got
}

func TestCUSUMOfAReference(t *testing.T) {
	params := map[string]string{"reference": "10", "mode": "both", "delta": "0.5", "lambda": "8", "min_num_instances": "0"}
	d := build(t, "CUSUM", params)
	if at := alarms(d, slices.Repeat([]float64{10.4, 9.6}, 500)); at != nil {
		t.Errorf("alarms at %v around the reference", at)
	}
	// By 2.5 over the tolerance each: above 8 at the fourth.
	for _, x := range []float64{13, 7} {
		d.Reset()
		if at := alarms(d, []float64{x, x, x, x}); !slices.Equal(at, []int{3}) {
			t.Errorf("alarms on %v at %v, want at 3", x, at)
		}
	}
	// From the start on a wrong level, which a running mean can't tell.
	if at := alarms(build(t, "CUSUM", map[string]string{"mode": "both"}), slices.Repeat([]float64{13}, 100)); at != nil {
		t.Errorf("alarms at %v without a reference", at)
	}
}

func TestGMAFindsFalls(t *testing.T) {
	xs := steps(1, 500, 0, -3)
	for mode, want := range map[string]bool{"up": false, "down": true, "both": true} {
		at := alarms(build(t, "GMA", map[string]string{"mode": mode}), xs)
		if got := len(at) > 0 && at[0] >= 500; got != want {
			t.Errorf("%s: alarms at %v", mode, at)
		}
	}
}

func TestBOCDRestarts(t *testing.T) {
	xs := steps(2, 300, 0, 3, 0)
	once := alarms(build(t, "BOCD", map[string]string{"restart": "true", "prior_var": "9"}), xs)
	if len(once) != 2 || once[0] < 300 || once[0] > 320 || once[1] < 600 || once[1] > 660 {
		t.Errorf("alarms at %v, want one soon after 300 and one after 600", once)
	}
	if latched := alarms(build(t, "BOCD", map[string]string{"prior_var": "9"}), xs); len(latched) < 550 {
		t.Errorf("%d alarms without a restart, want one at nearly every sample after the change", len(latched))
	}
}

// TestBOCDPruned compares a small bound with one that drops nothing.
func TestBOCDPruned(t *testing.T) {
	xs := steps(3, 500, 0, 2, -1, -1, 0)
	whole := build(t, "BOCD", map[string]string{"max_runs": "4096", "hazard": "0.005"})
	few := build(t, "BOCD", map[string]string{"max_runs": "100", "hazard": "0.005"})
	apart := 0
	for i, x := range xs {
		whole.Update(x)
		few.Update(x)
		if a, b := variable(t, whole, "map_run_length"), variable(t, few, "map_run_length"); a != b {
			apart++
		}
		if a, b := variable(t, whole, "pred_mean"), variable(t, few, "pred_mean"); math.Abs(a-b) > 0.05 {
			t.Fatalf("sample %d: predicted mean %v, want about %v", i, b, a)
		}
	}
	if got := variable(t, few, "runs"); got != 100 {
		t.Errorf("%v runs held, want 100", got)
	}
	if apart > len(xs)/20 { // changes are noticed a little later
		t.Errorf("most probable runs differ at %d of %d samples", apart, len(xs))
	}
}

func TestLimitMakesErrors(t *testing.T) {
	xs := steps(4, 2000, 0, 2)
	for _, name := range []string{"DDM", "EDDM", "FHDDM", "ECDD_WT"} {
		low, high := build(t, name, nil).(Bounded).Bounds()
		if low != 0 || high != 1 {
			t.Errorf("%s takes %v to %v, want 0 to 1", name, low, high)
		}
		byLimit, byBits := build(t, name, map[string]string{"limit": "1.28"}), build(t, name, nil)
		for i, x := range xs {
			bit := 0.0
			if (x > 1.28) != (name == "FHDDM") { // which wants 1 where all is well
				bit = 1
			}
			if a, b := byLimit.Update(x), byBits.Update(bit); a != b {
				t.Fatalf("%s: sample %d: %v by the limit, %v by bits", name, i, a, b)
			}
		}
	}
}

func TestCheckInput(t *testing.T) {
	for _, c := range []struct {
		name   string
		params map[string]string
		x      float64
		want   string
	}{
		{"ADWIN", nil, 7, ""},
		{"DDM", nil, 1, ""},
		{"DDM", nil, 7, "7 lies outside 0 to 1: set limit"},
		{"DDM", map[string]string{"limit": "3"}, 7, ""},
		{"HDDM_A", nil, -0.5, "-0.5 lies outside 0 to 1: set low and high"},
		{"HDDM_W", map[string]string{"low": "-4", "high": "4"}, 7, ""},
	} {
		err := CheckInput(build(t, c.name, c.params), c.x)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s%v on %v: %v, want %q", c.name, c.params, c.x, err, c.want)
		}
	}
}

func TestOutsideIsIgnored(t *testing.T) {
	for _, name := range []string{"DDM", "EDDM", "FHDDM", "ECDD_WT"} {
		d := build(t, name, nil)
		d.Update(1)
		before := string(d.AppendState(nil))
		d.Update(1.5)
		d.Update(-0.5)
		if string(d.AppendState(nil)) != before {
			t.Errorf("%s took a value outside 0 to 1", name)
		}
	}
}

func TestHDDMScales(t *testing.T) {
	xs := steps(5, 1000, 0, 2)
	for _, name := range []string{"HDDM_A", "HDDM_W"} {
		scaled, unit := build(t, name, map[string]string{"low": "-4", "high": "4"}), build(t, name, nil)
		found := false
		for i, x := range xs {
			a, b := scaled.Update(x), unit.Update(min(max(x/8+0.5, 0), 1))
			if a != b {
				t.Fatalf("%s: sample %d: %v scaled, %v from 0 to 1", name, i, a, b)
			}
			found = found || a == Drift
		}
		if found != (name == "HDDM_A") { // HDDM_W is deaf to two deviations
			t.Errorf("%s: found a drift: %v", name, found)
		}
	}
}

// TestKuiperOwn checks the sum of both sides on samples that differ in width
// only, and the probability against a published critical value.
func TestKuiperOwn(t *testing.T) {
	var x, y []float64
	for i := range 100 {
		x = append(x, float64(i-50))
		y = append(y, 3*float64(i-50))
	}
	one, _ := kuiper{}.compare(x, y)
	both, _ := kuiper{sum: true}.compare(x, y)
	if math.Abs(one-0.34) > 0.01 || math.Abs(both-0.67) > 0.01 {
		t.Errorf("statistics %v and %v, want about 1/3 and 2/3", one, both)
	}
	// Stephens 1970: V·(√n + 0.155 + 0.24/√n) = 1.747 is the 5 % point.
	n := 400.3 // not whole, as of two samples
	v := 1.747 / (math.Sqrt(n) + 0.155 + 0.24/math.Sqrt(n))
	if p := kuiperP(v, n); math.Abs(p-0.05) > 0.006 {
		t.Errorf("p = %v at the 5 %% point", p)
	}
}

// TestTwoWindowUniform: without a change, p-values are spread evenly.
func TestTwoWindowUniform(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 6))
	for _, w := range windowTests() {
		if w.distance || w.name == "Kuiper" || w.name == "AndersonDarling" { // too great, cut off at 0.25
			continue
		}
		c := DefaultTwoWindow(w.name)
		c.ReferenceSize, c.WindowSize = 200, 150
		test := w.build(c)
		const rounds = 400
		below := 0
		for range rounds {
			x, y := make([]float64, c.ReferenceSize), make([]float64, c.WindowSize)
			for i := range x {
				x[i] = r.NormFloat64()
			}
			for i := range y {
				y[i] = r.NormFloat64()
			}
			slices.Sort(x)
			slices.Sort(y)
			if _, p := test.compare(x, y); p <= 0.2 {
				below++
			}
		}
		if share := float64(below) / rounds; share < 0.13 || share > 0.27 { // 3.5 deviations
			t.Errorf("%s: p is at most 0.2 in %v of cases", w.name, share)
		}
	}
}

// TestPSIEmptyBins: what is beyond the reference does not blow the index up,
// but in Frouros's bins.
func TestPSIEmptyBins(t *testing.T) {
	xs := steps(7, 100, 0, 0)
	xs[150] = 9
	byQuantile := build(t, "PSI", nil)
	pooled := build(t, "PSI", map[string]string{"binning": "pooled"})
	alarms(byQuantile, xs)
	alarms(pooled, xs)
	if v := variable(t, byQuantile, "distance"); !(v > 0 && v < 0.6) {
		t.Errorf("index %v by quantiles, want a small one", v)
	}
	if v := variable(t, pooled, "distance"); !(v > 3) {
		t.Errorf("index %v by pooled bins, want Frouros's jump", v)
	}
}

func TestParametersAreTaken(t *testing.T) {
	for _, name := range Names() {
		params := map[string]string{}
		for _, p := range Parameters(name) {
			k, v, ok := strings.Cut(p, "=")
			if !ok {
				t.Fatalf("%s: %q is not name=value", name, p)
			}
			params[k] = v
		}
		if len(params) == 0 {
			t.Errorf("%s has no parameters", name)
		}
		given, def := build(t, name, params), build(t, name, nil)
		if string(given.AppendState(nil)) != string(def.AppendState(nil)) {
			t.Errorf("%s: the parameters told are not the defaults", name)
		}
	}
	if p := Parameters("nothing"); p != nil {
		t.Errorf("an unknown detector has parameters %v", p)
	}
}

// TestDocumented wants every detector in docs/formats/drift.md, with its
// parameters as they are.
func TestDocumented(t *testing.T) {
	text, err := os.ReadFile("../docs/formats/drift.md")
	if err != nil {
		t.Fatal(err)
	}
	shared := "`reference_size=100` `window_size=100` `clock=10`"
	if !strings.Contains(string(text), shared) {
		t.Errorf("%s is missing", shared)
	}
	for _, name := range Names() {
		_, row, ok := strings.Cut(string(text), "\n| `"+name+"`")
		if !ok {
			t.Errorf("no row for %s", name)
			continue
		}
		row, _, _ = strings.Cut(row, "\n")
		_, windows := build(t, name, nil).(*TwoWindow)
		for _, p := range Parameters(name) {
			if p = "`" + p + "`"; !strings.Contains(row, p) && !(windows && strings.Contains(shared, p)) {
				t.Errorf("%s: %s is not in its row", name, p)
			}
		}
		build(t, name, nil).Vars(func(v string, _ float64) {
			if !windows && !strings.Contains(row, "`"+v+"`") {
				t.Errorf("%s: variable %s is not in its row", name, v)
			}
		})
	}
}

package classic

import (
	"math"
	"testing"
)

// TestEMAFadesInGaps: after k missing slots the next value weighs 1-(1-a)^(k+1),
// and irregular times on a grid say the same.
func TestEMAFadesInGaps(t *testing.T) {
	nan := math.NaN()
	y := []float64{nan, 10, 20, nan, nan, 40, nan, 50, nan}
	const a = .3
	want := []float64{nan, 10, 13, 13, 13, 0, 0, 0, 0}
	want[5] = 13 + (1-.7*.7*.7)*(40-13)
	want[6] = want[5]
	want[7] = want[6] + (1-.7*.7)*(50-want[6])
	want[8] = want[7]
	got := make([]float64, len(y))
	EMA(got, y, Params{Alpha: a})
	compare(t, "on a grid", got, want)
	at := make([]float64, len(y))
	for i := range at {
		at[i] = 100 + 2*float64(i)
	}
	if err := EMAIrregular(got, at, y, -2/math.Log(1-a)); err != nil {
		t.Fatal(err)
	}
	compare(t, "at irregular times", got, want)
}

func compare(t *testing.T, what string, got, want []float64) {
	t.Helper()
	for i, w := range want {
		if math.IsNaN(got[i]) != math.IsNaN(w) || math.Abs(got[i]-w) > 1e-12 {
			t.Errorf("%s: value %d is %.12g, want %.12g", what, i, got[i], w)
		}
	}
}

// TestEMAIrregularSplits: time that passes in one step or in several weighs the
// same, and a second value of the same time nothing.
func TestEMAIrregularSplits(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct{ at, y, want []float64 }{
		{[]float64{0, 3}, []float64{0, 1}, []float64{0, 1 - math.Exp(-1.5)}},
		{[]float64{0, 1, 2.5, 3}, []float64{0, nan, nan, 1}, []float64{0, 0, 0, 1 - math.Exp(-1.5)}},
		{[]float64{5, 5}, []float64{2, 9}, []float64{2, 2}},
	} {
		got := make([]float64, len(c.y))
		if err := EMAIrregular(got, c.at, c.y, 2); err != nil {
			t.Fatal(err)
		}
		compare(t, "irregular", got, c.want)
	}
}

func TestEMAIrregularRefuses(t *testing.T) {
	got := make([]float64, 2)
	for want, c := range map[string]struct {
		at  []float64
		tau float64
	}{
		"ema: time constant tau=0 must be a finite number above 0":            {[]float64{0, 1}, 0},
		"ema: time constant tau=NaN must be a finite number above 0":          {[]float64{0, 1}, math.NaN()},
		"ema: time 1 lies before the one before it: sort the samples by time": {[]float64{2, 1}, 1},
		"ema: time 1 is no number":                                            {[]float64{2, math.NaN()}, 1},
	} {
		if err := EMAIrregular(got, c.at, []float64{1, 2}, c.tau); err == nil || err.Error() != want {
			t.Errorf("%v, tau %g: %v\nwant %s", c.at, c.tau, err, want)
		}
	}
}

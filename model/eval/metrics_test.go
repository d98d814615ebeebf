package eval

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

var nan = math.NaN()

func same(a, b float64) bool {
	return a == b || math.IsNaN(a) && math.IsNaN(b) || math.Abs(a-b) <= 1e-12*math.Abs(b)
}

// TestMetrics works through four samples by hand; the fifth and the sixth are
// missing in one signal each and change nothing.
func TestMetrics(t *testing.T) {
	x := []float64{1, 2, 3, 6, 7, nan}
	y := []float64{2, 0, 3, 9, nan, 50}
	d := []float64{1, 1, 3, 7, nan, 60}
	mean := 19.0 / 5 // of all of the truth that is known
	den := 2*(1-mean)*(1-mean) + (3-mean)*(3-mean) + (7-mean)*(7-mean)
	lo := []float64{0, 2, 3.5, 5, nan, 0}
	hi := []float64{1, 4, 4.5, math.Inf(1), 9, 1}
	cover, width := Coverage(x, lo, hi)
	_, narrow := Coverage(x[:3], lo[:3], hi[:3])
	for _, c := range []struct {
		name      string
		got, want float64
	}{
		{"SNR", SNR(7, x, y), 10 * math.Log10(7/(14.0/4))},
		{"Gain", Gain(x, y, d), 10 * math.Log10(14.0/2)},
		{"RMSE", RMSE(x, d), math.Sqrt(2.0 / 4)},
		{"MAD", MAD(x, d), 1},
		{"PRD", PRD(x, d), 100 * math.Sqrt(2/den)},
		{"Cos", Cos(x, d), (1 + 2 + 9 + 42) / math.Sqrt(50*60)},
		{"SSD", SSD(x, d), 2},
		{"RRMSE", RRMSE(x, d), math.Sqrt(2 / 50.0)},
		{"CC", CC(x, d), (-2*-2 + -1*-2 + 0 + 3*4) / math.Sqrt(14*24)},
		{"coverage", cover, .75},
		{"width with an endless interval", width, math.Inf(1)},
		{"width", narrow, 4.0 / 3},
		{"gain of the truth", Gain(x, y, x), math.Inf(1)},
		{"gain of the reading", Gain(x, y, y), 0},
		{"gain where nothing was lost", Gain(x, x, x), nan},
		{"RMSE of nothing", RMSE(nil, nil), nan},
		{"MAD of nothing", MAD([]float64{nan}, []float64{1}), nan},
		{"PRD of nothing", PRD(nil, nil), nan},
		{"Cos of nothing", Cos(nil, nil), nan},
	} {
		if !same(c.got, c.want) {
			t.Errorf("%s is %v, want %v", c.name, c.got, c.want)
		}
	}
}

// TestWindowedPRD takes the windows' own errors and the mean of everything.
func TestWindowedPRD(t *testing.T) {
	x := []float64{0, 2, 4, 6, 9}
	d := []float64{1, 2, 4, 8, 0}
	mean := 21.0 / 5
	a := 100 * math.Sqrt(1/((1-mean)*(1-mean)+(2-mean)*(2-mean)))
	b := 100 * math.Sqrt(4/((4-mean)*(4-mean)+(8-mean)*(8-mean)))
	m, dev := WindowedPRD(x, d, 2)
	if !same(m, (a+b)/2) || !same(dev, math.Abs(a-b)/2) {
		t.Errorf("PRD over windows is %v ± %v, want %v ± %v", m, dev, (a+b)/2, math.Abs(a-b)/2)
	}
}

func TestLag(t *testing.T) {
	x := make([]float64, 400)
	for i := range x {
		x[i] = 100 + math.Sin(float64(i)/7) + math.Sin(float64(i)/31)
	}
	shifted := func(k int) []float64 {
		y := make([]float64, len(x))
		for i := range y {
			y[i] = x[min(max(i-k, 0), len(x)-1)]
		}
		y[200] = nan
		return y
	}
	for _, k := range []int{0, 1, -1, 5, -9, 20} {
		if got, ok := Lag(x, shifted(k), 20); !ok || got != k {
			t.Errorf("lag of a signal delayed by %d is %d, %v", k, got, ok)
		}
	}
	ramp := make([]float64, 100)
	for i := range ramp {
		ramp[i] = float64(i)
	}
	if k, ok := Lag(ramp, ramp, 30); !ok || k != 0 {
		t.Errorf("lag of a ramp to itself is %d, %v", k, ok)
	}
	if _, ok := Lag(ramp, make([]float64, 100), 30); ok {
		t.Error("a constant has a lag")
	}
}

func TestSplit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, field := rapid.IntRange(0, 3000).Draw(t, "n"), rapid.IntRange(0, 200).Draw(t, "field")
		p, err := Split(n, field)
		if err != nil {
			if n >= 5*(field+2) {
				t.Fatalf("%d samples are enough for a field of %d: %v", n, field, err)
			}
			return
		}
		if p.Train.From != 0 || p.Test.To != n || p.Tune.From-p.Train.To != field || p.Test.From-p.Tune.To != field {
			t.Fatalf("Split(%d, %d) = %+v", n, field, p)
		}
		if q, err := Split(n, 0); err == nil && q.Test != p.Test {
			t.Fatalf("the test part of %d samples depends on the receptive field", n)
		}
		if min(p.Train.Len(), p.Tune.Len(), p.Test.Len()) < 1 {
			t.Fatalf("Split(%d, %d) = %+v leaves a part empty", n, field, p)
		}
	})
	p, err := Split(1000, 50)
	if want := (Parts{Range{0, 550}, Range{600, 750}, Range{800, 1000}}); err != nil || p != want {
		t.Errorf("Split(1000, 50) = %+v, %v, want %+v", p, err, want)
	}
}

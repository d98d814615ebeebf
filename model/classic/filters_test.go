package classic

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func noise(n int, seed uint64) []float64 {
	r := rand.New(rand.NewPCG(seed, 1))
	y := make([]float64, n)
	for i := range y {
		y[i] = r.NormFloat64()
	}
	return y
}

// TestFixedLagReachesSmoother: with the whole recording in reach the fixed-lag
// smoother and the penalised least squares are the same estimate, gaps included.
func TestFixedLagReachesSmoother(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		y := series().Draw(t, "series")
		p := Params{Family: KalmanName, Trend: rapid.Bool().Draw(t, "trend"),
			Lambda: math.Pow(10, rapid.Float64Range(-2, 3).Draw(t, "log lambda"))}
		values := 0
		for i, x := range y {
			if math.Abs(x) > 1e5 {
				y[i] = 5
			}
			if finite(y[i]) {
				values++
			}
		}
		if values < 2 {
			t.Skip("the slope stays unknown")
		}
		lagged, whole := make([]float64, len(y)), make([]float64, len(y))
		p.Lookahead = len(y)
		Kalman(lagged, y, p)
		p.Lookahead = Full
		Kalman(whole, y, p)
		for i := range y {
			if d := math.Abs(lagged[i] - whole[i]); d > 1e-5*(1+math.Abs(whole[i])) || math.IsNaN(lagged[i]) != math.IsNaN(whole[i]) {
				t.Fatalf("%v: slot %d is %g, the smoother says %g\nof %v", p, i, lagged[i], whole[i], y)
			}
		}
	})
}

// TestPolynomials: Savitzky-Golay and the trend model pass what they model.
func TestPolynomials(t *testing.T) {
	n := 40
	y, got := make([]float64, n), make([]float64, n)
	for order := range 5 {
		for i := range y {
			x := float64(i)/20 - 1
			y[i] = 3 - x
			if order > 1 {
				y[i] += math.Pow(x, float64(order))
			}
		}
		for _, l := range []int{Full, 0, 3} {
			for _, w := range []int{7, 12, 61} {
				SavitzkyGolay(got, y, Params{Window: w, Order: max(order, 1), Lookahead: l})
				near(t, 0, fmt.Sprintf("order %d, window %d, look-ahead %d", order, w, l), got, y, 1e-9)
			}
			if order < 2 {
				Kalman(got, y, Params{Lambda: 1e3, Trend: true, Lookahead: l})
				near(t, 0, fmt.Sprintf("kalman, look-ahead %d", l), got, y, 1e-9)
			}
		}
	}
}

// TestWaveletTransformInverts: what was taken apart is put together again, for
// any length, odd and short ones included; and it keeps the energy of even ones.
func TestWaveletTransformInverts(t *testing.T) {
	for n := 30; n < 200; n++ {
		y := noise(n, uint64(n))
		tr := newTransform(n)
		for range 2 { // its memory is reused
			tr.forward(y, maxLevels(n))
			if n == 128 {
				a, b := 0.0, 0.0
				for _, d := range append(tr.details, tr.approx) {
					for _, v := range d {
						a += v * v
					}
				}
				for _, v := range y {
					b += v * v
				}
				if math.Abs(a-b) > 1e-9*b {
					t.Errorf("energy of the coefficients is %g, want %g", a, b)
				}
			}
			near(t, n, "wavelet transform and back", tr.inverse(), y, 1e-11)
		}
	}
}

// TestExtremes: constant, empty, short and valueless recordings come through
// every family.
func TestExtremes(t *testing.T) {
	nan := math.NaN()
	constant := make([]float64, 100)
	for i := range constant {
		constant[i] = 7
	}
	for _, y := range [][]float64{{}, {3}, {nan}, {nan, 4}, {nan, nan, nan}, {1, 2}, {5, nan, 6}, constant} {
		for _, l := range []int{Full, 0, 8} {
			for _, f := range FamiliesAt(l) {
				for _, p := range f.Grid {
					if f.Learn != nil {
						p = f.Learn(y, .1, p)
					}
					got := make([]float64, len(y))
					f.Apply(got, y, p)
					seen := false
					for i, v := range y {
						seen = seen || finite(v)
						if finite(got[i]) != seen {
							t.Errorf("%v of %v: slot %d is %g", p, y, i, got[i])
							break
						}
						if len(y) == 100 && math.Abs(got[i]-7) > 1e-9 {
							t.Errorf("%v: a constant 7 became %g", p, got[i])
							break
						}
					}
				}
			}
		}
	}
}

// TestLookaheadHolds: what comes later than the look-ahead changes nothing.
func TestLookaheadHolds(t *testing.T) {
	y := noise(120, 9)
	z := append([]float64(nil), y...)
	const cut = 70
	for i := cut; i < len(z); i++ {
		z[i] += 100
	}
	for _, l := range []int{0, 3, 8} {
		for _, f := range FamiliesAt(l) {
			for _, p := range f.Grid {
				if f.Learn != nil {
					p = f.Learn(y, .1, p)
				}
				if p.Latency() < 0 || p.Latency() > l {
					t.Errorf("%v looks %d samples ahead, at most %d are allowed", p, p.Latency(), l)
				}
				a, b := make([]float64, len(y)), make([]float64, len(y))
				f.Apply(a, y, p)
				f.Apply(b, z, p)
				if !sameBits(a[:cut-l], b[:cut-l]) {
					t.Errorf("%v: a sample more than %d ahead changed the estimate", p, l)
				}
			}
		}
	}
}

// TestWindowsByDefinition compares the window filters with their formulas, for
// any window and look-ahead.
func TestWindowsByDefinition(t *testing.T) {
	y := noise(60, 4)
	n := len(y)
	around := func(v []float64, t, w, ahead int) []float64 {
		win := make([]float64, w)
		for i := range win {
			win[i] = v[min(max(t+ahead-w+1+i, 0), n-1)]
		}
		return win
	}
	middle := func(v []float64, w, ahead int) []float64 {
		out := make([]float64, n)
		for t := range out {
			win := around(v, t, w, ahead)
			slices.Sort(win)
			out[t] = win[w/2]
		}
		return out
	}
	for w := 1; w < 12; w++ {
		for l := range 14 {
			got, want := make([]float64, n), make([]float64, n)
			half := min(l, (w-1)/2)
			for t := range want {
				want[t] = mean(around(y, t, w, half))
			}
			MovingAverage(got, y, Params{Window: w, Lookahead: l})
			near(t, w, fmt.Sprintf("moving average, look-ahead %d", l), got, want, 1e-12)

			Median(got, y, Params{Window: w, Lookahead: l})
			near(t, w, fmt.Sprintf("median, look-ahead %d", l), got, middle(y, w, half), 0)

			// The median takes the greater half of the look-ahead.
			first := min((l+1)/2, (w-1)/2)
			m, d := middle(y, w, first), make([]float64, n)
			for i := range d {
				d[i] = math.Abs(y[i] - m[i])
			}
			s := middle(d, w, min(l-first, (w-1)/2))
			for i := range want {
				want[i] = y[i]
				if d[i] > 1.5*1.4826*s[i] {
					want[i] = m[i]
				}
			}
			Hampel(got, y, Params{Window: w, Threshold: 1.5, Lookahead: l})
			near(t, w, fmt.Sprintf("hampel, look-ahead %d", l), got, want, 0)
		}
	}
}

// TestAverageForgets: a spike leaves no trace in the rounding.
func TestAverageForgets(t *testing.T) {
	y := noise(400, 3)
	y[100] = 1e18
	got := make([]float64, len(y))
	MovingAverage(got, y, Params{Window: 9, Lookahead: Full})
	for i := 105; i < 396; i++ {
		if want := mean(y[i-4 : i+5]); math.Abs(got[i]-want) > 1e-14 {
			t.Fatalf("value %d after the spike is %g, want %g", i, got[i], want)
		}
	}
}

// TestTune finds the setting that the noise asks for, and skips what is missing.
func TestTune(t *testing.T) {
	n := 4000
	x, y := make([]float64, n), noise(n, 5)
	for i := range x {
		x[i] = 10 * math.Sin(float64(i)/300)
		y[i] = x[i] + .5*y[i]
	}
	y[50], x[51] = math.NaN(), math.NaN()
	raw := meanSquare(y, x)
	for _, f := range Families() {
		p := Tune(f, y, x)
		if p.Family != f.Name {
			t.Fatalf("Tune(%s) names %q", f.Name, p.Family)
		}
		got := make([]float64, n)
		f.Apply(got, y, p)
		gain := 10 * math.Log10(raw/meanSquare(got, x))
		t.Logf("%-50s gain %.2f dB", p, gain)
		least := 8.0
		if f.Name == HampelName { // it keeps what is no outlier
			least = 0
		}
		if gain < least {
			t.Errorf("%v gains %.2f dB on a slow sine in white noise, want at least %g", p, gain, least)
		}
	}
}

// TestWienerHalves: a white signal in noise of equal power is best halved.
func TestWienerHalves(t *testing.T) {
	p := LearnWiener(noise(200_000, 8), 1, Params{Window: 5, Lookahead: 2})
	for k, h := range p.Taps {
		want := 0.0
		if k == 2 {
			want = .5
		}
		if math.Abs(h-want) > .01 {
			t.Errorf("tap %d is %g, want %g", k, h, want)
		}
	}
}

func BenchmarkFilter(b *testing.B) {
	y := noise(4096, 1)
	for _, s := range []string{"moving_average:w=9", "ema", "savitzky_golay:w=11", "median:w=9", "hampel:w=9", "kalman:l=8",
		"butterworth:order=4", "haar:level=3", "identity"} {
		p, err := ParseFilter(s)
		if err != nil {
			b.Fatal(err)
		}
		f, err := NewFilter(p)
		if err != nil {
			b.Fatal(err)
		}
		b.Run("filter="+p.Family, func(b *testing.B) {
			b.SetBytes(8)
			i := 0
			for b.Loop() {
				f.Push(y[i&4095])
				i++
			}
		})
	}
}

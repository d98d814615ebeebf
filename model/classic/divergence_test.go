package classic

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// linearFilter draws the settings of a linear filter, streamable or not.
func linearFilter() *rapid.Generator[Params] {
	return rapid.Custom(func(t *rapid.T) Params {
		p := streamable().Filter(func(p Params) bool {
			_, linear := p.OwnWeight()
			return linear
		}).Draw(t, "filter")
		if (p.Family == KalmanName || p.Family == ButterworthName) && rapid.Bool().Draw(t, "whole") {
			p.Lookahead = Full
		}
		return p
	})
}

// TestDivergenceOfLinear: for a linear filter the difference that a step of the
// own sample makes is the derivative, at the edges and beside gaps too.
func TestDivergenceOfLinear(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, y := linearFilter().Draw(t, "params"), series().Draw(t, "series")
		for i, v := range y {
			if math.Abs(v) > 100 {
				y[i] = 5
			}
		}
		clean, div := make([]float64, len(y)), make([]float64, len(y))
		Apply(clean, y, p)
		Divergence(div, y, clean, p)
		moved := make([]float64, len(y))
		for i, v := range y {
			if !finite(v) {
				if !math.IsNaN(div[i]) {
					t.Fatalf("%v: slot %d is missing, its divergence is %g", p, i, div[i])
				}
				continue
			}
			y[i] = v + 10
			Apply(moved, y, p)
			y[i] = v
			if want := (moved[i] - clean[i]) / 10; !(math.Abs(div[i]-want) <= 1e-6) {
				t.Fatalf("%v: divergence %d is %g, a step of 10 says %g\nof %v", p, i, div[i], want, y)
			}
		}
	})
}

// TestOwnWeightIsInterior: far from ends and gaps the divergence is the weight.
func TestOwnWeightIsInterior(t *testing.T) {
	n := 6000
	y := noise(n, 2)
	clean, div := make([]float64, n), make([]float64, n)
	seen := map[string]bool{}
	for _, l := range []int{Full, 0, 3, 8} {
		for _, f := range FamiliesAt(l) {
			for _, p := range f.Grid {
				if f.Learn != nil {
					p = f.Learn(y, .1, p)
				}
				w, linear := p.OwnWeight()
				if !linear {
					continue
				}
				seen[p.Family] = true
				Apply(clean, y, p)
				Divergence(div, y, clean, p)
				if !(math.Abs(w-div[n/2]) <= 1e-8+1e-6*math.Abs(w)) {
					t.Errorf("%v: own weight %.12g, in the middle of %d samples it is %.12g", p, w, n, div[n/2])
				}
			}
		}
	}
	for _, f := range []string{MovingAverageName, SavitzkyGolayName, KalmanName, EMAName, WienerName, ButterworthName} {
		if !seen[f] {
			t.Errorf("%s has no own weight", f)
		}
	}
}

// TestDivergenceOfRanks: median and Hampel follow their own sample where they
// return it.
func TestDivergenceOfRanks(t *testing.T) {
	y := noise(300, 6)
	clean, div, moved := make([]float64, len(y)), make([]float64, len(y)), make([]float64, len(y))
	for _, p := range []Params{{Family: MedianName, Window: 5, Lookahead: Full}, {Family: HampelName, Window: 7, Threshold: 1.5, Lookahead: 4}} {
		Apply(clean, y, p)
		Divergence(div, y, clean, p)
		own := 0.0
		for i, v := range y {
			own += div[i]
			const step = 1e-9
			y[i] = v + step
			Apply(moved, y, p)
			y[i] = v
			if d := (moved[i] - clean[i]) / step; math.Abs(d-div[i]) > 1e-3 {
				t.Errorf("%v: divergence %d is %g, a small step says %g", p, i, div[i], d)
			}
		}
		if own < 30 || own > 290 {
			t.Errorf("%v: the own sample is returned %g times of %d", p, own, len(y))
		}
	}
}

// TestDivergenceOfHaar differs from a difference only where the sample moves
// the thresholds themselves, up to a lag before they change.
func TestDivergenceOfHaar(t *testing.T) {
	n := 900
	y := noise(n, 7)
	for i := range y {
		y[i] += 4 * math.Sin(float64(i)/15)
		if i%50 == 9 || i%50 == 10 {
			y[i] = math.NaN()
		}
	}
	clean, div, moved := make([]float64, n), make([]float64, n), make([]float64, n)
	for _, rule := range []Rule{Bayes, SURE} {
		for levels := 1; levels < 6; levels++ {
			p := Params{Family: HaarName, Levels: levels, Rule: rule, Lookahead: Full}
			Apply(clean, y, p)
			Divergence(div, y, clean, p)
			least, most := 1.0, 0.0
			for i, v := range y {
				next := i/statBlock*statBlock + statBlock
				if i < 128 || !finite(v) || i+p.Latency() >= next && next < n {
					continue
				}
				const step = 1e-7
				y[i] = v + step
				Apply(moved, y, p)
				y[i] = v
				if d := (moved[i] - clean[i]) / step; math.Abs(d-div[i]) > 1e-6 {
					t.Fatalf("%v: divergence %d is %g, a small step says %g", p, i, div[i], d)
				}
				least, most = min(least, div[i]), max(most, div[i])
			}
			if !(least < most && least > 0 && most <= 1) {
				t.Errorf("%v: divergences from %g to %g", p, least, most)
			}
		}
	}
}

func TestDivergenceRefuses(t *testing.T) {
	for name, p := range map[string]Params{"wavelet": {Family: WaveletName, Levels: 1, Shifts: 1}, "invalid": {Family: MedianName}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			Divergence(make([]float64, 3), make([]float64, 3), make([]float64, 3), p)
		}()
	}
}

// TestKalmanWeightIsVariance compares the closed forms with the recursion run
// until it stands still.
func TestKalmanWeightIsVariance(t *testing.T) {
	for _, lambda := range []float64{1e-2, .1, 1, 30, 1e4} {
		for _, trend := range []bool{false, true} {
			for _, l := range []int{0, 1, 5, 40} {
				lambda := lambda
				if trend && lambda > 1 { // its memory grows with the fourth root only
					lambda *= 1e4
				}
				k := newKalman(lambda, trend, l)
				k.vars = make([]float64, l+1)
				for range 4000 {
					k.push(0)
				}
				want := k.vars[(k.n-1-int64(l))%int64(l+1)]
				p := Params{Family: KalmanName, Lambda: lambda, Trend: trend, Lookahead: l}
				if w, _ := p.OwnWeight(); !(math.Abs(w-want) <= 1e-9*want) {
					t.Errorf("%v: weight %.12g, want %.12g", p, w, want)
				}
			}
		}
	}
}

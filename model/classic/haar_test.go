package classic

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// TestLongStreams crosses the indices at which thresholds change, with a
// snapshot taken now and then, and wants the bits of the batch.
func TestLongStreams(t *testing.T) {
	n := 3000
	y := noise(n, 12)
	for i := range y {
		y[i] += 5 * math.Sin(float64(i)/40)
		if i%97 == 5 {
			y[i] = math.NaN()
		}
	}
	filters := []Params{LearnWienerBlind(y, 1, Params{Window: 40, Lookahead: 8})}
	for _, s := range []string{"haar:level=5", "haar:level=4,rule=sure", "haar:rule=sure,sigma=1,l=3", "butterworth:order=6,fc=0.03,l=20", "ema"} {
		p, err := ParseFilter(s)
		if err != nil {
			t.Fatal(err)
		}
		filters = append(filters, p)
	}
	rng := rand.New(rand.NewPCG(1, 1))
	for _, p := range filters {
		want := make([]float64, n)
		Apply(want, y, p)
		f, err := NewFilter(p)
		if err != nil {
			t.Fatal(err)
		}
		var got []float64
		for _, x := range y {
			if rng.IntN(100) == 0 {
				state := f.AppendState(nil)
				if f, err = NewFilter(p); err != nil {
					t.Fatal(err)
				}
				if _, err := f.RestoreState(state); err != nil {
					t.Fatal(err)
				}
			}
			if v, ok := f.Push(x); ok {
				got = append(got, v)
			}
		}
		if got = f.Finish(got); !sameBits(got, want) {
			t.Errorf("%v: the stream differs from the batch", p)
		}
	}
}

// TestHaarThresholds change at their indices only, and before the sample there
// is seen; statistics forget.
func TestHaarThresholds(t *testing.T) {
	for _, rule := range []Rule{Bayes, SURE} {
		h := newHaar(Params{Family: HaarName, Levels: 3, Rule: rule, Lookahead: Full})
		y := noise(200*statBlock, 3)
		last, changes := fmt.Sprint(h.stats.limits), 0
		for i, v := range y {
			if i > len(y)/5 {
				v *= 10
			}
			h.push(v)
			if now := fmt.Sprint(h.stats.limits); now != last {
				last = now
				changes++
				if k := i + 1; k%statBlock != 0 && k != 32 && k != 64 && k != 128 {
					t.Fatalf("%v: thresholds changed after %d samples", rule, k)
				}
			}
		}
		if changes < 30 {
			t.Errorf("%v: thresholds changed %d times", rule, changes)
		}
		if s := h.stats.sigma; !(s > 9.7 && s < 10.3) {
			t.Errorf("%v: σ̂ is %.2f after 160 blocks of noise of deviation 10", rule, s)
		}
		// Noise alone: nearly all of its energy has to go. The risk is flat there, so
		// SURE's minimum may lie anywhere beyond 1.5, where 5 % is left.
		least := map[Rule]float64{Bayes: 3, SURE: 1.5}[rule]
		for j, l := range h.stats.limits {
			if u := l / levelSigma(10, j); u < least {
				t.Errorf("%v: level %d is cut at %.2f deviations of noise, want above %g", rule, j+1, u, least)
			}
		}
	}
}

// TestHaarInverts: with nothing to shrink the signal comes back, late by 2^J-1.
func TestHaarInverts(t *testing.T) {
	y := noise(31, 5) // thresholds are 0 until the 32nd sample
	for levels := 1; levels <= 5; levels++ {
		p := Params{Family: HaarName, Levels: levels, Lookahead: Full}
		if p.Latency() != 1<<levels-1 {
			t.Errorf("%d levels are late by %d", levels, p.Latency())
		}
		f, err := NewFilter(p)
		if err != nil {
			t.Fatal(err)
		}
		var got []float64
		for _, x := range y[:31] {
			if v, ok := f.Push(x); ok {
				got = append(got, v)
			}
		}
		near(t, levels, "haar", got, y[:len(got)], 1e-12)
	}
}

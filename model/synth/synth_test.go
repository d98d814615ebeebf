package synth

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 9)) }

func TestFamilies(t *testing.T) {
	for _, f := range Families() {
		t.Run(f.String(), func(t *testing.T) {
			moving := 0
			for seed := range uint64(60) {
				for _, n := range []int{0, 1, 2, 7, 700} {
					x := make([]float64, n)
					for i := range x {
						x[i] = math.NaN() // must not shine through
					}
					f.Generate(x, newRand(seed))
					for i, v := range x {
						if math.IsNaN(v) || math.IsInf(v, 0) {
							t.Fatalf("seed %d, length %d: sample %d is %g", seed, n, i, v)
						}
					}
					if _, dev := moments(x); n == 700 && dev > 0 {
						moving++
					}
					again := make([]float64, n)
					f.Generate(again, newRand(seed))
					if !slices.Equal(x, again) {
						t.Fatalf("seed %d, length %d: not the same again", seed, n)
					}
				}
			}
			if moving < 58 {
				t.Errorf("only %d of 60 signals move", moving)
			}
		})
	}
}

func TestSampleIsStandardised(t *testing.T) {
	for seed := range uint64(200) {
		x := make([]float64, 512)
		Sample(x, newRand(seed))
		mean, dev := moments(x)
		if math.Abs(mean) > 1e-9 || math.Abs(dev-1) > 1e-9 && dev != 0 {
			t.Errorf("seed %d: mean %g, deviation %g", seed, mean, dev)
		}
	}
}

// The slope of the spectrum is the one asked for.
func TestColourSpectrum(t *testing.T) {
	const n = 1 << 16
	x := make([]float64, n)
	colour(x, 2, newRand(1))
	// For power f^-2 the mean squared difference over k grows like k.
	diff := func(k int) float64 {
		s := 0.0
		for i := k; i < n; i++ {
			s += (x[i] - x[i-k]) * (x[i] - x[i-k])
		}
		return s / float64(n-k)
	}
	if r := diff(16) / diff(4); r < 3 || r > 5 {
		t.Errorf("differences over 16 and 4 samples have ratio %.2f, want about 4", r)
	}
}

func TestFamiliesAreDrawnByShare(t *testing.T) {
	rng := newRand(2)
	var got [families]float64
	const n = 100000
	for range n {
		got[pick(rng)] += 1. / n
	}
	for f, p := range share {
		if math.Abs(got[f]-p) > .005 {
			t.Errorf("%s: share %.3f, want %.2f", Family(f), got[f], p)
		}
	}
}

func ExampleSample() {
	x := make([]float64, 1000)
	Sample(x, rand.New(rand.NewPCG(1, 2)))
	sum := 0.0
	for _, v := range x {
		sum += v * v
	}
	fmt.Printf("%.3f\n", sum/1000)
	// Output: 1.000
}

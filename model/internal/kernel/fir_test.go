package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

// guarded64 returns n random values between words that are no numbers.
func guarded64(rng *rand.Rand, n int) (v, all []float64) {
	all = make([]float64, n+2*guard)
	for i := range all {
		all[i] = math.NaN()
	}
	v = all[guard : guard+n : guard+n]
	for i := range v {
		v[i] = rng.NormFloat64()
	}
	return v, all
}

func intact64(t *testing.T, what string, all []float64) {
	t.Helper()
	for i, v := range all {
		if nan := v != v; nan != (i < guard || i >= len(all)-guard) {
			t.Fatalf("%s: word %d of %d is %v", what, i-guard, len(all)-2*guard, v)
		}
	}
}

// Every tier gives the bits of the definitions, inside its slices, for any length.
func TestFIR(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(5, 9))
		for n := range 80 {
			taps := 1 + rng.IntN(20)
			w, allW := guarded64(rng, taps)
			x, allX := guarded64(rng, n+taps-1)
			dst, allDst := guarded64(rng, n)
			want := make([]float64, n)
			for i := range want {
				for k := range w {
					want[i] += float64(w[k] * x[i+k])
				}
			}
			FIR(dst, w, x)
			for i := range dst {
				if dst[i] != want[i] {
					t.Fatalf("FIR of %d values, %d taps: value %d is %v, want %v", n, taps, i, dst[i], want[i])
				}
			}
			intact64(t, "dst", allDst)
			intact64(t, "w", allW)
			intact64(t, "x", allX)
		}
	})
}

// Spread and AddProducts too.
func TestSpread(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(6, 9))
		for n := range 40 {
			w, allW := guarded64(rng, n)
			sums, allSums := guarded64(rng, n)
			x := rng.NormFloat64()
			want := make([]float64, n)
			for i := range want {
				want[i] = sums[i] + float64(w[i]*x)
			}
			Spread(sums, w, x)
			for i := range sums {
				if sums[i] != want[i] {
					t.Fatalf("Spread over %d: value %d is %v, want %v", n, i, sums[i], want[i])
				}
			}
			AddProducts(sums, w, want)
			for i, v := range want {
				if sums[i] != v+float64(w[i]*v) {
					t.Fatalf("AddProducts over %d: value %d is %v", n, i, sums[i])
				}
			}
			intact64(t, "sums", allSums)
			intact64(t, "w", allW)
		}
	})
}

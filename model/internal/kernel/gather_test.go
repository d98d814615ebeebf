package kernel

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// Every tier copies just the values of each place, inside dst.
func TestGather(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(8, 9))
		for n := 1; n < 70; n++ {
			for _, m := range []int{0, 1, 2, 33} {
				x, allX := guarded(rng, n+50)
				dst, allDst := guarded(rng, n*m)
				var from []*float32
				var want []float32
				for range m {
					at := rng.IntN(51)
					from, want = append(from, &x[at]), append(want, x[at:at+n]...)
				}
				before := slices.Clone(x)
				Prefetch(from, n)
				Gather(dst, from, n)
				if !slices.Equal(dst, want) || !slices.Equal(x, before) {
					t.Fatalf("%d values of %d places: %v, want %v", n, m, dst, want)
				}
				intact(t, "x", allX)
				intact(t, "dst", allDst)
			}
		}
	})
}

package main

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/quell-stream/quell/model/eval"
)

// TestKnown: coloured noise far below a steady signal is found by who knows the signal's
// spectrum, white noise and none are not taken for it.
func TestKnown(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	x := make([]float64, 20000)
	for i := range x {
		x[i] = 3*math.Sin(float64(i)/5) + rng.NormFloat64()
	}
	_, v := eval.Variance(x)
	red, _ := eval.AddNoise(x, 10, eval.AR1, 1, v)
	white, _ := eval.AddNoise(x, 10, eval.White, 1, v)
	if got := known(x, red); got < .01 {
		t.Errorf("coloured noise has odds of %g", got)
	}
	for name, y := range map[string][]float64{"white noise": white, "none": x} {
		if got := known(x, y); got > .002 {
			t.Errorf("%s has odds of %g", name, got)
		}
	}
}

// TestPart: a part of the cells is of all levels and recordings alike.
func TestPart(t *testing.T) {
	const recordings = 128
	for _, every := range []int{1, 4, mostEvery} {
		which := part(recordings, len(levels), every)
		if want := recordings * len(levels) / every; len(which) < want-len(levels) || len(which) > want+len(levels) {
			t.Errorf("each %d-th: %d cells, want %d", every, len(which), want)
		}
		var at [4]int
		for _, i := range which {
			at[i%len(levels)]++
		}
		for l, n := range at {
			if n == 0 || n > 2*len(which)/len(levels) {
				t.Errorf("each %d-th: %d of %d cells are at %g dB", every, n, len(which), levels[l])
			}
		}
	}
}

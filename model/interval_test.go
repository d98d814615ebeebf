package model

import (
	"math"
	"testing"
)

func TestIntervalAt(t *testing.T) {
	v := Interval{Levels: []float64{-2, -1, 0}, Coverages: []float64{.5, .9}, Half: [][]float64{{1, 3}, {.5, 1}, {.2, .4}}}
	near := func(got, want float64) {
		t.Helper()
		if !(math.Abs(got-want) < 1e-6) {
			t.Errorf("got %g, want %g", got, want)
		}
	}
	near(v.At(-1, .9), 1)
	near(v.At(-1.5, .9), 2)
	near(v.At(-1.25, .5), .625)
	near(v.At(-9, .9), 3)
	near(v.At(9, .5), .2)
	near(v.At(math.NaN(), .9), 3)            // unknown: the cleanest level
	near(v.At(0, .99), .4*2.575829/1.644854) // beyond: like a normal
	near(v.At(0, .25), .2*.318639/.674490)   //
	near(v.At(0, .8), .2+.2*(1.281552-.674490)/(1.644854-.674490))
	near(Interval{}.At(-1, .9), 1.644854)
	last := 0.0
	for c := .01; c < 1; c += .01 {
		if h := v.At(-1.7, c); h <= last {
			t.Errorf("half width %g at coverage %g is not above %g", h, c, last)
		} else {
			last = h
		}
	}
}

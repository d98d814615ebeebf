// Package adapteval measures adaptation: what a change costs, how much of it comes
// back, and whether what was known before is kept. docs/adaptation.md says what the
// figures mean.
package adapteval

import (
	"math"
	"slices"

	"github.com/quell-stream/quell/internal/scoreboard"
)

// Studies returns the studies of quell eval adapt, in the order of their tables.
func Studies() []scoreboard.Study {
	y := &nursery{}
	return append([]scoreboard.Study{notice(), recovery(y), compared(), returning(y), gated(), unchanged(y), latency()}, techniques()...)
}

// needsData is the note of rows that were not measured for want of recordings.
const needsData = "needs --data"

// median returns that of x, NaN of nothing.
func median(x []float64) float64 {
	if len(x) == 0 {
		return math.NaN()
	}
	x = slices.Clone(x)
	slices.Sort(x)
	return (x[(len(x)-1)/2] + x[len(x)/2]) / 2
}

// most returns the largest of x, NaN of nothing.
func most(x []float64) float64 {
	if len(x) == 0 {
		return math.NaN()
	}
	return slices.Max(x)
}

// least returns the smallest of x, NaN of nothing.
func least(x []float64) float64 {
	if len(x) == 0 {
		return math.NaN()
	}
	return slices.Min(x)
}

// mean returns that of x, NaN of nothing.
func mean(x []float64) float64 {
	if len(x) == 0 {
		return math.NaN()
	}
	s := 0.
	for _, v := range x {
		s += v
	}
	return s / float64(len(x))
}

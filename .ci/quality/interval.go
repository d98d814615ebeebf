package main

import (
	"math"
	"slices"
)

// interval is how an interval did against the truth. A sample with a truth but
// without an interval counts as not covered: keeping silent must not pay.
type interval struct {
	Samples, Covered   int
	Blocks, GoodBlocks int // of block samples, those covered as often as asked
	// Width is the mean width over that of the same interval scaled by the
	// constant which covers nominal of the samples that have one, NaN without.
	Width  float64
	Silent int // samples without one
}

// coverage is the share of samples that were covered, NaN without any.
func (v *interval) coverage() float64 { return float64(v.Covered) / float64(v.Samples) }

// measure scores the interval lo … hi around clean. Width follows from the
// distance of the truth from the clean value in units of the distance of the
// bound on its side: covering a share q takes the q-quantile of that.
func measure(x, clean, lo, hi []float64) interval {
	v := interval{Width: math.NaN()}
	var scale []float64
	in, n := 0, 0
	for i, truth := range x {
		if !math.IsNaN(truth) {
			v.Samples++
			n++
			d := reach(truth, clean[i], lo[i], hi[i])
			switch {
			case math.IsNaN(d):
				v.Silent++
			default:
				scale = append(scale, d)
				if d <= 1 {
					v.Covered++
					in++
				}
			}
		}
		if (i+1)%block == 0 {
			if n > block/2 {
				v.Blocks++
				if share := float64(in) / float64(n); share >= blockLo && share <= blockHi {
					v.GoodBlocks++
				}
			}
			in, n = 0, 0
		}
	}
	if len(scale) > 0 {
		slices.Sort(scale)
		v.Width = 1 / scale[min(len(scale)-1, int(math.Ceil(nominal*float64(len(scale))))-1)]
	}
	return v
}

// reach returns by how much the interval has to be stretched around the clean
// value to hold the truth, NaN where there is none.
func reach(truth, clean, lo, hi float64) float64 {
	if math.IsNaN(lo) || math.IsNaN(hi) {
		return math.NaN()
	}
	half := hi - clean
	if truth < clean {
		half = clean - lo
	}
	if d := math.Abs(truth - clean); d > 0 {
		return d / half
	}
	return 0
}

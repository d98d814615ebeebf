package drift

import "math"

// psi is the population stability index (Siddiqi 2006, "Credit risk
// scorecards"), the sum over bins of (q − p)·ln(q/p), p and q being
// the shares of the reference and of the window.
//
// Bins of quantiles take a share of at least 1e-4, so that an empty bin counts
// as one of few. Pooled bins are those of Frouros: an empty one has the least
// positive share that a float64 holds, and one value in such a bin makes the
// index exceed every usual threshold.
type psi struct{ binned }

func newPSI(c TwoWindowConfig) comparison { return &psi{newBinned(c)} }

func (d *psi) compare(ref, window []float64) (distance, p float64) {
	d.count(ref, window)
	least := 0x1p-1022
	if d.quantile {
		least = 1e-4
	}
	for i := range d.ref {
		a, b := max(d.ref[i], least), max(d.window[i], least)
		distance += (b - a) * math.Log(b/a)
	}
	return distance, math.NaN()
}

package adapt

import (
	"math"
	"slices"
)

// bounds are those beyond which a gambler cuts a difference, in medians of its
// size. One with a narrow bound wins soon where the difference is clear in every
// piece, one with a wide bound stakes little on each and sees the mean as it is.
// The wealth is shared out among them equally.
var bounds = [...]float64{2, 4, 10}

// stake is what a gambler may lose on one difference, of the wealth.
const stake = .95

// wealth tests by betting whether differences have a mean above 0
// (Waudby-Smith and Ramdas, "Estimating means of bounded random variables by
// betting", 2024, with their hedged capital; each bet is 1/b of the next):
//
//	E_n = mean over bounds b of ∏ (1 + stake·x_i),  x_i = min(max(d_i/(b·m), -1), 1)
//
// If each x_i has a mean of at most 0 given those before it, E is a
// supermartingale that starts at 1, and the chance that it ever reaches 1/level is
// at most level (Ville 1939): it may be looked at after every window. m is the median of
// the differences' sizes: it knows nothing of their signs, on which the bets are.
//
// The zero value is ready to use.
type wealth struct {
	sizes []float64 // of all differences so far, in order of size
	log   [len(bounds)]float64
	most  float64 // largest log of E at the end of a batch
}

// add bets on a batch of differences, in order.
func (w *wealth) add(d []float64) {
	for _, v := range d {
		if v == v {
			i, _ := slices.BinarySearch(w.sizes, math.Abs(v))
			w.sizes = slices.Insert(w.sizes, i, math.Abs(v))
		}
	}
	if len(w.sizes) == 0 {
		return
	}
	m := w.sizes[len(w.sizes)/2]
	if !(m > 0) || math.IsInf(m, 0) { // as where both are the same net
		return
	}
	for _, v := range d {
		if v != v {
			continue
		}
		for i, b := range bounds {
			w.log[i] += math.Log1p(stake * min(max(v/(b*m), -1), 1))
		}
	}
	w.most = max(w.most, w.logE())
}

// mostLog bounds the logarithm of the wealth, so that the wealth is a number.
const mostLog = 700

// logE returns the logarithm of the wealth.
func (w *wealth) logE() float64 {
	top := slices.Max(w.log[:])
	sum := 0.0
	for _, l := range w.log {
		sum += math.Exp(l - top)
	}
	return min(top+math.Log(sum/float64(len(w.log))), mostLog)
}

// p returns the anytime-valid p-value, 1 over the largest wealth there was.
func (w *wealth) p() float64 { return math.Exp(-w.most) }

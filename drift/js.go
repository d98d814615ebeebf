package drift

import (
	"math"
	"slices"
)

// jensenShannon is the Jensen–Shannon distance in nats, the root of the
// divergence (Endres and Schindelin 2003, "A new metric for probability
// distributions"), from 0 to √ln 2:
//
//	√((Σ p·ln(p/m) + Σ q·ln(q/m))/2),  m = (p + q)/2
//
// As in Frouros, p and q are the masses between num_bins points of equal
// distance over both windows, num_bins − 1 of them, by each window's own
// histogram, whose bins are NumPy's "auto".
type jensenShannon struct{ p, q []float64 }

func newJensenShannon(c TwoWindowConfig) comparison {
	return &jensenShannon{p: make([]float64, c.Bins-1), q: make([]float64, c.Bins-1)}
}

func (*jensenShannon) learn([]float64) {}

func (d *jensenShannon) compare(ref, window []float64) (distance, p float64) {
	low := min(ref[0], window[0])
	high := max(ref[len(ref)-1], window[len(window)-1])
	if low == high {
		return 0, math.NaN()
	}
	newHistogram(ref).masses(d.p, low, high)
	newHistogram(window).masses(d.q, low, high)
	sum := 0.0
	for i := range d.p {
		m := (d.p[i] + d.q[i]) / 2
		sum += relativeEntropy(d.p[i], m) + relativeEntropy(d.q[i], m)
	}
	return math.Sqrt(max(0, sum) / 2), math.NaN()
}

func relativeEntropy(p, q float64) float64 {
	if p == 0 {
		return 0
	}
	return p * math.Log(p/q)
}

// histogram is a distribution by bins of equal width over a sorted sample. The
// bins are counted when they are looked at, as their number has no bound.
type histogram struct {
	v         []float64
	low, high float64
	bins      int
}

// newHistogram takes the bins to be as wide as the smaller of what Freedman and
// Diaconis (1981) and Sturges (1926) say, NumPy's "auto".
func newHistogram(v []float64) histogram {
	n := float64(len(v))
	span := v[len(v)-1] - v[0]
	width := span / (math.Log2(n) + 1)
	if fd := 2 * (quantileOf(v, 0.75) - quantileOf(v, 0.25)) * math.Pow(n, -1.0/3); fd > 0 {
		width = min(width, fd)
	}
	h := histogram{v: v, bins: 1}
	h.low, h.high = outerEdges(v[0], v[len(v)-1])
	if width > 0 {
		h.bins = int(min(math.Ceil(span/width), 1<<40))
	}
	return h
}

// masses fills dst with what lies between len(dst)+1 points from low to high,
// normalised to a sum of one.
func (h histogram) masses(dst []float64, low, high float64) {
	before, sum := h.cdf(low), 0.0
	for i := range dst {
		at := h.cdf(edge(low, high, i+1, len(dst)))
		dst[i] = at - before
		sum += dst[i]
		before = at
	}
	for i := range dst {
		dst[i] /= sum
	}
}

// cdf interpolates the distribution function within a bin.
func (h histogram) cdf(x float64) float64 {
	switch {
	case x <= h.low:
		return 0
	case x >= h.high:
		return 1
	}
	k := min(int((x-h.low)/(h.high-h.low)*float64(h.bins)), h.bins-1)
	if x < edge(h.low, h.high, k, h.bins) {
		k--
	} else if k+1 < h.bins && x >= edge(h.low, h.high, k+1, h.bins) {
		k++
	}
	from, to := edge(h.low, h.high, k, h.bins), edge(h.low, h.high, k+1, h.bins)
	a, b := h.below(from, k), h.below(to, k+1)
	return (a + (b-a)*(x-from)/(to-from)) / float64(len(h.v))
}

// below counts what lies below the k-th edge; nothing lies above the last.
func (h histogram) below(x float64, k int) float64 {
	if k == h.bins {
		return float64(len(h.v))
	}
	n, _ := slices.BinarySearch(h.v, x)
	return float64(n)
}

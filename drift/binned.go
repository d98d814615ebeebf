package drift

import "slices"

// binned holds the shares of two samples in the bins of a histogram.
type binned struct {
	quantile    bool
	edges       []float64 // inner ones, ascending
	ref, window []float64 // shares
}

func newBinned(c TwoWindowConfig) binned {
	return binned{
		quantile: c.Binning == quantile,
		edges:    make([]float64, c.Bins-1),
		ref:      make([]float64, c.Bins),
		window:   make([]float64, c.Bins),
	}
}

func (b *binned) learn(ref []float64) {
	if b.quantile {
		for i := range b.edges {
			b.edges[i] = quantileOf(ref, float64(i+1)/float64(len(b.ref)))
		}
	}
}

// count fills the shares. A bin holds its lower edge.
func (b *binned) count(ref, window []float64) {
	if !b.quantile {
		low, high := outerEdges(min(ref[0], window[0]), max(ref[len(ref)-1], window[len(window)-1]))
		for i := range b.edges {
			b.edges[i] = edge(low, high, i+1, len(b.ref))
		}
	}
	b.share(b.ref, ref)
	b.share(b.window, window)
}

func (b *binned) share(dst, v []float64) {
	below := 0
	for i := range dst {
		upTo := len(v)
		if i < len(b.edges) {
			upTo, _ = slices.BinarySearch(v, b.edges[i])
		}
		dst[i] = float64(upTo-below) / float64(len(v))
		below = upTo
	}
}

// quantileOf returns a quantile of a sorted sample, interpolated between its
// neighbours (Hyndman and Fan 1996, type 7) from the nearer one, as in NumPy.
func quantileOf(v []float64, q float64) float64 {
	at := q * float64(len(v)-1)
	i := min(int(at), len(v)-2)
	t := at - float64(i)
	d := v[i+1] - v[i]
	if t >= 0.5 {
		return v[i+1] - float64(d*(1-t))
	}
	return v[i] + float64(d*t)
}

// outerEdges widens an empty range.
func outerEdges(low, high float64) (float64, float64) {
	if low == high {
		return low - 0.5, high + 0.5
	}
	return low, high
}

// edge returns the k-th of n+1 edges of n bins of equal width.
func edge(low, high float64, k, n int) float64 {
	if k == n {
		return high
	}
	return float64(float64(k)*((high-low)/float64(n))) + low
}

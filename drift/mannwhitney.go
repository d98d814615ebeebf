package drift

import "math"

// mannWhitney is the two-sided U test (Mann and Whitney 1947) with the normal
// approximation, corrected for ties and for continuity, as SciPy's
// mannwhitneyu where both samples exceed 8.
type mannWhitney struct{}

func (mannWhitney) learn([]float64) {}

func (mannWhitney) compare(ref, window []float64) (u, p float64) {
	n, m := float64(len(ref)), float64(len(window))
	ranks, ties := 0.0, 0.0
	before := merged{}
	for at := (merged{x: ref, y: window}); at.next(); before = at {
		t := float64(at.i - before.i + at.j - before.j)
		ranks += float64(at.i-before.i) * (float64(before.i+before.j) + (t+1)/2)
		ties += t*t*t - t
	}
	u = ranks - n*(n+1)/2
	all := n + m
	variance := n * m / 12 * (all + 1 - ties/(all*(all-1)))
	if !(variance > 0) {
		return u, 1 // one value only
	}
	z := (max(u, n*m-u) - n*m/2 - 0.5) / math.Sqrt(variance)
	return u, min(1, math.Erfc(z/math.Sqrt2))
}

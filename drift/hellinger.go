package drift

import "math"

// hellinger is the Hellinger distance of the shares in bins (Hellinger 1909),
// √(Σ(√p − √q)²/2), from 0 to 1.
type hellinger struct{ binned }

func newHellinger(c TwoWindowConfig) comparison { return &hellinger{newBinned(c)} }

func (d *hellinger) compare(ref, window []float64) (distance, p float64) {
	d.count(ref, window)
	for i := range d.ref {
		diff := math.Sqrt(d.ref[i]) - math.Sqrt(d.window[i])
		distance += diff * diff
	}
	return math.Sqrt(distance / 2), math.NaN()
}

// bhattacharyya is 1 − Σ√(pq) over bins, which Frouros calls the Bhattacharyya
// distance: one minus the coefficient of Bhattacharyya (1943), the square of
// the Hellinger distance.
type bhattacharyya struct{ binned }

func newBhattacharyya(c TwoWindowConfig) comparison { return &bhattacharyya{newBinned(c)} }

func (d *bhattacharyya) compare(ref, window []float64) (distance, p float64) {
	d.count(ref, window)
	distance = 1
	for i := range d.ref {
		distance -= math.Sqrt(d.ref[i] * d.window[i])
	}
	return distance, math.NaN()
}

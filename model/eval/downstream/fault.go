package downstream

import (
	"math"
	"slices"
)

// faultWindow is how many samples on each side FaultScore looks at.
const faultWindow = 16

// FaultScore returns how much each sample of x looks like a fault to a simple
// detector of energy and steps: the larger of
//
//	mean over ±16 samples of (x - median x)²
//	(mean of the 16 samples from t on - mean of the 16 before t)²
//
// each over its own upper quartile along x, which is what normal operation
// reaches at its liveliest. Missing samples take the value before them.
func FaultScore(x []float64) []float64 {
	y := held(x)
	mid := quantile(y, .5)
	for i := range y {
		y[i] -= mid
	}
	squares := make([]float64, len(y))
	for i, v := range y {
		squares[i] = v * v
	}
	energy := movingMean(squares, faultWindow)
	step := make([]float64, len(y))
	half := movingMean(y, faultWindow/2)
	for i := range step {
		before, after := max(i-faultWindow/2, 0), min(i+faultWindow/2, len(y)-1)
		d := half[after] - half[before]
		step[i] = d * d
	}
	normalise(energy)
	normalise(step)
	for i, v := range step {
		energy[i] = max(energy[i], v)
	}
	return energy
}

// normalise divides x by its upper quartile, or where that is 0 by its mean.
func normalise(x []float64) {
	by := quantile(x, .75)
	if by == 0 {
		for _, v := range x {
			by += v / float64(len(x))
		}
	}
	for i := range x {
		if by > 0 {
			x[i] /= by
		}
	}
}

// quantile returns the element of x below which a share of q lies.
func quantile(x []float64, q float64) float64 {
	if len(x) == 0 {
		return 0
	}
	s := slices.Clone(x)
	slices.Sort(s)
	return s[int(q*float64(len(s)-1))]
}

// AUC returns the area under the receiver operating curve: the chance that a
// sample with label above 0 scores higher than one with label 0, equal scores
// counting half (Hanley and McNeil 1982). Samples whose label or score is NaN
// don't count; NaN where one class is empty.
func AUC(score, label []float64) float64 {
	if len(score) != len(label) {
		panic("downstream: scores and labels differ in length")
	}
	var order []int
	for i, v := range score {
		if !math.IsNaN(v) && !math.IsNaN(label[i]) {
			order = append(order, i)
		}
	}
	slices.SortFunc(order, func(a, b int) int {
		switch {
		case score[a] < score[b]:
			return -1
		case score[a] > score[b]:
			return 1
		}
		return 0
	})
	ranks, faults, normal := 0.0, 0.0, 0.0
	for i := 0; i < len(order); {
		j := i
		for j < len(order) && score[order[j]] == score[order[i]] {
			j++
		}
		for _, k := range order[i:j] {
			if label[k] > 0 {
				faults++
				ranks += float64(i+j+1) / 2
			} else {
				normal++
			}
		}
		i = j
	}
	return (ranks - faults*(faults+1)/2) / (faults * normal)
}

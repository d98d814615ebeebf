package downstream

import (
	"math"
	"slices"
)

// F1 returns the harmonic mean of precision and recall (van Rijsbergen 1979) where
// samples that score threshold or more are taken for faults. Samples whose label or
// score is NaN don't count; NaN where there is neither a fault nor one found.
func F1(score, label []float64, threshold float64) float64 {
	if len(score) != len(label) {
		panic("downstream: scores and labels differ in length")
	}
	found, wrong, missed := 0., 0., 0.
	for i, v := range score {
		if math.IsNaN(v) || math.IsNaN(label[i]) {
			continue
		}
		switch {
		case label[i] > 0 && v >= threshold:
			found++
		case label[i] > 0:
			missed++
		case v >= threshold:
			wrong++
		}
	}
	return 2 * found / (2*found + wrong + missed)
}

// BestThreshold returns the threshold of the largest F1, the lowest of several;
// +Inf where no sample is a fault.
func BestThreshold(score, label []float64) float64 {
	if len(score) != len(label) {
		panic("downstream: scores and labels differ in length")
	}
	var order []int
	faults := 0.
	for i, v := range score {
		if math.IsNaN(v) || math.IsNaN(label[i]) {
			continue
		}
		order = append(order, i)
		if label[i] > 0 {
			faults++
		}
	}
	slices.SortFunc(order, func(a, b int) int {
		switch {
		case score[a] > score[b]:
			return -1
		case score[a] < score[b]:
			return 1
		}
		return 0
	})
	best, at, found := 0., math.Inf(1), 0.
	for k, i := range order {
		if label[i] > 0 {
			found++
		}
		if k+1 < len(order) && score[order[k+1]] == score[i] {
			continue // a threshold takes all of them, or none
		}
		// 2·found + wrong + missed = taken + faults.
		if f := 2 * found / (float64(k+1) + faults); f > 0 && f >= best {
			best, at = f, score[i]
		}
	}
	return at
}

// ResidualScore returns the mean square over ±16 samples of what a denoiser took
// away, which a threshold turns into a detector of faults: what does not look as
// usual is not reconstructed (Malhotra et al., "LSTM-based Encoder-Decoder for
// Multi-sensor Anomaly Detection", 2016). Missing samples take the value before
// them.
func ResidualScore(noisy, clean []float64) []float64 {
	r := make([]float64, len(noisy))
	for i := range r {
		r[i] = noisy[i] - clean[i]
	}
	r = held(r)
	for i, v := range r {
		r[i] = v * v
	}
	return movingMean(r, faultWindow)
}

package drifteval

import "math"

// skabProfiles are the weights of SKAB's three profiles: of a false alarm and of
// a missed window; a hit at once counts 1.
var skabProfiles = [...]struct{ falseAlarm, miss float64 }{{.11, 1}, {.22, 1}, {.11, 2}}

// skabWindow is how long after a change point an alarm hits it, in seconds.
const skabWindow = 60

// skabTrain is the number of rows of each file that a detector learns from.
const skabTrain = 400

// rowScore is SKAB's outlier score: rows that are flagged against rows that are
// labelled, pooled over files (waico/SKAB, core/metrics.py, "binary").
type rowScore struct{ tp, fp, fn, tn float64 }

// add counts rows; both slices are of the same length.
func (s *rowScore) add(labels, flags []bool) {
	for i, anomalous := range labels {
		switch {
		case anomalous && flags[i]:
			s.tp++
		case anomalous:
			s.fn++
		case flags[i]:
			s.fp++
		default:
			s.tn++
		}
	}
}

func (s *rowScore) f1() float64 { return s.tp / (s.tp + (s.fn+s.fp)/2) }

// far is the share of normal rows that are flagged, in percent.
func (s *rowScore) far() float64 { return 100 * s.fp / (s.fp + s.tn) }

// mar is the share of anomalous rows that are not, in percent.
func (s *rowScore) mar() float64 { return 100 * s.fn / (s.fn + s.tp) }

// pointScore is SKAB's change-point score (waico/SKAB, core/metrics.py, "nab"
// with windows of 60 s to the right, the later of two that overlap cut).
type pointScore struct {
	windows, hits, falseAlarms int
	sum                        [len(skabProfiles)]float64
}

// add scores the alarms of a file: seconds are the times of its rows, points the
// rows at which something changed, alarms the rows of alarms, in order. A change
// point in the rows learnt from counts, and can't be hit.
func (s *pointScore) add(seconds []int64, points, alarms []int) {
	hit := make([]bool, len(alarms))
	end := int64(math.MinInt64)
	for _, p := range points {
		from, to := max(seconds[p], end), seconds[p]+skabWindow
		end = to
		first := -1
		for i, a := range alarms {
			if t := seconds[a]; t >= from && t <= to {
				hit[i] = true
				if first < 0 {
					first = i
				}
			}
		}
		s.windows++
		if first >= 0 {
			s.hits++
		}
		for k, w := range skabProfiles {
			if first < 0 {
				s.sum[k] -= w.miss
			} else {
				s.sum[k] += skabCurve(float64(seconds[alarms[first]]-from)/float64(to-from), w.falseAlarm)
			}
		}
	}
	for _, ok := range hit {
		if !ok {
			s.falseAlarms++
			for k, w := range skabProfiles {
				s.sum[k] -= w.falseAlarm
			}
		}
	}
}

// skabCurve is what a hit counts at a place in its window, 0 to 1: from 1 down
// to −falseAlarm along a hyperbolic tangent, in a thousand steps.
func skabCurve(place, falseAlarm float64) float64 {
	const steps = 1000
	step := 0.0
	if place > 0 { // also where a window is empty, and place not a number
		step = min(math.Floor(place*steps), steps-1)
	}
	x := -math.Pi/2 + math.Pi*step/(steps-1)
	half := (1 + falseAlarm) / 2
	return half - falseAlarm - half*math.Tanh(x)/math.Tanh(math.Pi/2)
}

// score returns the score in a profile: 0 for no alarm at all, 100 for one right
// at each change and no other.
func (s *pointScore) score(profile int) float64 {
	n, miss := float64(s.windows), skabProfiles[profile].miss
	return 100 * (s.sum[profile] + n*miss) / (n + n*miss)
}

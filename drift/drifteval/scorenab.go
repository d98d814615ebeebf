package drifteval

import "math"

// nabProfiles are the weights of NAB's three profiles: of a false alarm and of a
// missed window; a window hit at once counts 1.
var nabProfiles = [...]struct{ falseAlarm, miss float64 }{{.11, 1}, {.22, 1}, {.11, 2}}

// nabProbation returns how many rows of a file are not scored, and learnt from.
func nabProbation(rows int) int { return int(min(math.Floor(.15*float64(rows)), 750)) }

// span is a labelled window, both ends included.
type span struct{ from, to int }

// spans returns where labels are set.
func spans(labels []bool) []span {
	var out []span
	for i, on := range labels {
		switch {
		case !on:
		case i > 0 && labels[i-1]:
			out[len(out)-1].to = i
		default:
			out = append(out, span{i, i})
		}
	}
	return out
}

// nabScore is the score of the Numenta Anomaly Benchmark (Lavin and Ahmad 2015,
// "Evaluating real-time anomaly detection algorithms"; numenta/NAB,
// nab/sweeper.py), summed over files.
type nabScore struct {
	windows, hits, falseAlarms int
	sum                        [len(nabProfiles)]float64
}

// add scores a file of so many rows with its windows, in order, and the rows of
// its alarms.
func (s *nabScore) add(rows int, windows []span, alarms []int) {
	probation := nabProbation(rows)
	best := make([]float64, len(windows)) // of the alarms in each window
	hit := make([]bool, len(windows))
	for _, a := range alarms {
		if a < probation {
			continue
		}
		w := 0
		for w < len(windows) && windows[w].to < a {
			w++
		}
		if w < len(windows) && windows[w].from <= a {
			v := nabCurve(-float64(windows[w].to-a+1)/float64(windows[w].to-windows[w].from+1)) / nabCurve(-1)
			best[w] = max(best[w], v)
			hit[w] = true
			continue
		}
		place := nabFar
		if w > 0 {
			before := windows[w-1]
			place = float64(a-before.to) / float64(before.to-before.from)
		}
		s.falseAlarms++
		for k, p := range nabProfiles {
			s.sum[k] += p.falseAlarm * nabCurve(place)
		}
	}
	for w, ok := range hit {
		if windows[w].to < probation {
			continue // can't be hit, and is not asked for
		}
		s.windows++
		if ok {
			s.hits++
		}
		for k, p := range nabProfiles {
			if ok {
				s.sum[k] += best[w]
			} else {
				s.sum[k] -= p.miss
			}
		}
	}
}

// nabFar is how many windows behind the last one an alarm costs all that it can.
const nabFar = 3.0

// nabCurve is what an alarm counts at a place about a window: −1 is its first
// row, 0 its end, 1 its width after that.
func nabCurve(place float64) float64 {
	if place >= nabFar {
		return -1
	}
	return 2/(1+math.Exp(5*place)) - 1
}

// score returns the score in a profile: 0 for no alarm at all, 100 for one at
// the beginning of each window and no other.
func (s *nabScore) score(profile int) float64 {
	n, miss := float64(s.windows), nabProfiles[profile].miss
	return 100 * (s.sum[profile] + n*miss) / (n + n*miss)
}

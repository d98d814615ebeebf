package drifteval

import "slices"

// boardPhases is how many clocks, offset against each other, blind figures are
// the median of.
const boardPhases = 10

// boardClock says of each recording what a clock would: so many alarms in all, evenly
// over the rows after those learnt from, begun at a phase of 0 to 1; and the
// given share of rows flagged, in stretches between the alarms.
func boardClock(recs []recording, alarms int, share, phase float64) []outcome {
	rows := 0
	for i := range recs {
		rows += len(recs[i].rows) - recs[i].train
	}
	out := make([]outcome, len(recs))
	every := float64(rows) / float64(max(alarms, 1))
	at, next := 0.0, phase*every
	for i := range recs {
		r := &recs[i]
		out[i].open = make([]bool, len(r.rows))
		for row := r.train; row < len(r.rows); row++ {
			if at >= next && alarms > 0 {
				out[i].opened = append(out[i].opened, row)
				next += every
			}
			// Since the latest alarm, or what would have been one before the first.
			out[i].open[row] = every-(next-at) < share*every
			at++
		}
		out[i].changed = out[i].opened
	}
	return out
}

// overPhases returns the median of a figure over clocks.
func overPhases(recs []recording, alarms int, share float64, figure func([]outcome) float64) float64 {
	x := make([]float64, boardPhases)
	for k := range x {
		x[k] = figure(boardClock(recs, alarms, share, float64(k)/boardPhases))
	}
	slices.Sort(x)
	return (x[(boardPhases-1)/2] + x[boardPhases/2]) / 2
}

// boardSilent says nothing of each recording.
func boardSilent(recs []recording) []outcome {
	out := make([]outcome, len(recs))
	for i := range recs {
		out[i].open = make([]bool, len(recs[i].rows))
	}
	return out
}

package main

import (
	"math"
	"slices"

	"github.com/quell-stream/quell/model/eval"
	"github.com/quell-stream/quell/model/eval/downstream"
)

// tasks are the downstream figures of a channel: what is found in the truth, in
// the readings and in each estimate.
type tasks struct {
	channel string
	rows    []taskRow
}

// taskRow holds the figures of one signal at one noise level, seed by seed.
type taskRow struct {
	signal string
	snr    float64 // NaN where the recording was noisy as it came
	beats  []downstream.BeatScore
	aucs   []float64
}

// visitSignal looks for beats and faults in a signal of the test part.
func (e *evaluation) visitSignal(subject int, t *eval.Trial, snr float64, name string, x []float64) {
	if e.trueBeats == nil && e.faults == nil {
		return
	}
	r := e.tasks[subject].row(name, snr)
	if e.trueBeats != nil {
		r.beats = append(r.beats, downstream.MatchBeats(within(e.trueBeats, t.Parts.Test), downstream.FindBeats(x, e.rate), e.rate))
	}
	if e.faults != nil {
		r.aucs = append(r.aucs, downstream.AUC(downstream.FaultScore(x), t.Parts.Test.Of(e.faults)))
	}
}

// within returns the beats of a part, counted from its beginning.
func within(beats []int, part eval.Range) (out []int) {
	for _, b := range beats {
		if b >= part.From && b < part.To {
			out = append(out, b-part.From)
		}
	}
	return out
}

// row returns the row of a signal, a new one if there is none.
func (t *tasks) row(signal string, snr float64) *taskRow {
	for i := range t.rows {
		if r := &t.rows[i]; r.signal == signal && (r.snr == snr || math.IsNaN(snr)) {
			return r
		}
	}
	t.rows = append(t.rows, taskRow{signal: signal, snr: snr})
	return &t.rows[len(t.rows)-1]
}

// median returns the median over the seeds of a figure, NaN where it is of no
// seed.
func median[T any](seeds []T, of func(T) float64) float64 {
	var v []float64
	for _, s := range seeds {
		if x := of(s); !math.IsNaN(x) {
			v = append(v, x)
		}
	}
	if len(v) == 0 {
		return math.NaN()
	}
	slices.Sort(v)
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}

func (r *taskRow) sensitivity() float64 {
	return median(r.beats, downstream.BeatScore.Sensitivity)
}

func (r *taskRow) predictivity() float64 {
	return median(r.beats, downstream.BeatScore.Predictivity)
}

func (r *taskRow) auc() float64 { return median(r.aucs, func(v float64) float64 { return v }) }

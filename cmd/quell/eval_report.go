package main

import (
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strings"

	"github.com/quell-stream/quell/model/eval"
	"github.com/quell-stream/quell/model/eval/report"
)

// picture keeps what a report shows of a channel: the first model's estimate at
// one noise level, and that of the filter of the most gain.
type picture struct {
	trial    *eval.Trial
	level    float64
	model    eval.Estimate
	filter   string
	filtered []float64
	gain     float64
}

func (p *picture) visit(shown string, r eval.Result, est eval.Estimate) {
	switch {
	case r.Method == shown:
		p.model = est
	case !r.Model && (p.filter == "" || r.Gain > p.gain):
		p.filter, p.filtered, p.gain = r.Method, est.Clean, r.Gain
	}
}

// writeReport writes the page.
func (e *evaluation) writeReport(s streams) error {
	r := report.Report{Source: filepath.Base(e.in), RateHz: e.rate, Protocol: e.protocol()}
	if e.in == "-" {
		r.Source = "standard input"
	}
	if e.added() {
		r.Noise = map[eval.Kind]string{eval.White: "White", eval.AR1: "Coloured (AR1)", eval.Impulse: "White and impulsive"}[e.kind]
	}
	for _, m := range e.models {
		r.Models = append(r.Models, report.Model{Name: m.Name(), Card: card(m)})
	}
	for i := range e.studies {
		st, p := &e.studies[i], e.pictures[i]
		test := p.trial.Parts.Test
		r.Channels = append(r.Channels, report.Channel{Name: st.Channel, Advice: e.advice(i), Results: st.Results(), Equal: st.EqualResults(),
			Sweeps: st.Sweeps(), Tasks: e.reportTasks(e.tasks[i]),
			Picture: &report.Picture{Level: p.level, First: test.From, Truth: test.Of(p.trial.Clean), Raw: test.Of(p.trial.Noisy),
				Method: e.models[0].Name(), Estimate: p.model, Filter: p.filter, Filtered: p.filtered}})
	}
	return writeTo(s, e.html, func(w io.Writer) error { return report.Write(w, &r) })
}

// protocol says what was measured and how.
func (e *evaluation) protocol() (out []string) {
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	n := len(e.subjects[0].truth)
	say("%d rows. The first 60 %% are for training, the next 20 %% for tuning, the last 20 %% are the test, which alone is scored, its edges included. One receptive field is left out before each border.", n)
	if e.added() {
		var levels []string
		for _, l := range e.levels[0] {
			levels = append(levels, fmt.Sprintf("%g dB (came out at %.2f)", *l.Asked, l.Realised))
		}
		say("%s noise was added at %s below the variance of the training part, for %s from seed %d on, independent from channel to channel. Each figure is the median over the seeds.",
			strings.ToUpper(string(e.kind[:1]))+string(e.kind[1:]), strings.Join(levels, ", "), countOf(e.seeds, "seed"), e.seed)
	} else {
		say("The recording is noisy as it came; no noise was added.")
	}
	say("The classical filters are tuned on the tune part with the truth, which flatters them. %s",
		map[bool]string{true: fmt.Sprintf("They look ahead no further than %s.", countOf(e.studies[0].Limit, "sample")),
			false: fmt.Sprintf("In the first table they may look ahead as far as they like; in the second no further than %s, as the model.", countOf(e.studies[0].Limit, "sample"))}[e.equal])
	say("Models see the readings before the test part as a live stream would, and nothing of the truth.")
	if e.added() {
		say("Methods are tied where they differ by no more than .2 dB, or than the difference varies from seed to seed. Of tied methods the simpler is advised: leaving the readings as they are, a filter, a model; then the earlier.")
	} else {
		say("Methods are tied where they differ by no more than .2 dB. Of tied methods the simpler is advised: leaving the readings as they are, a filter, a model; then the earlier.")
	}
	if e.trueBeats != nil {
		say("Heartbeats are found by the method of Pan and Tompkins (1985), the same for every signal, and count if they lie within 50 ms of a marked one.")
	}
	if e.faults != nil {
		say("Faults are scored by the larger of the energy and the step within 16 samples on each side, the same for every signal; the figure is the area under the ROC curve.")
	}
	return out
}

// countOf writes a number of things.
func countOf(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// reportTasks lays the downstream figures of a channel out as tables: a row per
// signal, the noise levels side by side.
func (e *evaluation) reportTasks(t *tasks) (out []report.Task) {
	beats, faults := report.Task{Name: "Heartbeats found again"}, report.Task{Name: "Faults told apart"}
	for i := range t.rows {
		r := &t.rows[i]
		if r.signal == t.rows[0].signal { // a new level
			at := ""
			if !math.IsNaN(r.snr) {
				at = fmt.Sprintf(" at %g dB", r.snr)
			}
			beats.Columns = append(beats.Columns, "sensitivity"+at, "predictivity"+at)
			faults.Columns = append(faults.Columns, "AUC"+at)
		}
		beats.Add(r.signal, r.sensitivity(), r.predictivity())
		faults.Add(r.signal, r.auc())
	}
	if e.trueBeats != nil {
		out = append(out, beats)
	}
	if e.faults != nil {
		out = append(out, faults)
	}
	return out
}

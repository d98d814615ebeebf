package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"text/tabwriter"

	"github.com/quell-stream/quell/model/eval"
)

// advice returns the verdicts on a channel in words.
func (e *evaluation) advice(subject int) []eval.Advice {
	return eval.Advise(e.studies[subject].Verdicts(), e.rate)
}

// writeText writes tables, breakpoints, downstream figures and verdicts.
func (e *evaluation) writeText(w io.Writer) error {
	var results []eval.Result
	for i := range e.studies {
		for _, l := range e.levels[i] {
			if l.Asked != nil {
				fmt.Fprintf(w, "%s: %s noise at %g dB came out at %.2f dB\n", l.Channel, e.kind, *l.Asked, l.Realised)
			}
		}
		results = append(results, e.studies[i].Results()...)
	}
	if len(e.clean) == 0 && e.truth == "" {
		fmt.Fprintf(w, "Taken as clean, with noise added: %s. If that is noisy itself, its noise is scored as signal: --clean CH=COL or --truth FILE names the truth.\n", e.in)
	}
	if err := eval.WriteTable(w, results); err != nil {
		return err
	}
	fmt.Fprintln(w)
	if err := eval.WriteServed(w, results); err != nil {
		return err
	}
	e.textSweeps(w)
	if err := errors.Join(e.textTasks(w), e.textHeads(w)); err != nil {
		return err
	}
	var err error
	fmt.Fprintln(w)
	for i := range e.studies {
		for _, a := range e.advice(i) {
			_, err = fmt.Fprintf(w, "%s: %s\n", a.Where(), a.Text)
		}
	}
	return err
}

// textSweeps says where the models break down, and the best filter.
func (e *evaluation) textSweeps(w io.Writer) {
	for i := range e.studies {
		for k, s := range e.studies[i].Sweeps() {
			if k == 0 {
				fmt.Fprintf(w, "\n%s, breakpoints of the sweep from %g to %g dB\n", s.Channel, s.SNR[0], s.SNR[len(s.SNR)-1])
			}
			fmt.Fprintln(w, s.Words())
		}
	}
}

// textTasks writes the downstream figures.
func (e *evaluation) textTasks(w io.Writer) error {
	if e.trueBeats == nil && e.faults == nil {
		return nil
	}
	for _, t := range e.tasks {
		table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		fmt.Fprintf(w, "\n%s, found again in the test part\n", t.channel)
		head := "signal\tdB in"
		if e.trueBeats != nil {
			head += "\tbeats: sensitivity\tpredictivity"
		}
		if e.faults != nil {
			head += "\tfaults: AUC"
		}
		fmt.Fprintln(table, head)
		for i := range t.rows {
			r := &t.rows[i]
			fmt.Fprintf(table, "%s\t%s", r.signal, dash(r.snr, "%g"))
			if e.trueBeats != nil {
				fmt.Fprintf(table, "\t%s\t%s", dash(r.sensitivity(), "%.4f"), dash(r.predictivity(), "%.4f"))
			}
			if e.faults != nil {
				fmt.Fprintf(table, "\t%s", dash(r.auc(), "%.3f"))
			}
			fmt.Fprintln(table)
		}
		if err := table.Flush(); err != nil {
			return err
		}
	}
	return nil
}

// dash formats a figure, a dash where it is none.
func dash(v float64, format string) string {
	if math.IsNaN(v) {
		return "-"
	}
	return fmt.Sprintf(format, v)
}

// orNull returns nil where v is NaN, for JSON.
func orNull(v float64) *float64 {
	if math.IsNaN(v) {
		return nil
	}
	return &v
}

type beatsJSON struct {
	Channel      string   `json:"channel"`
	Method       string   `json:"method"`
	SNR          *float64 `json:"snr_db"`
	Sensitivity  *float64 `json:"sensitivity"`
	Predictivity *float64 `json:"positive_predictivity"`
}

type faultsJSON struct {
	Channel string   `json:"channel"`
	Method  string   `json:"method"`
	SNR     *float64 `json:"snr_db"`
	AUC     *float64 `json:"auc"`
}

type verdictJSON struct {
	Channel string    `json:"channel"`
	SNR     []float64 `json:"snr_db"`
	Use     string    `json:"use"`
	Text    string    `json:"text"`
}

// writeJSON writes all figures; docs/eval.md has the keys.
func (e *evaluation) writeJSON(w io.Writer) error {
	out := struct {
		Results    []eval.Result `json:"results"`
		Realised   []level       `json:"realised_snr"`
		Equal      []eval.Result `json:"results_equal_lookahead"`
		Sweep      []eval.Sweep  `json:"sweep"`
		Downstream struct {
			Beats  []beatsJSON  `json:"beats"`
			Faults []faultsJSON `json:"faults"`
			Heads  []headJSON   `json:"heads,omitempty"`
		} `json:"downstream"`
		Verdicts []verdictJSON `json:"verdicts"`
	}{Equal: []eval.Result{}, Sweep: []eval.Sweep{}}
	for i := range e.studies {
		s := &e.studies[i]
		out.Results = append(out.Results, s.Results()...)
		out.Realised = append(out.Realised, e.levels[i]...)
		out.Equal = append(out.Equal, s.EqualResults()...)
		out.Sweep = append(out.Sweep, s.Sweeps()...)
		for k := range e.tasks[i].rows {
			r := &e.tasks[i].rows[k]
			if e.trueBeats != nil {
				out.Downstream.Beats = append(out.Downstream.Beats, beatsJSON{s.Channel, r.signal, orNull(r.snr), orNull(r.sensitivity()), orNull(r.predictivity())})
			}
			if e.faults != nil {
				out.Downstream.Faults = append(out.Downstream.Faults, faultsJSON{s.Channel, r.signal, orNull(r.snr), orNull(r.auc())})
			}
		}
		for _, a := range e.advice(i) {
			out.Verdicts = append(out.Verdicts, verdictJSON{a.Channel, append([]float64{}, a.Levels...), a.Use, a.Text})
		}
	}
	for _, r := range e.heads {
		out.Downstream.Heads = append(out.Downstream.Heads, r.json())
	}
	return json.NewEncoder(w).Encode(out)
}

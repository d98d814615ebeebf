package main

import (
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"

	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/eval"
	"github.com/quell-stream/quell/model/eval/downstream"
	"github.com/quell-stream/quell/model/train"
)

// headRow is how well a model that tells classes tells faults at one noise level,
// seed by seed, and how well the size of what it took away does.
type headRow struct {
	model, channel string // the channels of a model of several, joined by +
	snr            float64
	head, residual []faultScore
}

// faultScore is how well a score tells faults in the test part.
type faultScore struct{ f1, auc float64 }

// faultScoreOf scores a detector; its threshold is the best one of the tune part.
func faultScoreOf(score, label []float64, parts eval.Parts) faultScore {
	f := faultScore{math.NaN(), downstream.AUC(parts.Test.Of(score), parts.Test.Of(label))}
	if at := downstream.BestThreshold(parts.Tune.Of(score), parts.Tune.Of(label)); !math.IsInf(at, 0) {
		f.f1 = downstream.F1(parts.Test.Of(score), parts.Test.Of(label), at)
	}
	return f
}

// scoreHeads scores the models that tell classes on one seed's trials.
func (e *evaluation) scoreHeads(trials []*eval.Trial, snr float64) error {
	if e.faults == nil {
		return nil
	}
	noisy, lost, names := make([][]float64, len(trials)), make([][]bool, len(trials)), make([]string, len(trials))
	for i, t := range trials {
		x, ok := filled(t.Noisy)
		if !ok {
			return fmt.Errorf("channel %s has no value", t.Channel)
		}
		noisy[i], lost[i], names[i] = x, lostOf(t.Noisy), t.Channel
	}
	for _, m := range e.models {
		classes := len(m.Header().Classes)
		if classes == 0 {
			continue
		}
		odds, err := train.Classify(m, noisy, lost)
		if err != nil {
			return err
		}
		clean, err := estimates(m, noisy, false)
		if err != nil {
			return err
		}
		per := len(trials) / len(odds)
		for i, p := range odds {
			score, residual := make([]float64, len(e.faults)), make([]float64, len(e.faults))
			for t := range score {
				score[t] = 1 - float64(p[t*classes]) // not the normal one
			}
			for k := i * per; k < (i+1)*per; k++ {
				r := downstream.ResidualScore(noisy[k], clean[k].Clean)
				addScaled(residual, r, trials[k].Parts.Tune)
			}
			parts := trials[i*per].Parts
			row := e.headRow(m, strings.Join(names[i*per:(i+1)*per], "+"), snr)
			row.head = append(row.head, faultScoreOf(score, e.faults, parts))
			row.residual = append(row.residual, faultScoreOf(residual, e.faults, parts))
		}
	}
	return nil
}

// addScaled adds a score over its mean in a part.
func addScaled(sum, score []float64, part eval.Range) {
	mean, _ := eval.Variance(part.Of(score))
	for t, v := range score {
		if mean > 0 {
			sum[t] += v / mean
		}
	}
}

// headRow returns the row of a model and channel, a new one if there is none.
func (e *evaluation) headRow(m *model.Model, channel string, snr float64) *headRow {
	for _, r := range e.heads {
		if r.model == m.Name() && r.channel == channel && (r.snr == snr || math.IsNaN(snr)) {
			return r
		}
	}
	r := &headRow{model: m.Name(), channel: channel, snr: snr}
	e.heads = append(e.heads, r)
	return r
}

func f1Of(s faultScore) float64  { return s.f1 }
func aucOf(s faultScore) float64 { return s.auc }

// headJSON is a row as it is printed.
type headJSON struct {
	Channel     string   `json:"channel"`
	Method      string   `json:"method"`
	SNR         *float64 `json:"snr_db"`
	F1          *float64 `json:"f1"`
	AUC         *float64 `json:"auc"`
	ResidualF1  *float64 `json:"residual_f1"`
	ResidualAUC *float64 `json:"residual_auc"`
}

func (r *headRow) json() headJSON {
	return headJSON{r.channel, r.model, orNull(r.snr), orNull(median(r.head, f1Of)), orNull(median(r.head, aucOf)),
		orNull(median(r.residual, f1Of)), orNull(median(r.residual, aucOf))}
}

// textHeads writes how well models tell faults.
func (e *evaluation) textHeads(w io.Writer) error {
	if len(e.heads) == 0 {
		return nil
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\nfaults told by the model itself, in the test part, and by the size of what it took away")
	fmt.Fprintln(table, "channel\tmodel\tdB in\tF1\tAUC\tresidual: F1\tAUC")
	for _, r := range e.heads {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.channel, r.model, dash(r.snr, "%g"),
			dash(median(r.head, f1Of), "%.3f"), dash(median(r.head, aucOf), "%.3f"), dash(median(r.residual, f1Of), "%.3f"), dash(median(r.residual, aucOf), "%.3f"))
	}
	return table.Flush()
}

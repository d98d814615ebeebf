package drifteval

import (
	"context"
	"fmt"
	"math"

	"github.com/quell-stream/quell/internal/scoreboard"
)

// profileNames are the profiles of both boards.
var profileNames = [...]string{"standard", "low FP", "low FN"}

// boardNAB is the study of the Numenta Anomaly Benchmark.
func boardNAB() scoreboard.Study {
	return scoreboard.Study{Name: "nab", Doc: "NAB: windows of an anomaly, no threshold tuned on the labels", Run: runNAB}
}

func runNAB(ctx context.Context, o *scoreboard.Options) ([]scoreboard.Row, error) {
	recs, err := readNAB(o.Data)
	if err != nil {
		return nil, err
	}
	if len(recs) == 0 {
		return []scoreboard.Row{{Name: "NAB: standard", Must: scoreboard.AtLeast(45), Aim: scoreboard.AtLeast(65),
			Got: math.NaN(), Note: "there is no nab in the data"}}, nil
	}
	var rows []scoreboard.Row
	var first []outcome
	for _, s := range subjects() {
		if o.Quick && !s.asked {
			continue
		}
		o.Tell("nab: %s", s.name)
		out, err := watchAll(ctx, recs, s, o.Seed)
		if err != nil {
			return nil, err
		}
		if first == nil {
			first = out
		}
		rows = append(rows, nabRows(&s, recs, out)...)
	}
	return append(rows, nabBlind(recs, first)...), nil
}

// nabOf scores what was said of all files: where something began.
func nabOf(recs []recording, out []outcome) (n nabScore) {
	for i := range recs {
		n.add(len(recs[i].rows), spans(recs[i].anomalous), out[i].opened)
	}
	return n
}

func nabRows(s *subject, recs []recording, out []outcome) []scoreboard.Row {
	n := nabOf(recs, out)
	note := fmt.Sprintf("%d of %d windows hit, %d false alarms, %d files of 58", n.hits, n.windows, n.falseAlarms, len(recs))
	var rows []scoreboard.Row
	for k, profile := range profileNames {
		r := scoreboard.Row{Name: "NAB, " + s.name + ": " + profile, Got: n.score(k), Note: note}
		if k == 0 {
			r.Anchor = "Windowed Gaussian 39.6, ARTime 74.9, both tuned"
			if s.asked {
				r.Must, r.Aim = scoreboard.AtLeast(45), scoreboard.AtLeast(65)
			}
		}
		rows = append(rows, r)
	}
	return rows
}

// nabBlind returns the rows of what does not look at the data.
func nabBlind(recs []recording, of []outcome) []scoreboard.Row {
	alarms := 0
	for i := range of {
		alarms += len(of[i].opened)
	}
	n := nabOf(recs, boardSilent(recs))
	return []scoreboard.Row{
		{Name: "NAB, clock: standard", Note: fmt.Sprintf("%d alarms, median of %d phases", alarms, boardPhases), Blind: true,
			Got: overPhases(recs, alarms, 0, func(out []outcome) float64 { n := nabOf(recs, out); return n.score(0) })},
		{Name: "NAB, silent: standard", Got: n.score(0), Blind: true},
	}
}

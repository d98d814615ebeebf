package drifteval

import (
	"context"
	"fmt"
	"math"

	"github.com/quell-stream/quell/internal/scoreboard"
)

// skabWindows is how many change points the 34 published files have. What is
// asked of numbers of alarms is asked in proportion to how many the files at hand
// have.
const skabWindows = 127

// boardSKAB is the study of the Skoltech Anomaly Benchmark.
func boardSKAB() scoreboard.Study {
	return scoreboard.Study{Name: "skab", Doc: "SKAB as published, but causal: rows of an anomaly, change points", Run: runSKAB}
}

func runSKAB(ctx context.Context, o *scoreboard.Options) ([]scoreboard.Row, error) {
	recs, err := readSKAB(o.Data)
	if err != nil {
		return nil, err
	}
	if len(recs) == 0 {
		return []scoreboard.Row{{Name: "SKAB: rows of an anomaly, F1", Must: scoreboard.AtLeast(.70), Aim: scoreboard.AtLeast(.85),
			Got: math.NaN(), Note: "there is no skab in the data"}}, nil
	}
	var rows []scoreboard.Row
	var first []outcome
	for _, s := range subjects() {
		if o.Quick && !s.asked {
			continue
		}
		o.Tell("skab: %s", s.name)
		out, err := watchAll(ctx, recs, s, o.Seed)
		if err != nil {
			return nil, err
		}
		if first == nil {
			first = out
		}
		rows = append(rows, skabRows(&s, recs, out)...)
	}
	return append(rows, skabBlind(recs, first)...), nil
}

// skabOf scores what was said of all files.
func skabOf(recs []recording, out []outcome, alarms func(*outcome) []int) (r rowScore, p pointScore) {
	for i := range recs {
		n := recs[i].train
		r.add(recs[i].anomalous[n:], out[i].open[n:])
		p.add(recs[i].seconds, recs[i].points, alarms(&out[i]))
	}
	return r, p
}

func skabRows(s *subject, recs []recording, out []outcome) []scoreboard.Row {
	r, p := skabOf(recs, out, s.changes)
	part := float64(p.windows) / skabWindows
	name := "SKAB, " + s.name + ": "
	files, windows := fmt.Sprintf("%d files of 34", len(recs)), fmt.Sprintf("of %d", p.windows)
	var rows []scoreboard.Row
	if !s.restarts {
		rows = append(rows,
			scoreboard.Row{Name: name + "rows of an anomaly, F1", Anchor: "Conv-AE .78, not causal", Must: scoreboard.AtLeast(.70), Aim: scoreboard.AtLeast(.85), Got: r.f1(), Note: files},
			scoreboard.Row{Name: name + "normal rows flagged, %", Anchor: "13.55", Must: scoreboard.AtMost(13.6), Got: r.far(), Note: fmt.Sprintf("%.1f %% of the anomalous missed", r.mar())})
	}
	rows = append(rows,
		scoreboard.Row{Name: name + "change points hit", Anchor: "45 of 127", Must: scoreboard.AtLeast(35 * part), Aim: scoreboard.AtLeast(60 * part), Got: float64(p.hits), Note: windows},
		scoreboard.Row{Name: name + "false alarms beside", Anchor: "23", Must: scoreboard.AtMost(23 * part), Got: float64(p.falseAlarms), Note: files})
	for k, profile := range profileNames {
		rows = append(rows, scoreboard.Row{Name: name + "change points, " + profile, Anchor: [...]string{"23.61", "21.54", "27.55"}[k], Got: p.score(k)})
	}
	if !s.asked {
		for i := range rows {
			rows[i].Must, rows[i].Aim = scoreboard.Bound{}, scoreboard.Bound{}
		}
	}
	return rows
}

// skabBlind returns the rows of what does not look at the data, with as many
// alarms and as many rows flagged.
func skabBlind(recs []recording, of []outcome) []scoreboard.Row {
	alarms, open, rows := 0, 0, 0
	for i := range of {
		alarms += len(of[i].changed)
		for _, on := range of[i].open[recs[i].train:] {
			rows++
			if on {
				open++
			}
		}
	}
	opened := func(o *outcome) []int { return o.opened }
	figure := func(get func(rowScore, pointScore) float64) float64 {
		return overPhases(recs, alarms, float64(open)/float64(rows), func(out []outcome) float64 { return get(skabOf(recs, out, opened)) })
	}
	const name = "SKAB, clock: "
	note := fmt.Sprintf("%d alarms, median of %d phases", alarms, boardPhases)
	r, p := skabOf(recs, boardSilent(recs), opened)
	return []scoreboard.Row{
		{Name: name + "rows of an anomaly, F1", Got: figure(func(r rowScore, _ pointScore) float64 { return r.f1() }), Note: note, Blind: true},
		{Name: name + "change points hit", Got: figure(func(_ rowScore, p pointScore) float64 { return float64(p.hits) }), Note: note, Blind: true},
		{Name: name + "false alarms beside", Got: figure(func(_ rowScore, p pointScore) float64 { return float64(p.falseAlarms) }), Note: note, Blind: true},
		{Name: name + "change points, standard", Got: figure(func(_ rowScore, p pointScore) float64 { return p.score(0) }), Note: note, Blind: true},
		{Name: "SKAB, silent: rows of an anomaly, F1", Got: r.f1(), Blind: true},
		{Name: "SKAB, silent: change points, standard", Got: p.score(0), Blind: true},
	}
}

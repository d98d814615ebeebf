package drifteval

import (
	"context"
	"fmt"

	"github.com/quell-stream/quell/internal/scoreboard"
)

// events is the study of series as operators have them, scored as NAB scores.
// Constants of the monitor may be chosen on it; on NAB none is.
func events() scoreboard.Study {
	return scoreboard.Study{Name: "events", Doc: "synthetic series of servers, roads, rooms and machines, scored as NAB: windows of an event", Run: runEvents}
}

func runEvents(ctx context.Context, o *scoreboard.Options) ([]scoreboard.Row, error) {
	series := 12
	if o.Quick {
		series = 2
	}
	var recs []recording
	var names []string
	for k, s := range eventSources() {
		names = append(names, s.name)
		for i := range series {
			recs = append(recs, eventRecording(&s, o.Seed, uint64(1000*k+i)))
		}
	}
	var rows []scoreboard.Row
	var first []outcome
	for _, s := range subjects() {
		if s.restarts || o.Quick && !s.asked {
			continue
		}
		o.Tell("events: %s", s.name)
		out, err := watchAll(ctx, recs, s, o.Seed)
		if err != nil {
			return nil, err
		}
		rows = append(rows, eventRow(s.name, recs, out))
		if first == nil {
			first = out
			for k, name := range names {
				from, to := k*series, (k+1)*series
				rows = append(rows, eventRow(s.name+", "+name, recs[from:to], out[from:to]))
			}
		}
	}
	return append(rows, eventBlind(recs, first)...), nil
}

// eventRow scores what was said, and counts the false alarms over those asked for.
func eventRow(name string, recs []recording, out []outcome) scoreboard.Row {
	n, may := nabOf(recs, out), 0.0
	for i := range recs {
		may += float64(recs[i].rate()) * float64(len(recs[i].rows)-recs[i].train)
	}
	return scoreboard.Row{Name: "events, " + name + ": standard", Got: n.score(0),
		Note: fmt.Sprintf("%d of %d windows hit, %d false alarms, %.0f asked for, %d series", n.hits, n.windows, n.falseAlarms, may, len(recs))}
}

func eventBlind(recs []recording, of []outcome) []scoreboard.Row {
	alarms := 0
	for i := range of {
		alarms += len(of[i].opened)
	}
	n := nabOf(recs, boardSilent(recs))
	return []scoreboard.Row{
		{Name: "events, clock: standard", Note: fmt.Sprintf("%d alarms, median of %d phases", alarms, boardPhases), Blind: true,
			Got: overPhases(recs, alarms, 0, func(out []outcome) float64 { n := nabOf(recs, out); return n.score(0) })},
		{Name: "events, silent: standard", Got: n.score(0), Blind: true},
	}
}

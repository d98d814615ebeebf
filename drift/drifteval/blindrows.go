package drifteval

import (
	"fmt"

	"github.com/quell-stream/quell/internal/scoreboard"
)

// blindAlarms are the rows of false alarms of detectors that do not look.
func blindAlarms(name string, t tally) []scoreboard.Row {
	return []scoreboard.Row{
		{Name: "false alarms per 1e6, " + name + ", clock", Got: t.perMillion(), Note: "as many alarms, evenly spaced", Blind: true},
		{Name: "false alarms per 1e6, " + name + ", silent", Got: 0, Blind: true},
	}
}

// blindDelays are the rows of delays of a clock with as many alarms in as many
// values as a detector, and of one that never says anything.
func blindDelays(name string, t *lags) []scoreboard.Row {
	alarms, watched := t.early+len(t.found), t.missed*(before+horizon)+t.early*before
	for _, d := range t.found {
		watched += before + d
	}
	c := &lags{missed: t.missed}
	period := 0
	if alarms > 0 {
		period = max(watched/alarms, 1)
		c = clockLags(period)
	}
	n := len(c.found) + c.missed
	return []scoreboard.Row{
		{Name: "median delay, " + name + ", clock", Got: quantile(c.found, c.missed, 0.5), Blind: true,
			Note: fmt.Sprintf("one alarm in %d values; %.0f %% of its phases raise one before the change", period, 100*float64(c.early)/float64(max(c.early+n, 1)))},
		{Name: "% missed, " + name + ", silent", Got: 100, Blind: true},
	}
}

// clockLags returns the delays of a clock of that period, one for each phase.
func clockLags(period int) *lags {
	each := make([]int, period)
	for phase := range each {
		switch first := phase + 1; { // of its alarms, counted from the first value watched
		case first <= before:
			each[phase] = tooEarly
		default:
			each[phase] = min(first-before, horizon+1)
		}
	}
	return collect(each)
}

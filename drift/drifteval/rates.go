package drifteval

import (
	"context"
	"fmt"

	"github.com/quell-stream/quell/drift"
	"github.com/quell-stream/quell/drift/monitor"
	"github.com/quell-stream/quell/internal/scoreboard"
)

// setting is a rate asked for and a length of learning, on one stream.
type setting struct {
	stream string
	rate   string // as monitor.ParseRate takes it, at one value per second
	learns int
	length int // values watched, in millions
	must   scoreboard.Bound
}

func settings() []setting {
	var list []setting
	for _, stream := range []string{"Gauss", "AR(.9)"} {
		for _, at := range []struct {
			rate   string
			length int
		}{{"1/1e4", 2}, {"1/1e5", 10}, {"1/month", 40}} {
			list = append(list, setting{stream, at.rate, 2000, at.length, scoreboard.AtMost(2)})
		}
		// Nothing is asked of a short history: that it holds less exactly is declared,
		// and here is by how much.
		list = append(list, setting{stream, "1/1e6", 100, 20, scoreboard.Bound{}}, setting{stream, "1/1e6", 400, 20, scoreboard.Bound{}})
	}
	// What 10,000 values are for.
	for _, stream := range []string{"AR(.99)", "GARCH"} {
		list = append(list, setting{stream, "1/1e6", 2000, 20, scoreboard.Bound{}})
	}
	return list
}

// rates holds false alarms against the rate that was asked for.
func rates() scoreboard.Study {
	return scoreboard.Study{
		Name: "rates",
		Doc:  "false alarms over what was asked for, at other rates and lengths of learning",
		Run: func(ctx context.Context, o *scoreboard.Options) ([]scoreboard.Row, error) {
			var rows []scoreboard.Row
			for _, st := range settings() {
				o.Tell("rates: %s, %s, learning from %d", st.stream, st.rate, st.learns)
				r, err := st.measure(ctx, o)
				if err != nil {
					return nil, err
				}
				rows = append(rows, r...)
			}
			return rows, nil
		},
	}
}

func (st *setting) measure(ctx context.Context, o *scoreboard.Options) ([]scoreboard.Row, error) {
	rate, err := monitor.ParseRate(st.rate, 1)
	if err != nil {
		return nil, err
	}
	s := streamOf(st.stream)
	w := watcher{own: true, make: func(_ *stream, seed uint64) (drift.Detector, int) {
		return monitor.NewDetector(rate, st.learns, seed), st.learns
	}}
	runs, must := 20, st.must
	if o.Quick {
		runs, must = 1, scoreboard.Bound{}
	}
	t, err := countAlarms(ctx, &w, &s, o.Seed, runs, st.length*50_000)
	if err != nil {
		return nil, err
	}
	over := float64(t.alarms) * rate.Between() / float64(t.watched)
	name := fmt.Sprintf("%s, %s, learning from %d", st.stream, st.rate, st.learns)
	return []scoreboard.Row{
		{Name: "false alarms over asked, " + name, Must: must, Got: over, Note: t.sure(rate.Between())},
		{Name: "false alarms over asked, " + name + ", clock", Got: over, Note: "as many alarms, evenly spaced", Blind: true},
		{Name: "false alarms over asked, " + name + ", silent", Blind: true},
	}, nil
}

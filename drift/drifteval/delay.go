package drifteval

import (
	"context"
	"fmt"
	"math"

	"github.com/quell-stream/quell/drift"
	"github.com/quell-stream/quell/internal/scoreboard"
)

// change is what happens to a series after some time: x becomes shift + scale·x.
type change struct {
	name         string
	stream       string
	shift, scale float64
	anchor       string
	median, p95  [2]scoreboard.Bound // must, aim
	missed       scoreboard.Bound
}

func most(must, aim float64) [2]scoreboard.Bound {
	return [2]scoreboard.Bound{scoreboard.AtMost(must), scoreboard.AtMost(aim)}
}

// changes returns what detectors have to find. Floors are ln(1e6) over the
// divergence of a value after the change from one before it: no detector with
// one false alarm in 1e6 values is sooner on average.
func changes() []change {
	none := [2]scoreboard.Bound{}
	found := scoreboard.AtMost(0)
	return []change{
		{"mean +0.5", "Gauss", 0.5, 1, "ADWIN 112, floor 110", most(110, 105), [2]scoreboard.Bound{scoreboard.AtMost(200)}, found},
		{"mean +1", "Gauss", 1, 1, "ADWIN 48, floor 28", most(32, 30), [2]scoreboard.Bound{scoreboard.AtMost(55)}, found},
		{"mean +2", "Gauss", 2, 1, "ADWIN 16, floor 7", most(10, 9), [2]scoreboard.Bound{scoreboard.AtMost(15)}, found},
		{"mean +1", "AR(.9)", 1, 1, "whitened ADWIN 449, floor 525", most(450, 450), none, found},
		{"mean +2", "AR(.9)", 2, 1, "whitened ADWIN 113, floor 131", most(115, 115), none, found},
		{"deviation ×2", "Gauss", 0, 2, "", most(30, 23), none, found},
		{"deviation ×1.5", "Gauss", 0, 1.5, "prototype 59", none, none, scoreboard.Bound{}},
		{"deviation ×0.5", "Gauss", 0, 0.5, "prototype 44", none, none, scoreboard.Bound{}},
	}
}

const (
	before  = 500  // values watched before the change
	horizon = 5000 // values after it within which it must be found
)

// delays measures how many values after a change the alarm comes.
func delays() scoreboard.Study {
	return scoreboard.Study{
		Name: "delays",
		Doc:  "values from a change to the alarm, 500 values after learning, 400 series each",
		Run: func(ctx context.Context, o *scoreboard.Options) ([]scoreboard.Row, error) {
			runs := 400
			if o.Quick {
				runs = 60
			}
			var rows []scoreboard.Row
			for _, c := range changes() {
				o.Tell("delays: %s, %s", c.stream, c.name)
				for _, w := range append([]watcher{monitored()}, anchors()...) {
					t, err := measureDelays(ctx, &w, &c, o.Seed, runs)
					if err != nil {
						return nil, err
					}
					rows = append(rows, delayRows(&w, &c, t)...)
					if w.own {
						rows = append(rows, blindDelays(c.stream+" "+c.name, t)...)
					}
				}
			}
			return rows, nil
		},
	}
}

// lags are the delays of one detector to one change.
type lags struct {
	early  int // series with an alarm before the change; they count nowhere else
	missed int // not found within the horizon
	found  []int
}

func measureDelays(ctx context.Context, w *watcher, c *change, seed uint64, runs int) (*lags, error) {
	s := streamOf(c.stream)
	each := make([]int, runs)
	err := parallel(ctx, runs, func(i int) {
		d, learns := w.make(&s, seed<<16+uint64(i))
		// All detectors see the same series, those that learn nothing included. The
		// change falls on every phase of a detector that tests at intervals.
		at := s.calibration() + before + i%32
		each[i] = delayOf(d, s.series(seed, 1<<32+uint64(i)), at, learns, c)
	})
	return collect(each), err
}

// collect sorts delays as delayOf tells them.
func collect(each []int) *lags {
	t := &lags{}
	for _, n := range each {
		switch {
		case n == tooEarly:
			t.early++
		case n > horizon:
			t.missed++
		default:
			t.found = append(t.found, n)
		}
	}
	return t
}

const tooEarly = 0

// delayOf returns the number of values up to and including the alarm after a
// change, tooEarly with an alarm in the last values before it, horizon+1 without
// one after it.
func delayOf(d drift.Detector, next func() float64, at, learns int, c *change) int {
	for i := range at {
		// A detector that does not learn may have raised alarms long ago, and begun
		// anew: what counts is the time that the others watch.
		if d.Update(next()) == drift.Drift && i >= max(learns, at-before) {
			return tooEarly
		}
	}
	for i := 1; i <= horizon; i++ {
		if d.Update(c.shift+c.scale*next()) == drift.Drift {
			return i
		}
	}
	return horizon + 1
}

func delayRows(w *watcher, c *change, t *lags) []scoreboard.Row {
	label := func(what string) string { return fmt.Sprintf("%s, %s %s, %s", what, c.stream, c.name, w.name) }
	n := len(t.found) + t.missed
	median := scoreboard.Row{Name: label("median delay"), Got: quantile(t.found, t.missed, 0.5),
		Note: fmt.Sprintf("%d series, and %d with an alarm before the change", n, t.early)}
	p95 := scoreboard.Row{Name: label("95 % delay"), Got: quantile(t.found, t.missed, 0.95)}
	missed := scoreboard.Row{Name: label("% missed"), Got: 100 * float64(t.missed) / float64(max(n, 1)), Note: fmt.Sprintf("within %d values", horizon)}
	if w.own {
		median.Anchor = c.anchor
		median.Must, median.Aim = c.median[0], c.median[1]
		p95.Must, p95.Aim = c.p95[0], c.p95[1]
		missed.Must = c.missed
	}
	if n == 0 {
		median.Got, p95.Got, missed.Got = math.NaN(), math.NaN(), math.NaN()
	}
	return []scoreboard.Row{median, p95, missed}
}

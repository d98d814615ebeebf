package drifteval

import (
	"context"
	"fmt"
	"math"

	"github.com/quell-stream/quell/drift"
	"github.com/quell-stream/quell/internal/scoreboard"
)

// falseAlarms counts alarms on series where nothing ever changes. A detector
// that raised one begins anew, learning included; what it learns from is not
// counted as watched.
func falseAlarms() scoreboard.Study {
	return scoreboard.Study{
		Name: "false-alarms",
		Doc:  "alarms on stationary series, one in 1e6 values asked for; 2e7 values each",
		Run: func(ctx context.Context, o *scoreboard.Options) ([]scoreboard.Row, error) {
			runs, length := 40, 500_000
			if o.Quick {
				runs, length = 4, 100_000
			}
			var rows []scoreboard.Row
			for _, s := range streams() {
				o.Tell("false-alarms: %s", s.name)
				for _, w := range append([]watcher{monitored()}, anchors()...) {
					c, err := countAlarms(ctx, &w, &s, o.Seed, runs, length)
					if err != nil {
						return nil, err
					}
					rows = append(rows, alarmRow(&w, &s, c, o.Quick))
					if w.own {
						rows = append(rows, blindAlarms(s.name, c)...)
					}
				}
			}
			return rows, nil
		},
	}
}

// tally counts alarms among values watched.
type tally struct{ alarms, watched int }

// perMillion returns alarms per 1e6 values watched.
func (t tally) perMillion() float64 { return 1e6 * float64(t.alarms) / float64(t.watched) }

// String says on how much the count is, and how sure the rate per 1e6 is.
func (t tally) String() string { return t.sure(1e6) }

// sure is String with the rate in so many values.
func (t tally) sure(values float64) string {
	lo, hi := poisson(t.alarms)
	scale := values / float64(t.watched)
	return fmt.Sprintf("%d in %.3g values; 95 %%: %.2g to %.2g", t.alarms, float64(t.watched), lo*scale, hi*scale)
}

// poisson returns the 95 % limits of a Poisson mean of which n was seen, by
// Wilson's and Hilferty's approximation of χ² (1931).
func poisson(n int) (lo, hi float64) {
	const z = 1.959963984540054
	limit := func(k, z float64) float64 {
		c := 1 - 1/(9*k) + z/(3*math.Sqrt(k))
		return k * c * c * c
	}
	if n > 0 {
		lo = limit(float64(n), -z)
	}
	return lo, limit(float64(n)+1, z)
}

// countAlarms runs a detector over stationary series until it has watched so
// many values of each.
func countAlarms(ctx context.Context, w *watcher, s *stream, seed uint64, runs, length int) (tally, error) {
	counts := make([]int, runs)
	err := parallel(ctx, runs, func(i int) {
		d, learns := w.make(s, seed<<16+uint64(i))
		counts[i] = countOne(d, s.series(seed, uint64(i)+1), learns, length)
	})
	t := tally{watched: runs * length}
	for _, n := range counts {
		t.alarms += n
	}
	return t, err
}

// countOne counts the alarms of one detector while it watches length values; so
// many before that and after each alarm are learnt from.
func countOne(d drift.Detector, next func() float64, learns, length int) int {
	n, learning := 0, learns
	for watched := 0; watched < length; {
		state := d.Update(next())
		if learning > 0 {
			learning--
			continue
		}
		watched++
		if state == drift.Drift {
			n++
			learning = learns
		}
	}
	return n
}

func alarmRow(w *watcher, s *stream, t tally, quick bool) scoreboard.Row {
	r := scoreboard.Row{Name: fmt.Sprintf("false alarms per 1e6, %s, %s", s.name, w.name), Got: t.perMillion(), Note: t.String()}
	if !w.own {
		return r
	}
	r.Anchor = riverAlarms[s.name]
	r.Must, r.Aim = mostAlarms(s), scoreboard.AtMost(1.5)
	if s.slow {
		r.Aim = scoreboard.AtMost(2)
	}
	if quick {
		// 4e5 values can't tell 2 from 1: what four alarms or more would show is a
		// rate several times as high.
		r.Must, r.Aim = scoreboard.AtMost(10), scoreboard.Bound{}
	}
	return r
}

// mostAlarms is how many alarms there may be in 1e6 values, one asked for.
func mostAlarms(s *stream) scoreboard.Bound {
	if s.slow {
		return scoreboard.AtMost(5)
	}
	return scoreboard.AtMost(2)
}

// riverAlarms are alarms per 1e6 values of River 0.26.1 with its defaults.
var riverAlarms = map[string]string{
	"Gauss":     "River ADWIN 0, Page–Hinkley 649",
	"t3":        "River ADWIN 32, Page–Hinkley 591",
	"lognormal": "River ADWIN 0, Page–Hinkley 661",
	"AR(.9)":    "River ADWIN 6225, Page–Hinkley 6201",
}

package drifteval

import (
	"context"
	"errors"

	"github.com/quell-stream/quell/drift/monitor"
	"github.com/quell-stream/quell/internal/scoreboard"
)

// history is a configuration of the whole monitor that is measured.
type history struct {
	name string
	cfg  monitor.Config
	must func(s *stream) scoreboard.Bound // on false alarms per 1e6 raw samples
}

func histories() []history {
	return []history{
		{"long history", monitor.Config{FalseAlarms: asked, Calibration: 2000, Hop: 32, Channels: 1}, mostAlarms},
		// As in quell run, where it is declared that the rate holds less exactly.
		{"short history", monitor.ShortHistory(1, asked), func(*stream) scoreboard.Bound { return scoreboard.Bound{} }},
	}
}

// endToEnd is false-alarms and delays once more, from raw samples through the
// trained sentinel, the features and the decision to the drift that is opened.
func endToEnd() scoreboard.Study {
	return scoreboard.Study{
		Name: "end-to-end",
		Doc:  "both once more in raw samples, through sentinel, features and decision",
		Run: func(ctx context.Context, o *scoreboard.Options) ([]scoreboard.Row, error) {
			runs, length, series := 40, 500_000, 100
			if o.Quick {
				runs, length, series = 2, 50_000, 10
			}
			var rows []scoreboard.Row
			for _, h := range histories() {
				for _, s := range streams() {
					o.Tell("end-to-end: %s, %s", h.name, s.name)
					t, err := countOpened(ctx, &h, &s, o.Seed, runs, length)
					if err != nil {
						return nil, err
					}
					name := s.name + ", raw, " + h.name
					row := scoreboard.Row{Name: "false alarms per 1e6, " + name, Must: h.must(&s), Got: t.perMillion(), Note: t.String()}
					if o.Quick {
						row.Must = scoreboard.Bound{}
					}
					rows = append(append(rows, row), blindAlarms(name, t)...)
				}
				for _, c := range changes() {
					o.Tell("end-to-end: %s, %s %s", h.name, c.stream, c.name)
					t, err := openedDelays(ctx, &h, &c, o.Seed, series)
					if err != nil {
						return nil, err
					}
					w := watcher{name: "raw, " + h.name}
					rows = append(rows, delayRows(&w, &c, t)...)
					rows = append(rows, blindDelays(c.stream+" "+c.name+", "+w.name, t)...)
				}
			}
			return rows, nil
		},
	}
}

// countOpened counts the drifts that a monitor opens on stationary series.
func countOpened(ctx context.Context, h *history, s *stream, seed uint64, runs, length int) (tally, error) {
	counts, errs := make([]int, runs), make([]error, runs)
	err := parallel(ctx, runs, func(i int) {
		cfg := h.cfg
		cfg.Seed = seed<<16 + uint64(i)
		next := s.series(seed, 2<<32+uint64(i))
		r, err := newChain(cfg, next, cfg.Seed)
		if err != nil {
			errs[i] = err
			return
		}
		counts[i] = r.countOpened(next, length)
	})
	t := tally{watched: runs * length}
	for _, n := range counts {
		t.alarms += n
	}
	return t, errors.Join(append(errs, err)...)
}

// countOpened counts drifts in so many samples watched; after each the monitor
// learns again.
func (r *chain) countOpened(next func() float64, length int) int {
	n := 0
	r.learn(next)
	for range length {
		if r.push(next()).Opened {
			n++
			r.restart()
			r.learn(next)
		}
	}
	return n
}

// openedDelays measures from a change to the drift that is opened.
func openedDelays(ctx context.Context, h *history, c *change, seed uint64, runs int) (*lags, error) {
	s := streamOf(c.stream)
	each, errs := make([]int, runs), make([]error, runs)
	err := parallel(ctx, runs, func(i int) {
		cfg := h.cfg
		cfg.Seed = seed<<16 + uint64(i)
		next := s.series(seed, 3<<32+uint64(i))
		r, err := newChain(cfg, next, cfg.Seed)
		if err != nil {
			errs[i] = err
			return
		}
		r.learn(next)
		each[i] = r.delayOf(next, before+i%cfg.Hop, c)
	})
	return collect(each), errors.Join(append(errs, err)...)
}

// delayOf returns what the function of that name returns for a detector.
func (r *chain) delayOf(next func() float64, at int, c *change) int {
	for range at {
		if r.push(next()).Opened {
			return tooEarly
		}
	}
	for i := 1; i <= horizon; i++ {
		if r.push(c.shift + c.scale*next()).Opened {
			return i
		}
	}
	return horizon + 1
}

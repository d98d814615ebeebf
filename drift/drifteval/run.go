package drifteval

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/quell-stream/quell/drift"
	"github.com/quell-stream/quell/drift/monitor"
	"github.com/quell-stream/quell/model/nn"
	"github.com/quell-stream/quell/model/train"
)

// outcome is what a detector said of a recording, at rows from train on: where
// it opened, where it opened or closed, and whether it was open.
type outcome struct {
	opened, changed []int
	open            []bool // per row of the recording
}

// note takes what a detector says after a row.
func (o *outcome) note(row int, open bool) {
	if was := row > 0 && o.open[row-1]; open != was {
		o.changed = append(o.changed, row)
		if open {
			o.opened = append(o.opened, row)
		}
	}
	o.open[row] = open
}

// subject is a detector under test. watch learns from the first rows and then
// takes one row at a time.
type subject struct {
	name  string
	asked bool // the bounds of the board are asked of it
	// restarts says that it begins anew after each alarm, so that its closing means
	// nothing.
	restarts bool
	watch    func(r *recording, seed uint64) (outcome, error)
}

// changes returns the rows at which a subject told of a change: where something
// began, and where it was over.
func (s *subject) changes(o *outcome) []int {
	if s.restarts {
		return o.opened
	}
	return o.changed
}

// each says of one detector per channel, made by fresh, whether any says drift.
// A detector that begins anew at the update after a drift is open for that row
// only. What the rows learnt from show does not count.
func each(fresh func(r *recording) (drift.Detector, error)) func(*recording, uint64) (outcome, error) {
	return func(r *recording, _ uint64) (outcome, error) {
		o := outcome{open: make([]bool, len(r.rows))}
		mean, dev := monitor.Scaling(slices.Concat(r.rows[:r.train]...), len(r.rows[0]))
		ds := make([]drift.Detector, len(mean))
		for c := range ds {
			var err error
			if ds[c], err = fresh(r); err != nil {
				return o, err
			}
		}
		for i, row := range r.rows {
			open := false
			for c, d := range ds {
				if d.Update((row[c]-mean[c])/dev[c]) == drift.Drift {
					open = true
				}
			}
			if i >= r.train {
				o.note(i, open)
			}
		}
		return o, nil
	}
}

// localLevel is the detector for short histories, one per channel.
func localLevel(r *recording) (drift.Detector, error) {
	cfg := drift.DefaultLocalLevel()
	cfg.Calibration = min(max(r.train, 2*cfg.Window), 4096)
	return drift.NewLocalLevel(cfg), nil
}

func fromFactory(name string) func(*recording) (drift.Detector, error) {
	return func(*recording) (drift.Detector, error) { return drift.New(name, nil) }
}

// subjects returns the detectors under test, each of one configuration for all
// boards.
func subjects() []subject {
	return []subject{
		{"pipeline", true, false, watchPipeline},
		{"LocalLevel", true, false, each(localLevel)},
		{"monitor alone", false, false, watchMonitor},
		{"ADWIN", false, true, each(fromFactory("ADWIN"))},
		{"Page-Hinkley", false, true, each(fromFactory("PageHinkley"))},
	}
}

// watchAll lets a subject watch all recordings, two at a time.
func watchAll(ctx context.Context, recs []recording, s subject, seed uint64) ([]outcome, error) {
	out, errs := make([]outcome, len(recs)), make([]error, len(recs))
	var wg sync.WaitGroup
	for part := range 2 {
		wg.Go(func() {
			for i := part; i < len(recs) && ctx.Err() == nil; i += 2 {
				out[i], errs[i] = s.watch(&recs[i], seed)
			}
		})
	}
	wg.Wait()
	return out, errors.Join(append(errs, ctx.Err())...)
}

// Of the pipeline: the slots of a window of the sentinel, those that it is fitted
// on and after which it serves, and those from a score to the next.
const (
	boardWindow = 32
	boardFit    = 1024
	boardDelay  = 256
	boardHop    = 8
)

// watchMonitor is the monitor by itself, made to be ready in time: half of the
// rows to learn from fit the sentinel, the other half calibrate the monitor with
// as many rows a hop as leaves it 100 scores.
func watchMonitor(r *recording, seed uint64) (outcome, error) {
	c := len(r.rows[0])
	o := outcome{open: make([]bool, len(r.rows))}
	calibration := max(r.train/2, 100)
	fitted := max(r.train-calibration, 2*boardWindow)
	net, mean, dev, err := fitSentinel(r.rows[:fitted], c, seed)
	if err != nil {
		return o, fmt.Errorf("%s: %w", r.name, err)
	}
	hop := min(max(calibration/100, 1), 8)
	cfg := monitor.ShortHistory(c, 0)
	cfg.Hop, cfg.Seed = hop, seed
	m := monitor.New(cfg)
	feed := monitor.NewFeed(c, hop)
	feed.Sentinel = monitor.NewSentinel(net, mean, dev, boardWindow, hop)
	missing := make([]bool, c)
	open := false
	for i, row := range r.rows {
		// The sentinel's first window ends where the calibration begins.
		if i < fitted-boardWindow {
			continue
		}
		for k, v := range row {
			missing[k] = math.IsNaN(v)
		}
		if ob, ok := feed.Push(int64(i), row, missing); ok {
			d := m.Update(ob)
			open = isOpen(&d)
		}
		if i >= r.train {
			o.note(i, open)
		}
	}
	return o, nil
}

// watchPipeline is what a pipeline runs, end to end, with its defaults: half of the
// false alarms may be jumps, which are watched for from the beginning.
func watchPipeline(r *recording, seed uint64) (outcome, error) {
	c := len(r.rows[0])
	o := outcome{open: make([]bool, len(r.rows))}
	cfg := monitor.ShortHistory(c, r.rate())
	cfg.Seed, cfg.Every = seed, time.Duration(r.every*float64(time.Second))
	w := monitor.NewWatch(cfg)
	missing := make([]bool, c)
	for i, row := range r.rows {
		for k, v := range row {
			missing[k] = math.IsNaN(v)
		}
		d, _ := w.Push(int64(i), int64(i)*int64(cfg.Every), row, missing)
		if i+1 == boardFit+boardDelay {
			net, mean, dev, err := fitSentinel(r.rows[:boardFit], c, seed)
			if err != nil {
				return o, fmt.Errorf("%s: %w", r.name, err)
			}
			w.Feed.Sentinel = monitor.NewSentinel(net, mean, dev, boardWindow, boardHop)
		}
		if i >= r.train {
			o.note(i, isOpen(&d))
		}
	}
	return o, nil
}

func isOpen(d *monitor.Decision) bool {
	return d.State != monitor.Learning && d.State != monitor.Normal && d.State != monitor.Warning
}

// fitSentinel fits a sentinel as a pipeline does.
func fitSentinel(rows [][]float64, channels int, seed uint64) (net *nn.Net, mean, dev []float64, err error) {
	raw := slices.Concat(rows...)
	mean, dev = monitor.Scaling(raw, channels)
	net, err = train.Sentinel(monitor.Windows(raw, mean, dev, boardWindow, boardHop), channels, seed)
	return net, mean, dev, err
}

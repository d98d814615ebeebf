package drifteval

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"time"

	"github.com/quell-stream/quell/drift"
	"github.com/quell-stream/quell/drift/monitor"
	"github.com/quell-stream/quell/internal/scoreboard"
)

// costs times one update, and weighs what a series keeps. The detectors take
// turns, and the least of many rounds counts: what else runs on the machine can
// only add to it.
func costs() scoreboard.Study {
	return scoreboard.Study{
		Name: "cost",
		Doc:  "time and allocations of an update, least of 60 interleaved rounds, and bytes of state",
		Run: func(ctx context.Context, o *scoreboard.Options) ([]scoreboard.Row, error) {
			rounds := 60
			if o.Quick {
				rounds = 20
			}
			s := streamOf("AR(.9)")
			next := s.series(o.Seed, 1)
			xs := make([]float64, 1<<14)
			for i := range xs {
				xs[i] = next()
			}
			var list []*timed
			for _, w := range append([]watcher{monitored()}, anchors()...) {
				list = append(list, newTimed(&w, &s, o.Seed, xs))
			}
			for range rounds {
				for _, t := range list {
					if err := ctx.Err(); err != nil {
						return nil, err
					}
					t.round(xs)
				}
			}
			var rows []scoreboard.Row
			for _, t := range list {
				rows = append(rows, t.rows(rounds)...)
			}
			all, err := watchRows(&s, o.Seed, xs, rounds)
			if err != nil {
				return nil, err
			}
			rows = append(rows, all...)
			far := streamOf("AR(.99)")
			return append(rows, stateRow(&s, o.Seed, xs), stateRow(&far, o.Seed, xs)), nil
		},
	}
}

// timed is a detector and the least time of its rounds.
type timed struct {
	name   string
	d      drift.Detector
	least  float64 // ns per update
	allocs float64 // per update, of the round with fewest
}

// newTimed returns a detector that has learnt.
func newTimed(w *watcher, s *stream, seed uint64, xs []float64) *timed {
	d, learns := w.make(s, seed)
	for i := range learns + len(xs) {
		d.Update(xs[i%len(xs)])
	}
	return &timed{name: w.name, d: d, least: math.Inf(1), allocs: math.Inf(1)}
}

func (t *timed) round(xs []float64) {
	var was, is runtime.MemStats
	runtime.ReadMemStats(&was)
	start := time.Now()
	for _, x := range xs {
		t.d.Update(x)
	}
	took := time.Since(start)
	runtime.ReadMemStats(&is)
	n := float64(len(xs))
	t.least = min(t.least, float64(took.Nanoseconds())/n)
	t.allocs = min(t.allocs, float64(is.Mallocs-was.Mallocs)/n)
}

func (t *timed) rows(rounds int) []scoreboard.Row {
	ns := scoreboard.Row{Name: "ns per update, " + t.name, Got: t.least, Note: fmt.Sprintf("least of %d rounds", rounds)}
	switch t.name {
	case "monitor":
		ns.Must, ns.Aim = scoreboard.AtMost(1000), scoreboard.AtMost(500)
	case "ADWIN":
		ns.Anchor = "River 128"
		ns.Must, ns.Aim = scoreboard.AtMost(100), scoreboard.AtMost(50)
	case "PageHinkley":
		ns.Anchor = "River 419"
	}
	return []scoreboard.Row{ns,
		{Name: "allocations per update, " + t.name, Must: scoreboard.AtMost(0), Got: t.allocs},
		{Name: "bytes of state, " + t.name, Must: scoreboard.AtMost(32 << 10), Aim: scoreboard.AtMost(16 << 10), Got: float64(len(t.d.AppendState(nil)))},
	}
}

// watchRows times and weighs all that watches a series of one channel, the sentinel
// included, as in quell run at a reading a minute, where the day is remembered. The
// state is the largest of those every 64 samples.
func watchRows(s *stream, seed uint64, xs []float64, rounds int) ([]scoreboard.Row, error) {
	cfg := monitor.ShortHistory(1, asked)
	cfg.Every = time.Minute
	next := s.series(seed, 2)
	r, err := newChain(cfg, next, seed)
	if err != nil {
		return nil, err
	}
	bytes, least := 0, math.Inf(1)
	for i := range 1 << 14 {
		if r.push(next()); i%64 == 0 {
			bytes = max(bytes, r.bytes())
		}
	}
	for range rounds {
		start := time.Now()
		for _, x := range xs {
			r.push(x)
		}
		least = min(least, float64(time.Since(start).Nanoseconds())/float64(len(xs)))
	}
	return []scoreboard.Row{
		{Name: "ns per sample, all that watches a series", Got: least, Note: fmt.Sprintf("least of %d rounds", rounds)},
		{Name: "bytes of state, all that watches a series", Must: scoreboard.AtMost(32 << 10), Aim: scoreboard.AtMost(16 << 10), Got: float64(bytes)},
	}, nil
}

// stateRow weighs the monitor's detector where it is largest: just before it has
// learnt.
func stateRow(s *stream, seed uint64, xs []float64) scoreboard.Row {
	w := monitored()
	d, learns := w.make(s, seed)
	for i := range learns - 1 {
		d.Update(xs[i])
	}
	return scoreboard.Row{Name: fmt.Sprintf("bytes of state, monitor, learning from %d", learns), Must: scoreboard.AtMost(32 << 10), Aim: scoreboard.AtMost(16 << 10),
		Got: float64(len(d.AppendState(nil)))}
}

package drifteval

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/quell-stream/quell/drift/monitor"
	"github.com/quell-stream/quell/internal/scoreboard"
	"github.com/quell-stream/quell/model/train"
)

// As the pipeline has it: a sentinel fitted on the first samples, windows of 32
// samples, a score every 8, a calibration of 100 scores.
const (
	kindsFit    = 1024
	kindsWindow = 32
	kindsHop    = 8
	kindsWarm   = kindsFit + 100*kindsHop

	// watched is how many samples after a change it has to be found and named in,
	// watchedLong where it comes slowly.
	watched     = 1280
	watchedLong = 1600
)

// kindsStudy measures how changes are named.
func kindsStudy() scoreboard.Study {
	return scoreboard.Study{
		Name: "kinds",
		Doc:  "noise, regimes and sensor faults put into normal recordings: found, and named right",
		Run: func(ctx context.Context, o *scoreboard.Options) ([]scoreboard.Row, error) {
			var sources []*source
			if o.Data != "" {
				var err error
				if sources, err = realSources(o.Data); err != nil {
					return nil, err
				}
			}
			places, made := 8, 8
			if o.Quick {
				places, made = 1, 1
			}
			trials, err := injectAll(ctx, sources, places, made, o.Seed)
			if err != nil {
				return nil, err
			}
			for _, line := range matrix(trials) {
				o.Tell("%s", line)
			}
			return kindRows(trials), nil
		},
	}
}

// injectAll puts every change into the recordings, at so many places of each, and
// into so many synthetic ones of each sort.
func injectAll(ctx context.Context, sources []*source, places, made int, seed uint64) ([]trial, error) {
	var jobs []func() ([]trial, error)
	add := func(s *source, number int) {
		jobs = append(jobs, func() ([]trial, error) { return place(s, seed, number) })
	}
	for _, s := range sources {
		for p := range places {
			add(s, p)
		}
	}
	for k := range made {
		for _, s := range madeSources(seed + uint64(k)) {
			add(s, 0)
		}
	}
	results, errs := make([][]trial, len(jobs)), make([]error, len(jobs))
	if err := parallel(ctx, len(jobs), func(i int) { results[i], errs[i] = jobs[i]() }); err != nil {
		return nil, err
	}
	return slices.Concat(results...), errors.Join(errs...)
}

// trial is what became of one change in one recording.
type trial struct {
	source *source
	fault  *faulted
	early  bool   // a drift was open when the change came
	named  string // the fault or the kind at the end, "nothing" where none was opened
	delay  int    // samples until a drift was opened
}

func (t *trial) found() bool { return t.named != "nothing" }

// right says whether the name is the one that was asked for. What need not be
// found is right where it was not.
func (t *trial) right() bool { return t.named == t.fault.want || t.fault.silent && !t.found() }

// rig is one series being watched.
type rig struct {
	watch   *monitor.Watch
	config  monitor.Config
	values  []float64
	missing []bool
	index   int64
}

// newRig fits a sentinel on the first samples of x, [channel][sample].
func newRig(x [][]float64, seed uint64) (*rig, error) {
	c := len(x)
	mean, dev := make([]float64, c), make([]float64, c)
	for i := range x {
		mean[i], dev[i] = meanOf(x[i][:kindsFit]), max(deviationOf(x[i][:kindsFit]), 1e-9)
	}
	var windows [][]float32
	for from := 0; from+kindsWindow <= kindsFit; from += kindsHop {
		w := make([]float32, kindsWindow*2*c)
		for t := range kindsWindow {
			for i := range c {
				if v := x[i][from+t]; math.IsNaN(v) {
					w[t*2*c+c+i] = 1
				} else {
					w[t*2*c+i] = float32((v - mean[i]) / dev[i])
				}
			}
		}
		windows = append(windows, w)
	}
	net, err := train.Sentinel(windows, c, seed)
	if err != nil {
		return nil, err
	}
	g := newRigOf(monitor.ShortHistory(c, monitor.Rate(1e-6)), seed)
	g.watch.Feed.Sentinel = monitor.NewSentinel(net, mean, dev, kindsWindow, kindsHop)
	return g, nil
}

func newRigOf(cfg monitor.Config, seed uint64) *rig {
	cfg.Hop, cfg.Seed = kindsHop, seed
	return &rig{watch: monitor.NewWatch(cfg), config: cfg, values: make([]float64, cfg.Channels), missing: make([]bool, cfg.Channels)}
}

// copy returns a rig in the same state.
func (g *rig) copy() (*rig, error) {
	n := newRigOf(g.config, g.config.Seed)
	n.index = g.index
	from, to := g.watch.Feed, n.watch.Feed
	to.Sentinel = new(monitor.Sentinel)
	if _, err := to.Sentinel.RestoreState(from.Sentinel.AppendState(nil)); err != nil {
		return nil, err
	}
	for i, e := range from.Extract {
		if _, err := to.Extract[i].RestoreState(e.AppendState(nil)); err != nil {
			return nil, err
		}
	}
	_, err := n.watch.RestoreState(g.watch.AppendState(nil))
	return n, err
}

// push takes sample t of x and returns what is said after it.
func (g *rig) push(x [][]float64, t int) monitor.Decision {
	for i := range x {
		g.values[i], g.missing[i] = x[i][t], math.IsNaN(x[i][t])
	}
	d, _ := g.watch.Push(g.index, 0, g.values, g.missing)
	g.index++
	return d
}

// place watches a stretch of a source, drawn by its number, and puts each change
// that suits it at the same drawn sample.
func place(s *source, seed uint64, number int) ([]trial, error) {
	h := fnv.New64a()
	h.Write([]byte(s.name)) // never fails
	r := rand.New(rand.NewPCG(seed^h.Sum64(), uint64(number)))
	at := kindsWarm + 320 + r.IntN(480)
	need := at + 2*watched // of a process that runs twice as fast
	if s.peers {
		need = max(need, at+watchedLong)
	}
	from := r.IntN(max(s.length()-need, 1))
	x := s.reading(from, min(from+need, s.length()))
	g, err := newRig(x, seed^h.Sum64()+uint64(number))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.name, err)
	}
	open := false
	for t := range at {
		d := g.push(x, t)
		open = isOpen(&d)
	}
	part := &source{name: s.name, x: x, steps: s.steps, rhythm: s.rhythm, peers: s.peers, real: s.real}
	if s.noise != nil {
		part.x, part.noise = nil, nil
		for c := range s.x {
			part.x = append(part.x, s.x[c][from:from+len(x[c])])
			part.noise = append(part.noise, s.noise[c][from:from+len(x[c])])
		}
	}
	c := r.IntN(len(x))
	var out []trial
	for k := range faults {
		f := &faults[k]
		if f.on != nil && !f.on(s) {
			continue
		}
		tr := trial{source: s, fault: f, early: open, named: "nothing"}
		if !open {
			y := make([][]float64, len(x))
			for i := range x {
				y[i] = slices.Clone(x[i])
			}
			f.inject(&injection{r: rand.New(rand.NewPCG(seed^h.Sum64(), uint64(number)<<8+uint64(k)+1)), s: part, x: y, at: at, from: at - 1024, c: c})
			if err := g.follow(&tr, y, at); err != nil {
				return nil, err
			}
		}
		out = append(out, tr)
	}
	return out, nil
}

// follow watches what a change makes of a recording, on a copy of g.
func (g *rig) follow(tr *trial, x [][]float64, at int) error {
	g, err := g.copy()
	if err != nil {
		return err
	}
	end := at + watched
	if tr.fault.long {
		end = at + watchedLong
	}
	for t := at; t < min(end, len(x[0])); t++ {
		d := g.push(x, t)
		if !d.Opened && !d.Updated {
			continue
		}
		if d.Opened && !tr.found() {
			tr.delay = t + 1 - at
		}
		tr.named = d.Kind
		if d.Kind == monitor.Fault {
			tr.named = d.Fault
		}
	}
	return nil
}

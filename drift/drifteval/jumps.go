package drifteval

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/quell-stream/quell/drift"
	"github.com/quell-stream/quell/drift/monitor"
	"github.com/quell-stream/quell/internal/scoreboard"
)

// jumps is the study of what watches for jumps, on synthetic series: the detector
// with its defaults, and false alarms at the rates that may be asked for.
func jumps() scoreboard.Study {
	return scoreboard.Study{Name: "jumps", Doc: "LocalLevel after 400 samples: false alarms, jumps found soon", Run: runJumps}
}

// jumpRates are the rates of false alarms that are asked for; half of each is left
// to jumps.
var jumpRates = [...]monitor.Rate{1e-4, 1e-5, 1e-6}

// jumpSource is a kind of series of about unit variance.
type jumpSource struct {
	name string
	make func(r *rand.Rand) func() float64
}

func jumpSources() []jumpSource {
	auto := func(phi float64) func(r *rand.Rand) func() float64 {
		return func(r *rand.Rand) func() float64 {
			y := r.NormFloat64()
			return func() float64 { y = phi*y + math.Sqrt(1-phi*phi)*r.NormFloat64(); return y }
		}
	}
	return []jumpSource{
		{"Gauss", func(r *rand.Rand) func() float64 { return r.NormFloat64 }},
		{"t3", func(r *rand.Rand) func() float64 {
			return func() float64 {
				a, b, c := r.NormFloat64(), r.NormFloat64(), r.NormFloat64()
				return r.NormFloat64() / math.Sqrt(a*a+b*b+c*c)
			}
		}},
		{"lognormal", func(r *rand.Rand) func() float64 {
			sd := math.Sqrt((math.E - 1) * math.E)
			return func() float64 { return (math.Exp(r.NormFloat64()) - math.Sqrt(math.E)) / sd }
		}},
		{"AR(.9)", auto(.9)},
		{"AR(.99)", auto(.99)},
		{"GARCH", func(r *rand.Rand) func() float64 {
			v, e := 1.0, 0.0
			return func() float64 {
				v = .05 + .1*e*e + .85*v
				e = math.Sqrt(v) * r.NormFloat64()
				return e
			}
		}},
		{"wandering level", func(r *rand.Rand) func() float64 {
			l := 0.0
			return func() float64 { l += .1 * r.NormFloat64(); return l + r.NormFloat64() }
		}},
		{"noisy sine", func(r *rand.Rand) func() float64 {
			at, step := 2*math.Pi*r.Float64(), .05+.2*r.Float64()
			return func() float64 { at += step; return 1.3*math.Sin(at) + .4*r.NormFloat64() }
		}},
	}
}

// jumpTally is what came of the series of a source.
type jumpTally struct {
	alarms, watched int
	atRate          [len(jumpRates)]int // alarms
	found, tried    [len(jumpSizes)]int
}

// jumpSizes are in deviations.
var jumpSizes = [...]float64{2, 4}

// Of each series so many samples are watched for false alarms; a jump is found
// where a drift opens within so many samples after it.
const (
	jumpQuiet = 20000
	jumpSoon  = 64
)

func runJumps(ctx context.Context, o *scoreboard.Options) ([]scoreboard.Row, error) {
	series := 100
	if o.Quick {
		series = 10
	}
	var rows []scoreboard.Row
	for k, s := range jumpSources() {
		o.Tell("jumps: %s", s.name)
		parts := make([]jumpTally, series)
		var wg sync.WaitGroup
		for part := range 2 {
			wg.Go(func() {
				for i := part; i < series && ctx.Err() == nil; i += 2 {
					parts[i] = jumpSeries(&s, o.Seed, uint64(k*series+i))
				}
			})
		}
		wg.Wait()
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		var t jumpTally
		for _, p := range parts {
			t.alarms += p.alarms
			t.watched += p.watched
			for k, n := range p.atRate {
				t.atRate[k] += n
			}
			for k := range p.found {
				t.found[k] += p.found[k]
				t.tried[k] += p.tried[k]
			}
		}
		rows = append(rows, jumpRows(s.name, &t)...)
	}
	return rows, nil
}

// jumpSeries watches a series without a jump, and the beginning of it with one
// of each size.
func jumpSeries(s *jumpSource, seed, number uint64) jumpTally {
	series := func(n int) []float64 {
		next := s.make(rand.New(rand.NewPCG(seed, number)))
		xs := make([]float64, n)
		for i := range xs {
			xs[i] = next()
		}
		return xs
	}
	cfg := drift.DefaultLocalLevel()
	t := jumpTally{watched: jumpQuiet}
	quiet := series(cfg.Calibration + jumpQuiet)
	t.alarms = len(jumpOpenings(quiet, cfg))
	for k, rate := range jumpRates {
		t.atRate[k] = jumpsAt(quiet, cfg.Calibration, rate)
	}
	at := cfg.Calibration + 200
	for k, size := range jumpSizes {
		xs := series(at + jumpSoon)
		for i := at; i < len(xs); i++ {
			xs[i] += size
		}
		opened := jumpOpenings(xs, cfg)
		t.tried[k]++
		if slices.ContainsFunc(opened, func(i int) bool { return i >= at }) {
			t.found[k]++
		}
	}
	return t
}

func jumpOpenings(xs []float64, cfg drift.LocalLevelConfig) (opened []int) {
	d := drift.NewLocalLevel(cfg)
	was := false
	for i, x := range xs {
		is := d.Update(x) == drift.Drift
		if is && !was {
			opened = append(opened, i)
		}
		was = is
	}
	return opened
}

// jumpsAt counts the alarms of what a pipeline watches for jumps with, from where
// the monitor has learnt: here at once.
func jumpsAt(xs []float64, learns int, rate monitor.Rate) (alarms int) {
	j := monitor.NewJumps(monitor.Config{FalseAlarms: rate})
	for i, x := range xs {
		if d := j.Push(0, []float64{x}, []bool{false}); d.Opened {
			alarms++
		}
		if i == learns {
			j.Learnt()
		}
	}
	return alarms
}

func jumpRows(source string, t *jumpTally) []scoreboard.Row {
	perMillion := 1e6 * float64(t.alarms) / float64(t.watched)
	rows := []scoreboard.Row{{Name: "jumps, " + source + ": false alarms per 1e6", Got: perMillion,
		Note: fmt.Sprintf("%d in %.3g samples", t.alarms, float64(t.watched))}}
	for k, rate := range jumpRates {
		rows = append(rows, scoreboard.Row{Name: fmt.Sprintf("jumps, %s, %v asked: false alarms, share of all", source, rate),
			Got: float64(t.atRate[k]) / (float64(rate) * float64(t.watched)), Note: fmt.Sprintf("%d in %.3g samples, half is for jumps", t.atRate[k], float64(t.watched))})
	}
	for k, size := range jumpSizes {
		rows = append(rows, scoreboard.Row{Name: fmt.Sprintf("jumps, %s: %g σ found within %d, %%", source, size, jumpSoon),
			Got: 100 * float64(t.found[k]) / float64(t.tried[k]), Note: fmt.Sprintf("%d series", t.tried[k])})
	}
	return append(rows,
		scoreboard.Row{Name: fmt.Sprintf("jumps, %s, clock: found within %d, %%", source, jumpSoon), Blind: true,
			Got: 100 * min(1, perMillion*jumpSoon/1e6), Note: "with as many alarms"},
		scoreboard.Row{Name: fmt.Sprintf("jumps, %s, silent: found within %d, %%", source, jumpSoon), Blind: true, Got: 0})
}

package main

import (
	"fmt"
	"io"
	"math"
	"time"

	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/classic"
	"github.com/quell-stream/quell/model/eval"
)

// evaluation is one run of quell eval: what there is to score, and what came out.
type evaluation struct {
	*evalOptions
	in        string
	kind      eval.Kind
	far       *bar // nil: none
	models    []*model.Model
	subjects  []subject
	trueBeats []int     // samples of the recording
	faults    []float64 // by row: 0, 1, NaN

	studies  []eval.Study // by subject
	levels   [][]level    // by subject
	tasks    []*tasks     // by subject
	pictures []*picture   // by subject
	heads    []*headRow
}

// level is the noise of a whole recording: what was asked for, unless it was
// noisy already, and what it came out as (the mean over the seeds), in dB.
type level struct {
	Channel  string   `json:"channel"`
	Asked    *float64 `json:"asked_db"`
	Realised float64  `json:"realised_db"`
}

// added says whether noise is added here.
func (e *evaluation) added() bool { return e.subjects[0].noisy == nil }

// run scores all methods on all channels, at each noise level, for each seed.
func (e *evaluation) run() error {
	limit := e.models[0].Lookahead()
	levels, seeds := e.snr, e.seeds
	if !e.added() {
		levels, seeds = []float64{math.NaN()}, 1
	}
	e.levels = make([][]level, len(e.subjects))
	for i := range e.subjects {
		name := e.subjects[i].name
		e.studies = append(e.studies, eval.Study{Channel: name, Levels: levels, Limit: limit})
		e.tasks = append(e.tasks, &tasks{channel: name})
		e.pictures = append(e.pictures, &picture{})
	}
	shown := e.shown(levels)
	if e.far == nil {
		e.far = newBar(io.Discard, "")
	}
	defer e.far.clear()
	for l, snr := range levels {
		for i := range e.subjects {
			e.levels[i] = append(e.levels[i], level{Channel: e.subjects[i].name})
			if e.added() {
				e.levels[i][l].Asked = &snr
			}
			s := &e.studies[i]
			s.Runs = append(s.Runs, nil)
			if !e.equal {
				s.Equal = append(s.Equal, nil)
			}
		}
		for k := range seeds {
			e.far.at(float64(l*seeds+k), float64(len(levels)*seeds))
			trials, err := e.trials(snr, uint64(k))
			if err != nil {
				return err
			}
			for i, t := range trials {
				e.levels[i][l].Realised += t.Realised / float64(seeds)
			}
			if err := e.scoreHeads(trials, snr); err != nil {
				return err
			}
			e.compare(trials, l, snr, e.html != "" && l == shown && k == 0)
		}
	}
	return nil
}

// shown returns the level that pictures are of: the one nearest to 10 dB.
func (e *evaluation) shown(levels []float64) (l int) {
	for i, v := range levels {
		if math.Abs(v-10) < math.Abs(levels[l]-10) {
			l = i
		}
	}
	return l
}

// trials makes a trial of each channel. Noise is independent from channel to
// channel.
func (e *evaluation) trials(snr float64, seed uint64) ([]*eval.Trial, error) {
	field := 1
	for _, m := range e.models {
		field = max(field, m.Header().Spec.ReceptiveField())
	}
	out := make([]*eval.Trial, len(e.subjects))
	for i := range e.subjects {
		c := &e.subjects[i]
		var err error
		if e.added() {
			out[i], err = eval.NoisyTrial(c.name, c.truth, snr, e.kind, e.seed+seed+uint64(i)<<32, field)
		} else {
			out[i], err = eval.NewTrial(c.name, c.truth, c.noisy, field)
		}
		if err != nil {
			return nil, err
		}
		if math.IsInf(out[i].Realised, 0) && !e.added() {
			return nil, fmt.Errorf("channel %s is the same as its truth: to have noise added leave --clean and --truth out", c.name)
		}
	}
	return out, nil
}

// compare scores all methods on one seed's trials at level l.
func (e *evaluation) compare(trials []*eval.Trial, l int, snr float64, show bool) {
	var methods []eval.Model
	for _, m := range e.models {
		served := servedOf(m)
		if len(e.models) > 1 {
			served.Name += ":" + m.Name()
		}
		methods = append(methods, methodOf(m), served)
	}
	if e.passes > 0 {
		for _, m := range e.models {
			methods = append(methods, e.sampling(m))
		}
	}
	index := make(map[*eval.Trial]int, len(trials))
	for i, t := range trials {
		index[t] = i
		e.visitSignal(i, t, snr, "truth", t.Parts.Test.Of(t.Clean))
		e.visitSignal(i, t, snr, eval.Raw, t.Parts.Test.Of(t.Noisy))
		if show {
			e.pictures[i].trial, e.pictures[i].level = t, snr
		}
	}
	opt := eval.Options{Now: time.Now, Visit: func(t *eval.Trial, r eval.Result, est eval.Estimate) {
		i := index[t]
		e.visitSignal(i, t, snr, r.Method, est.Clean)
		if show {
			e.pictures[i].visit(e.models[0].Name(), r, est)
		}
	}}
	if e.equal {
		opt.Families = classic.FamiliesAt(e.studies[0].Limit)
	}
	for i, r := range eval.CompareAll(trials, opt, methods...) {
		e.studies[i].Runs[l] = append(e.studies[i].Runs[l], r)
	}
	if e.equal {
		return
	}
	opt = eval.Options{Now: time.Now, Families: classic.FamiliesAt(e.studies[0].Limit)}
	for i, r := range eval.CompareAll(trials, opt) {
		e.studies[i].Equal[l] = append(e.studies[i].Equal[l], r)
	}
}

package adapteval

import (
	"context"
	"math"
	"slices"

	"github.com/quell-stream/quell/internal/scoreboard"
	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/replay"
	"github.com/quell-stream/quell/model/train"
	"github.com/quell-stream/quell/pipeline/adapt"
)

// plan is what methods are compared on.
type plan struct {
	sequences, regimes int
	samples            int // of each regime; half of their windows are held out
	updates            int // of each fine-tune
}

// memory is the number of windows that a loop may remember: those of three regimes.
func (p plan) memory() int { return 3 * p.samples / windowLen }

// method is a way of keeping a model up with a series.
type method struct {
	name   string
	frozen bool // never trains
	anew   bool // trains the first model on all that is remembered, and forgets what it made of it
	naive  bool // trains on the new regime alone
	ours   bool // as the pipeline does: two halves, the whole and the gate

	mix    replay.Mix
	tuning train.FineTuneConfig // Recall, Brake and Rehearse
}

// loops returns the four that are compared.
func loops() []method {
	return []method{
		{name: "frozen", frozen: true},
		{name: "periodic", anew: true},
		{name: "naive", naive: true},
		{name: "quell", ours: true},
	}
}

// matrix holds the gains that a method reached: row 0 is that of the first model on
// the hold-out of each regime, row i that of the model after stage i.
type matrix [][]float64

// run has a method go through regimes, one fine-tune for each.
func (m *method) run(ctx context.Context, o *scoreboard.Options, first *model.Model, seq []*regime, p plan) (matrix, error) {
	rec, err := newRecorder(replay.Config{Bytes: p.memory() * windowBytes, HoldoutEvery: 2, Seed: o.Seed})
	if err != nil {
		return nil, err
	}
	now := first
	left := map[int]*model.Model{} // what each regime was left with
	var a matrix
	for stage := range len(seq) + 1 {
		if stage > 0 {
			rec.buf.SetRegime(recorded, stage)
			rec.add(seq[stage-1].live.noisy[:p.samples])
			if now, err = m.stage(ctx, o, rec, stage, first, now, left, p.updates); err != nil {
				return nil, err
			}
			left[stage] = now
		}
		row := make([]float64, len(seq))
		for j, r := range seq {
			if row[j], err = r.gain(now); err != nil {
				return nil, err
			}
		}
		a = append(a, row)
	}
	return a, nil
}

// stage trains on what there is and returns the model that serves from now on.
func (m *method) stage(ctx context.Context, o *scoreboard.Options, rec *recorder, stage int, first, now *model.Model, left map[int]*model.Model, updates int) (*model.Model, error) {
	if m.frozen {
		return now, nil
	}
	fresh := func(w *replay.Window) bool { return w.Regime == stage }
	s := rec.buf.Snapshot()
	seed := o.Seed + uint64(stage)
	if m.ours {
		return cross(ctx, o, &s, now, fresh, left, updates, seed)
	}
	from := now
	if m.anew {
		from = first
	}
	cfg := m.tuning
	cfg.Steps, cfg.Length, cfg.Workers, cfg.Seed = updates, windowLen, 1, seed
	// Who judges nothing trains on all that there is.
	next, _, err := train.FineTune(ctx, from, m.material(slices.Concat(s.Old, s.Recent, s.Holdout), fresh), cfg)
	return next, err
}

// cross is a fine-tune of the pipeline: each of its three trainings has a third of the
// updates.
func cross(ctx context.Context, o *scoreboard.Options, s *replay.Snapshot, now *model.Model, fresh func(*replay.Window) bool, left map[int]*model.Model, updates int, seed uint64) (*model.Model, error) {
	recent, old := split(slices.Concat(s.Old, s.Recent), fresh)
	held, heldOld := split(s.Holdout, fresh)
	next, v, err := adapt.CrossFit(ctx, now, [2][]*replay.Window{recent, held}, old, heldOld, train.FineTuneConfig{Steps: updates / 3, Workers: 1, Seed: seed},
		adapt.GateConfig{Seed: seed, Regime: regimeOf, Knows: func(regime int) *model.Model { return left[regime] }})
	if err != nil {
		return nil, err
	}
	o.Tell("quell, %d new windows and %d older ones: %s", len(recent)+len(held), len(old), v.Why)
	if v.Promote {
		return next, nil
	}
	return now, nil
}

// material returns the windows that a method trains on.
func (m *method) material(ws []*replay.Window, fresh func(*replay.Window) bool) []train.Window {
	recent, old := split(ws, fresh)
	set := trainWindows(recent, true)
	if m.naive {
		return set
	}
	set = append(set, trainWindows(old, false)...)
	if m.anew {
		return set
	}
	for i, v := range m.mix.Weights(slices.Concat(recent, old), fresh) {
		set[i].Weight, set[i].Old = v, i >= len(recent)
	}
	return set
}

func split(ws []*replay.Window, fresh func(*replay.Window) bool) (recent, old []*replay.Window) {
	for _, w := range ws {
		if fresh(w) {
			recent = append(recent, w)
		} else {
			old = append(old, w)
		}
	}
	return recent, old
}

func regimeOf(w *replay.Window) int { return w.Regime }

// accuracy is the mean gain on all regimes after the last.
func (a matrix) accuracy() float64 { return mean(a[len(a)-1]) }

// backward is by how much the regimes before the last have gained since they were
// learnt.
func (a matrix) backward() float64 {
	var d []float64
	for j := range len(a) - 2 {
		d = append(d, a[len(a)-1][j]-a[j+1][j])
	}
	return mean(d)
}

// forward is by how much a regime is better off for what was learnt before it.
func (a matrix) forward() float64 {
	var d []float64
	for j := 1; j < len(a)-1; j++ {
		d = append(d, a[j][j]-a[0][j])
	}
	return mean(d)
}

// forgotten returns what was lost of each regime before the last, from the best
// that there was to the end.
func (a matrix) forgotten() []float64 {
	var d []float64
	for j := range len(a) - 2 {
		best := math.Inf(-1)
		for i := range a {
			best = max(best, a[i][j])
		}
		d = append(d, best-a[len(a)-1][j])
	}
	return d
}

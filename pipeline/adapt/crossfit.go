package adapt

import (
	"fmt"
	"slices"

	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/replay"
	"github.com/quell-stream/quell/model/train"
)

// shares are those of the way from the champion to what was trained that are
// tried in turn until no earlier regime loses too much: most of what is gained of the
// new one comes early on it, and most of what is forgotten late.
var shares = [...]float64{1, .75, .5}

// forgetMargin is by how much a challenger is to stay below what may be forgotten,
// in dB: the estimate has some scatter, and the least of several is taken.
const forgetMargin = .1

// crossFit trains two copies of a job's champion, each on one half of the new
// windows, and judges each on the other half, so that what little there is serves
// both to learn from and to judge on (cross-fitting: Chernozhukov et al.,
// "Double/debiased machine learning", 2018). The challenger has the mean of their
// weights, which is as good as a net trained on all: two nets that begin alike and
// move little can be averaged, see train.Soup. It is judged itself on earlier
// regimes, for which it may go back some of its way, and on what comes in later.
// What the champion was trained on itself, for the same drift, judges nothing.
func (a *Adapter) crossFit(j *job, held []*replay.Window) (*model.Model, train.Comparison, error) {
	var c train.Comparison
	all := slices.Concat(j.recent, held)
	in := stretches(all, !runs(j.champion))
	p := a.pacer(j.ctx)
	gate := GateConfig{Seed: j.seed, Regime: j.regimes(), Pause: p.rest}.defaults()
	teacher, err := teacherOf(j.champion, in, all, gate)
	if err != nil {
		return nil, c, err
	}
	sides := [folds][]*replay.Window{j.recent, held}
	a.mu.Lock()
	judged := [folds][]*replay.Window{a.unknown(slices.Clone(held)), a.unknown(slices.Clone(j.recent))}
	a.mu.Unlock()
	var halves [folds]*model.Model
	for i := range halves {
		cfg := train.FineTuneConfig{Rounds: a.cfg.Rounds, Steps: a.cfg.Steps, Peak: peak, Length: min(512, a.cfg.Window), Seed: j.seed + uint64(i)<<32, Workers: 1, Teacher: teacher,
			Progress: func(is train.Progress) { a.progress(j, i*a.cfg.Steps*a.cfg.Rounds, is); p.rest() }} // a closed context ends the training by itself
		if len(j.old) == 0 && j.champion.Header().Channels == 0 {
			cfg.Rehearse = rehearse
		}
		halves[i], _, err = train.FineTune(j.ctx, j.champion, trainingSet(j, in, sides[i]), cfg)
		if err != nil {
			return nil, c, err
		}
	}
	m, share, err := j.retaining(halves[:], gate)
	if err != nil {
		return nil, c, err
	}
	for i, half := range halves {
		if half, err = train.Soup([]float64{1 - share, share}, j.champion, half); err != nil {
			return nil, c, err
		}
		other, err := compareIn(in, judged[i], j.champion, half, gate)
		if err != nil {
			return nil, c, err
		}
		c = joined(c, other)
	}
	a.cfg.Log.Debug("fine-tuned", "series", j.track.name, "stage", j.stage, "new", len(all), "old", len(j.old), "taught by the base model", teacher != nil, "share", share, "gain_db", c.DB())
	return m, c, nil
}

// retaining returns the mean of halves, as far from the champion as earlier regimes
// allow, and the share of the way.
func (j *job) retaining(halves []*model.Model, gate GateConfig) (*model.Model, float64, error) {
	both, err := train.Soup([]float64{.5, .5}, halves...)
	if err != nil {
		return nil, 0, err
	}
	for i := 0; ; i++ {
		m, err := train.Soup([]float64{1 - shares[i], shares[i]}, j.champion, both)
		if err != nil || i == len(shares)-1 {
			return m, shares[i], err
		}
		s := newShadow(j.champion, m, gate)
		if err := s.remember(j.heldOld); err != nil {
			return nil, 0, err
		}
		if !(s.verdict().OldDB < forgetMargin-gate.Forget) {
			return m, shares[i], nil
		}
	}
}

// regimes returns which regime bore each of the old windows.
func (j *job) regimes() func(*replay.Window) int {
	bore := map[*replay.Window]int{}
	for i, w := range j.heldOld {
		bore[w] = j.bore[i]
	}
	return func(w *replay.Window) int { return bore[w] }
}

// trainingSet returns what a half is trained on: old windows, and the stretches of
// new ones that it is to learn from, each with its share in what is drawn.
func trainingSet(j *job, in []stretch, half []*replay.Window) []train.Window {
	learnt := map[*replay.Window]bool{}
	for _, w := range half {
		learnt[w] = true
	}
	weights := drawn.Weights(slices.Concat(j.old, half), j.fresh)
	var ws []train.Window
	for i, w := range j.old {
		t := trainWindow(w)
		t.Weight, t.Old = weights[i], true
		ws = append(ws, t)
	}
	for _, s := range in {
		n := 0
		for _, w := range s.windows {
			if learnt[w] {
				n++
			}
		}
		if n > 0 {
			t := s.window(func(w *replay.Window) bool { return learnt[w] })
			t.Weight = float64(n) * weights[len(j.old)]
			ws = append(ws, t)
		}
	}
	return ws
}

// teacherOf returns the net that makes what is to be learnt of new windows: the base
// model with the largest look-ahead, where it is nearer to the truth than the
// champion; nil: the champion.
func teacherOf(champion *model.Model, in []stretch, all []*replay.Window, cfg GateConfig) (*model.Model, error) {
	base, err := model.Base(-1)
	if err != nil {
		return nil, fmt.Errorf("adapt: %w", err)
	}
	if champion.Lookahead() >= base.Lookahead() || champion.Kind() == model.BlindSpot {
		return nil, nil
	}
	c, err := compareIn(in, all, champion, base, cfg)
	if err != nil {
		return nil, err
	}
	if len(c.Gain) == 0 || mean(c.Gain) <= 0 {
		return nil, nil
	}
	return base, nil
}

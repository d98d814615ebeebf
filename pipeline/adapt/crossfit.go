package adapt

import (
	"context"
	"fmt"
	"slices"

	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/replay"
	"github.com/quell-stream/quell/model/train"
)

// shares are those of the way from the champion to what was trained that are
// tried in turn until no earlier regime loses too much: most of what is gained of the
// new one comes early on it, and most of what is forgotten late.
var shares = [...]float64{1, .85, .7, .55, .4}

// draws is the number of pairs of recorruptions that a fine-tune is judged by: windows
// are few after a drift, draws are not, and with 16 bets on four windows made twice what
// they make with 4, in the median over stretches of four drifts.
const draws = 12

// forgetMargin is by how much a challenger is to stay below what may be forgotten,
// in dB: the estimate has some scatter, and the least of several is taken. That on a known
// signal hardly has.
const forgetMargin = .1

// crossing is a fine-tune of two or four copies of a champion, each on all new windows but
// those of its own part and judged on that, so that what little there is serves both to
// learn from and to judge on (cross-fitting: Chernozhukov et al., "Double/debiased
// machine learning", 2018). The mean of their weights is the start of one more training,
// on all new windows: nets that begin alike and move little can be averaged, see
// train.Soup. What comes out is the challenger. It is judged itself on earlier regimes,
// for which it may go back some of its way, and on what comes in later.
type crossing struct {
	champion     *model.Model
	parts        [][]*replay.Window // of the new windows, one for each net, which learns from the others
	judged       [][]*replay.Window // of each part, what its net is judged on
	old, heldOld []*replay.Window
	tuning       train.FineTuneConfig
	gate         GateConfig
	progress     func(training int, is train.Progress)

	taught bool    // by the base model
	share  float64 // of the way that the challenger went
}

// deal returns the parts of new windows, of which there are two sides: these, or where
// there are few slots the halves of both. A net that has seen half of a thousand slots
// is much poorer than the challenger, and so is what bets on it make; one that has
// seen three quarters is not.
func deal(sides [2][]*replay.Window) [][]*replay.Window {
	if folds(sides) == 2 {
		return [][]*replay.Window{sides[1], sides[0]}
	}
	parts := make([][]*replay.Window, mostFolds)
	for i, side := range sides {
		for k, w := range side {
			parts[2*i+k%2] = append(parts[2*i+k%2], w)
		}
	}
	return parts
}

// folds returns the number of nets that judge a fine-tune on new windows.
func folds(sides [2][]*replay.Window) int {
	slots := 0
	for _, side := range sides {
		for _, w := range side {
			slots += w.Steps()
		}
	}
	if slots <= fewSlots {
		return mostFolds
	}
	return 2
}

// run returns the challenger and what the nets before it showed.
func (x *crossing) run(ctx context.Context) (*model.Model, train.Comparison, error) {
	var c train.Comparison
	all := slices.Concat(x.parts...)
	in := stretches(all, !runs(x.champion))
	teacher, err := teacherOf(x.champion, in, all, x.gate)
	if err != nil {
		return nil, c, err
	}
	x.taught = teacher != nil
	nets, share := make([]*model.Model, len(x.parts)), make([]float64, len(x.parts))
	for i := range nets {
		others := slices.Concat(slices.Delete(slices.Clone(x.parts), i, i+1)...)
		if nets[i], err = x.tune(ctx, i, x.champion, trainingSet(x.old, in, others), teacher); err != nil {
			return nil, c, err
		}
		share[i] = 1 / float64(len(nets))
	}
	soup, err := train.Soup(share, nets...)
	if err != nil {
		return nil, c, err
	}
	whole, err := x.tune(ctx, len(nets), soup, trainingSet(x.old, in, all), teacher)
	if err != nil {
		return nil, c, err
	}
	m, err := x.retaining(whole)
	if err != nil {
		return nil, c, err
	}
	for i, net := range nets {
		if net, err = train.Soup([]float64{1 - x.share, x.share}, x.champion, net); err != nil {
			return nil, c, err
		}
		other, err := compareIn(in, x.judged[i], x.champion, net, x.gate)
		if err != nil {
			return nil, c, err
		}
		c = joined(c, other)
	}
	return m, c, nil
}

// tune is one of the trainings, of number i.
func (x *crossing) tune(ctx context.Context, i int, from *model.Model, set []train.Window, teacher *model.Model) (*model.Model, error) {
	cfg := x.tuning
	cfg.Seed += uint64(i) << 32
	cfg.Teacher = teacher
	if cfg.Known == nil {
		cfg.Known = x.champion
	}
	if x.progress != nil {
		cfg.Progress = func(is train.Progress) { x.progress(i, is) }
	}
	if len(x.old) == 0 && x.champion.Header().Channels == 0 {
		cfg.Rehearse = rehearse
	}
	m, _, err := train.FineTune(ctx, from, set, cfg)
	if err != nil || from == x.champion {
		return m, err
	}
	h := m.Header()
	h.Provenance.Parent = x.champion.Name() // and not what is on the way
	return model.New(h, m.Net())
}

// retaining returns a net as far from the champion as earlier regimes allow, and notes
// the share of the way.
func (x *crossing) retaining(whole *model.Model) (*model.Model, error) {
	for i := 0; ; i++ {
		x.share = shares[i]
		m, err := train.Soup([]float64{1 - x.share, x.share}, x.champion, whole)
		if err != nil || i == len(shares)-1 {
			return m, err
		}
		s := newShadow(x.champion, m, x.gate)
		s.around = x.old
		if err := s.remember(x.heldOld); err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(s.past, func(p past) bool { return p.seen < forgetMargin-s.cfg.Forget || p.known < -s.cfg.Forget }) {
			return m, nil
		}
	}
}

// crossFit trains a job's challenger. What the champion was trained on itself, for the
// same drift, judges nothing.
func (a *Adapter) crossFit(j *job, held []*replay.Window) (*model.Model, train.Comparison, error) {
	p := a.pacer(j.ctx)
	knows := a.knowers(j.group)
	x := crossing{champion: j.champion, parts: deal([2][]*replay.Window{j.recent, held}), old: j.old, heldOld: j.heldOld,
		gate:   GateConfig{Seed: j.seed, Draws: draws, Regime: j.regimes(), Knows: knows, Pause: p.rest}.defaults(),
		tuning: train.FineTuneConfig{Rounds: a.cfg.Rounds, Steps: a.cfg.Steps, Peak: peak, Length: min(512, a.cfg.Window), Seed: j.seed, Workers: 1, Known: knows(j.before)},
		progress: func(training int, is train.Progress) {
			a.progress(j, training*a.cfg.Steps*a.cfg.Rounds, is)
			p.rest() // a closed context ends the training by itself
		}}
	a.mu.Lock()
	j.shown.steps = (len(x.parts) + 1) * a.cfg.Steps * a.cfg.Rounds
	for _, p := range x.parts {
		x.judged = append(x.judged, a.unknown(slices.Clone(p)))
	}
	a.mu.Unlock()
	m, c, err := x.run(j.ctx)
	if err == nil {
		a.cfg.Log.Debug("fine-tuned", "series", j.track.name, "stage", j.stage, "new", len(j.recent)+len(held), "old", len(j.old), "taught by the base model", x.taught, "share", x.share, "gain_db", c.DB())
	}
	return m, c, err
}

// CrossFit fine-tunes a champion as an Adapter does, for runs without one: two nets,
// each on one of the two sides of the new windows and judged as cfg says on the other, or
// four where there are few, and then the whole, by tuning.Steps updates each. All train on the old windows too;
// heldOld is of earlier regimes, and was not trained on. Teacher, Length and
// Peak are those of an Adapter. It returns the challenger and what Gate would say of it. The
// same arguments give the same bytes.
func CrossFit(ctx context.Context, champion *model.Model, sides [2][]*replay.Window, old, heldOld []*replay.Window, tuning train.FineTuneConfig, cfg GateConfig) (*model.Model, Verdict, error) {
	tuning.Peak = peak
	if cfg.Draws == 0 {
		cfg.Draws = draws
	}
	for _, w := range slices.Concat(sides[0], sides[1]) {
		tuning.Length = min(512, w.Steps())
	}
	parts := deal(sides)
	x := crossing{champion: champion, parts: parts, judged: parts, old: spread(old, mostOld), heldOld: heldOld, tuning: tuning, gate: cfg.defaults()}
	m, c, err := x.run(ctx)
	if err != nil {
		return nil, Verdict{}, err
	}
	s := newShadow(champion, m, cfg)
	s.around = old
	if err := s.remember(heldOld); err != nil {
		return nil, Verdict{}, err
	}
	s.take(c)
	return m, s.verdict(), nil
}

// knowers returns the models that a group's bank holds for the regimes that there were.
func (a *Adapter) knowers(g *group) func(regime int) *model.Model {
	a.mu.Lock()
	defer a.mu.Unlock()
	by := map[int]*model.Model{}
	for i := range g.bank.all {
		by[g.bank.all[i].regime] = g.bank.all[i].model
	}
	return func(regime int) *model.Model { return by[regime] }
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
func trainingSet(old []*replay.Window, in []stretch, half []*replay.Window) []train.Window {
	learnt := map[*replay.Window]bool{}
	for _, w := range half {
		learnt[w] = true
	}
	weights := drawn.Weights(slices.Concat(old, half), func(w *replay.Window) bool { return learnt[w] })
	var ws []train.Window
	for i, w := range old {
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
			t.Weight = float64(n) * weights[len(old)]
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

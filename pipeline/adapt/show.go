package adapt

import (
	"math"
	"slices"
	"strconv"

	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/train"
	"github.com/quell-stream/quell/pipeline"
	"github.com/quell-stream/quell/pipeline/view"
)

// shown is what is shown of a fine-tune. It is guarded by the adapter's mu, and says
// nothing that anything is decided by.
type shown struct {
	name     string // of the challenger of a fine-tune that is over
	curve    []view.Step
	steps    int // that it takes; 0: not known yet
	evidence *view.Evidence
	gain     float64
}

// curvePoints is about the number of points of a curve that are kept.
const curvePoints = 100

var _ pipeline.Shower = (*Adapter)(nil)

// progress keeps a point of the training curve: step counts the updates of all trainings.
func (a *Adapter) progress(j *job, before int, is train.Progress) {
	every := max(1, mostTrainings*a.cfg.Steps*a.cfg.Rounds/curvePoints)
	if is.Step%every != 0 {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(j.shown.curve) < 2*curvePoints {
		j.shown.curve = append(j.shown.curve, view.Step{Step: before + is.Step, Loss: view.Number(is.Loss), Holdout: view.Number(is.Validation)})
	}
}

// judged notes what the gate has found so far.
func (a *Adapter) judged(j *job, v *Verdict) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if j.shadow != nil {
		e := standing(j.shadow, a.cfg.Level, hopelessLevel)
		j.shown.evidence, j.shown.gain = &e, v.RecentDB
	}
}

// tried notes what a probation has found so far. Its challenger is the predecessor.
func (a *Adapter) tried(p *probation, v *Verdict) {
	a.mu.Lock()
	defer a.mu.Unlock()
	e := standing(p.shadow, rollbackLevel, rollbackLevel)
	e.LogE, e.Against = e.Against, e.LogE
	p.shown, p.gain = e, -v.RecentDB
}

func standing(s *shadow, accept, reject float64) view.Evidence {
	return view.Evidence{LogE: view.Number(s.bets.logE()), Accept: view.Number(-math.Log(accept)), Against: view.Number(s.other.logE()), Reject: view.Number(-math.Log(reject))}
}

// unjudged is the evidence before there is any.
func unjudged(level float64) view.Evidence {
	return view.Evidence{Accept: view.Number(-math.Log(level)), Reject: view.Number(-math.Log(level))}
}

// Adaptation returns how far the adaptation of a series has come, nil where it is not
// known.
func (a *Adapter) Adaptation(series string) *view.Adaptation {
	a.mu.Lock()
	defer a.mu.Unlock()
	t := a.tracks[series]
	if t == nil {
		return nil
	}
	s := a.show(t)
	return &s
}

// Adaptations returns those series where something goes on, or went on, and where the
// stream shares one model that of one of them for all, at most so many.
func (a *Adapter) Adaptations(most int) []view.Adaptation {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []view.Adaptation
	for _, t := range a.tracks {
		s := a.show(t)
		if a.shared != nil && s.Phase == view.Idle && len(out) > 0 || a.shared == nil && s.Phase == view.Idle && s.Curve == nil {
			continue
		}
		if out = append(out, s); a.shared != nil && s.Phase != view.Idle {
			out = out[len(out)-1:]
			break
		}
		if len(out) == most {
			break
		}
	}
	if a.shared != nil && len(out) > 0 {
		out = out[:1]
		out[0].Series = ""
	}
	return out
}

// show returns how far a series has come. The caller holds mu.
func (a *Adapter) show(t *track) view.Adaptation {
	g, d := t.group, t.learning()
	s := view.Adaptation{Series: t.name, Phase: view.Idle, Windows: d.fresh, Curve: []view.Step{}, Steps: mostTrainings * a.cfg.Steps * a.cfg.Rounds, Gain: view.NaN}
	if next := a.cfg.next(d); next < len(stages) {
		s.Need = a.cfg.stage(next)
		if trainable(d.kind) && !d.done {
			s.Phase = view.Collecting
		}
	}
	if g.last != nil {
		g.last.fill(&s)
	}
	switch {
	case g.job != nil && g.job.challenger != nil:
		s.Phase = view.Judging
		g.job.shown.fill(&s)
		s.Challenger = named(g.job.challenger)
	case g.job != nil:
		s.Phase = view.Training
		g.job.shown.fill(&s)
	case g.trial != nil && g.trial.series[t.name]:
		e := g.trial.shown
		s.Phase, s.Evidence, s.Gain = view.Probation, &e, view.Number(g.trial.gain)
		s.Challenger = named(g.trial.model)
	}
	return s
}

// fill shows the fine-tune.
func (s *shown) fill(v *view.Adaptation) {
	v.Curve = slices.Clone(s.curve)
	if v.Curve == nil {
		v.Curve = []view.Step{}
	}
	if s.steps > 0 {
		v.Steps = s.steps
	}
	v.Evidence, v.Challenger, v.Gain = nil, nil, view.NaN
	if s.evidence != nil {
		e := *s.evidence
		v.Evidence, v.Gain = &e, view.Number(s.gain)
	}
	if s.name != "" {
		name := s.name
		v.Challenger = &name
	}
}

func named(m *model.Model) *string {
	name := m.Name()
	return &name
}

// Known returns the models that are kept or judged, and those on offer that can take the
// place of what serves. Their state is that of the series, but for serving, which the
// pipeline knows.
func (a *Adapter) Known() []pipeline.KnownModel {
	offers := a.offers()
	a.mu.Lock()
	defer a.mu.Unlock()
	var all []pipeline.KnownModel
	for _, g := range a.groups() {
		add := func(m *model.Model, state string) {
			all = append(all, pipeline.KnownModel{Model: m, Series: g.name, State: state})
		}
		for _, m := range g.versions {
			add(m, view.Kept)
		}
		for i := range g.bank.all {
			add(g.bank.all[i].model, view.Kept)
		}
		if g.trial != nil {
			add(g.trial.model, view.Probation)
		}
		if g.job != nil && g.job.challenger != nil {
			add(g.job.challenger, view.Challenger)
		}
	}
	for _, o := range offers {
		if o.Model != nil && o.Unfit == "" && a.awaited(o.Model) {
			all = append(all, pipeline.KnownModel{Model: o.Model, State: view.Offered})
		}
	}
	return all
}

// Replay returns what the replay buffer holds of a series, and the positions from which
// on its present context goes, and up to which it goes; nil where the series is not known.
// Windows are known by the decimal of their start.
func (a *Adapter) Replay(series string) (r *view.Replay, from, end int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	t := a.tracks[series]
	if t == nil {
		return nil, 0, 0
	}
	b := t.group.buf
	r = &view.Replay{Bytes: int64(b.Bytes()), MaxBytes: int64(a.cfg.ReplayBytes), Windows: []view.Window{}}
	for _, w := range b.Windows(series) {
		r.Windows = append(r.Windows, view.Window{ID: strconv.FormatInt(w.Start, 10), From: w.Start, Regime: w.Regime,
			HeldOut: w.HeldOut, Quarantined: w.Quarantined, Excluded: w.Excluded, Sigma: view.Number(w.Scales[0].Sigma)})
	}
	return r, t.base, t.end()
}

// ReplayWindow returns the values of a window, slot by slot for each channel; nil where
// there is none of that id.
func (a *Adapter) ReplayWindow(series, id string) [][]view.Number {
	a.mu.Lock()
	defer a.mu.Unlock()
	t := a.tracks[series]
	if t == nil {
		return nil
	}
	for _, w := range t.group.buf.Windows(series) {
		if strconv.FormatInt(w.Start, 10) != id {
			continue
		}
		out := make([][]view.Number, len(w.Scales))
		for c := range out {
			for s := range w.Steps() {
				out[c] = append(out[c], view.Number(w.Raw(s, c)))
			}
		}
		return out
	}
	return nil
}

// ExcludeWindow takes a window out of what is learnt from, or back in, and returns false
// where there is none of that id. A fine-tune that runs goes on with what it has.
func (a *Adapter) ExcludeWindow(series, id string, excluded bool) bool {
	start, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	t := a.tracks[series]
	if t == nil || !t.group.buf.Exclude(series, start, excluded) {
		return false
	}
	g, action := t.group, map[bool]string{true: "excluded", false: "included"}[excluded]
	a.noted = append(a.noted, record{Action: action, Series: series, At: g.clock, Why: "the window of position " + id + " was " + action + " by hand", By: manual})
	a.pushQuick(func() {
		a.auditNoted()
		a.save(g)
	})
	return true
}

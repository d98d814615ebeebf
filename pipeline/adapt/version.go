package adapt

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/pipeline"
)

// mostVersions is the number of models of a group that are kept for having served
// latest: the present one, its predecessor and the one before.
const mostVersions = 3

// version notes that a model serves now, or may. The caller holds mu.
func (g *group) version(m *model.Model) {
	g.versions = slices.DeleteFunc(g.versions, func(v *model.Model) bool { return v.Name() == m.Name() })
	g.versions = append(g.versions, m)
	if n := len(g.versions); n > mostVersions {
		g.versions = slices.Delete(g.versions, 0, n-mostVersions)
	}
}

// find returns the model of that name among versions and bank, nil if there is
// none.
func (g *group) find(name string) *model.Model {
	for _, v := range g.versions {
		if v.Name() == name {
			return v
		}
	}
	if b := g.bank.find(name); b != nil {
		return b.model
	}
	return nil
}

var _ pipeline.Switcher = (*Adapter)(nil)

// single returns an error where one series can't be switched by itself. The caller
// holds mu.
func (a *Adapter) single(series string) error {
	switch {
	case series == "":
		return nil
	case a.shared != nil:
		return fmt.Errorf("%w: the series of the stream share one model, so that all are switched or none: leave the series out", pipeline.ErrNoModel)
	case a.tracks[series] == nil:
		return fmt.Errorf("%w: there is no series %q", pipeline.ErrNoModel, series)
	}
	return nil
}

// Rollback has the predecessor of the model that serves a series serve again, by
// hand: where the stream's series share one model, those too that it serves. It
// returns the series that were switched. It is safe for concurrent use.
func (a *Adapter) Rollback(series string) ([]string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.leads() {
		return nil, errElsewhere
	}
	t := a.tracks[series]
	switch {
	case t == nil:
		return nil, fmt.Errorf("%w: there is no series %q", pipeline.ErrNoModel, series)
	case t.previous == nil || t.serving == nil || t.previous.Lookahead() != t.serving.Lookahead():
		return nil, fmt.Errorf("%w: the model of %s has no predecessor", pipeline.ErrNoModel, series)
	}
	return a.back(t), nil
}

// RollBackModel is Rollback for all series that the model of that name serves, or for
// that one of them which is named. It implements pipeline.Switcher.
func (a *Adapter) RollBackModel(name, only string) ([]string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.leads() {
		return nil, errElsewhere
	}
	if err := a.single(only); err != nil {
		return nil, err
	}
	var switched []string
	serves := false
	for _, series := range slices.Sorted(maps.Keys(a.tracks)) {
		t := a.tracks[series]
		if t.serving == nil || t.serving.Name() != name || only != "" && series != only {
			continue
		}
		serves = true
		if t.previous != nil && t.previous.Lookahead() == t.serving.Lookahead() {
			switched = append(switched, a.back(t)...)
		}
	}
	switch {
	case !serves:
		return nil, fmt.Errorf("%w: %s serves no series", pipeline.ErrNoModel, name)
	case len(switched) == 0:
		return nil, fmt.Errorf("%w: %s has no predecessor", pipeline.ErrNoModel, name)
	}
	return switched, nil
}

// back has the predecessor of a series' model serve. The caller holds mu.
func (a *Adapter) back(t *track) []string {
	to, from := t.previous, t.serving
	switched := a.byHand(t.group, to, func(t *track) bool { return t.serving.Name() == from.Name() }, "model.rolled_back", "rolled_back", fmt.Sprintf("%s was rolled back to %s by hand", from.Name(), to.Name()))
	t.group.trial = nil // it is what was wanted
	return switched
}

// byHand switches those series of a group that are meant to a model and returns
// them. The caller holds mu.
func (a *Adapter) byHand(g *group, m *model.Model, meant func(*track) bool, kind, action, why string) []string {
	to := &pending{m, kind, why, kind == "model.promoted"}
	var switched []*track
	var before *model.Model
	for _, t := range a.members(g) {
		if t.serving == nil || !meant(t) {
			continue
		}
		before = t.serving
		t.switches(to)
		t.drift.learnt, t.after = true, drift{}
		switched = append(switched, t)
	}
	if len(switched) == 0 {
		return nil
	}
	g.dropJob()
	g.version(before)
	g.version(m)
	g.trial = nil
	if a.cfg.Mode == Auto {
		g.trial = a.newProbation(g, m, before, keyed(a.cfg.Seed, g.name, g.clock), switched[0].regime(), g.clock, switched)
	}
	a.noted = append(a.noted, record{Action: action, Series: g.name, Model: m.Name(), Before: before.Name(), At: g.clock, Why: why, By: manual})
	a.pushQuick(func() {
		a.auditNoted()
		a.save(g)
		a.ask(switched, to)
	})
	var names []string
	for _, t := range switched {
		names = append(names, t.name)
	}
	return names
}

// carded returns a job's challenger with its figures in the header: the card of
// the version.
func carded(j *job, v *Verdict) (*model.Model, error) {
	h := j.challenger.Header()
	h.Provenance.Data = fmt.Sprintf("%d new and %d older windows of %d slots of %s", len(j.recent), len(j.old), j.recentSteps(), j.subject())
	h.Metrics = map[string]float64{"windows": float64(v.Recent), "old_windows": float64(v.Old), "regimes": float64(v.Regimes)}
	for name, x := range map[string]float64{"gain_db": v.RecentDB, "old_gain_db": v.OldDB, "e_value": 1 / v.P, "error": v.Error} {
		if !math.IsNaN(x) && !math.IsInf(x, 0) {
			h.Metrics[name] = x
		}
	}
	h.Card = fmt.Sprintf(`# %s, adapted to %s

Fine-tuned from %s after a %s drift, and judged beside it without clean truth on windows that no training saw: %s.

- Trained on: %s, seed %d.
- Judged on: %s of the new regime, %s of %d earlier ones.
- Meant for: this sensor. Nothing is known of how it does elsewhere.
`, h.Name, j.subject(), j.champion.Name(), j.kind, v.Why, h.Provenance.Data, j.seed, count(v.Recent, "window"), count(v.Old, "window"), v.Regimes)
	return model.New(h, j.challenger.Net())
}

func (j *job) recentSteps() int {
	if len(j.recent) == 0 {
		return 0
	}
	return j.recent[0].Steps()
}

// subject names what a job learns from.
func (j *job) subject() string {
	if j.group.name == "" {
		return fmt.Sprintf("the stream, of which %s drifted", j.track.name)
	}
	return "series " + j.track.name
}

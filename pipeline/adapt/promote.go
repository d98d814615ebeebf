package adapt

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/pipeline"
)

// offers returns what Config.Offered does. It reads files, so mu is not to be held.
func (a *Adapter) offers() []Offer {
	if a.cfg.Offered == nil {
		return nil
	}
	return a.cfg.Offered()
}

// Promote has the model of that name serve by hand: the series whose versions or bank
// hold it, and where it is offered (Config.Offered) all that it fits; of these that one
// alone which is named, if one is. No test is asked, and probation watches it only in
// Auto mode. It returns the series that it was switched for, or an error that says what
// there is. It is safe for concurrent use.
func (a *Adapter) Promote(name, series string) ([]string, error) {
	offers := a.offers()
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.leads() {
		return nil, errElsewhere
	}
	if err := a.single(series); err != nil {
		return nil, err
	}
	offer := offerOf(name, offers)
	if offer != nil && offer.Unfit != "" {
		if !a.holds(name) {
			return nil, fmt.Errorf("%w: %s can't serve here: %s", pipeline.ErrNoModel, name, offer.Unfit)
		}
		offer = nil // as it was when it was taken in, it can
	}
	var found *model.Model
	var switched []string
	for _, g := range a.groups() {
		m := g.find(name)
		if m == nil && offer != nil {
			m = offer.Model
		}
		if m == nil {
			continue
		}
		found = m
		// A series is served by the look-ahead that fits its rate.
		fits := func(t *track) bool {
			return (series == "" || t.name == series) && t.serving.Name() != name && t.serving.Lookahead() == m.Lookahead()
		}
		switched = append(switched, a.byHand(g, m, fits, "model.promoted", "promoted", fmt.Sprintf("%s was promoted by hand", name))...)
	}
	switch {
	case found == nil:
		return nil, a.notThere(name, offers)
	case len(switched) == 0:
		return nil, a.unmoved(found, series)
	}
	return switched, nil
}

// offerOf returns the offer of the model of that name, nil if there is none.
func offerOf(name string, offers []Offer) *Offer {
	for i := range offers {
		if m := offers[i].Model; m != nil && m.Name() == name {
			return &offers[i]
		}
	}
	return nil
}

// holds says that some group has the model of that name. The caller holds mu.
func (a *Adapter) holds(name string) bool {
	return slices.ContainsFunc(a.groups(), func(g *group) bool { return g.find(name) != nil })
}

// notThere is the error about a model that is not there: it says what is, and which files
// hold none. The caller holds mu.
func (a *Adapter) notThere(name string, offers []Offer) error {
	has := map[string]bool{}
	for _, g := range a.groups() {
		for _, v := range g.versions {
			has[v.Name()] = true
		}
		for i := range g.bank.all {
			has[g.bank.all[i].model.Name()] = true
		}
	}
	var broken strings.Builder
	for i := range offers {
		if m := offers[i].Model; m != nil {
			has[m.Name()] = true
		} else {
			fmt.Fprintf(&broken, "; %s is not offered: %s", offers[i].File, offers[i].Unfit)
		}
	}
	if len(has) == 0 {
		return fmt.Errorf("%w: %s is not known: no model has been trained yet, and none is offered%s", pipeline.ErrNoModel, name, broken.String())
	}
	return fmt.Errorf("%w: %s is not known, there is %s%s", pipeline.ErrNoModel, name, strings.Join(slices.Sorted(maps.Keys(has)), ", "), broken.String())
}

// unmoved is the error about a model that is there, and that no series was switched to.
// The caller holds mu.
func (a *Adapter) unmoved(m *model.Model, series string) error {
	others := map[int]bool{}
	for _, t := range a.tracks {
		switch {
		case series != "" && t.name != series || t.serving == nil:
		case t.serving.Name() == m.Name():
			return fmt.Errorf("%w: %s serves already", pipeline.ErrNoModel, m.Name())
		case t.serving.Lookahead() != m.Lookahead():
			others[t.serving.Lookahead()] = true
		}
	}
	switch len(others) {
	case 0:
		return fmt.Errorf("%w: %s has nothing to serve: no series has a model yet that it could take the place of", pipeline.ErrNoModel, m.Name())
	case 1:
		for n := range others {
			return fmt.Errorf("%w: %s looks %d samples ahead, and what serves %d: only a model of the same look-ahead can take its place", pipeline.ErrNoModel, m.Name(), m.Lookahead(), n)
		}
	}
	return fmt.Errorf("%w: %s looks %d samples ahead, and nothing that serves does: only a model of the same look-ahead can take its place", pipeline.ErrNoModel, m.Name(), m.Lookahead())
}

// awaited says that a series is served by a model whose place this one can take. The
// caller holds mu.
func (a *Adapter) awaited(m *model.Model) bool {
	for _, t := range a.tracks {
		if t.serving != nil && t.serving.Lookahead() == m.Lookahead() {
			return true
		}
	}
	return false
}

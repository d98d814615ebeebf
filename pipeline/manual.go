package pipeline

import (
	"errors"
	"fmt"
)

// ErrNoModel is wrapped by errors about a model that no stream knows, or that
// serves already, or that has no predecessor.
var ErrNoModel = errors.New("no such switch")

// Switcher is an Adapter that switches models by hand. Its methods take the name
// of a model and return the series that are switched, and are safe for concurrent
// use. Errors about names wrap ErrNoModel.
type Switcher interface {
	// Promote has the model serve where it is known.
	Promote(name string) (series []string, err error)
	// RollBackModel has its predecessor serve where it serves.
	RollBackModel(name string) (series []string, err error)
}

// Promote has a model serve by hand, in all streams that know it, and returns
// what is switched, as stream/series. The switches are durable before the first
// record that they affect, which may be after Promote returned.
func (p *Pipeline) Promote(name string) ([]string, error) {
	return p.switchAll(func(s Switcher) ([]string, error) { return s.Promote(name) })
}

// RollBack has the predecessor of a model serve wherever it serves, by hand, and
// returns what is switched, as Promote does.
func (p *Pipeline) RollBack(name string) ([]string, error) {
	return p.switchAll(func(s Switcher) ([]string, error) { return s.RollBackModel(name) })
}

func (p *Pipeline) switchAll(f func(Switcher) ([]string, error)) ([]string, error) {
	var all []string
	var errs []error
	asked := false
	for _, w := range p.crew() {
		s, ok := w.cfg.Adapter.(Switcher)
		if !ok {
			continue
		}
		asked = true
		series, err := f(s)
		if err != nil {
			errs = append(errs, fmt.Errorf("stream %s: %w", w.name, err))
		}
		for _, name := range series {
			all = append(all, w.name+"/"+name)
		}
	}
	switch {
	case !asked:
		return nil, fmt.Errorf("%w: no stream adapts its models: set adapt.mode", ErrNoModel)
	case len(all) == 0:
		return nil, errors.Join(errs...)
	}
	return all, nil
}

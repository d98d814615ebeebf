package pipeline

import (
	"errors"
	"fmt"
)

// ErrNoModel is wrapped by errors about a model that no stream knows, or that
// serves already, or that has no predecessor.
var ErrNoModel = errors.New("no such switch")

// Where narrows a switch by hand to a stream, and to one series of it. The zero value
// is everywhere.
type Where struct{ Stream, Series string }

// Switcher is an Adapter that switches models by hand. Its methods take the name
// of a model, and of the series where only one is meant, return the series that are
// switched, and are safe for concurrent use. Errors about names wrap ErrNoModel.
type Switcher interface {
	// Promote has the model serve where it is known.
	Promote(name, series string) (switched []string, err error)
	// RollBackModel has its predecessor serve where it serves.
	RollBackModel(name, series string) (switched []string, err error)
}

// Promote has a model serve by hand, in all streams that know it, or where it is meant to, and returns
// what is switched, as stream/series. The switches are durable before the first
// record that they affect, which may be after Promote returned.
func (p *Pipeline) Promote(name string, in Where) ([]string, error) {
	return p.switchAll(in, func(s Switcher) ([]string, error) { return s.Promote(name, in.Series) })
}

// RollBack has the predecessor of a model serve wherever it serves, or is
// meant to, by hand, and returns what is switched, as Promote does.
func (p *Pipeline) RollBack(name string, in Where) ([]string, error) {
	return p.switchAll(in, func(s Switcher) ([]string, error) { return s.RollBackModel(name, in.Series) })
}

func (p *Pipeline) switchAll(in Where, f func(Switcher) ([]string, error)) ([]string, error) {
	var all []string
	var errs []error
	asked, known := false, in.Stream == ""
	for _, w := range p.crew() {
		if in.Stream != "" && in.Stream != w.name {
			continue
		}
		known = true
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
	case !known:
		return nil, fmt.Errorf("%w: there is no stream %q", ErrUnknown, in.Stream)
	case !asked && in.Stream != "":
		return nil, fmt.Errorf("%w: stream %s does not adapt its model: set its adapt.mode", ErrNoModel, in.Stream)
	case !asked:
		return nil, fmt.Errorf("%w: no stream adapts its models: set adapt.mode", ErrNoModel)
	case len(all) == 0:
		return nil, errors.Join(errs...)
	}
	return all, nil
}

package pipeline

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/pipeline/view"
)

// Shower is an Adapter that shows what it does. Its methods are safe for concurrent
// use, and never wait for training.
type Shower interface {
	// Adaptation returns how far the adaptation of a series has come; nil: it is not
	// known.
	Adaptation(series string) *view.Adaptation
	// Adaptations returns that of those series where something goes on or went on.
	Adaptations(most int) []view.Adaptation
	// Known returns the models that are kept or judged.
	Known() []KnownModel
	// Replay returns what the replay buffer holds of a series, and the positions at
	// which its present context begins and ends; nil: it is not known.
	Replay(series string) (r *view.Replay, from, end int64)
	// ReplayWindow returns the values of a window, nil where there is none.
	ReplayWindow(series, id string) [][]view.Number
	// ExcludeWindow takes a window out of what is learnt from, or back in.
	ExcludeWindow(series, id string, excluded bool) bool
}

// KnownModel is a model that an adapter keeps or judges.
type KnownModel struct {
	Model  *model.Model
	Series string // "": the stream's
	State  string // one of those of view.Model
}

// The most that is listed of models and adaptations of a stream, and of the series of a
// model.
const (
	mostModels      = 1000
	mostAdaptations = 200
	mostModelSeries = 20
)

// adaptationOf returns how far the adaptation of a series has come, nil where nothing
// adapts.
func (w *worker) adaptationOf(series string) *view.Adaptation {
	s, ok := w.cfg.Adapter.(Shower)
	if !ok {
		return nil
	}
	a := s.Adaptation(series)
	if a != nil {
		a.Stream = w.name
	}
	return a
}

// Adapting returns how far adaptation has come where something goes on or went on.
func (p *Pipeline) Adapting() []view.Adaptation {
	all := []view.Adaptation{}
	for _, w := range p.crew() {
		if s, ok := w.cfg.Adapter.(Shower); ok {
			for _, a := range s.Adaptations(mostAdaptations) {
				a.Stream = w.name
				all = append(all, a)
			}
		}
	}
	return all
}

// Models returns the models that serve, or may, and how far adaptation has come.
func (p *Pipeline) Models(ctx context.Context) (view.Models, error) {
	all := view.Models{Models: []view.Model{}, Adaptation: p.Adapting()}
	for _, w := range p.crew() {
		served := map[*model.Model][]string{}
		if err := w.desk.ask(ctx, func() {
			for name, l := range w.eng.lanes {
				if l.mod != nil {
					served[l.mod] = append(served[l.mod], name)
				}
			}
		}); err != nil {
			continue // it does not answer: the others are shown
		}
		var known []KnownModel
		if s, ok := w.cfg.Adapter.(Shower); ok {
			known = s.Known()
		}
		all.Models = append(all.Models, w.showModels(served, known)...)
	}
	return all, nil
}

// showModels returns the models of the stream, those that serve most series first.
func (w *worker) showModels(served map[*model.Model][]string, known []KnownModel) []view.Model {
	by := map[string]*view.Model{}
	for m, series := range served {
		v := w.showModel(by, m)
		v.State, v.Serves = view.Serving, v.Serves+len(series)
		v.Series = append(v.Series, series...)
	}
	for _, k := range known {
		v := w.showModel(by, k.Model)
		if v.State == "" || v.State == view.Serving && k.State == view.Probation {
			v.State = k.State
		}
		if v.Serves == 0 && k.Series != "" && !slices.Contains(v.Series, k.Series) {
			v.Series = append(v.Series, k.Series)
		}
	}
	out := make([]view.Model, 0, len(by))
	for _, v := range by {
		slices.Sort(v.Series)
		v.Series = v.Series[:min(len(v.Series), mostModelSeries)]
		out = append(out, *v)
	}
	slices.SortFunc(out, func(a, b view.Model) int {
		return cmp.Or(cmp.Compare(b.Serves, a.Serves), cmp.Compare(a.Name, b.Name))
	})
	return out[:min(len(out), mostModels)]
}

func (w *worker) showModel(by map[string]*view.Model, m *model.Model) *view.Model {
	if v := by[m.Name()]; v != nil {
		return v
	}
	h := m.Header()
	v := &view.Model{Name: m.Name(), Stream: w.name, Series: []string{}, Figures: h.Metrics, Origin: "file"}
	if v.Figures == nil {
		v.Figures = map[string]float64{}
	}
	switch parent := h.Provenance.Parent; {
	case strings.HasPrefix(m.Name(), "base@"):
		v.Origin = "base"
	case parent != "":
		v.Origin, v.Parent = "fine-tune", &parent
	}
	if i, err := os.Stat(w.bank.file(m.Name())); err == nil {
		v.Made = view.Stamp(i.ModTime().UnixNano())
	}
	by[m.Name()] = v
	return v
}

// replays returns what shows the replay buffer of a stream.
func (p *Pipeline) replays(stream string) (*worker, Shower, error) {
	w, err := p.worker(stream)
	if err != nil {
		return nil, nil, err
	}
	s, ok := w.cfg.Adapter.(Shower)
	if !ok {
		return nil, nil, fmt.Errorf("%w: stream %s does not adapt its models, and so has no replay buffer: set adapt.mode", ErrUnknown, stream)
	}
	return w, s, nil
}

// Replay returns what the replay buffer holds of a series.
func (p *Pipeline) Replay(ctx context.Context, stream, series string) (*view.Replay, error) {
	w, s, err := p.replays(stream)
	if err != nil {
		return nil, err
	}
	r, from, end := s.Replay(series)
	if r == nil {
		return nil, fmt.Errorf("%w: stream %s has no series %q", ErrUnknown, stream, series)
	}
	newest, period := int64(0), 0.
	if err := w.desk.ask(ctx, func() {
		if l := w.eng.lanes[series]; l != nil && l.win.RateHz() > 0 {
			newest, period = l.win.Newest(), 1e9/l.win.RateHz()
		}
	}); err != nil {
		return nil, fmt.Errorf("stream %s: %w", stream, err)
	}
	for i := range r.Windows { // what was before a gap is not known to a slot
		if v := &r.Windows[i]; v.From >= from && period > 0 {
			v.Time = view.Stamp(newest - int64(float64(end-v.From)*period))
		}
	}
	return r, nil
}

// ReplayWindow returns what a window of the replay buffer holds.
func (p *Pipeline) ReplayWindow(stream, series, id string) ([]view.Trace, error) {
	w, s, err := p.replays(stream)
	if err != nil {
		return nil, err
	}
	values := s.ReplayWindow(series, id)
	if values == nil {
		return nil, fmt.Errorf("%w: the replay buffer of %s/%s has no window %q", ErrUnknown, stream, series, id)
	}
	out := make([]view.Trace, len(values))
	for i := range out {
		out[i] = view.Trace{Name: w.cfg.Engine.Channels[i], Values: values[i]}
	}
	return out, nil
}

// ExcludeWindow takes a window out of what is learnt from, or back in.
func (p *Pipeline) ExcludeWindow(stream, series, id string, excluded bool) error {
	_, s, err := p.replays(stream)
	if err != nil {
		return err
	}
	if !s.ExcludeWindow(series, id, excluded) {
		return fmt.Errorf("%w: the replay buffer of %s/%s has no window %q", ErrUnknown, stream, series, id)
	}
	return nil
}

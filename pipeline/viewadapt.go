package pipeline

import "github.com/quell-stream/quell/pipeline/view"

// Shower is an Adapter that shows what it does. Its methods are safe for concurrent
// use, and never wait for training.
type Shower interface {
	// Adaptation returns how far the adaptation of a series has come; nil: it is not
	// known.
	Adaptation(series string) *view.Adaptation
}

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

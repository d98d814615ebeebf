package pipeline

import (
	"context"
	"fmt"
)

// Settler is an Adapter whose work can be waited for.
type Settler interface {
	// Begun returns nil if no work was begun since it was last called, else a
	// channel that is closed once all work is done. Which of them depends on the
	// slots that were seen, never on how long work takes.
	Begun() <-chan struct{}
}

// settle waits for what the latest delivery had the adapter begin, and does what it
// decides.
func (w *worker) settle(hard context.Context) error {
	s, is := w.cfg.Adapter.(Settler)
	if !is {
		return nil
	}
	for done := s.Begun(); done != nil; done = s.Begun() {
		// A switch takes effect behind all records that can be computed by now.
		w.eng.Run()
		if err := w.obeyUntil(hard, done); err != nil {
			return err
		}
	}
	return nil
}

// obeyUntil does what the adapter decides until done is closed.
func (w *worker) obeyUntil(hard context.Context, done <-chan struct{}) error {
	decisions := w.cfg.Adapter.Decisions()
	for {
		select {
		case d := <-decisions:
			if err := w.decide(hard, d); err != nil {
				return err
			}
		case <-done:
			// What was decided before is there by now, if it was not read yet.
			if len(decisions) == 0 {
				return nil
			}
		case <-hard.Done():
			return context.Cause(hard)
		}
	}
}

// foretold schedules the switches that are known of a partition beforehand, when it
// comes for the first time.
func (w *worker) foretold(part string) error {
	for _, sw := range w.cfg.Obey[part] {
		if err := w.eng.Obey(part, sw); err != nil {
			return fmt.Errorf("stream %s: %w", w.name, err)
		}
	}
	delete(w.cfg.Obey, part)
	return nil
}

package pipeline

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Settler is an Adapter whose work can be waited for.
type Settler interface {
	// Idle returns once all is done that the slots seen so far ask for, and hands
	// what is decided to take. What that is depends on the slots alone, never on how
	// long work takes. Nobody reads Decisions or pushes slots meanwhile.
	Idle(take func(Decision))
}

// settle waits for what the latest delivery had the adapter begin, and does what it
// decides. A switch takes effect behind all records that can be computed by now.
func (w *worker) settle(hard context.Context) error {
	s, is := w.cfg.Adapter.(Settler)
	if !is {
		return nil
	}
	w.eng.drain()
	var all []Decision
	s.Idle(func(d Decision) { all = append(all, d) })
	if len(all) == 0 {
		return nil
	}
	// Work for several series may have gone on side by side.
	slices.SortStableFunc(all, func(a, b Decision) int { return strings.Compare(a.series(), b.series()) })
	w.eng.Run()
	for _, d := range all {
		if err := w.decide(hard, d); err != nil {
			return err
		}
	}
	return nil
}

func (d *Decision) series() string {
	if d.Event != nil {
		return d.Event.Series
	}
	return d.Switch.Series
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

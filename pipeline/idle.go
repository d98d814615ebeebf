package pipeline

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/sink"
	"github.com/quell-stream/quell/window"
)

// Tick tells the engine the time, in ns of any clock that does not go back.
// It has no part in any value: FlushIdle alone looks at it.
func (e *Engine) Tick(now int64) { e.now = now }

// FlushIdle gives out, as provisional records (rev -1), what waits of up to most
// series that no sample came of for idle, and returns of how many it did so. What
// is still on its way to its final record is computed on a copy: the series itself
// goes on as if nothing had happened, and its final records follow. A series is
// flushed once for each time that it falls silent.
// Run must have been called since the latest Push.
func (e *Engine) FlushIdle(idle time.Duration, most int) (flushed int, err error) {
	var errs []error
	for _, part := range slices.Sorted(maps.Keys(e.recent)) {
		r := e.recent[part]
		for r.fresh != nil && e.now-r.fresh.heard >= int64(idle) {
			l := r.fresh
			if l.waits() {
				if flushed == most {
					return flushed, errors.Join(errs...)
				}
				flushed++
				if err := e.preview(l); err != nil {
					errs = append(errs, fmt.Errorf("no provisional records of series %s: %w", l.series, err))
				}
			}
			r.fresh = l.next
		}
	}
	return flushed, errors.Join(errs...)
}

// waits says that samples of the lane are without a record, and on which grid it
// will be.
func (l *lane) waits() bool {
	return l.win.RateHz() > 0 && (l.waiting.len() > 0 || l.win.Waiting() > 0)
}

// preview gives out what waits of a lane from a copy of it.
func (e *Engine) preview(l *lane) error {
	if l.begun && l.stream == nil && l.win.Waiting() == 0 {
		return nil
	}
	if e.copies == nil {
		cfg := e.cfg
		cfg.Watch, cfg.Tap, cfg.Placed, cfg.Judged, cfg.Window.AllowedLateness = false, nil, nil, nil, 0
		var err error
		if e.copies, err = NewEngine(cfg, &provisional{out: e.out}); err != nil {
			return err
		}
	}
	e.scratch = l.appendState(e.scratch[:0])
	twin, err := restoreLane(e.copies, l.part, l.series, e.scratch, l)
	if err != nil {
		return err
	}
	twin.win.Finish(twin)
	e.copies.regroup(twin, nil)
	clear(e.copies.dirty)
	e.copies.dirty = e.copies.dirty[:0]
	return nil
}

// Load returns a model that serves the lane or is going to.
func (l *lane) Load(name string) (*model.Model, error) {
	if l.modelName() == name {
		return l.mod, nil
	}
	for _, known := range [][]Switch{l.switches, l.later} {
		for i := range known {
			if m := known[i].Model; m.Name() == name {
				return m, nil
			}
		}
	}
	return nil, fmt.Errorf("model %s is not known", name)
}

// provisional passes records on as provisional ones, and nothing else: what there
// is to tell is told with the final ones.
type provisional struct{ out Out }

// Record passes a record on.
func (p *provisional) Record(r *sink.Record) {
	r.Rev = -1
	p.out.Record(r)
}

// Event does nothing.
func (*provisional) Event(sink.Event) {}

// Dead does nothing.
func (*provisional) Dead(ingest.Sample, window.Fate) {}

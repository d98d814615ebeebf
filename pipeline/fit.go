package pipeline

import (
	"fmt"

	"github.com/quell-stream/quell/drift/monitor"
	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/window"
)

// Fit has the scale, the sentinel and the monitor of a series learn from the slots so
// far, and from no later one. The engine must have been made with AwaitFit. The error
// says that the series is unknown, or why only jumps are watched for: there are too
// few slots for more, or the sentinel can't be fitted.
func (e *Engine) Fit(series string) error {
	l := e.lanes[series]
	if l == nil {
		return fmt.Errorf("the engine does not know series %q", series)
	}
	for i := range l.scalers {
		l.scalers[i].Freeze()
	}
	if l.watch == nil || l.watch.awaited == nil {
		return nil
	}
	return l.watch.fitAll(l)
}

// Serves returns the model that serves a series, nil where there is none.
func (e *Engine) Serves(series string) *model.Model {
	if l := e.lanes[series]; l != nil {
		return l.mod
	}
	return nil
}

// moment is where a slot stands in its series.
type moment struct{ index, time int64 }

// keep keeps a slot until Fit.
func (w *watch) keep(s *window.Slot) {
	w.awaited = append(w.awaited, moment{s.Index, s.Time})
	w.collect()
}

// fitAll fits the sentinel to what was kept and takes it through what watches the
// series, which learns all that it needs from it.
func (w *watch) fitAll(l *lane) error {
	kept, raw, c := w.awaited, w.raw, len(w.values)
	scores := (len(kept)-sentinelWindow)/sentinelHop - 1
	var s *monitor.Sentinel
	var err error
	if least := w.cfg.Calibration; scores < least {
		err = fmt.Errorf("%d slots are too few for the rest, it takes %d", len(kept), (least+1)*sentinelHop+sentinelWindow)
	} else {
		w.start()
		s, err = w.pending.wait()
		w.cfg.Calibration = min(scores, 16384)
	}
	w.pending, w.raw, w.awaited = nil, nil, nil
	w.failed = err != nil
	w.cfg.NewNormal = -1
	w.all = monitor.NewWatch(w.cfg)
	w.all.Feed.Sentinel = s
	for k, at := range kept {
		if k > 0 && at.index != kept[k-1].index+1 {
			w.all.Gap()
		}
		for i := range c {
			v := raw[k*c+i]
			w.values[i], w.missing[i] = v, v != v
		}
		w.all.Push(at.index, at.time, w.values, w.missing)
	}
	l.state = w.all.State()
	return err
}

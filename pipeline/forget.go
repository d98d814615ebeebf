package pipeline

import "github.com/quell-stream/quell/sink"

// A sink that keeps alerts open by itself would do so for ever with those of a
// partition that went to another owner: nothing of its series comes here any more,
// and what the other owner resolves would be opened again from here.

// forget has the worker's sinks drop alerts that are another process's.
func (w *worker) forget(marks []sink.Mark) {
	if len(marks) == 0 {
		return
	}
	for _, o := range w.outs {
		if f, is := o.cfg.Sink.(sink.Forgetter); is {
			if err := f.Forget(marks); err != nil {
				w.log.Warn("alerts that another process goes on with are forgotten until a restart only", "sink", o.cfg.Name, "err", err)
			}
		}
	}
}

// remember has the worker's sinks go on with the alerts of series that came back.
func (w *worker) remember(alerts []string) {
	if len(alerts) == 0 {
		return
	}
	for _, o := range w.outs {
		if f, is := o.cfg.Sink.(sink.Forgetter); is {
			if err := f.Remember(alerts); err != nil {
				w.log.Warn("alerts that came back are known until a restart only", "sink", o.cfg.Name, "err", err)
			}
		}
	}
}

// marks are those of the drifts of series that an earlier process had: no event of
// them is on its way.
func (w *worker) marks(states map[string][]byte) []sink.Mark {
	marks := make([]sink.Mark, 0, len(states))
	for series := range states {
		marks = append(marks, sink.Mark{Alert: w.driftAlert(series)})
	}
	return marks
}

// driftAlert returns the id of the alert of a series' drifts.
func (w *worker) driftAlert(series string) string {
	id, _ := (&sink.Event{Stream: w.name, Series: series, Kind: "drift.opened"}).Alert()
	return id
}

package pipeline

import "github.com/quell-stream/quell/drift/monitor"

// changeRate has a lane whose grid was learnt anew be served as the rate asks for,
// from the first slot, of time t, of its new context on. A model that it was switched
// to stays; the monitor, which knew the series at another rate, begins anew.
func (l *lane) changeRate(t int64) {
	cfg := &l.eng.cfg
	if l.rateHz == 0 { // begun before the rate was known, and served alike at any
		l.rateHz = l.win.RateHz()
		return
	}
	if tap := cfg.Tap; tap != nil { // what was learnt at one rate is of no use at another
		if l.watch != nil && l.watch.all.Open() {
			tap.Resolved(l.series, 0)
		}
		tap.Dropped(l.series)
		tap.Serving(l.series, l.mod)
	}
	was, _ := cfg.at(l.rateHz)
	l.rateHz = l.win.RateHz()
	m, alarms := cfg.at(l.rateHz)
	if m != nil && was != nil && l.modelName() == was.Name() && m.Name() != was.Name() {
		if err := l.serve(m); err != nil { // all is as before
			l.eng.event(l, t, "series.reset", "warning", "the model for the rate does not serve: "+err.Error(), nil)
		}
	}
	l.past = nil // its span is another one
	if l.watch == nil {
		return
	}
	l.retire(t, "the rate of the series has changed, and its monitor begins anew")
	l.before = l.seen()
	l.watch = newWatch(l, alarms, l.rateHz)
	l.state, l.score, l.doubt = monitor.Learning, nan, doubt{}
}

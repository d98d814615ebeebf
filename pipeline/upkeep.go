package pipeline

import (
	"time"

	"github.com/quell-stream/quell/sink/spool"
	"github.com/quell-stream/quell/window"
)

// dropReasons are those of quell_dropped_total. They are there from the start: a
// counter that comes into being with its first item shows no increase.
var dropReasons = []string{"sink_behind", "refused", "stopped", "spool_failed", "spool_too_large", spool.Full, spool.Damaged}

// limits shows what bounds the stream, and at 0 what has not happened yet: a counter
// that is not there can't be told from one that does not rise.
func (w *worker) limits() {
	w.met.ingestMessages.WithLabelValues(w.name)
	w.met.provisional.WithLabelValues(w.name)
	w.met.revised.WithLabelValues(w.name)
	w.met.seriesLimit.WithLabelValues(w.name).Set(float64(w.eng.cfg.MaxSeries))
	if j, ok := w.cfg.Source.(interface{ JournalLimit() int64 }); ok && j.JournalLimit() > 0 {
		w.met.journalLimit.WithLabelValues(w.name).Set(float64(j.JournalLimit()))
	}
	for f := range window.NumFates {
		if f.Dead() {
			w.met.deadLetter.WithLabelValues(w.name, f.String())
		}
	}
}

// showUp shows once in a while which sources and sinks are up, until stop is closed.
func (p *Pipeline) showUp(stop <-chan struct{}) {
	tick := time.NewTicker(healthEvery)
	defer tick.Stop()
	for {
		p.observeUp()
		select {
		case <-tick.C:
		case <-stop:
			return
		}
	}
}

func (p *Pipeline) observeUp() {
	is := func(c condition) float64 {
		if c.kind == "down" {
			return 0
		}
		return 1
	}
	for _, w := range p.crew() {
		p.cfg.Metrics.sourceUp.WithLabelValues(w.name).Set(is(w.condition()))
	}
	for _, o := range append(p.sinks(), p.dead) {
		p.cfg.Metrics.sinkUp.WithLabelValues(o.cfg.Name).Set(is(o.condition()))
	}
}

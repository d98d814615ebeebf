package pipeline

import (
	"context"
	"time"
)

// idleMost bounds the series that one look for idle ones flushes, so that samples of
// others need not wait for all of them.
const idleMost = 64

// tick tells the engine the time since the worker began, which no setting of the
// clock changes, less what was spent waiting for sinks: a series whose samples could
// not be read meanwhile is not idle.
func (w *worker) tick() { w.eng.Tick(w.sinceBegun()) }

func (w *worker) sinceBegun() int64 { return int64(w.cfg.Now().Sub(w.began) - w.stalled) }

// stall measures a time spent waiting for sinks, until what it returns is called.
func (w *worker) stall() (end func()) {
	start := w.cfg.Now()
	moving := w.pulse.wait()
	return func() {
		moving()
		w.stalled += w.cfg.Now().Sub(start)
	}
}

// watchIdle starts the timer of the looks for idle series, and returns its channel;
// nil where nobody asked for them.
func (w *worker) watchIdle() <-chan time.Time {
	if w.cfg.IdleFlush <= 0 {
		return nil
	}
	w.idle = time.NewTimer(w.idleEvery())
	return w.idle.C
}

func (w *worker) idleEvery() time.Duration {
	return min(max(w.cfg.IdleFlush/8, 5*time.Millisecond), time.Second)
}

// flushIdle gives out what waits of series that fell silent, and has the next look
// come at once where there are more of them. Where the partitions are to be taken anew
// nothing is computed: it comes again, and the adapter would see it twice.
func (w *worker) flushIdle(hard context.Context) error {
	if w.com.over.Load() {
		w.idle.Reset(w.idleEvery())
		return nil
	}
	w.chunkStart = time.Now()
	w.tick()
	w.eng.Run()
	n, err := w.eng.FlushIdle(w.cfg.IdleFlush, idleMost)
	if err != nil {
		w.log.Warn("idle series without provisional records", "err", err)
	}
	if n == idleMost {
		w.idle.Reset(0)
	} else {
		w.idle.Reset(w.idleEvery())
	}
	return w.flush(hard)
}

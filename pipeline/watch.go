package pipeline

import (
	"fmt"
	"hash/fnv"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quell-stream/quell/drift/monitor"
	"github.com/quell-stream/quell/internal/wire"
	"github.com/quell-stream/quell/model/nn"
	"github.com/quell-stream/quell/sink"
	"github.com/quell-stream/quell/window"
)

// The sentinel sees windows of 32 slots and scores every 8. It takes over a
// fixed number of slots after the last one it is fitted on, so that when it
// does is decided by the series and not by how long the fit took.
const (
	sentinelWindow = 32
	sentinelHop    = 8
	sentinelDelay  = 256
)

// FitSentinel fits a small bottleneck autoencoder to windows of
// [sentinelWindow][2·channels] scaled values and masks. The same seed gives the
// same network.
type FitSentinel func(windows [][]float32, channels int, seed uint64) (*nn.Net, error)

// watch is the drift monitor of one series, with the sentinel that feeds it.
type watch struct {
	fit   FitSentinel
	fits  *fitter
	shop  *monitor.Workshop // of the sentinels of the shard
	seed  uint64
	slots int // that the sentinel is fitted on

	seen    int64     // slots seen
	raw     []float64 // collected values, slot-major; NaN where missing
	awaited []moment  // slots that wait for Fit; nil: nothing does
	pending *fitJob
	failed  bool // the fit failed: only jumps are watched for

	cfg     monitor.Config
	all     *monitor.Watch
	values  []float64
	missing []bool
	wild    []bool // of the slot
}

func newWatch(l *lane, alarms monitor.Rate, rateHz float64) *watch {
	e, series := l.eng, l.series
	c := len(e.cfg.Channels)
	h := fnv.New64a()
	h.Write([]byte(series)) // never fails
	cfg := monitor.ShortHistory(c, alarms)
	if e.cfg.Calibration > 0 {
		cfg.Calibration = e.cfg.Calibration
	}
	cfg.Names = e.cfg.Channels
	cfg.Hop = sentinelHop
	cfg.Seed = e.cfg.Seed ^ h.Sum64()
	if every := float64(time.Second) / rateHz; every <= float64(24*time.Hour) { // else no day is known
		cfg.Every = time.Duration(math.Round(every))
	}
	w := &watch{fit: e.cfg.FitSentinel, fits: e.fits, shop: &e.shards[l.shard].sentinels, seed: cfg.Seed, slots: e.cfg.SentinelSlots,
		cfg: cfg, all: monitor.NewWatch(cfg), values: make([]float64, c), missing: make([]bool, c), wild: make([]bool, c)}
	if e.cfg.AwaitFit {
		w.awaited = []moment{}
	}
	return w
}

// slot feeds one slot, which waits as own, and updates the lane's state and score. A wild
// reading is watched, since it says something of the sensor, but nothing is fitted to it.
func (w *watch) slot(l *lane, s *window.Slot, own *waitSlot) {
	for i := range s.Cells {
		w.missing[i], w.values[i], w.wild[i] = !s.Cells[i].Valid(), s.Cells[i].Value, own.cells[i].wild
	}
	w.seen++
	if w.awaited != nil {
		w.keep(s)
		l.state, l.doubt = monitor.Learning, doubt{}
		return
	}
	d, hop := w.all.Push(s.Index, s.Time, w.values, w.missing)
	l.state = d.State
	l.doubtBy(&d)
	if hop {
		l.score = d.Z
	}
	w.tell(l, s, &d)
	if w.all.Feed.Sentinel == nil && !w.failed {
		w.learn(l, s.Time)
	}
}

// tell turns a decision into events.
func (w *watch) tell(l *lane, s *window.Slot, d *monitor.Decision) {
	kind, severity := "", "warning"
	switch {
	case d.Opened:
		kind = "drift.opened"
	case d.Updated:
		kind = "drift.updated"
	case d.Resolved:
		kind, severity = "drift.resolved", "info"
	default:
		return
	}
	data := map[string]any{"kind": d.Kind, "opcua": monitor.OPCUA(d.Kind, d.Fault)}
	if d.Fault != "" {
		data["fault"] = d.Fault
	}
	if s := monitor.NE107(d.Kind, d.Fault); s != "" {
		data["ne107"] = s
	}
	if d.Away {
		data[stayedAway] = true
	}
	if d.Channel >= 0 {
		data["channel"] = l.eng.cfg.Channels[d.Channel]
	}
	if l.found = nil; !d.Resolved {
		l.found = &finding{d.Kind, d.Fault, d.Why}
	}
	l.eng.event(l, s.Time, kind, severity, d.Why, data)
	switch series, since, named, index := l.series, d.Since, d.Kind, s.Index; {
	case d.Opened || d.Updated:
		l.tapped(func(t Tap) { t.Opened(series, since, named) })
	case d.Resolved:
		l.tapped(func(t Tap) { t.Resolved(series, index) })
	}
}

// learn collects what the sentinel is fitted on, has it fitted, and puts it
// into service at its slot.
func (w *watch) learn(l *lane, t int64) {
	n := int64(w.slots)
	if w.seen <= n {
		w.collect()
	}
	if w.seen == n {
		w.start()
	}
	if w.seen < n+sentinelDelay {
		return
	}
	if w.pending == nil {
		w.start() // restored from a checkpoint taken in between
	}
	s, err := w.pending.wait()
	w.pending, w.raw = nil, nil
	if err != nil {
		w.failed = true
		l.handOut(sink.Event{ID: fmt.Sprintf("%s/%s/sentinel", l.eng.cfg.Stream, l.series), Time: t, Stream: l.eng.cfg.Stream,
			Series: l.series, Epoch: l.win.Epoch(), Kind: "series.reset", Severity: "warning", Why: "of drift only jumps are watched: " + err.Error()})
		return
	}
	s.Share(w.shop)
	w.all.Feed.Sentinel = s
}

// collect keeps the values of the present slot.
func (w *watch) collect() {
	for i, v := range w.values {
		if w.missing[i] || w.wild[i] {
			v = math.NaN()
		}
		w.raw = append(w.raw, v)
	}
}

func (w *watch) start() {
	raw, c, seed, fit := w.raw, len(w.values), w.seed, w.fit
	w.pending = w.fits.do(func() (*monitor.Sentinel, error) {
		mean, dev := monitor.Scaling(raw, c)
		net, err := fit(monitor.Windows(raw, mean, dev, sentinelWindow, sentinelHop), c, seed)
		if err != nil {
			return nil, err
		}
		return monitor.NewSentinel(net, mean, dev, sentinelWindow, sentinelHop), nil
	})
}

// gap says that the next slot does not follow the latest.
func (w *watch) gap() { w.all.Gap() }

// rebase takes the present as the new normal.
func (w *watch) rebase(l *lane) {
	w.all.Rebase()
	l.state, l.doubt = w.all.State(), doubt{}
}

func (w *watch) appendState(dst []byte) []byte {
	dst = wire.I64(dst, w.seen)
	dst = wire.F64s(dst, w.raw)
	dst = wire.Bool(dst, w.failed)
	dst = wire.Bool(dst, w.all.Feed.Sentinel != nil)
	if w.all.Feed.Sentinel != nil {
		dst = w.all.Feed.Sentinel.AppendState(dst)
	}
	for _, e := range w.all.Feed.Extract {
		dst = e.AppendState(dst)
	}
	return w.all.AppendState(dst)
}

func (w *watch) restoreState(src []byte) ([]byte, error) {
	r := wire.NewReader(src)
	w.seen = r.I64()
	w.raw = r.F64s(nil)
	w.failed = r.Bool()
	if r.Bool() && r.Err() == nil {
		sentinel := new(monitor.Sentinel)
		r.SetRest(sentinel.RestoreState(r.Rest()))
		if r.Err() == nil {
			sentinel.Share(w.shop)
			w.all.Feed.Sentinel = sentinel
		}
	}
	for _, e := range w.all.Feed.Extract {
		if r.Err() == nil {
			r.SetRest(e.RestoreState(r.Rest()))
		}
	}
	if err := r.Err(); err != nil {
		return nil, err
	}
	return w.all.RestoreState(r.Rest())
}

// fitter runs fits in the background, one at a time, so that serving keeps a
// core even where many series start at once.
type fitter struct {
	one  chan struct{}
	stop chan struct{}
	done atomic.Int64 // fits that ended
	wg   sync.WaitGroup
}

type fitJob struct {
	done chan struct{}
	s    *monitor.Sentinel
	err  error
}

func newFitter() *fitter { return &fitter{one: make(chan struct{}, 1), stop: make(chan struct{})} }

func (f *fitter) do(fit func() (*monitor.Sentinel, error)) *fitJob {
	j := &fitJob{done: make(chan struct{})}
	f.wg.Go(func() {
		defer close(j.done)
		select {
		case f.one <- struct{}{}:
			j.s, j.err = fit()
			f.done.Add(1)
			<-f.one
		case <-f.stop:
		}
	})
	return j
}

func (j *fitJob) wait() (*monitor.Sentinel, error) {
	<-j.done
	return j.s, j.err
}

// close drops fits that have not begun and waits for the one that has.
func (f *fitter) close() {
	close(f.stop)
	f.wg.Wait()
}

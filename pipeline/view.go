package pipeline

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/quell-stream/quell/pipeline/view"
	"github.com/quell-stream/quell/sink"
	"github.com/quell-stream/quell/window"
)

// The errors of those who look at a running pipeline.
var (
	// ErrUnknown says that there is no stream, series or arrow of that name.
	ErrUnknown = errors.New("not known")
	// ErrBusy says that a stream did not answer in time, or that too much is watched.
	ErrBusy = errors.New("busy")
)

// askFor is how long a stream may take to answer. It answers between two deliveries,
// and while it waits for a sink.
const askFor = 2 * time.Second

// The bounds of what is watched in a stream: series, memory of their points, and
// questions that wait.
const (
	mostFeeds     = 256
	mostFeedBytes = 64 << 20
	mostAsked     = 64
)

// desk is where others meet a worker: they leave questions and say what they watch,
// and the worker's goroutine, which owns the engine, looks in when it is woken. Where
// nobody watches the engine has no eyes, and that is all that its way costs.
type desk struct {
	wake chan struct{} // holds a token while there is something to see to

	mu    sync.Mutex
	ended bool
	asked []func()
	feeds map[string]*watched // by series
	taps  [5]*watchedTap      // by arrow
	bytes int                 // of the feeds
	last  view.Stream         // latest answer of what only the worker knows

	latency latencies
}

// watched is a feed, and how many watch it.
type watched struct {
	*view.Feed
	by, bytes int
}

type watchedTap struct {
	*view.Tap
	by int
}

// eyes are what the engine shows to those who watch. A nil one sees nothing.
type eyes struct {
	feeds map[string]*view.Feed
	taps  [5]*view.Tap
}

func newDesk() *desk { return &desk{wake: make(chan struct{}, 1), feeds: map[string]*watched{}} }

// ask has f run on the worker's goroutine and waits for it. After an error f may run
// still.
func (d *desk) ask(ctx context.Context, f func()) error {
	ctx, cancel := context.WithTimeout(ctx, askFor)
	defer cancel()
	done := make(chan struct{})
	d.mu.Lock()
	if d.ended || len(d.asked) >= mostAsked {
		d.mu.Unlock()
		return ErrBusy
	}
	d.asked = append(d.asked, func() { f(); close(done) })
	d.mu.Unlock()
	d.ring()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ErrBusy
	}
}

// ring wakes the worker.
func (d *desk) ring() {
	select {
	case d.wake <- struct{}{}:
	default: // a token is there already
	}
}

// attend answers what was asked, and has the engine see what is watched. It is called
// by the worker's goroutine where the engine is at rest.
func (w *worker) attend() {
	d := w.desk
	d.mu.Lock()
	asked := d.asked
	d.asked = nil
	var e *eyes
	if len(d.feeds) > 0 || d.taps != [5]*watchedTap{} {
		e = &eyes{feeds: make(map[string]*view.Feed, len(d.feeds))}
		for series, f := range d.feeds {
			e.feeds[series] = f.Feed
		}
		for i, t := range d.taps {
			if t != nil {
				e.taps[i] = t.Tap
			}
		}
	}
	d.mu.Unlock()
	w.eng.eyes = e
	for _, f := range asked {
		f()
	}
}

// leave says that nothing is answered any more.
func (d *desk) leave() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ended, d.asked = true, nil
}

// watch returns the feed of a series, for the first watcher a new one, and what says
// that it is watched no more.
func (d *desk) watch(series string, channels []string) (*view.Feed, func(), error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := d.feeds[series]
	if f == nil {
		n := view.Bytes(len(channels))
		if len(d.feeds) >= mostFeeds || d.bytes+n > mostFeedBytes {
			return nil, nil, fmt.Errorf("%w: %d series are watched already", ErrBusy, len(d.feeds))
		}
		f = &watched{Feed: view.NewFeed(channels), bytes: n}
		d.feeds[series] = f
		d.bytes += n
		d.ring()
	}
	f.by++
	return f.Feed, sync.OnceFunc(func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if f.by--; f.by == 0 {
			delete(d.feeds, series)
			d.bytes -= f.bytes
			d.ring()
		}
	}), nil
}

// tap returns the tap at an arrow, likewise.
func (d *desk) tap(stream string, arrow int) (*view.Tap, func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	t := d.taps[arrow]
	if t == nil {
		t = &watchedTap{Tap: view.NewTap(stream, view.Arrows[arrow], time.Now)}
		d.taps[arrow] = t
		d.ring()
	}
	t.by++
	return t.Tap, sync.OnceFunc(func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if t.by--; t.by == 0 {
			d.taps[arrow] = nil
			d.ring()
		}
	})
}

// put hands a batch to an outlet. While that is behind, who looks on is answered.
func (w *worker) put(ctx context.Context, o *outlet, b *batch) error {
	return o.put(ctx, b, w.desk.wake, w.attend)
}

// slot shows a slot that the monitor has seen.
func (e *eyes) slot(l *lane, s *window.Slot) {
	if f := e.feeds[l.series]; f != nil && l.watch != nil {
		value, threshold := l.watch.all.Statistic()
		f.Statistic(s.Time, value, threshold)
	}
	e.taps[tapWindow].Through(func() string { return slotText(l, s) })
	e.taps[tapDrift].Through(func() string { return driftText(l, s) })
}

// record shows a record.
func (e *eyes) record(r *sink.Record) {
	if f := e.feeds[r.Series]; f != nil {
		f.Record(r)
	}
	e.taps[tapModel].Through(func() string { return recordText(r) })
	e.taps[tapSink].Through(func() string { return string(sink.AppendRecord(nil, r)) })
}

// worker returns the worker of a stream.
func (p *Pipeline) worker(stream string) (*worker, error) {
	for _, w := range p.crew() {
		if w.name == stream {
			return w, nil
		}
	}
	return nil, fmt.Errorf("%w: there is no stream %q", ErrUnknown, stream)
}

// Watch returns what is kept of a series while it is watched, which need not exist yet.
// stop must be called in the end.
func (p *Pipeline) Watch(stream, series string) (f *view.Feed, stop func(), err error) {
	w, err := p.worker(stream)
	if err != nil {
		return nil, nil, err
	}
	return w.desk.watch(series, w.cfg.Engine.Channels)
}

// Tap returns a tap at an arrow of a stream. stop must be called in the end.
func (p *Pipeline) Tap(stream, arrow string) (t *view.Tap, stop func(), err error) {
	w, err := p.worker(stream)
	if err != nil {
		return nil, nil, err
	}
	i := view.ArrowNumber(arrow)
	if i < 0 {
		return nil, nil, fmt.Errorf("%w: there is no arrow %q, there is %v", ErrUnknown, arrow, view.Arrows)
	}
	t, stop = w.desk.tap(stream, i)
	return t, stop, nil
}

// history returns what a watched series has shown so far, the newest 600 points; nil
// where it is not watched.
func (d *desk) history(series string) *view.Points {
	d.mu.Lock()
	f := d.feeds[series]
	d.mu.Unlock()
	if f == nil {
		return nil
	}
	points, _, _ := f.Since(0, 600)
	return points
}

// Streams returns the streams of the pipeline.
func (p *Pipeline) Streams(ctx context.Context) []view.Stream {
	crew, past := p.crewAndPast()
	all := make([]view.Stream, len(crew))
	var wg sync.WaitGroup
	for i, w := range crew {
		wg.Go(func() { all[i] = w.show(ctx) })
	}
	wg.Wait()
	for i := range all {
		was := past[all[i].Name]
		all[i].Records, all[i].Events = all[i].Records+was.Records, all[i].Events+was.Events
	}
	return all
}

// show returns what there is to know of the stream. Where the worker does not answer
// what it alone knows is as of its latest answer.
func (w *worker) show(ctx context.Context) view.Stream {
	d := w.desk
	_ = d.ask(ctx, func() {
		s := view.Stream{Records: w.records, Events: w.events, Series: len(w.eng.lanes)}
		s.Model, s.Lookahead = w.eng.serving()
		d.mu.Lock()
		d.last = s
		d.mu.Unlock()
	})
	d.mu.Lock()
	is := d.last
	d.mu.Unlock()
	a := &w.cfg.About
	is.Name, is.Scope, is.FalseAlarms, is.Adapt = w.name, a.Scope, a.FalseAlarms, a.Adapt
	for i, name := range w.cfg.Engine.Channels {
		c := view.Channel{Name: name}
		if i < len(a.Units) {
			c.Unit = a.Units[i]
		}
		is.Channels = append(is.Channels, c)
	}
	w.counters(&is)
	is.Sinks = append([]string{}, w.cfg.Sinks...)
	for _, o := range w.outs {
		is.Queues.Batch += int64(len(o.queue))
		is.Dropped += o.dropped.Load()
	}
	is.Queues.Source = w.took.Load()
	return is
}

// serving returns the model that serves most series, and its look-ahead.
func (e *Engine) serving() (name string, lookahead int) {
	most := 0
	for m, g := range e.groups {
		if g.refs > most || g.refs == most && m.Name() < name {
			most, name, lookahead = g.refs, m.Name(), m.Lookahead()
		}
	}
	return name, lookahead
}

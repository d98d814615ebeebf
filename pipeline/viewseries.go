package pipeline

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/quell-stream/quell/drift/monitor"
	"github.com/quell-stream/quell/pipeline/view"
	"github.com/quell-stream/quell/sink"
)

// A series is stale when nothing came for so long, and for so many of its periods.
const (
	staleAfter   = 10 * time.Second
	stalePeriods = 5
)

// finding is what was told last of a drift that is open.
type finding struct{ kind, fault, why string }

// Series returns how many series a query takes, and those of its page. The work that
// it is for the streams goes with the series that they hold, and for most of it with
// those of the page. Without the name of a stream, those that do not answer are left out.
func (p *Pipeline) Series(ctx context.Context, q view.Query) (total int, page []view.Series, err error) {
	var rows []view.Row
	known := q.Stream == ""
	for _, w := range p.crew() {
		if q.Stream != "" && q.Stream != w.name {
			continue
		}
		known = true
		var some []view.Row
		if err := w.desk.ask(ctx, func() { some = w.rows() }); err != nil {
			if q.Stream == "" {
				continue
			}
			return 0, nil, fmt.Errorf("stream %s: %w", w.name, err)
		}
		rows = append(rows, some...)
	}
	if !known {
		return 0, nil, fmt.Errorf("%w: there is no stream %q", ErrUnknown, q.Stream)
	}
	total, chosen := q.Choose(rows)
	page, err = p.fill(ctx, chosen)
	return total, page, err
}

// fill returns the series of rows, but for those that are gone by now.
func (p *Pipeline) fill(ctx context.Context, rows []view.Row) ([]view.Series, error) {
	all := make([]view.Series, len(rows))
	for _, w := range p.crew() {
		if !slices.ContainsFunc(rows, func(r view.Row) bool { return r.Stream == w.name }) {
			continue
		}
		got := make([]view.Series, len(rows))
		err := w.desk.ask(ctx, func() {
			for i := range rows {
				if l := w.eng.lanes[rows[i].Series]; l != nil && rows[i].Stream == w.name {
					got[i] = w.showLane(l)
				}
			}
		})
		if err != nil {
			return nil, fmt.Errorf("stream %s: %w", w.name, err)
		}
		for i := range got {
			if got[i].Stream != "" {
				all[i] = got[i]
			}
		}
	}
	page := make([]view.Series, 0, len(rows))
	for i := range all {
		if s := &all[i]; s.Stream != "" {
			p.acknowledged(s)
			page = append(page, *s)
		}
	}
	return page, nil
}

// OneSeries returns what is known of a series.
func (p *Pipeline) OneSeries(ctx context.Context, stream, series string) (*view.Detail, error) {
	w, err := p.worker(stream)
	if err != nil {
		return nil, err
	}
	var d *view.Detail
	err = w.desk.ask(ctx, func() {
		if l := w.eng.lanes[series]; l != nil {
			d = &view.Detail{Series: w.showLane(l), Guard: l.showGuard()}
		}
	})
	switch {
	case err != nil:
		return nil, fmt.Errorf("stream %s: %w", stream, err)
	case d == nil:
		return nil, fmt.Errorf("%w: stream %s has no series %q", ErrUnknown, stream, series)
	}
	p.acknowledged(&d.Series)
	d.History = w.desk.history(series)
	d.Versions = p.versions(stream, series)
	d.Adapt = w.adaptationOf(series)
	return d, nil
}

// rows returns what a query goes by. It runs on the worker's goroutine.
func (w *worker) rows() []view.Row {
	now := w.sinceBegun()
	rows := make([]view.Row, 0, len(w.eng.lanes))
	for name, l := range w.eng.lanes {
		age := now - l.heard
		rows = append(rows, view.Row{Stream: w.name, Series: name, State: l.state, Stale: l.stale(age), Age: age})
	}
	return rows
}

func (l *lane) stale(age int64) bool {
	if l.of == nil || age < int64(staleAfter) {
		return false
	}
	rate := l.win.RateHz()
	return !(rate > 0) || float64(age) > stalePeriods*float64(time.Second)/rate
}

// showLane returns the state of a series. It runs on the worker's goroutine.
func (w *worker) showLane(l *lane) view.Series {
	s := view.Series{Stream: w.name, Series: l.series, Epoch: l.win.Epoch(), N: l.emitted - 1, Time: view.Stamp(l.rec.Time), Drift: l.state,
		Rate: view.Number(l.win.RateHz()), Model: l.rec.Model, Lookahead: l.rec.Lookahead, Score: view.Number(l.score), Channels: make([]view.Value, len(l.scales))}
	if l.of != nil {
		s.Arrived = view.Stamp(w.began.UnixNano() + l.heard + int64(w.stalled))
	}
	if !(s.Rate > 0) {
		s.Rate = view.NaN
	}
	for i := range s.Channels {
		s.Channels[i] = l.showValue(i)
	}
	l.showDrift(&s)
	return s
}

// showValue returns the newest value of a channel.
func (l *lane) showValue(i int) view.Value {
	v := view.Value{Name: l.eng.cfg.Channels[i], Raw: view.NaN, Clean: view.NaN, Lo: view.NaN, Hi: view.NaN, Flags: []string{}, Sigma: view.NaN}
	if sc := l.scales[i]; sc.Known() {
		v.Sigma = view.Number(sc.Sigma)
	}
	if l.rec.Time == 0 { // none yet since the process began
		return v
	}
	r := &l.rec.Values[i]
	v.Raw, v.Clean, v.Lo, v.Hi = view.Number(r.Raw), view.Number(r.Clean), view.Number(r.Lo), view.Number(r.Hi)
	v.Quality, v.Method = r.Quality.String(), r.Method
	for bit, name := range sink.FlagNames {
		if r.Flags&(1<<bit) != 0 {
			v.Flags = append(v.Flags, name)
		}
	}
	return v
}

// showDrift fills in what is known of a drift, and of the learning before.
func (l *lane) showDrift(s *view.Series) {
	if l.watch != nil {
		s.Learning = l.watch.progress()
	}
	if !l.alerts.told {
		return
	}
	s.Since = view.Stamp(l.alerts.since)
	kind := l.state
	if f := l.found; f != nil {
		kind = f.kind
		s.Why = &f.why
		if status := monitor.NE107(f.kind, f.fault); status != "" {
			s.NE107 = &status
		}
	} else if l.watch != nil && l.watch.all.Learnt() {
		why := l.watch.all.Why()
		s.Why = &why
	}
	s.Alert = &view.Alert{ID: l.alert(), Kind: kind, Opened: s.Since}
}

// alert returns the id of the alert of a series' drifts.
func (l *lane) alert() string {
	e := sink.Event{Stream: l.eng.cfg.Stream, Series: l.series, Kind: "drift.opened"}
	id, _ := e.Alert()
	return id
}

// progress says how far the monitor has learnt, in slots; nil once it has.
func (w *watch) progress() *view.Progress {
	if w.all.Learnt() || w.failed {
		return nil
	}
	before := int64(w.slots) + sentinelDelay
	have, need := w.all.Learning()
	scores, takes := int64(have)*sentinelHop, int64(need)*sentinelHop
	switch {
	case w.all.Feed.Sentinel == nil:
		return &view.Progress{Have: min(w.seen, before), Need: before + takes}
	case w.seen < before+takes+before: // for the first time
		return &view.Progress{Have: min(before+scores, before+takes), Need: before + takes}
	}
	return &view.Progress{Have: scores, Need: takes}
}

// showGuard says what serves each channel, nil where there is no guard.
func (l *lane) showGuard() []view.Guard {
	if l.guard == nil {
		return nil
	}
	all := make([]view.Guard, len(l.scales))
	for i := range all {
		g := &all[i]
		net, filter, family := l.guard.Losses(i)
		g.Channel, g.Why, g.NetLoss, g.FilterLoss, g.Filter = l.eng.cfg.Channels[i], l.guard.Reason(i).String(), view.Number(net), view.Number(filter), family
		if g.Serves = "net"; l.rec.Time != 0 && l.rec.Values[i].Method != "" {
			g.Serves = l.rec.Values[i].Method
		}
	}
	return all
}

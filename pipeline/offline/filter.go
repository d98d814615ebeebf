package offline

import (
	"math"

	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/classic"
	"github.com/quell-stream/quell/sink"
	"github.com/quell-stream/quell/window"
)

// A filter takes the place of the net behind the engine: the engine runs
// without one, and what a record says of clean values is replaced here.

// unlimited is the look-ahead of a Kalman filter that was given none: 8 samples
// where they last no longer than a second, else what fits.
func unlimited(rateHz float64) int { return int(min(8, rateHz*(1+1e-9))) }

// filterAt returns the filter for a grid of the given rate.
func (d *denoiser) filterAt(rateHz float64) classic.Params {
	p := *d.cfg.Filter
	if p.Family == classic.KalmanName && p.Lookahead == classic.Full && !d.cfg.Whole {
		p.Lookahead = unlimited(rateHz)
	}
	return p
}

// filter is a classic.Filter as far as it is used here.
type filter interface {
	Push(x float64) (y float64, ok bool)
	Finish(dst []float64) []float64
}

// newFilter returns the filter of one channel.
func newFilter(p classic.Params) (filter, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	if p.Latency() == classic.Full {
		return &whole{p: p}, nil
	}
	return classic.NewFilter(p)
}

// whole keeps all readings of a context and filters them at its end.
type whole struct {
	p classic.Params
	y []float64
}

// Push takes a reading, and gives out none.
func (w *whole) Push(y float64) (float64, bool) {
	w.y = append(w.y, y)
	return 0, false
}

// Finish gives out all estimates.
func (w *whole) Finish(dst []float64) []float64 {
	classic.Apply(w.y, w.y, w.p)
	dst = append(dst, w.y...)
	w.y = w.y[:0]
	return dst
}

// Slot sees where a context begins: what waits in the filters belongs to the
// one before, whose records are all out.
func (d *denoiser) Slot(name string, _ int, index int64, _ []model.Column, _ []window.Scale, _ string) {
	if index != 0 {
		return
	}
	s := d.of(name)
	if s.filters == nil {
		for range d.rows.channels {
			f, err := newFilter(d.filterAt(d.rateHz))
			if err != nil {
				panic("offline: a filter that was checked: " + err.Error())
			}
			s.filters = append(s.filters, f)
		}
		return
	}
	d.finishFilters(s)
}

// Serving, Dropped, Opened and Resolved say nothing that records don't.

// Serving does nothing.
func (d *denoiser) Serving(string, *model.Model) {}

// Dropped does nothing.
func (d *denoiser) Dropped(string) {}

// Opened does nothing.
func (d *denoiser) Opened(string, int64, string) {}

// Resolved does nothing.
func (d *denoiser) Resolved(string, int64) {}

// filter takes a record through the filters of its series.
func (d *denoiser) filter(s *series, r *sink.Record) {
	w := s.wait()
	w.values, w.score, w.drift = append(w.values[:0], r.Values...), r.Score, r.Drift
	due := &s.waiting[s.emitted%int64(len(s.waiting))]
	out := false
	for i, f := range s.filters {
		// All filters have the same look-ahead, so their values come together.
		if y, ok := f.Push(r.Values[i].Raw); ok {
			d.smooth(&due.values[i], y, false)
			out = true
		}
	}
	if out {
		d.keep(s, due)
	}
}

// finishFilters gives out what waits for look-ahead that will not come.
func (d *denoiser) finishFilters(s *series) {
	if s.emitted == s.pushed {
		return
	}
	ys := make([][]float64, len(s.filters))
	_, all := s.filters[0].(*whole)
	for i, f := range s.filters {
		ys[i] = f.Finish(nil)
	}
	for t := 0; s.emitted < s.pushed; t++ {
		due := &s.waiting[s.emitted%int64(len(s.waiting))]
		for i := range s.filters {
			d.smooth(&due.values[i], ys[i][t], !all)
		}
		d.keep(s, due)
	}
}

// keep emits a copy of a record whose memory will be used again.
func (d *denoiser) keep(s *series, from *held) {
	h := s.slot()
	h.values, h.score, h.drift = append(h.values[:0], from.values...), from.score, from.drift
	d.emit(s, h)
}

// smooth puts a filter's estimate in the place of what the engine said, whose doubt of a
// reading stays.
func (d *denoiser) smooth(v *sink.Value, y float64, early bool) {
	v.Clean, v.Method = y, d.cfg.Filter.Family
	v.Flags &^= sink.WarmingUp
	if early {
		v.Flags |= sink.NoLookahead
	}
	missing := math.IsNaN(v.Raw)
	switch {
	case math.IsNaN(y) || math.IsInf(y, 0): // nothing has been measured yet
		v.Clean, v.Quality, v.Method = math.NaN(), sink.Bad, rawMethod
	case missing:
		v.Quality = sink.Filled
	case v.Method == classic.HampelName && y != v.Raw:
		v.Quality = max(v.Quality, sink.Substituted)
	}
}

// rawMethod is what records say where nothing denoised.
const rawMethod = "raw"

package adapt

import (
	"cmp"
	"slices"

	"gonum.org/v1/gonum/stat"

	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/replay"
	"github.com/quell-stream/quell/model/train"
)

// stretch is windows of one series that follow each other. A net sees in them what
// it sees when it serves, where a window by itself begins without a past.
type stretch struct {
	windows []*replay.Window
	// scales, one per channel, are those of all windows that the stretches of the
	// series were made of. What the windows were scaled with lags behind a drift, by
	// thousands of slots, and a net that were tuned to that lag would not fit when it
	// is over. Nil: each window is taken as it was served.
	scales []replay.Scale
	sigma  []float64 // noise level of the same windows per channel, in its unit
}

// stretches sorts windows into stretches, by series and start. served: on the scales
// that they were served with, as must be where those are the model's own.
func stretches(ws []*replay.Window, served bool) []stretch { return stretchesAt(ws, served, false) }

// stretchesAt is stretches of windows whose own level does not lag, where settled is set.
func stretchesAt(ws []*replay.Window, served, settled bool) []stretch {
	ws = slices.Clone(ws)
	slices.SortFunc(ws, inOrder)
	var all []stretch
	for len(ws) > 0 {
		n := slices.IndexFunc(ws, func(w *replay.Window) bool { return w.Series != ws[0].Series })
		if n < 0 {
			n = len(ws)
		}
		sigma := sigmas(ws[:n], settled)[ws[0].Series]
		var scales []replay.Scale
		if !served {
			scales = scalesOf(ws[:n], sigma)
		}
		for i, w := range ws[:n] {
			if i == 0 || !follows(ws[i-1], w) {
				all = append(all, stretch{scales: scales, sigma: sigma})
			}
			last := &all[len(all)-1]
			last.windows = append(last.windows, w)
		}
		ws = ws[n:]
	}
	return all
}

// inOrder compares windows by series and start.
func inOrder(a, b *replay.Window) int {
	return cmp.Or(cmp.Compare(a.Series, b.Series), cmp.Compare(a.Start, b.Start))
}

// follows says whether b is the window after a of the same series.
func follows(a, b *replay.Window) bool { return a.Series == b.Series && a.End() == b.Start }

// among sorts windows of one regime into stretches with those of around that lie right
// before or behind one of them: what the net saw beside it. All are taken as they were
// served, at the noise level of ws.
func among(ws, around []*replay.Window) []stretch {
	type place struct {
		series string
		at     int64
	}
	judged, begins, ends := map[*replay.Window]bool{}, map[place]bool{}, map[place]bool{}
	for _, w := range ws {
		judged[w], begins[place{w.Series, w.Start}], ends[place{w.Series, w.End()}] = true, true, true
	}
	all := slices.Clone(ws)
	for _, w := range around {
		if !judged[w] && (begins[place{w.Series, w.End()}] || ends[place{w.Series, w.Start}]) {
			all = append(all, w)
		}
	}
	sigma := sigmas(ws, true)
	in := stretches(all, true)
	for i := range in {
		in[i].sigma = sigma[in[i].windows[0].Series]
	}
	return in
}

// mostScaled bounds what a net is given of a reading, as when it serves.
const mostScaled = 100

// runs says whether a model is served with the scale of the series.
func runs(m *model.Model) bool { return m.Header().Scaler.Kind == model.ScaleRunning }

// scalesOf measures the scales of the windows of one series.
func scalesOf(ws []*replay.Window, sigma []float64) []replay.Scale {
	scales := make([]replay.Scale, len(ws[0].Scales))
	for c := range scales {
		var x []float64
		for _, w := range ws {
			for t := range w.Steps() {
				if !w.Missing(t, c) {
					x = append(x, w.Raw(t, c))
				}
			}
		}
		if len(x) > 1 {
			mean, dev := stat.MeanStdDev(x, nil)
			scales[c] = replay.Scale{Mean: mean, Dev: dev, Sigma: min(sigma[c], dev)}
		}
	}
	return scales
}

// add appends a window of the stretch to columns and the deviations of their noise.
func (s *stretch) add(w *replay.Window, cols []model.Column, sigma []float64) ([]model.Column, []float64) {
	from := len(cols)
	t := trainWindow(w)
	cols = append(cols, t.Cols...)
	scales := s.scales
	if scales == nil {
		scales = w.Scales
	}
	level := make([]float64, len(scales))
	for c, to := range scales {
		level[c] = s.sigma[c]
		told := float32(w.Level(c))
		if s.scales != nil {
			level[c], told = to.Sigma, float32((&replay.Window{Scales: scales}).Level(c))
		}
		was := w.Scales[c]
		for i := from + c; i < len(cols); i += len(scales) {
			switch before := i - len(scales); {
			case cols[i].Missing && before >= 0: // as is served: what was there before stands in
				cols[i].X = cols[before].X
			case cols[i].Missing:
				cols[i].X = 0
			case s.scales != nil && was.Dev > 0 && to.Dev > 0:
				cols[i].X = float32(min(max((float64(cols[i].X)*was.Dev+was.Mean-to.Mean)/to.Dev, -mostScaled), mostScaled))
			}
			cols[i].Level = told
		}
	}
	return cols, append(sigma, scaledSigma(len(t.Cols), level, scales)...)
}

// window lays a stretch out to train on. Those of its windows that are not to be
// learnt are context.
func (s *stretch) window(learnt func(*replay.Window) bool) train.Window {
	out := train.Window{Channels: len(s.sigma)}
	for _, w := range s.windows {
		out.Cols, _ = s.add(w, out.Cols, nil)
		context := !learnt(w)
		for range w.Steps() {
			out.Context = append(out.Context, context)
		}
	}
	return out
}

// evidence lays out window i to be judged on between its neighbours. Where it has
// none, its end is not judged.
func (s *stretch) evidence(i int, seed uint64) train.Evidence {
	w := s.windows[i]
	before, after := max(i-1, 0), min(i+2, len(s.windows))
	e := train.Evidence{Seed: [2]uint64{keyed(seed, w.Series, w.Start), seed}}
	e.Channels = len(s.sigma)
	for _, n := range s.windows[before:after] {
		if n == w {
			e.From = len(e.Cols) / e.Channels
		}
		e.Cols, e.Sigma = s.add(n, e.Cols, e.Sigma)
	}
	e.To = e.From + w.Steps()
	if before == i {
		e.From += w.Steps() / lead
	}
	if after == i+1 {
		e.To -= w.Steps() / lead
	}
	return e
}

// compareIn runs both models over those windows of stretches that are to be judged.
func compareIn(in []stretch, judged []*replay.Window, champion, challenger *model.Model, cfg GateConfig) (train.Comparison, error) {
	wanted := map[*replay.Window]bool{}
	for _, w := range judged {
		wanted[w] = true
	}
	var evidence []train.Evidence
	for _, s := range in {
		for i, w := range s.windows {
			if wanted[w] {
				evidence = append(evidence, s.evidence(i, cfg.Seed))
			}
		}
	}
	return train.Compare(champion, challenger, evidence, cfg.compare())
}

// span is the slots from ≤ position < to of a series.
type span struct{ from, to int64 }

// mostSpans bounds what is kept of what was trained on. What is forgotten is judged
// on again, where the model that learnt it looks better than it is.
const mostSpans = 16

// trainedOn notes which windows a job's challenger, which serves from now on, was
// trained on. The caller holds mu.
func (a *Adapter) trainedOn(j *job) {
	by := map[string]span{}
	for _, w := range slices.Concat(j.recent, windowsIn(j.held[:j.first])) {
		s, ok := by[w.Series]
		if !ok {
			s.from = w.Start
		}
		by[w.Series] = span{min(s.from, w.Start), max(s.to, w.End())}
	}
	for _, t := range a.everyone(j.group) {
		s, ok := by[t.name]
		if !ok {
			continue
		}
		if n := len(t.known); n > 0 && t.known[n-1].from >= s.from {
			t.known = t.known[:n-1] // the fine-tune before, of the same drift
		}
		if t.known = append(t.known, s); len(t.known) > mostSpans {
			t.known = append(t.known[:0:0], t.known[1:]...)
		}
	}
}

// unknown returns those windows that no model which served was trained on. The
// caller holds mu.
func (a *Adapter) unknown(ws []*replay.Window) []*replay.Window {
	return slices.DeleteFunc(ws, func(w *replay.Window) bool {
		t := a.tracks[w.Series]
		if t == nil {
			t = a.known[w.Series]
		}
		return t != nil && slices.ContainsFunc(t.known, func(s span) bool { return w.Start >= s.from && w.End() <= s.to })
	})
}

package main

import (
	"fmt"

	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/eval"
	"github.com/quell-stream/quell/pipeline"
	"github.com/quell-stream/quell/sink"
	"github.com/quell-stream/quell/window"
)

// methodOf has a model scored as a live stream would run it.
func methodOf(m *model.Model) eval.Model {
	all := func(y [][]float64) []eval.Estimate {
		out, err := estimates(m, y)
		if err != nil {
			panic("eval: " + err.Error()) // the number of channels was checked before
		}
		return out
	}
	return eval.Model{Name: m.Name(), Setting: fmt.Sprintf("look-ahead %d", m.Lookahead()), Ahead: m.Lookahead(), Past: true, Together: all,
		Denoise: func(y []float64) (clean, lo, hi []float64) {
			e := all([][]float64{y})[0]
			b := e.Bounds[eval.Ninety]
			return e.Clean, b.Lo, b.Hi
		}}
}

// estimates returns what a model makes of the channels of a recording.
func estimates(m *model.Model, y [][]float64) ([]eval.Estimate, error) {
	rec := &recorder{out: make([]eval.Estimate, len(y)), levels: make([][]float64, len(y))}
	for i := range y {
		rec.reserve(i, len(y[i]))
	}
	for _, coverage := range eval.Nominal() {
		rec.half = append(rec.half, m.HalfWidth(coverage))
	}
	if err := replay(m, y, rec, rec); err != nil {
		return nil, err
	}
	for i := range rec.out {
		if got := len(rec.out[i].Clean); got != len(y[i]) {
			return nil, fmt.Errorf("%s: %d of %d rows came back", m.Name(), got, len(y[i]))
		}
	}
	return rec.out, nil
}

// replay runs a model over the channels of a recording, by the pipeline's own
// engine on a grid of one slot per row.
func replay(m *model.Model, y [][]float64, tap pipeline.Tap, out pipeline.Out) error {
	names := make([]string, len(y))
	samples := make([]ingest.Sample, len(y))
	for i := range y {
		names[i] = fmt.Sprint(i)
		samples[i] = ingest.Sample{Channel: i}
	}
	if _, err := m.NewStream(len(y)); err != nil {
		return err
	}
	eng, err := pipeline.NewEngine(pipeline.EngineConfig{Stream: "eval", Channels: names, Model: m, Interval: eval.Nominal()[eval.Ninety], Window: window.Config{RateHz: 1}, Tap: tap}, out)
	if err != nil {
		return err
	}
	defer eng.Close()
	const second = 1e9
	for t := range y[0] {
		for i := range samples {
			s := &samples[i]
			s.Time, s.Value, s.Missing = int64(t)*second, y[i][t], ingest.Present
			if v := y[i][t]; v-v != 0 {
				s.Value, s.Missing = 0, ingest.NonFinite
			}
		}
		if err := eng.Push("", samples, 0); err != nil {
			return err
		}
		if t%4096 == 4095 {
			eng.Run()
		}
	}
	eng.Finish()
	return nil
}

// recorder keeps what an engine gives out of one series. As the engine's tap it
// sees the noise level of each slot, by which the bounds of every coverage follow
// from those of one.
type recorder struct {
	half   []model.HalfWidth // by nominal coverage
	out    []eval.Estimate   // by channel
	levels [][]float64       // by channel, of the slots whose record is not out yet
}

var (
	_ pipeline.Out = (*recorder)(nil)
	_ pipeline.Tap = (*recorder)(nil)
)

func (r *recorder) reserve(channel, n int) {
	e := &r.out[channel]
	e.Clean = make([]float64, 0, n)
	for k := range e.Bounds {
		e.Bounds[k] = eval.Bounds{Lo: make([]float64, 0, n), Hi: make([]float64, 0, n)}
	}
}

// Slot implements pipeline.Tap.
func (r *recorder) Slot(_ string, _ int, _ int64, cols []model.Column, scales []window.Scale, _ string) {
	for i := range scales {
		r.levels[i] = append(r.levels[i], float64(cols[i].Level))
	}
}

// Record implements pipeline.Out.
func (r *recorder) Record(rec *sink.Record) {
	for i := range rec.Values {
		v, e, level := &rec.Values[i], &r.out[i], r.levels[i][0]
		r.levels[i] = r.levels[i][1:]
		e.Clean = append(e.Clean, v.Clean)
		for k := range e.Bounds {
			// NaN where there is no interval.
			half := (v.Hi - v.Clean) * r.half[k].At(level) / r.half[eval.Ninety].At(level)
			b := &e.Bounds[k]
			b.Lo, b.Hi = append(b.Lo, v.Clean-half), append(b.Hi, v.Clean+half)
		}
	}
}

// Event, Dead and the rest of the tap have nothing to tell: every row is a slot.
func (r *recorder) Event(sink.Event)                   {}
func (r *recorder) Dead(ingest.Sample, window.Fate)    {}
func (r *recorder) Serving(string, *model.Model)       {}
func (r *recorder) Dropped(string)                     {}
func (r *recorder) Opened(string, int64, string)       {}
func (r *recorder) Resolved(series string, slot int64) {}

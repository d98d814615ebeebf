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

// estimates runs a model over the channels of a recording, by the pipeline's own
// engine on a grid of one slot per row.
func estimates(m *model.Model, y [][]float64) ([]eval.Estimate, error) {
	names := make([]string, len(y))
	samples := make([]ingest.Sample, len(y))
	rec := &recorder{out: make([]eval.Estimate, len(y)), noise: make([][]slotNoise, len(y))}
	for i := range y {
		names[i] = fmt.Sprint(i)
		samples[i] = ingest.Sample{Channel: i}
		rec.reserve(i, len(y[i]))
	}
	for _, coverage := range eval.Nominal() {
		rec.half = append(rec.half, m.HalfWidth(coverage))
	}
	if _, err := m.NewStream(len(y)); err != nil {
		return nil, err
	}
	eng, err := pipeline.NewEngine(pipeline.EngineConfig{Stream: "eval", Channels: names, Model: m, Window: window.Config{RateHz: 1}, Tap: rec}, rec)
	if err != nil {
		return nil, err
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
			return nil, err
		}
		if t%4096 == 4095 {
			eng.Run()
		}
	}
	eng.Finish()
	for i := range rec.out {
		if got := len(rec.out[i].Clean); got != len(y[i]) {
			return nil, fmt.Errorf("%s: %d of %d rows came back", m.Name(), got, len(y[i]))
		}
	}
	return rec.out, nil
}

// recorder keeps what an engine gives out of one series. As the engine's tap it
// sees the noise level of each slot, from which the bounds of every coverage
// follow.
type recorder struct {
	half  []model.HalfWidth // by nominal coverage
	out   []eval.Estimate   // by channel
	noise [][]slotNoise     // by channel, of the slots whose record is not out yet
}

// slotNoise is the noise level of a slot: in the channel's unit, 0 where it is
// unknown, and as nets take it.
type slotNoise struct{ sigma, level float64 }

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
	for i, s := range scales {
		r.noise[i] = append(r.noise[i], slotNoise{s.Sigma, float64(cols[i].Level)})
	}
}

// Record implements pipeline.Out.
func (r *recorder) Record(rec *sink.Record) {
	for i := range rec.Values {
		v, e, n := &rec.Values[i], &r.out[i], r.noise[i][0]
		r.noise[i] = r.noise[i][1:]
		e.Clean = append(e.Clean, v.Clean)
		for k := range e.Bounds {
			half := v.Hi - v.Clean // NaN where there is no interval
			if half-half == 0 {
				half = n.sigma * r.half[k].At(n.level)
			}
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

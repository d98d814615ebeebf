package main

import (
	"fmt"
	"time"

	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/eval"
	"github.com/quell-stream/quell/model/guard"
	"github.com/quell-stream/quell/pipeline"
	"github.com/quell-stream/quell/sink"
	"github.com/quell-stream/quell/window"
)

// methodOf has a model scored by itself, as a live stream would run it without its
// guard.
func methodOf(m *model.Model) eval.Model {
	return eval.Model{Name: m.Name(), Setting: fmt.Sprintf("look-ahead %d", m.Lookahead()), Ahead: m.Lookahead(), Past: true,
		Together: together(m, false),
		Denoise: func(y []float64) (clean, lo, hi []float64) {
			e := together(m, false)([][]float64{y})[0]
			b := e.Bounds[eval.Ninety]
			return e.Clean, b.Lo, b.Hi
		}}
}

// servedOf has scored what quell denoise and quell run serve with a model: its
// values or, where its guard says so, those of a classical filter.
func servedOf(m *model.Model) eval.Model {
	setting := "guard on"
	if why := pipeline.Unguarded(m); why != "" {
		setting = "no guard: " + why
	}
	return eval.Model{Name: "served", Setting: setting, Ahead: m.Lookahead(), Past: true, Together: together(m, true)}
}

func together(m *model.Model, guarded bool) func(y [][]float64) []eval.Estimate {
	return func(y [][]float64) []eval.Estimate {
		out, err := estimates(m, y, guarded)
		if err != nil {
			panic("eval: " + err.Error()) // the number of channels was checked before
		}
		return out
	}
}

// estimates returns what a model makes of the channels of a recording, with its
// guard or without.
func estimates(m *model.Model, y [][]float64, guarded bool) ([]eval.Estimate, error) {
	rec := &recorder{out: make([]eval.Estimate, len(y)), levels: make([][]float64, len(y))}
	for i := range y {
		rec.reserve(i, len(y[i]))
	}
	for _, coverage := range eval.Nominal() {
		rec.half = append(rec.half, m.HalfWidth(coverage))
	}
	cfg := pipeline.EngineConfig{Model: m, Tap: rec}
	if guarded {
		cfg.Guard, cfg.Seed, cfg.Judged = true, denoiseSeed, rec.judged
		rec.trace(pipeline.Unguarded(m))
	}
	if err := replay(cfg, y, rec); err != nil {
		return nil, err
	}
	for i := range rec.out {
		if got := len(rec.out[i].Clean); got != len(y[i]) {
			return nil, fmt.Errorf("%s: %d of %d rows came back", m.Name(), got, len(y[i]))
		}
	}
	return rec.out, nil
}

// longGap has what a model makes of gaps scored, however long they are.
const longGap = 24 * time.Hour

// replay runs the model of a config over the channels of a recording, by the
// pipeline's own engine on a grid of one slot per row.
func replay(cfg pipeline.EngineConfig, y [][]float64, out pipeline.Out) error {
	samples := make([]ingest.Sample, len(y))
	for i := range y {
		cfg.Channels = append(cfg.Channels, fmt.Sprint(i))
		samples[i] = ingest.Sample{Channel: i}
	}
	if _, err := cfg.Model.NewStream(len(y)); err != nil {
		return err
	}
	cfg.Stream, cfg.Interval, cfg.Window = "eval", eval.Nominal()[eval.Ninety], window.Config{RateHz: 1, MaxGap: longGap}
	eng, err := pipeline.NewEngine(cfg, out)
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
	why    []string          // by channel: the reason for the next record
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

// trace has it kept what serves; alone is why the model does without a guard.
func (r *recorder) trace(alone string) {
	if alone != "" {
		alone = "no guard stands beside the model: " + alone
	}
	r.why = make([]string, len(r.out))
	for i := range r.out {
		r.out[i].Trace, r.why[i] = new(eval.Trace), alone
	}
}

// judged implements EngineConfig.Judged.
func (r *recorder) judged(_ string, channel int, why guard.Reason) { r.why[channel] = why.String() }

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
		if t := e.Trace; t != nil {
			t.Methods, t.Reasons = append(t.Methods, v.Method), append(t.Reasons, r.why[i])
		}
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

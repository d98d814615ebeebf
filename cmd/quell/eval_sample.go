package main

import (
	"fmt"
	"math"

	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/eval"
	"github.com/quell-stream/quell/model/nn"
	"github.com/quell-stream/quell/pipeline"
	"github.com/quell-stream/quell/sink"
	"github.com/quell-stream/quell/window"
)

// sampling scores the passes with dropout of a model that has some, see
// model.Sample: their mean, and intervals as wide as a Gaussian of their deviation.
func (o *evalOptions) sampling(m *model.Model) eval.Model {
	return eval.Model{Name: m.Name() + "/mc", Setting: fmt.Sprintf("%d passes with dropout", o.passes), Ahead: m.Lookahead(), Past: true,
		Together: func(y [][]float64) []eval.Estimate {
			out, err := sampled(m, y, o.passes, o.seed)
			if err != nil {
				panic("eval: " + err.Error()) // what can go wrong was checked before
			}
			return out
		}}
}

// samplable says which model cannot be sampled.
func samplable(models []*model.Model) error {
	for _, m := range models {
		switch {
		case !m.Header().Spec.Has(nn.Dropout):
			return usageError("--passes: %s has no dropout layer: train one with dropout in its --arch", m.Name())
		case m.Quantized() != nil:
			return usageError("--passes: %s is an int8 model: name the float32 model", m.Name())
		}
	}
	return nil
}

// seen keeps the columns that an engine shows its net, and their scales.
type seen struct {
	*recorder
	cols   []model.Column
	scales []window.Scale
}

// Slot implements pipeline.Tap.
func (v *seen) Slot(_ string, _ int, _ int64, cols []model.Column, scales []window.Scale, _ string) {
	v.cols, v.scales = append(v.cols, cols...), append(v.scales, scales...)
}

// Record implements pipeline.Out: what the network itself makes of it is scored by
// methodOf.
func (v *seen) Record(*sink.Record) {}

func sampled(m *model.Model, y [][]float64, passes int, seed uint64) ([]eval.Estimate, error) {
	v := &seen{recorder: &recorder{}}
	if err := replay(pipeline.EngineConfig{Model: m, Tap: v}, y, v); err != nil {
		return nil, err
	}
	s, err := m.Sample(v.cols, len(y), passes, seed)
	if err != nil {
		return nil, err
	}
	out := make([]eval.Estimate, len(y))
	for i := range y {
		e := &out[i]
		for at := i; at < len(s.Clean); at += len(y) {
			scale := v.scales[at]
			clean, dev := scale.Mean+scale.Dev*float64(s.Clean[at]), scale.Dev*float64(s.Dev[at])
			if !scale.Known() {
				clean, dev = y[i][at/len(y)], math.NaN()
			}
			e.Clean = append(e.Clean, clean)
			for k, coverage := range eval.Nominal() {
				half := math.Sqrt2 * math.Erfinv(coverage) * dev
				b := &e.Bounds[k]
				b.Lo, b.Hi = append(b.Lo, clean-half), append(b.Hi, clean+half)
			}
		}
		if len(e.Clean) != len(y[i]) {
			return nil, fmt.Errorf("%s: %d of %d rows were seen", m.Name(), len(e.Clean), len(y[i]))
		}
	}
	return out, nil
}

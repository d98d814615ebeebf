package train

import (
	"fmt"
	"math"
	"slices"

	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/nn"
)

// Arch is what a header says of a net: how it is built and used.
type Arch struct {
	Kind     model.Kind
	Spec     nn.Spec
	Inputs   []model.Input
	Channels int            // signals, as Header.Channels
	Residual bool           // the net returns noise
	InSigma  bool           // in units of σ̂
	Spread   bool           // and tells how far it may be off
	Outputs  []model.Output // as Header.Outputs
	Classes  []string       // as Header.Classes

	Condition model.Condition // what the net can be told of a recording
}

// tcnInputs are the input channels of a TCNArch.
func tcnInputs() []model.Input {
	return []model.Input{model.Signal, model.Level, model.Mask, model.Step1, model.Step4, model.Step16, model.Colour}
}

// TCNArch returns a dilated residual net (nn.TCN) that estimates the noise from
// signal, noise level and colour, mask and steps, and how far it may be off. With
// 0 signals it serves each channel by itself, else so many at once.
func TCNArch(signals, channels, taps int, dilations []int, lookahead int) Arch {
	in := tcnInputs()
	n := max(signals, 1)
	return Arch{Kind: model.TCN, Spec: nn.TCN(n*len(in), 2*n, channels, taps, dilations, lookahead),
		Inputs: in, Channels: signals, Residual: true, InSigma: true, Spread: true}
}

// DAEArch returns a strided autoencoder (nn.DAE) of so many signals, with a
// mask for each, that returns the clean signals.
func DAEArch(signals int, widths []int, taps, latent int) Arch {
	return Arch{Kind: model.DAE, Spec: nn.DAE(2*signals, signals, widths, taps, latent),
		Inputs: []model.Input{model.Signal, model.Mask}, Channels: signals}
}

// archOf returns the architecture of a model.
func archOf(m *model.Model) Arch {
	h := m.Header()
	return Arch{h.Kind, h.Spec, h.Inputs, h.Channels, h.Residual, h.InSigma, h.Spread, h.Outputs, h.Classes, h.Condition}
}

// With returns the architecture with more layers in its net, of which those of FiLM
// read the condition; x.Cond is set to its size.
func (a Arch) With(x nn.Extra, c model.Condition) Arch {
	x.Cond = c.Size()
	a.Spec, a.Condition = a.Spec.With(x), c
	return a
}

func (a Arch) perNet() int { return max(a.Channels, 1) }

// header returns the header of a model of the architecture.
func (a Arch) header(name string) model.Header {
	return model.Header{Name: name, Kind: a.Kind, Spec: a.Spec, Inputs: a.Inputs, Channels: a.Channels,
		Residual: a.Residual, InSigma: a.InSigma, Spread: a.Spread, Outputs: a.Outputs, Classes: a.Classes, Condition: a.Condition,
		Scaler: model.Scaler{Kind: model.ScaleRunning}}
}

// spreadWeight is what the spread counts beside the estimate, see Spread.Weight:
// enough to be learnt, too little to shape what the layers below do.
const spreadWeight = .1

// loss returns the loss of a net of the architecture whose estimates are judged by
// another, nil for SquaredError{}.
func (a Arch) loss(estimate Loss) Loss { return a.lossOf(estimate, spreadWeight, Head{}) }

// lossWithoutTruth is loss where the targets are not the truth but guesses or
// noisy readings: what the estimates are off by there says nothing of their
// error, and the spread does not learn from it.
func (a Arch) lossWithoutTruth(estimate Loss) Loss { return a.lossOf(estimate, 0, Head{}) }

// lossOf puts together the losses of all that a net puts out. Of the head Loss and
// Classes are filled in.
func (a Arch) lossOf(l Loss, spreadWeight float64, head Head) Loss {
	if a.Kind == model.BlindSpot {
		return Likelihood{Targets: a.perNet()}
	}
	if l == nil {
		l = SquaredError{}
	}
	if a.binary() {
		l = Binary{Others: l}
	}
	if a.Spread {
		l = Spread{Estimate: l, Weight: spreadWeight, Targets: a.perNet()}
	}
	if len(a.Classes) > 0 {
		head.Loss, head.Classes = l, len(a.Classes)
		l = head
	}
	return l
}

// binary says whether some channel is one of 0 and 1.
func (a Arch) binary() bool {
	return slices.ContainsFunc(a.Outputs, func(o model.Output) bool { return o != model.Value })
}

// checkWindow says whether windows of t columns come out as long as they went in.
func (a Arch) checkWindow(t int) error {
	if hop := a.Spec.Stride(); t < 1 || t%hop != 0 {
		return fmt.Errorf("train: a window of %d; want a multiple of the net's hop of %d", t, hop)
	}
	if w := a.Spec.Window; w > 0 && w != t {
		return fmt.Errorf("train: a window of %d; the net takes %d", t, w)
	}
	return nil
}

// Noise levels, in deviations, below which errors don't weigh more: of nearly
// clean signals, and of missing samples, which can't be guessed as well.
const (
	weightFloor = .05
	lostFloor   = .3
)

// target is what a net should find in one channel of a slot.
type target struct {
	clean float64 // scaled
	sigma float64 // deviation of the noise there, scaled; NaN: nothing to learn here
}

// fill makes an example of the columns of a window, [T][channels of the net]:
// errors count in units of the true noise.
func (a Arch) fill(e *Example, cols []model.Column, want []target) {
	n := a.perNet()
	e.resize(0, 0, 0)
	if e.desk.features == nil { // an Example stays with one Batcher, and so with one layout
		e.desk.features = model.NewFeatures(a.Inputs, n)
	}
	e.desk.features.Reset()
	e.X = e.desk.features.Append(e.X, cols, n, 0)
	e.Y, e.W = grow(e.Y, len(cols)), grow(e.W, len(cols))
	e.Clean, e.Gain, e.Channels = grow(e.Clean, len(cols)), grow(e.Gain, len(cols)), n
	e.Odds = e.Odds[:0]
	if a.binary() {
		e.Odds = grow(e.Odds, len(cols))
		clear(e.Odds)
	}
	for i, w := range want {
		if len(e.Odds) > 0 && a.Outputs[i%n] != model.Value {
			e.Y[i], e.W[i], e.Clean[i], e.Gain[i] = float32(w.clean), 0, 0, 0
			if !math.IsNaN(w.sigma) {
				e.Odds[i] = 1
			}
			continue
		}
		if math.IsNaN(w.sigma) {
			e.Y[i], e.W[i], e.Clean[i], e.Gain[i] = 0, 0, 0, 0
			continue
		}
		y, unit, gain := w.clean, 1., 1.
		if a.Residual {
			if a.InSigma {
				unit = math.Pow(10, float64(cols[i].Level))
			}
			y, gain = (float64(cols[i].X)-w.clean)/unit, -unit
		}
		least := weightFloor
		if cols[i].Missing {
			least = lostFloor
		}
		k := unit / max(w.sigma, least)
		e.Y[i], e.W[i] = float32(y), float32(k*k)
		e.Clean[i], e.Gain[i] = float32(w.clean), float32(gain)
	}
}

package model

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/quell-stream/quell/model/nn"
)

// Sampled is what passes with dropout make of a recording, slot-major and scaled:
// the mean of the clean values and how far, as a standard deviation, they may be
// off.
type Sampled struct {
	Clean []float32
	Dev   []float32
}

// sampleWindow is the number of slots that are sampled at a time, beside what the
// net sees around them.
const sampleWindow = 2048

// Sample runs passes with dropout over a recording of so many channels and returns
// their mean, as Gal and Ghahramani, "Dropout as a Bayesian Approximation", 2016,
// eq. 6. Dev is the root of their variance, to which that is added which the net
// itself tells of its error, where it does (Kendall and Gal, "What Uncertainties Do
// We Need in Bayesian Deep Learning for Computer Vision?", 2017, eq. 9): the mean
// absolute error that Stream.Spread tells, taken for that of a Gaussian. The same
// seed gives the same bits. It is a way to look at recordings: a pass costs as
// much as a Stream, and all of it is kept in memory. The error says if the net has
// no dropout layer, or that the model does not serve so many channels.
func (m *Model) Sample(cols []Column, channels, passes int, seed uint64) (*Sampled, error) {
	fail := func(err error) (*Sampled, error) { return nil, fmt.Errorf("model: %s: %w", m.name, err) }
	per := m.header.perNet()
	switch {
	case !m.header.Spec.Has(nn.Dropout):
		return fail(errors.New("the net has no dropout layer to sample with: train one with dropout in its architecture"))
	case m.quantized != nil:
		return fail(errors.New("int8 models are not sampled: name the float32 model"))
	case slices.ContainsFunc(m.header.Outputs, Output.binary):
		return fail(errors.New("binary channels are not sampled: they tell themselves how sure they are"))
	case m.header.Spec.Window > 0:
		return fail(errors.New("nets of a fixed window are not sampled"))
	case passes < 2:
		return fail(fmt.Errorf("%d passes; want 2 or more", passes))
	case channels < 1 || len(cols)%channels != 0 || channels%per != 0 || m.header.Channels > 0 && m.header.Channels != channels:
		return fail(fmt.Errorf("it serves %d channels at once; the recording has %d", per, channels))
	}
	s := &sampler{m: m, cols: cols, channels: channels, tape: m.net.NewTape(sampleWindow),
		sum: make([]float64, len(cols)), squares: make([]float64, len(cols)), own: make([]float64, len(cols))}
	s.tape.Mode = nn.Sampling
	for first := 0; first < channels; first += per {
		x := NewFeatures(m.header.Inputs, per).Append(nil, cols, channels, first)
		for pass := range passes {
			s.pass(x, first, seed, pass)
		}
	}
	return s.done(passes), nil
}

// sampler adds passes up.
type sampler struct {
	m        *Model
	cols     []Column
	channels int
	tape     *nn.Tape

	sum, squares []float64 // of the differences from the readings
	own          []float64 // of the variances that the net tells
}

// pass runs over one net's input.
func (s *sampler) pass(x []float32, first int, seed uint64, pass int) {
	in, hop := s.m.header.Spec.In, s.m.header.Spec.Stride()
	slots := len(x) / in
	margin := (s.m.header.Spec.ReceptiveField() + hop - 1) / hop * hop
	step := (sampleWindow + hop - 1) / hop * hop
	for from := 0; from < slots; from += step {
		a, b := max(0, from-margin), min(slots, from+step+margin)
		s.tape.Seed = seed + uint64(pass)<<40 + uint64(first)<<20 + uint64(from/step)
		y := s.tape.Forward(x[a*in : b*in])
		s.add(y, a, from, min(slots, from+step), first)
	}
}

// add takes the slots from ≤ t < to of what a net made of those from a on.
func (s *sampler) add(y []float32, a, from, to, first int) {
	h := &s.m.header
	outs, per := h.outputs(), h.perNet()
	to = min(to, a+len(y)/outs) // a strided net may round the length down
	for t := from; t < to; t++ {
		for k := range per {
			at := t*s.channels + first + k
			col, unit := s.cols[at], 1.
			if h.InSigma {
				unit = float64(unitOf(col.Level))
			}
			v := float64(y[(t-a)*outs+k]) * unit
			if h.Residual {
				v = -v
			} else {
				v -= float64(col.X)
			}
			s.sum[at] += v
			s.squares[at] += v * v
			if h.Spread {
				dev := unit * float64(spread(y[(t-a)*outs+per+k])) * math.Sqrt(math.Pi/2)
				s.own[at] += dev * dev
			}
		}
	}
}

func (s *sampler) done(passes int) *Sampled {
	out := &Sampled{Clean: make([]float32, len(s.sum)), Dev: make([]float32, len(s.sum))}
	n := float64(passes)
	for i, sum := range s.sum {
		mean := sum / n
		variance := max(0, s.squares[i]/n-mean*mean)*n/(n-1) + s.own[i]/n
		out.Clean[i], out.Dev[i] = float32(float64(s.cols[i].X)+mean), float32(math.Sqrt(variance))
	}
	return out
}

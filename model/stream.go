package model

import (
	"fmt"
	"math"
	"slices"

	"github.com/quell-stream/quell/model/nn"
)

// Column is what the net sees of one channel at one slot.
type Column struct {
	X       float32 // (raw-mean)/dev; where the sample is missing, of the value held from before, or 0
	Level   float32 // noise level log10(σ̂/dev) within -3…0.5
	Colour  float32 // lag-1 autocorrelation of the noise within 0…1, 0 where it is white or nothing is known
	Missing bool    // the sample is missing, or its scale is unknown
}

// Stream denoises one series slot by slot. Its values are those of one pass
// over the whole recording, bit for bit, however the slots are cut into calls.
// Those of a blind-spot model are the posterior mean: what the net makes of the
// other readings and the reading itself, weighted by how sure each is; where the
// sample is missing what the net says alone.
// It is not safe for concurrent use; any number of streams may share a Model.
type Stream struct {
	m        *Model
	channels int
	per      int // channels per net
	nets     []*nn.Stream
	features []*Features // parallel to nets
	in, out  int64
	finished bool

	wait []float32 // X of the slots whose clean value is not out yet, slot-major
	unit []float32 // with InSigma: what one unit of the net's output is worth there; of a blind-spot model the deviation of the noise, 0 where nothing was read
	x    []float32 // input of one net
	y    []float32 // clean values
	dev  []float32 // with Spread: parallel to y
	odds []float32 // with Classes: their probabilities, [slot][net][class]

	level, worth float32 // worth is unitOf(level)
}

// NewStream returns a stream for a series of the given number of channels. A
// model of several channels at once serves just that number; a per-channel
// model any, each channel by itself. The error says if that is not so, or that
// the network cannot run on a stream.
func (m *Model) NewStream(channels int) (*Stream, error) { return m.stream(channels, false) }

// NewCompactStream is NewStream for one of many series: where the network allows it
// the stream keeps only what it must, see nn.Net.NewCompactStream.
func (m *Model) NewCompactStream(channels int) (*Stream, error) { return m.stream(channels, true) }

func (m *Model) stream(channels int, compact bool) (*Stream, error) {
	s := &Stream{m: m, channels: channels, per: m.header.perNet()}
	switch n := m.header.Channels; {
	case channels < 1:
		return nil, fmt.Errorf("model: %s: a stream of %d channels", m.name, channels)
	case n > 0 && n != channels:
		return nil, fmt.Errorf("model: %s serves %d channels at once; the series has %d", m.name, n, channels)
	}
	if m.header.InSigma || m.header.Kind == BlindSpot {
		s.unit = []float32{}
		s.level, s.worth = 0, 1
	}
	for range channels / s.per {
		net, err := m.newStream(compact)
		if err != nil {
			return nil, fmt.Errorf("model: %s: %w", m.name, err)
		}
		s.nets = append(s.nets, net)
		s.features = append(s.features, NewFeatures(m.header.Inputs, s.per))
	}
	return s, nil
}

// Push appends slots, slot-major, and returns the clean values, in scaled
// units, of those slots that became complete, slot-major and in order. They
// stay valid until the next call. X, Level and Colour must be finite. After some calls
// of the same length Push allocates nothing.
func (s *Stream) Push(cols []Column) []float32 {
	s.accept(cols)
	return s.take(func(i int) []float32 { return s.nets[i].Push(s.input(cols, i)) })
}

// accept takes slots in, up to the nets.
func (s *Stream) accept(cols []Column) {
	if len(cols)%s.channels != 0 {
		panic("model: Push: columns are not a multiple of the channels")
	}
	if s.finished {
		panic("model: Push: the stream is finished; Reset or Warm it")
	}
	s.hold(cols)
	s.in += int64(len(cols) / s.channels)
}

// Finish ends the series and returns the clean values that are not out yet,
// computed without the future that will not come. A second call returns
// nothing.
func (s *Stream) Finish() []float32 {
	if s.finished {
		return s.y[:0]
	}
	s.finished = true
	y := s.take(func(i int) []float32 { return s.nets[i].Finish() })
	// A strided net may round the length down: what it leaves stays as it came.
	y = append(y, s.wait...)
	s.out += int64(len(s.wait) / s.channels)
	s.wait, s.unit, s.y = s.wait[:0], s.unit[:0], y
	for s.m.header.Spread && len(s.dev) < len(y) {
		s.dev = append(s.dev, 0)
	}
	for slot := len(s.nets) * len(s.m.header.Classes); len(s.odds) < len(y)/s.channels*slot; {
		s.odds = append(s.odds, 0)
	}
	return y
}

// Spread returns how far the clean values of the latest call of Push or Finish
// may be off, in scaled units and parallel to them: with Header.Spread what the
// net thinks the mean absolute error is there, positive, or 0 where it does not
// know, and of a blind-spot model the deviation of the posterior; else nil. It
// stays valid until the next call.
func (s *Stream) Spread() []float32 { return s.dev }

// Classes returns the probabilities of Header.Classes at the slots of the latest
// call of Push or Finish, [slot][net][class], where a model that serves each
// channel by itself has a net for each channel, and others have one. They add up
// to 1, or are all 0 where the net does not know. Nil of a model without classes.
// They stay valid until the next call.
func (s *Stream) Classes() []float32 { return s.odds }

// Reset starts anew at slot 0.
func (s *Stream) Reset() {
	for i, n := range s.nets {
		n.Reset()
		s.features[i].Reset()
	}
	s.in, s.out, s.finished, s.wait, s.unit = 0, 0, false, s.wait[:0], s.unit[:0]
}

// Position returns the number of slots pushed and the number returned.
func (s *Stream) Position() (in, out int64) { return s.in, s.out }

// HistoryLen returns the number of slots that Warm wants.
func (s *Stream) HistoryLen() int { return s.nets[0].HistoryLen() + s.features[0].maxLag }

// CopyFrom puts s where src is, a stream of the same Model and of as many channels: from
// here on both give the same values for the same slots. They share nothing.
func (s *Stream) CopyFrom(src *Stream) {
	if s.m != src.m || s.channels != src.channels {
		panic("model: CopyFrom: streams of different models, or numbers of channels")
	}
	for i, n := range s.nets {
		n.CopyFrom(src.nets[i])
		s.features[i].copyFrom(src.features[i])
	}
	s.in, s.out, s.finished = src.in, src.out, src.finished
	s.wait = append(s.wait[:0], src.wait...)
	if s.unit != nil {
		s.unit = append(s.unit[:0], src.unit...)
	}
}

// Warm puts the stream where it was after in slots had been pushed, the last
// of which are history, slot-major: HistoryLen() of them, or all if there were
// fewer. From here on the values are those of the uninterrupted stream, bit
// for bit. If less history is left than that, what is missing counts as slots
// without a value, and the values agree once a receptive field has passed.
func (s *Stream) Warm(history []Column, in int64) {
	c := s.channels
	have := int64(len(history) / c)
	if len(history)%c != 0 || have > in {
		panic("model: Warm: history does not fit the position")
	}
	if want := min(in, int64(s.HistoryLen())); have < want {
		gap := Column{Missing: true, Level: -3}
		full := make([]Column, 0, int(want)*c)
		for len(full) < int(want-have)*c {
			full = append(full, gap)
		}
		history, have = append(full, history...), want
	}
	for i, n := range s.nets {
		s.features[i].Reset()
		n.Warm(s.input(history, i), in)
	}
	s.x = nil // far longer than what is pushed at a time
	s.in, s.finished = in, false
	_, out := s.nets[0].Position()
	s.out = min(out, in)
	s.wait = s.wait[:0]
	s.unit = s.unit[:0]
	s.hold(history[int(have-(in-s.out))*c:])
}

// hold keeps what is needed of columns until the net's output is there.
func (s *Stream) hold(cols []Column) {
	for i := range cols {
		s.wait = append(s.wait, cols[i].X)
		if s.unit == nil {
			continue
		}
		if cols[i].Level != s.level { // levels change rarely
			s.level, s.worth = cols[i].Level, unitOf(cols[i].Level)
		}
		s.unit = append(s.unit, s.worth)
		if s.m.header.Kind == BlindSpot && cols[i].Missing {
			s.unit[len(s.unit)-1] = 0
		}
	}
}

// input lays out the columns of net i as the header says.
func (s *Stream) input(cols []Column, i int) []float32 {
	s.x = s.features[i].Append(s.x[:0], cols, s.channels, i*s.per)
	return s.x
}

// take collects what the nets return into slot-major clean values.
func (s *Stream) take(run func(net int) []float32) []float32 {
	c, waiting := s.channels, len(s.wait)/s.channels
	h := &s.m.header
	n, outs, classes := 0, h.outputs(), len(h.Classes)
	s.y, s.dev, s.odds = s.y[:0], s.dev[:0], s.odds[:0]
	for i := range s.nets {
		o := run(i)
		if i == 0 {
			// A strided net may round the length up; no slot waits for the rest.
			n = min(len(o)/outs, waiting)
			s.y = extend(s.y, n*c)
			if h.Spread {
				s.dev = extend(s.dev, n*c)
			}
			s.odds = extend(s.odds, n*len(s.nets)*classes)
		}
		for t := range n {
			if classes > 0 {
				softmax(s.odds[(t*len(s.nets)+i)*classes:][:classes], o[(t+1)*outs-classes:])
			}
			for k := range s.per {
				at := t*c + i*s.per + k
				if s.m.header.Kind == BlindSpot {
					s.y[at], s.dev[at] = posterior(s.wait[at], s.unit[at], o[t*outs+k], spread(o[t*outs+s.per+k]))
					continue
				}
				v, unit := o[t*outs+k], float32(1)
				if h.Binary(k) {
					s.y[at] = h.Outputs[k].of(v)
					if h.Spread {
						s.dev[at] = 0 // the probability tells how sure it is
					}
					continue
				}
				if s.unit != nil {
					unit = s.unit[at]
					v *= unit
				}
				if h.Residual {
					v = s.wait[at] - v
				}
				s.y[at] = v
				if h.Spread {
					s.dev[at] = unit * spread(o[t*outs+s.per+k])
				}
			}
		}
	}
	s.wait = s.wait[:copy(s.wait, s.wait[n*c:])]
	if s.unit != nil {
		s.unit = s.unit[:copy(s.unit, s.unit[n*c:])]
	}
	s.out += int64(n)
	return s.y
}

// extend returns x with a length of n.
func extend(x []float32, n int) []float32 {
	if n > cap(x) {
		return make([]float32, n)
	}
	return x[:n]
}

// SpreadLeast and SpreadMost hold the logarithm of a spread that a net tells within
// what can be told of an error.
const SpreadLeast, SpreadMost = -7, 3

// spread returns what the second output of a net stands for, its logarithm.
func spread(log float32) float32 {
	return float32(math.Exp(min(max(float64(log), SpreadLeast), SpreadMost)))
}

// of returns what is served for the logarithm of the odds of 1.
func (o Output) of(logit float32) float32 {
	switch {
	case o == Probability:
		return float32(1 / (1 + math.Exp(-float64(logit))))
	case logit > 0:
		return 1
	}
	return 0
}

// softmax sets p to the probabilities of classes whose logarithms are x, but for a
// common addend.
func softmax(p, x []float32) {
	most := slices.Max(x[:len(p)])
	sum := 0.0
	for i := range p {
		v := math.Exp(float64(x[i] - most))
		p[i], sum = float32(v), sum+v
	}
	for i := range p {
		p[i] /= float32(sum)
	}
}

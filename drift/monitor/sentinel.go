package monitor

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"github.com/quell-stream/quell/internal/wire"
	"github.com/quell-stream/quell/model/nn"
)

const (
	// scoreFloor is the mean squared error, in units of the scaler's variance,
	// at which the score stops falling.
	scoreFloor = 1e-8
	// inputLimit bounds scaled values, so that a wild reading can't overflow.
	inputLimit = 100
)

// Sentinel scores how well a frozen network reconstructs the latest window of
// a series. Nothing but a replacement ever changes its weights or its scaler,
// so that a change of the score is a change of the signal.
//
// The network sees [window][2·C] values, for every slot the C scaled signals
// (x − mean)/dev and then C flags, 1 where the signal is missing and 0 stands
// for it; it returns [window][C]. The score is
//
//	ln(mean (output − input)² + 1e-8)
//
// over the values that are there. A Sentinel is not safe for concurrent use;
// any number may share a network.
type Sentinel struct {
	bench     *bench
	weights   []float32 // of its network where the bench is shared, else nil
	mean, dev []float64
	window    int
	hop       int
	slots     int64     // pushed since the last Reset
	ring      []float32 // [window][2C], slot i at i mod window
}

// NewSentinel returns a Sentinel. mean and dev hold one value per channel; a
// deviation that is not positive counts as 1. The network must not be changed
// afterwards. It panics where shapes do not fit: the network takes 2·C channels
// and windows of so many slots, and returns C channels of the same length.
func NewSentinel(net *nn.Net, mean, dev []float64, window, hop int) *Sentinel {
	s, err := newSentinel(net, mean, dev, window, hop)
	if err != nil {
		panic("monitor: " + err.Error())
	}
	return s
}

func newSentinel(net *nn.Net, mean, dev []float64, window, hop int) (*Sentinel, error) {
	if err := fits(net.Spec(), len(mean), len(dev), window, hop); err != nil {
		return nil, err
	}
	s := &Sentinel{bench: newBench(net, window), mean: slices.Clone(mean), dev: slices.Clone(dev), window: window, hop: hop}
	for c, d := range s.dev {
		if !(d > 0) {
			s.dev[c] = 1
		}
	}
	width := 2 * len(mean)
	s.ring = make([]float32, window*width)
	if out := s.bench.reconstruct(); len(out) != window*len(mean) {
		return nil, fmt.Errorf("sentinel: network returns %d slots for a window of %d", len(out)/len(mean), window)
	}
	return s, nil
}

func fits(spec nn.Spec, means, devs, window, hop int) error {
	switch {
	case means == 0 || means != devs:
		return fmt.Errorf("sentinel: %d means and %d deviations", means, devs)
	case window < 1 || hop < 1:
		return fmt.Errorf("sentinel: window of %d and hop of %d slots", window, hop)
	case spec.In != 2*means:
		return fmt.Errorf("sentinel: network of %d input channels for %d signals and as many masks", spec.In, means)
	case spec.OutChannels() != means:
		return fmt.Errorf("sentinel: network of %d output channels for %d signals", spec.OutChannels(), means)
	case spec.Window > 0 && spec.Window != window:
		return fmt.Errorf("sentinel: network for windows of %d slots, not %d", spec.Window, window)
	}
	return nil
}

// Channels returns the number of signals.
func (s *Sentinel) Channels() int { return len(s.mean) }

// Hop returns the number of slots between scores.
func (s *Sentinel) Hop() int { return s.hop }

// Reset begins a new window, as after a gap.
func (s *Sentinel) Reset() { s.slots = 0 }

// Push takes the next slot: one raw value per channel, and whether it is
// missing. A non-finite value counts as missing. At the end of each hop, once
// a whole window is known, it returns the score and true; where every value of
// the window is missing there is none, and it returns false.
func (s *Sentinel) Push(raw []float64, missing []bool) (score float64, ok bool) {
	c := len(s.mean)
	slot := s.ring[int(s.slots%int64(s.window))*2*c:][:2*c]
	for i := range c {
		slot[i], slot[c+i] = 0, 1
		if !missing[i] && math.Abs(raw[i]) <= hugeInput {
			x := (raw[i] - s.mean[i]) / s.dev[i]
			slot[i], slot[c+i] = float32(min(max(x, -inputLimit), inputLimit)), 0
		}
	}
	s.slots++
	if s.slots < int64(s.window) || s.slots%int64(s.hop) != 0 {
		return 0, false
	}
	return s.score()
}

func (s *Sentinel) score() (float64, bool) {
	c := len(s.mean)
	oldest := int(s.slots%int64(s.window)) * 2 * c
	in := s.bench.in
	n := copy(in, s.ring[oldest:])
	copy(in[n:], s.ring[:oldest])
	s.bench.take(s.weights)
	out := s.bench.reconstruct()
	sum, count := 0.0, 0
	for t := range s.window {
		for i := range c {
			if in[(2*t+1)*c+i] != 0 {
				continue
			}
			d := float64(out[t*c+i]) - float64(in[2*t*c+i])
			sum += d * d
			count++
		}
	}
	if count == 0 || math.IsNaN(sum) || math.IsInf(sum, 0) {
		return 0, false
	}
	return math.Log(sum/float64(count) + scoreFloor), true
}

const sentinelState = 0x5e02

// AppendState appends a snapshot: network, weights, scaler and window.
func (s *Sentinel) AppendState(dst []byte) []byte {
	dst = wire.U64(dst, sentinelState)
	dst = wire.Bytes(dst, s.bench.spec)
	w := s.weights
	for _, p := range s.bench.net.Params() {
		if s.weights == nil {
			dst = wire.F32s(dst, p.Data)
			continue
		}
		dst = wire.F32s(dst, w[:len(p.Data)])
		w = w[len(p.Data):]
	}
	dst = wire.F64s(wire.F64s(dst, s.mean), s.dev)
	dst = wire.I64(wire.I64(wire.I64(dst, int64(s.window)), int64(s.hop)), s.slots)
	return wire.F32s(dst, s.ring)
}

// RestoreState reads a snapshot back, with which it replaces everything, and
// returns the rest of src. The zero Sentinel may be restored. On an error the
// sentinel is unchanged.
func (s *Sentinel) RestoreState(src []byte) ([]byte, error) {
	r := wire.NewReader(src)
	fail := func(err error) ([]byte, error) { return nil, fmt.Errorf("monitor: sentinel state: %w", err) }
	if r.U64() != sentinelState {
		return fail(errForeign)
	}
	var spec nn.Spec
	text := r.Bytes()
	if r.Err() != nil {
		return fail(r.Err())
	}
	if err := json.Unmarshal(text, &spec); err != nil {
		return fail(err)
	}
	if err := spec.Validate(); err != nil {
		return fail(err)
	}
	// A few bytes can describe a network of gigabytes.
	if n := spec.LeastWeights(); n > int64(len(r.Rest())/4) {
		return fail(errForeign)
	}
	net, err := nn.New(spec, 0)
	if err != nil {
		return fail(err)
	}
	for _, p := range net.Params() {
		if w := r.F32s(nil); len(w) == len(p.Data) {
			copy(p.Data, w)
		} else {
			r.Fail(errForeign)
		}
	}
	net.Pack()
	mean, dev := r.F64s(nil), r.F64s(nil)
	window, hop, slots := r.Int(), r.Int(), r.I64()
	ring := r.F32s(nil)
	if r.Err() == nil && (window < 1 || len(ring) != window*2*len(mean) || slots < 0) {
		r.Fail(errForeign)
	}
	if r.Err() != nil {
		return fail(r.Err())
	}
	n, err := newSentinel(net, mean, dev, window, hop)
	if err != nil {
		return fail(err)
	}
	n.slots = slots
	copy(n.ring, ring)
	*s = *n
	return r.Rest(), nil
}

// Package model holds the denoising model: a network with a header that says
// how to use it, its file format, the models that come with the binary, and
// the Stream that denoises one series sample by sample.
//
// A model works on scaled values. Who scales them is told by the header: a
// running scaler that follows the series, a fixed one, or none.
package model

import (
	"crypto/sha256"
	"fmt"
	"math"

	"github.com/quell-stream/quell/model/nn"
)

// Model is a network with its header. It is immutable and safe for concurrent
// use.
type Model struct {
	header Header
	net    *nn.Net
	name   string
	sum    [sha256.Size]byte // of the file, whose first digits are in the name
	bytes  int

	quantized *nn.Quantized // of an int8 model, else nil
	certain   int           // see CertainAhead
}

// New makes a model of a header and a trained network, which it copies, with its
// batchnorm layers folded (see nn.Net.Fold). The header's Format, Spec and Lookahead
// are set from that, and it is no int8 model's any more. Weights must be finite.
func New(h Header, net *nn.Net) (*Model, error) {
	h = h.clone()
	h.Int8 = nil
	return finish(h, foldNet(net), nil)
}

// finish makes a model of what it may keep.
func finish(h Header, net *nn.Net, q *nn.Quantized) (*Model, error) {
	h.Format, h.Spec = FormatVersion, net.Spec()
	if err := h.Validate(); err != nil {
		return nil, fmt.Errorf("model: %q: %w", h.Name, err)
	}
	h.Lookahead = h.Spec.Lookahead()
	for _, p := range net.Params() {
		if !finite(p.Data) {
			return nil, fmt.Errorf("model: %q: %s has a weight that is not finite", h.Name, p.Name)
		}
	}
	m := &Model{header: h, net: net, quantized: q}
	b, err := m.Encode()
	if err != nil {
		return nil, err
	}
	m.seal(b)
	return m, nil
}

// Name returns NAME@ and the first 16 hex digits of the SHA-256 of the file.
func (m *Model) Name() string { return m.name }

// Sum returns the SHA-256 of the file.
func (m *Model) Sum() [sha256.Size]byte { return m.sum }

// Called says whether a name is that of the model, or the one that OldName returns: states
// and files of earlier versions hold such.
func (m *Model) Called(name string) bool { return name == m.name || name == OldName(m.name) }

const (
	nameDigits    = 16 // of the digest; of two models a name of 24 bits may be the same
	oldNameDigits = 6
)

// OldName returns the name that earlier versions gave the model of a name: it has six
// digits of the digest. A name of another form is returned as it is.
func OldName(name string) string {
	if at := len(name) - nameDigits; at > 0 && name[at-1] == '@' {
		return name[:at+oldNameDigits]
	}
	return name
}

// Header returns a copy of the header.
func (m *Model) Header() Header { return m.header.clone() }

// NotWhite says that it was trained on noise that is not white, see Header.
func (m *Model) NotWhite() bool { return m.header.NotWhite }

// Net returns the network, which the caller must not change; Net().Clone() may
// be. That of an int8 model holds what its weights stand for, in float32; it
// gives other values than the model's streams, see Quantized.
func (m *Model) Net() *nn.Net { return m.net }

// Quantized returns the network of an int8 model, nil of others.
func (m *Model) Quantized() *nn.Quantized { return m.quantized }

// newStream returns a stream of the network.
func (m *Model) newStream(compact bool) (*nn.Stream, error) {
	switch {
	case m.quantized != nil:
		return m.quantized.NewStream()
	case compact:
		return m.net.NewCompactStream()
	}
	return m.net.NewStream()
}

// CertainAhead returns the number of slots behind its own that have come by the time that a
// clean value is given out, however few come at a time: Lookahead, but for a strided net,
// which gives out several values at once.
func (m *Model) CertainAhead() int { return m.certain }

// Joint says that one net serves several channels at once: what it makes of one that is
// missing it has from the others.
func (m *Model) Joint() bool { return m.header.Channels > 1 }

// Lookahead returns the number of future samples that a clean value needs.
func (m *Model) Lookahead() int { return m.header.Lookahead }

// Kind returns the architecture.
func (m *Model) Kind() Kind { return m.header.Kind }

// Size returns the length of the encoded model in bytes.
func (m *Model) Size() int { return m.bytes }

// HalfWidth returns the half widths of the intervals of the given coverage
// around clean values, by noise level (see Column.Level): in units of the spread
// that the net tells (see Stream.Spread), or of σ̂ where it tells none.
func (m *Model) HalfWidth(coverage float64) HalfWidth {
	w := m.header.Interval.Of(coverage)
	if h := &m.header; h.Spread && h.Kind != BlindSpot && len(h.Interval.Levels) == 0 {
		w.half[0] *= math.Sqrt(math.Pi / 2) // the spread is a mean absolute error
	}
	return w
}

func finite(x []float32) bool {
	for _, v := range x {
		// Only for these is the exponent all ones.
		if math.Float32bits(v)&0x7f800000 == 0x7f800000 {
			return false
		}
	}
	return true
}

package model

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/quell-stream/quell/model/nn"
)

// FormatVersion is the version of the file format that this package writes.
const FormatVersion = 1

// Kind names the architecture of a model.
type Kind string

// The kinds.
const (
	TCN Kind = "tcn" // dilated residual network at full resolution
	DAE Kind = "dae" // strided encoder, bottleneck, decoder

	// BlindSpot is a network that foretells a reading from all the others within
	// its field: its outputs are, per channel, the mean μ and the logarithm of the
	// deviation s of what the clean value may be, both scaled. What is served is
	// the posterior, which the reading itself is put into, see Stream.
	BlindSpot Kind = "blindspot"
)

// Input names what one group of the net's input channels holds.
type Input string

// The inputs. Each takes one channel of the net per channel of the model, in
// the order of Header.Inputs.
const (
	Signal Input = "signal" // (raw-mean)/dev; the held value where the sample is missing
	Level  Input = "level"  // log10(σ̂/dev) within -3…0.5
	Mask   Input = "mask"   // 1 where the sample is missing, else 0
	Colour Input = "colour" // lag-1 autocorrelation of the noise, 0 for white

	// Reading is Signal with 0 where the sample is missing. The held value would
	// tell later columns of an earlier reading.
	Reading Input = "reading"

	// The steps are the change of the signal over so many slots in units of
	// σ̂, within ±8: what stands out of the noise looks the same at every level.
	// 0 where the series is not that old.
	Step1  Input = "step1"
	Step4  Input = "step4"
	Step16 Input = "step16"
)

// ScalerKind says how raw values become the net's input.
type ScalerKind string

// The kinds of scaler.
const (
	ScaleRunning ScalerKind = "running" // mean, deviation and noise level follow the series
	ScaleFixed   ScalerKind = "fixed"   // those of Scaler, fitted to the training part
	ScaleNone    ScalerKind = "none"    // the net takes raw values
)

// Scaler says how to scale a model's channels. The slices hold one value per
// channel, or one for all of a per-channel model, and are empty unless Kind is
// ScaleFixed.
type Scaler struct {
	Kind  ScalerKind `json:"kind"`
	Mean  []float64  `json:"mean,omitempty"`
	Dev   []float64  `json:"dev,omitempty"`   // deviation
	Sigma []float64  `json:"sigma,omitempty"` // noise level; 0 where it is to be estimated from the series
}

// Output says what the clean values of a channel are.
type Output string

// The outputs.
const (
	Value       Output = "value"       // a quantity
	Probability Output = "probability" // of a channel of 0 and 1: how likely it is 1
	State       Output = "state"       // of such a channel: the likelier of 0 and 1
)

// binary says whether the net puts out the logarithm of the odds of 1.
func (o Output) binary() bool { return o == Probability || o == State }

// Provenance says where the weights come from.
type Provenance struct {
	Data    string `json:"data,omitempty"`
	Command string `json:"command,omitempty"`
	Seed    uint64 `json:"seed,omitempty"`
	Go      string `json:"go,omitempty"`     // Go version
	Parent  string `json:"parent,omitempty"` // name of the model it was fine-tuned from, or of which it is the int8 form or that for a condition

	Condition map[string]string `json:"condition,omitempty"` // which the parent's net was given
}

// Header describes a model: everything but the weights.
type Header struct {
	Format     int                `json:"format"` // 0 means FormatVersion
	Name       string             `json:"name"`   // letters, digits, '.', '_' and '-'
	Kind       Kind               `json:"kind"`
	Spec       nn.Spec            `json:"spec"`
	Inputs     []Input            `json:"inputs"`
	Channels   int                `json:"channels,omitempty"`  // 0: the net serves each channel by itself; else all at once
	Residual   bool               `json:"residual"`            // clean = signal - output; else clean = output
	InSigma    bool               `json:"in_sigma,omitempty"`  // Residual only: the output is in units of σ̂, clean = signal - 10^level·output
	Spread     bool               `json:"spread,omitempty"`    // the net also tells how far it may be off, see Stream.Spread
	NotWhite   bool               `json:"not_white,omitempty"` // it takes away noise that is not white, or more than noise: the guard, which takes noise for white, cannot judge it
	Outputs    []Output           `json:"outputs,omitempty"`   // what clean values are, one per channel or one for all of a per-channel model; none: values
	Names      []string           `json:"names,omitempty"`     // of the channels that it serves at once, in their order; none: unknown
	Classes    []string           `json:"classes,omitempty"`   // the net also tells which of these a slot is, the first being the normal one, see Stream.Classes
	Condition  Condition          `json:"condition,omitempty"` // what the net can be told, see Model.Conditioned; its streams know nothing of it
	Scaler     Scaler             `json:"scaler"`
	Lookahead  int                `json:"lookahead"` // set by New from Spec
	Interval   Interval           `json:"interval,omitzero"`
	Int8       *Int8              `json:"int8,omitempty"` // of a model of 8-bit weights; set by Quantize
	Provenance Provenance         `json:"provenance"`
	Metrics    map[string]float64 `json:"metrics,omitempty"`
	Licence    string             `json:"licence,omitempty"` // SPDX identifier
	Card       string             `json:"card,omitempty"`    // the model card, Markdown
}

// perNet returns the number of channels one run of the net serves.
func (h *Header) perNet() int { return max(h.Channels, 1) }

// outputs returns the number of channels a net has to put out: one per channel,
// with Spread another, and one per class.
func (h *Header) outputs() int {
	n := h.perNet()
	if h.Spread {
		n *= 2
	}
	return n + len(h.Classes)
}

// Binary says whether channel k of a net is one of 0 and 1.
func (h *Header) Binary(k int) bool { return h.Outputs != nil && h.Outputs[k].binary() }

// Validate returns nil if the header describes a model that can run, and else
// every mistake, joined by errors.Join.
func (h *Header) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if h.Format != FormatVersion && h.Format != 0 {
		bad("format %d; this version reads format %d", h.Format, FormatVersion)
	}
	if err := validName(h.Name); err != nil {
		errs = append(errs, err)
	}
	switch h.Kind {
	case TCN, DAE:
	case BlindSpot:
		h.blind(bad)
	default:
		bad("kind %q; want %q, %q or %q", h.Kind, TCN, DAE, BlindSpot)
	}
	if h.Channels < 0 || h.Channels > 1<<14 {
		bad("channels: %d", h.Channels)
	}
	if !slices.Contains(h.Inputs, Signal) && !slices.Contains(h.Inputs, Reading) {
		bad("inputs: %q is missing", Signal)
	}
	for i, in := range h.Inputs {
		if in != Signal && in != Reading && in != Level && in != Mask && in != Colour && in.lag() == 0 {
			bad("inputs: unknown input %q", in)
		} else if slices.Contains(h.Inputs[:i], in) {
			bad("inputs: %q is given twice", in)
		}
	}
	if h.InSigma && !h.Residual {
		bad("in_sigma needs residual")
	}
	h.Scaler.validate(h.perNet(), bad)
	h.validateOutputs(bad)
	h.Interval.validate(bad)
	if err := h.Condition.Validate(); err != nil {
		errs = append(errs, err)
	}
	for k, v := range h.Metrics {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			bad("metrics: %s is not finite", k)
		}
	}
	if err := h.Spec.Validate(); err != nil {
		bad("spec: %w", err)
		return errors.Join(errs...)
	}
	if n := strides(h.Spec.Layers); n > maxStride {
		bad("spec: the strides multiply to %d; at most %d", n, maxStride)
		return errors.Join(errs...)
	}
	if n := h.Condition.Size(); h.Spec.Cond != n {
		bad("spec: a condition of %d values; want %d for the keys of the condition", h.Spec.Cond, n)
	}
	if h.Spec.Has(nn.BatchNorm) {
		bad("spec: batchnorm layers, which a model has folded")
	}
	if want := h.perNet() * len(h.Inputs); h.Spec.In != want {
		bad("spec: %d input channels; want %d for %d inputs of %d channels", h.Spec.In, want, len(h.Inputs), h.perNet())
	}
	if h.Kind == BlindSpot && !h.Spec.Blind() {
		bad("spec: the net may see the column that its output is for; kind %q must not: see taps and groups", BlindSpot)
	}
	if out := h.Spec.OutChannels(); out != h.outputs() {
		bad("spec: %d output channels; want %d", out, h.outputs())
	}
	return errors.Join(errs...)
}

// maxClasses bounds the classes of a model.
const maxClasses = 64

func (h *Header) validateOutputs(bad func(string, ...any)) {
	if n := len(h.Outputs); n > 0 && n != h.perNet() {
		bad("outputs: %d; want %d, or none", n, h.perNet())
		return
	}
	for k, o := range h.Outputs {
		if o != Value && !o.binary() {
			bad("outputs: %q; want %q, %q or %q", o, Value, Probability, State)
			continue
		}
		s := &h.Scaler
		plain := s.Kind == ScaleNone || s.Kind == ScaleFixed && k < len(s.Mean) && k < len(s.Dev) && s.Mean[k] == 0 && s.Dev[k] == 1
		if o.binary() && !plain {
			bad("outputs: %q needs raw values: a fixed scaler of mean 0 and deviation 1, or none", o)
		}
	}
	if n := len(h.Names); n > 0 && n != h.Channels {
		bad("names: %d; want one for each of %d channels, or none", n, h.Channels)
	}
	if n := len(h.Classes); n == 1 || n > maxClasses {
		bad("classes: %d; want 2 to %d, or none", n, maxClasses)
	}
	for i, c := range h.Classes {
		if c == "" || len(c) > 64 || slices.Contains(h.Classes[:i], c) {
			bad("classes: %q is empty, too long or given twice", c)
		}
	}
}

// blind checks what a blind-spot model must say of itself: nothing that it is
// given at a column may tell of the reading of another one.
func (h *Header) blind(bad func(string, ...any)) {
	if !h.Spread || h.Residual {
		bad("kind %q needs spread, and has no residual", BlindSpot)
	}
	for _, in := range h.Inputs {
		if in == Signal || in.lag() > 0 {
			bad("inputs: %q tells of other readings than that of its column; kind %q takes %q", in, BlindSpot, Reading)
		}
	}
}

// maxStride bounds the hop of a model.
const maxStride = 1 << 12

// strides multiplies the strides of all layers, up to a little above maxStride.
func strides(layers []nn.LayerSpec) int {
	n := 1
	for _, l := range layers {
		n = min(n*max(l.Stride, 1)*strides(l.Layers), maxStride+1)
	}
	return n
}

func validName(name string) error {
	ok := name != "" && len(name) <= 64 && name[0] != '.' && strings.IndexFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("._-", r)
	}) < 0
	if !ok {
		return fmt.Errorf("name %q; want up to 64 letters, digits, '.', '_' or '-', not starting with '.'", name)
	}
	return nil
}

func (s *Scaler) validate(channels int, bad func(string, ...any)) {
	lists := [...][]float64{s.Mean, s.Dev, s.Sigma}
	switch s.Kind {
	case ScaleRunning, ScaleNone:
		for _, l := range lists {
			if len(l) > 0 {
				bad("scaler: kind %q takes no numbers", s.Kind)
				return
			}
		}
	case ScaleFixed:
		for i, l := range lists {
			if len(l) != channels {
				bad("scaler: %d values of mean, dev or sigma; want %d", len(l), channels)
				return
			}
			for _, v := range l {
				if math.IsNaN(v) || math.IsInf(v, 0) || i == 1 && v <= 0 || i == 2 && v < 0 {
					bad("scaler: value %g is out of range", v)
				}
			}
		}
	default:
		bad("scaler: kind %q; want %q, %q or %q", s.Kind, ScaleRunning, ScaleFixed, ScaleNone)
	}
}

// clone returns a copy that shares nothing that can be changed.
func (h Header) clone() Header {
	h.Inputs = slices.Clone(h.Inputs)
	h.Outputs = slices.Clone(h.Outputs)
	h.Names, h.Classes = slices.Clone(h.Names), slices.Clone(h.Classes)
	h.Scaler.Mean = slices.Clone(h.Scaler.Mean)
	h.Scaler.Dev = slices.Clone(h.Scaler.Dev)
	h.Scaler.Sigma = slices.Clone(h.Scaler.Sigma)
	h.Interval = h.Interval.clone()
	h.Condition = h.Condition.clone()
	h.Provenance.Condition = maps.Clone(h.Provenance.Condition)
	h.Int8 = h.Int8.clone()
	m := h.Metrics
	h.Metrics = nil
	for k, v := range m {
		if h.Metrics == nil {
			h.Metrics = make(map[string]float64, len(m))
		}
		h.Metrics[k] = v
	}
	return h
}

// Takes returns an error if the model serves several channels at once and these are
// the ones that it was trained on, but in another order.
func (m *Model) Takes(channels []string) error {
	names := m.header.Names
	if slices.Equal(names, channels) || len(names) != len(channels) || !slices.Equal(slices.Sorted(slices.Values(names)), slices.Sorted(slices.Values(channels))) {
		return nil
	}
	return fmt.Errorf("%s takes its channels in the order %s, not %s", m.Name(), strings.Join(names, ", "), strings.Join(channels, ", "))
}

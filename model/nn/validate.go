package nn

import (
	"errors"
	"fmt"
	"slices"
)

// limits keep the arithmetic of lengths away from overflow and a malformed
// file from asking for the machine's memory.
const (
	maxChannels = 1 << 14
	maxKernel   = 1 << 10
	maxStride   = 1 << 6
	maxSpan     = 1 << 16 // columns from the first tap to the last, and pads
	maxWindow   = 1 << 24
	maxWeights  = 1 << 26 // of one layer, as laid out for the kernels
	maxDepth    = 16
	maxHop      = 1 << 10 // total stride, and the same for the way up
	maxField    = 1 << 20 // receptive field
	maxCond     = 1 << 10
)

func (l LayerSpec) kernel() int   { return max(l.Kernel, 1) }
func (l LayerSpec) stride() int   { return max(l.Stride, 1) }
func (l LayerSpec) dilation() int { return max(l.Dilation, 1) }

// span is the number of columns from a layer's first tap to its last.
func (l LayerSpec) span() int { return (l.kernel()-1)*l.dilation() + 1 }

// packedTaps bounds the taps of a layer as laid out for the kernels, in either
// direction: a stride brings up to one zero tap per phase, and with a dilation
// the phases read different columns, so that most taps are zero.
func (l LayerSpec) packedTaps() int {
	if l.stride() > 1 && l.dilation() > 1 {
		return l.span() + 2*l.stride()
	}
	return l.kernel() + 2*l.stride()
}

// outLen is the number of columns a layer makes of t columns, by the formulas
// of PyTorch; no columns make none.
func (l LayerSpec) outLen(t int64) int64 {
	if t <= 0 {
		return 0
	}
	pads := int64(l.Pad[0] + l.Pad[1])
	switch l.Op {
	case Conv:
		n := t + pads - int64(l.span())
		if n < 0 {
			return 0
		}
		return n/int64(l.stride()) + 1
	case ConvT:
		return max(0, (t-1)*int64(l.stride())-pads+int64(l.span()+l.OutputPad))
	case Dense:
		return int64(l.Steps)
	}
	return t
}

// Validate returns nil if the network can be built, and else every mistake,
// each named by the path of its layer, joined by errors.Join.
func (s Spec) Validate() error {
	v := &validator{window: int64(s.Window), cond: s.Cond, num: 1, den: 1}
	if s.In < 1 || s.In > maxChannels {
		v.errorf("in", "%d channels; want 1 to %d", s.In, maxChannels)
	}
	if s.Window < 0 || s.Window > maxWindow {
		v.errorf("window", "%d columns; want 0 (any) to %d", s.Window, maxWindow)
	}
	if s.Cond < 0 || s.Cond > maxCond {
		v.errorf("cond", "%d values; want 0 (none) to %d", s.Cond, maxCond)
	} else if s.Cond > 0 && !has(s.Layers, FiLM) {
		v.errorf("cond", "%d values that no film layer reads", s.Cond)
	}
	v.layers("layers", s.Layers, shape{c: s.In, t: int64(s.Window), num: 1, den: 1}, 0)
	if len(v.errs) == 0 && s.Streamable() == nil {
		if field := s.ReceptiveField(); field > maxField {
			v.errorf("layers", "the receptive field is %d columns; want at most %d", field, maxField)
		}
	}
	return errors.Join(v.errs...)
}

// shape is what a layer sees: channels, columns where the window is fixed, and
// the rate, den columns for num of the input.
type shape struct {
	c        int
	t        int64
	num, den int
}

type validator struct {
	window   int64
	cond     int
	num, den int // least common multiples of those of all shapes
	errs     []error
}

func (v *validator) errorf(path, format string, args ...any) {
	v.errs = append(v.errs, fmt.Errorf("%s: "+format, append([]any{path}, args...)...))
}

func (v *validator) layers(path string, layers []LayerSpec, in shape, depth int) shape {
	if len(layers) == 0 {
		v.errorf(path, "no layers; want at least one")
	} else if !slices.ContainsFunc(layers, func(l LayerSpec) bool { return l.Op != Dropout }) {
		v.errorf(path, "nothing but dropout; want another layer")
	}
	for i, l := range layers {
		in = v.layer(fmt.Sprintf("%s[%d]", path, i), l, in, depth)
	}
	return in
}

func (v *validator) layer(path string, l LayerSpec, in shape, depth int) shape {
	out := in
	before := len(v.errs)
	v.fields(path, l)
	switch l.Op {
	case Conv, ConvT, Dense:
		out.c = l.Out
	case Residual:
		if depth >= maxDepth {
			v.errorf(path, "residual blocks nested deeper than %d", maxDepth)
			return out
		}
		body := v.layers(path+".layers", l.Layers, in, depth+1)
		if len(v.errs) == before {
			v.residual(path, l.Layers, in, body)
		}
		return out
	}
	if len(v.errs) > before {
		return out
	}
	switch {
	case l.Op == LayerNorm && in.c == 1:
		v.errorf(path, "layernorm of 1 channel leaves nothing of it; want 2 channels or more")
	case l.Op == FiLM && v.cond == 0:
		v.errorf(path, "film needs a condition; set cond of the network")
	}
	v.rate(path, l, &out)
	if l.Op == Dense {
		if v.window == 0 {
			v.errorf(path, "dense needs a fixed window; set window of the network")
			return out
		}
		if w := in.t * int64(in.c); w > maxWeights/int64(l.Out*l.Steps) {
			v.errorf(path, "more than %d weights", maxWeights)
		}
	} else if l.Op == Conv || l.Op == ConvT {
		if n := int64(in.c) * int64(l.Out); n > maxWeights/int64(l.packedTaps()) {
			v.errorf(path, "more than %d weights", maxWeights)
		}
		v.mask(path, l, in.c)
	}
	if v.window > 0 && in.t > 0 {
		out.t = l.outLen(in.t)
		if out.t < 1 {
			v.errorf(path, "no columns are left of %d", in.t)
		}
	}
	return out
}

// rate follows the strides.
func (v *validator) rate(path string, l LayerSpec, s *shape) {
	switch l.Op {
	case Conv:
		s.num *= l.stride()
	case ConvT:
		s.den *= l.stride()
	case Dense:
		s.num, s.den = 1, 1
	}
	g := gcd(s.num, s.den)
	s.num, s.den = s.num/g, s.den/g
	v.num *= s.num / gcd(v.num, s.num)
	v.den *= s.den / gcd(v.den, s.den)
	if v.num > maxHop || v.den > maxHop {
		v.errorf(path, "the total stride is over %d", maxHop)
		v.num, v.den, s.num, s.den = 1, 1, 1, 1
	}
}

// fields checks what a layer says about itself: that numbers are in range and
// that nothing is set which its operation does not have.
func (v *validator) fields(path string, l LayerSpec) {
	before := len(v.errs)
	type field struct {
		name  string
		value int
		low   int
		high  int
		ops   []Op
	}
	weights, conv := []Op{Conv, ConvT, Dense}, []Op{Conv, ConvT}
	switch l.Op {
	case Conv, ConvT, ReLU, GELU, Sigmoid, Tanh, Residual, Dense, LayerNorm, BatchNorm, Dropout, FiLM:
	default:
		v.errorf(path, "unknown op %q; want conv, convt, relu, gelu, sigmoid, tanh, residual, dense, layernorm, batchnorm, dropout or film", l.Op)
		return
	}
	for _, f := range []field{
		{"out", l.Out, 1, maxChannels, weights},
		{"kernel", l.Kernel, 0, maxKernel, conv},
		{"stride", l.Stride, 0, maxStride, conv},
		{"dilation", l.Dilation, 0, maxSpan, conv},
		{"pad[0]", l.Pad[0], 0, maxSpan, conv},
		{"pad[1]", l.Pad[1], 0, maxSpan, conv},
		{"output_pad", l.OutputPad, 0, maxStride, []Op{ConvT}},
		{"steps", l.Steps, 1, maxWindow, []Op{Dense}},
		{"groups", l.Groups, 0, maxChannels, conv},
	} {
		switch has := slices.Contains(f.ops, l.Op); {
		case has && (f.value < f.low || f.value > f.high):
			v.errorf(path, "%s is %d; want %d to %d", f.name, f.value, f.low, f.high)
		case !has && f.value != 0:
			v.errorf(path, "%s has no %s", l.Op, f.name)
		}
	}
	if l.Op == Dropout && !(l.Rate > 0 && l.Rate < 1) {
		v.errorf(path, "rate is %g; want above 0 and below 1", l.Rate)
	} else if l.Op != Dropout && l.Rate != 0 {
		v.errorf(path, "%s has no rate", l.Op)
	}
	if l.Spatial && l.Op != Dropout {
		v.errorf(path, "%s has no spatial", l.Op)
	}
	if l.NoBias && !slices.Contains(weights, l.Op) {
		v.errorf(path, "%s has no no_bias", l.Op)
	}
	if l.Taps != AllTaps && l.Op != Conv {
		v.errorf(path, "%s has no taps", l.Op)
	}
	if l.Zero && !slices.Contains(weights, l.Op) {
		v.errorf(path, "%s has no zero", l.Op)
	}
	if len(l.Layers) > 0 && l.Op != Residual {
		v.errorf(path, "%s has no layers", l.Op)
	}
	if len(v.errs) > before {
		return
	}
	if l.span() > maxSpan {
		v.errorf(path, "kernel and dilation span %d columns; want at most %d", l.span(), maxSpan)
	} else if l.Op == ConvT {
		v.convT(path, l)
	}
}

// convT checks what is special to a transposed convolution.
func (v *validator) convT(path string, l LayerSpec) {
	s := l.stride()
	if l.OutputPad >= s && l.OutputPad > 0 {
		v.errorf(path, "output_pad is %d; want less than the stride, %d", l.OutputPad, s)
	}
	// With n columns in, the columns out that read none later than n must lie
	// below the length that n columns have, else the length would be known
	// only at the end of the signal.
	tm := scatter(s, l.kernel(), l.dilation(), l.Pad[0])
	last := tm.off + (tm.taps-1)*tm.dil
	if most := l.span() - s - l.Pad[0] + l.OutputPad + s*last; l.Pad[1] > most {
		v.errorf(path, "pad[1] is %d; want at most %d, which the taps reach past the end", l.Pad[1], most)
	}
}

// residual checks that the body of a residual block keeps channels and length,
// the length for every input and without shrinking it on the way.
func (v *validator) residual(path string, body []LayerSpec, in, out shape) {
	if out.c != in.c {
		v.errorf(path, "residual body turns %d channels into %d; want %d", in.c, out.c, in.c)
	}
	delta := 0
	for i, l := range body {
		at := fmt.Sprintf("%s.layers[%d]", path, i)
		switch l.Op {
		case Conv, ConvT:
			if l.stride() != 1 {
				v.errorf(at, "stride %d inside a residual block; want 1", l.stride())
				return
			}
			d := l.Pad[0] + l.Pad[1] - (l.span() - 1)
			if l.Op == ConvT {
				d = -d + l.OutputPad
			}
			if delta += d; delta < 0 {
				v.errorf(at, "shortens the signal inside a residual block; want pad[0]+pad[1] = %d", l.span()-1)
				return
			}
		case Dense:
			if out.t != in.t {
				v.errorf(path, "residual body turns %d columns into %d; want %d", in.t, out.t, in.t)
			}
			return
		}
	}
	if delta != 0 {
		v.errorf(path, "residual body adds %d columns; want as many as it gets", delta)
	}
}

// has says whether some layer is one of the given operations.
func has(layers []LayerSpec, ops ...Op) bool {
	return slices.ContainsFunc(layers, func(l LayerSpec) bool { return slices.Contains(ops, l.Op) || has(l.Layers, ops...) })
}

// Has says whether some layer of the network is one of the given operations.
func (s Spec) Has(ops ...Op) bool { return has(s.Layers, ops...) }

// OutChannels returns the number of channels of the output of a valid network.
func (s Spec) OutChannels() int {
	c := s.In
	for _, l := range s.Layers {
		if l.Op == Conv || l.Op == ConvT || l.Op == Dense {
			c = l.Out
		}
	}
	return c
}

// OutLen returns the number of output columns that a valid network makes of t
// input columns.
func (s Spec) OutLen(t int) int {
	n := int64(max(t, 0))
	for _, l := range s.Layers {
		n = l.outLen(n)
	}
	return int(n)
}

// Streamable returns nil if NewStream can run the network, which it can unless
// a dense layer needs the whole window.
func (s Spec) Streamable() error {
	return streamable("layers", s.Layers)
}

func streamable(path string, layers []LayerSpec) error {
	for i, l := range layers {
		at := fmt.Sprintf("%s[%d]", path, i)
		if l.Op == Dense {
			return fmt.Errorf("nn: %s: dense needs the whole window and cannot stream", at)
		}
		if err := streamable(at+".layers", l.Layers); err != nil {
			return err
		}
	}
	return nil
}

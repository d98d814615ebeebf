package onnx

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/quell-stream/quell/model/nn"
)

// operator says how a node is read.
type operator struct {
	least int      // inputs it must have
	attrs []string // attributes it may have
	lower func(im *importer, n *node, in []value) (value, error)
}

// operators are those that are read, of the standard domain.
var operators = makeOperators()

func makeOperators() map[string]operator {
	conv := []string{"auto_pad", "dilations", "group", "kernel_shape", "pads", "strides"}
	act := func(op nn.Op) operator {
		return operator{1, nil, func(im *importer, n *node, in []value) (value, error) { return im.act(n, in, op) }}
	}
	pass := func(attrs ...string) operator {
		return operator{1, attrs, func(_ *importer, _ *node, in []value) (value, error) { return in[0], nil }}
	}
	return map[string]operator{
		"Conv":               {2, conv, (*importer).conv},
		"ConvTranspose":      {2, append([]string{"output_padding", "output_shape"}, conv...), (*importer).convT},
		"Gemm":               {2, []string{"alpha", "beta", "transA", "transB"}, (*importer).gemm},
		"MatMul":             {2, nil, (*importer).matMul},
		"BatchNormalization": {5, []string{"epsilon", "momentum", "spatial", "training_mode"}, (*importer).batchNorm},
		"LayerNormalization": {2, []string{"axis", "epsilon", "stash_type"}, (*importer).layerNorm},
		"Relu":               act(nn.ReLU),
		"Sigmoid":            act(nn.Sigmoid),
		"Tanh":               act(nn.Tanh),
		"Gelu":               {1, []string{"approximate"}, (*importer).geluOp},
		"Erf":                {1, nil, (*importer).erf},
		"Add":                {2, nil, (*importer).add},
		"Sum":                {1, nil, (*importer).sum},
		"Sub":                {2, nil, (*importer).sub},
		"Mul":                {2, nil, (*importer).mul},
		"Div":                {2, nil, (*importer).div},
		"Neg":                {1, nil, (*importer).neg},
		"Sqrt":               {1, nil, (*importer).sqrt},
		"Pad":                {1, []string{"mode", "pads", "value"}, (*importer).padOp},
		"Slice":              {1, []string{"axes", "ends", "starts"}, (*importer).slice},
		"Reshape":            {2, []string{"allowzero"}, (*importer).reshape},
		"Flatten":            {1, []string{"axis"}, (*importer).flattenOp},
		"Squeeze":            {1, []string{"axes"}, (*importer).squeeze},
		"Unsqueeze":          {1, []string{"axes"}, (*importer).unsqueeze},
		"Transpose":          {1, []string{"perm"}, (*importer).transpose},
		"Identity":           pass(),
		"Dropout":            {1, []string{"ratio", "seed"}, (*importer).dropout},
		"Cast":               {1, []string{"saturate", "to"}, (*importer).cast},
		"Constant":           {0, []string{"value", "value_float", "value_floats", "value_int", "value_ints"}, (*importer).constant},
		"Shape":              {1, []string{"end", "start"}, (*importer).shapeOp},
		"Gather":             {2, []string{"axis"}, (*importer).gather},
		"Concat":             {1, []string{"axis"}, (*importer).concat},
		"ConstantOfShape":    {1, []string{"value"}, (*importer).constantOfShape},
	}
}

func standard(domain string) bool { return domain == "" || domain == "ai.onnx" }

// checkOp notes an operator that is not read, or attributes that are not.
func (im *importer) checkOp(n *node) {
	op, ok := operators[n.op]
	switch {
	case !standard(n.domain):
		im.refuse(n, "operator %s of the domain %s", clip(n.op), clip(n.domain))
		return
	case !ok:
		im.refuse(n, "operator %s%s", clip(n.op), instead(n.op))
		return
	}
	for _, a := range n.attrs {
		if !slices.Contains(op.attrs, a.name) {
			im.refuse(n, "attribute %s of %s", clip(a.name), n.op)
		}
	}
}

// clip shortens what should be a short word, and quotes it if it is none.
func clip(s string) string {
	plain := s != "" && len(s) <= 40 && !strings.ContainsFunc(s, func(r rune) bool {
		return r != '.' && r != '_' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	})
	if plain {
		return s
	}
	return quote(s)
}

// instead says what would do in place of an operator.
func instead(op string) string {
	switch op {
	case "QuantizeLinear", "DequantizeLinear", "ConvInteger", "QLinearConv", "DynamicQuantizeLinear", "MatMulInteger", "QLinearMatMul", "QGemm":
		return ", export the float model"
	case "LeakyRelu", "PRelu", "Elu", "Selu", "HardSwish", "HardSigmoid", "Softplus", "Clip", "Mish", "Celu":
		return ", supported activations are Relu, Gelu, Sigmoid and Tanh"
	case "MaxPool", "AveragePool":
		return ", use a Conv with a stride"
	case "Upsample", "Resize":
		return ", use a ConvTranspose"
	case "InstanceNormalization", "GroupNormalization":
		return ", use BatchNormalization or LayerNormalization"
	}
	return ""
}

// signals returns an error unless the given inputs are what they should be: the
// first a signal, the others constants.
func signalAnd(in []value, names ...string) error {
	if in[0].sig == nil {
		return fmt.Errorf("its input is constant")
	}
	for i, name := range names {
		if i+1 < len(in) && in[i+1].con == nil && !in[i+1].bad() {
			return fmt.Errorf("its %s is computed from the input; it must be constant", name)
		}
	}
	return nil
}

// unpadded refuses a signal whose padding no convolution has taken.
func unpadded(s *signal) error {
	if s.pad != [2]int{} {
		return fmt.Errorf("it reads what Pad node %s pads; padding is supported before a Conv only", s.padded)
	}
	return nil
}

func (im *importer) activation(s *signal, op nn.Op) *signal {
	return s.with(im.newStep(&step{kind: stepLayer, in: s.at, layer: nn.LayerSpec{Op: op}}))
}

func (im *importer) act(_ *node, in []value, op nn.Op) (value, error) {
	if err := signalAnd(in); err != nil {
		return value{}, err
	}
	if op == nn.Sigmoid { // of the others zero is zero, so that padding may wait
		if err := unpadded(in[0].sig); err != nil {
			return value{}, err
		}
	}
	return value{sig: im.activation(in[0].sig, op)}, nil
}

func (im *importer) geluOp(n *node, in []value) (value, error) {
	if a := n.attr("approximate"); a != nil && string(a.s) != "none" {
		return value{}, fmt.Errorf("approximate=%s; supported is none, the exact form", quote(string(a.s)))
	}
	return im.act(n, in, nn.GELU)
}

func (im *importer) erf(*node, []value) (value, error) {
	return value{}, fmt.Errorf("supported within GELU only, x·0.5·(1+erf(x/√2))")
}

// perChannel reads a constant that is combined with a signal element by element
// as one value per channel, or per value of a flat axis.
func perChannel(c *tensor, s *signal) ([]float32, error) {
	if c.f == nil {
		return nil, fmt.Errorf("its constant has no floating point values")
	}
	if !finite(c.f) {
		return nil, fmt.Errorf("the constant %s has a value that is not finite", quote(c.name))
	}
	n := s.c
	if s.index(axisFlat) >= 0 {
		n = s.view.root().n
	}
	lead := len(c.dims) - len(s.axes)
	if lead > 0 {
		return nil, fmt.Errorf("a constant of shape %v with a signal of %s", c.dims, s.shape())
	}
	for i, d := range c.dims {
		a := s.axes[i-lead]
		if d != 1 && (a != axisChannel && a != axisFlat || d != n) {
			return nil, fmt.Errorf("a constant of shape %v with a signal of %s; supported are one value, or one per channel", c.dims, s.shape())
		}
	}
	if n > maxExpanded {
		return nil, fmt.Errorf("over %d values", n)
	}
	out := make([]float32, n)
	for i := range out {
		out[i] = c.f[i%len(c.f)]
	}
	return out, nil
}

// affine returns a·x + b per channel; nil stands for ones, or zeros. It becomes
// part of the layer that made x where that is all that x is used for, else a
// convolution of one tap. So no padding ever sees an offset.
func (im *importer) affine(s *signal, a, b []float32) (*signal, error) {
	if err := unpadded(s); err != nil {
		return nil, err
	}
	if w := s.at.w; w != nil && !s.shared {
		if err := im.expand(len(w)); err != nil {
			return nil, err
		}
		if s.at.layer.Op == nn.Dense && s.index(axisFlat) < 0 {
			v := s.at.to.root() // one value per channel of what was reshaped
			a, b = v.spread(a), v.spread(b)
		}
		return s.with(im.newStep(s.at.scaled(a, b))), nil
	}
	if s.index(axisFlat) >= 0 {
		return nil, fmt.Errorf("a constant for each value of a window; supported right after Gemm or MatMul only")
	}
	if err := im.expand(s.c * s.c); err != nil {
		return nil, err
	}
	st := &step{kind: stepLayer, in: s.at, layer: nn.LayerSpec{Op: nn.Conv, Out: s.c, NoBias: b == nil}, w: make([]float32, s.c*s.c), b: b}
	for i := range s.c {
		st.w[i*s.c+i] = 1
		if a != nil {
			st.w[i*s.c+i] = a[i]
		}
	}
	return s.with(im.newStep(st)), nil
}

// spread returns one value per element of a flat axis for one per channel.
func (v *view) spread(x []float32) []float32 {
	if x == nil {
		return nil
	}
	out := make([]float32, v.n)
	for i := range out {
		if v.timeMajor {
			out[i] = x[i%v.c]
		} else {
			out[i] = x[i/v.t]
		}
	}
	return out
}

// expand counts weights that a file does not hold.
func (im *importer) expand(n int) error {
	if n > maxExpanded-im.expanded {
		return fmt.Errorf("folding its constants would take more than %d values", maxExpanded)
	}
	im.expanded += n
	return nil
}

// scaled returns a step with weights that also scales and shifts its outputs.
func (st *step) scaled(a, b []float32) *step {
	out := *st
	outs, taps, ins := st.dims()
	if a != nil {
		out.w = make([]float32, len(st.w))
		for i := range out.w {
			o := i / (ins * taps)
			if st.layer.Op == nn.ConvT {
				o = i / taps % outs
			}
			out.w[i] = a[o] * st.w[i]
		}
	}
	if st.b == nil && b == nil {
		return &out
	}
	out.b = make([]float32, outs)
	for o := range out.b {
		if st.b != nil {
			v := float64(st.b[o])
			if a != nil {
				v *= float64(a[o])
			}
			if b != nil {
				v += float64(b[o])
			}
			out.b[o] = float32(v)
		} else {
			out.b[o] = b[o]
		}
	}
	out.layer.NoBias = false
	return &out
}

// dims returns the sizes of a step's weights.
func (st *step) dims() (outs, taps, ins int) {
	if st.layer.Op == nn.LayerNorm {
		return len(st.w), 1, 1
	}
	outs, taps = st.layer.Out, max(st.layer.Kernel, 1)
	if st.layer.Op == nn.Dense {
		outs = st.to.n
	}
	return outs, taps, len(st.w) / outs / taps
}

func (im *importer) batchNorm(n *node, in []value) (value, error) {
	if err := signalAnd(in, "scale", "bias", "mean", "variance"); err != nil {
		return value{}, err
	}
	if n.int("training_mode", 0) != 0 || n.int("spatial", 1) != 1 || len(n.out) > 1 {
		return value{}, fmt.Errorf("supported is the form for inference, over channels")
	}
	s := in[0].sig
	if s.index(axisChannel) < 0 && s.index(axisFlat) < 0 {
		s = labelled(s)
	}
	if len(s.axes) < 2 || s.axes[1] != axisChannel && s.axes[1] != axisFlat {
		return value{}, fmt.Errorf("over a signal of %s; want channels in the second place", s.shape())
	}
	size := int(s.size(s.axes[1]).n)
	for _, v := range in[1:5] {
		if v.con == nil || len(v.con.f) != size || !finite(v.con.f) {
			return value{}, fmt.Errorf("its constants must be %d finite values each", size)
		}
	}
	eps := float64(n.float("epsilon", 1e-5))
	a, b := make([]float32, size), make([]float32, size)
	for i := range a {
		k := float64(in[1].con.f[i]) / math.Sqrt(float64(in[4].con.f[i])+eps)
		a[i] = float32(k)
		b[i] = float32(float64(in[2].con.f[i]) - float64(in[3].con.f[i])*k)
	}
	if !finite(a) || !finite(b) {
		return value{}, fmt.Errorf("its variance makes a scale that is not finite")
	}
	out, err := im.affine(s, a, b)
	return value{sig: out}, err
}

// layerNorm reads a normalisation of the channels of each time step.
func (im *importer) layerNorm(n *node, in []value) (value, error) {
	if err := signalAnd(in, "scale", "bias"); err != nil {
		return value{}, err
	}
	s := in[0].sig
	if err := unpadded(s); err != nil {
		return value{}, err
	}
	last := len(s.axes) - 1
	if axis := n.int("axis", -1); s.axes[last] != axisChannel || axis != -1 && axis != int64(last) || len(n.out) > 1 {
		return value{}, fmt.Errorf("over a signal of %s; supported is one over channels in the last place, as between two Transpose (0,2,1)", s.shape())
	}
	if eps := n.float("epsilon", layerNormEps); eps != layerNormEps {
		return value{}, fmt.Errorf("epsilon is %g; supported is %g", eps, float32(layerNormEps))
	}
	b := make([]float32, s.c)
	for i, v := range in[1:min(3, len(in))] {
		if i == 1 && v.bad() {
			continue
		}
		if v.con == nil || len(v.con.f) != s.c || !finite(v.con.f) {
			return value{}, fmt.Errorf("its constants must be %d finite values each", s.c)
		}
		if i == 1 {
			b = v.con.f
		}
	}
	return value{sig: s.with(im.newStep(&step{kind: stepLayer, in: s.at, layer: nn.LayerSpec{Op: nn.LayerNorm}, w: in[1].con.f, b: b}))}, nil
}

// layerNormEps is what nn adds to a variance.
const layerNormEps = 1e-5

// labelled gives the second axis of a one-channel signal its meaning: a unit
// axis there is where the channel is, and [N,T] has none.
func labelled(s *signal) *signal {
	if s.c != 1 || len(s.axes) < 2 || s.axes[1] != axisUnit {
		return s
	}
	axes := slices.Clone(s.axes)
	if k := s.index(axisChannel); k >= 0 {
		axes[k] = axisUnit
	}
	axes[1] = axisChannel
	return s.laid(axes...)
}

func (im *importer) add(_ *node, in []value) (value, error) { return im.sumOf(in[0], in[1]) }

func (im *importer) sum(_ *node, in []value) (value, error) {
	v := in[0]
	for _, w := range in[1:] {
		var err error
		if v, err = im.sumOf(v, w); err != nil {
			return value{}, err
		}
	}
	return v, nil
}

func (im *importer) sumOf(a, b value) (value, error) {
	switch {
	case a.con != nil && b.con != nil:
		return im.fold(a.con, b.con, func(x, y float32) float32 { return x + y }, func(x, y dim) (dim, bool) {
			if x.sym != 0 && y.sym != 0 {
				return dim{}, false
			}
			return dim{x.sym + y.sym, x.n + y.n}, true
		})
	case a.con != nil:
		a, b = b, a
		fallthrough
	case b.con != nil:
		c, err := perChannel(b.con, a.sig)
		if err != nil {
			return value{}, err
		}
		out, err := im.affine(a.sig, nil, c)
		return value{sig: out}, err
	}
	x, y := a.sig, b.sig
	for _, s := range []*signal{x, y} {
		if err := unpadded(s); err != nil {
			return value{}, err
		}
	}
	if err := alike(x, y); err != nil {
		return value{}, err
	}
	st := &step{kind: stepAdd, in: x.at, res: y.at}
	if y.at.id > x.at.id {
		st.in, st.res = y.at, x.at
	}
	if st.in == st.res { // x + x
		two := make([]float32, x.c)
		for i := range two {
			two[i] = 2
		}
		if x.index(axisFlat) >= 0 {
			return value{}, fmt.Errorf("adds a value to itself")
		}
		out, err := im.affine(x, two, nil)
		return value{sig: out}, err
	}
	return value{sig: x.with(im.newStep(st))}, nil
}

// alike returns nil if two signals have the same shape and layout.
func alike(x, y *signal) error {
	x, y = labelled(x), labelled(y)
	same := slices.Equal(x.axes, y.axes)
	if same && x.index(axisFlat) >= 0 {
		return x.view.join(y.view)
	}
	if !same || x.c != y.c || x.t != y.t {
		return fmt.Errorf("adds a signal of %s to one of %s", y.shape(), x.shape())
	}
	return nil
}

func (im *importer) sub(n *node, in []value) (value, error) {
	a, b := in[0], in[1]
	switch {
	case a.con != nil && b.con != nil:
		return im.fold(a.con, b.con, func(x, y float32) float32 { return x - y }, func(x, y dim) (dim, bool) {
			switch y.sym {
			case 0:
				return dim{x.sym, x.n - y.n}, true
			case x.sym:
				return fixed(x.n - y.n), true
			}
			return dim{}, false
		})
	case b.con != nil && b.con.f != nil:
		c, err := im.mapped(b.con, func(v float32) float32 { return -v })
		if err != nil {
			return value{}, err
		}
		return im.sumOf(a, value{con: c})
	}
	minus, err := im.neg(n, []value{b})
	if err != nil {
		return value{}, err
	}
	return im.sumOf(a, minus)
}

func (im *importer) neg(_ *node, in []value) (value, error) {
	if c := in[0].con; c != nil {
		if c.f == nil {
			out := c.reshaped(c.dims)
			out.i = slices.Clone(c.i)
			for i, d := range out.i {
				if d.sym != 0 {
					return value{}, errOpen
				}
				out.i[i].n = -d.n
			}
			return value{con: out}, nil
		}
		out, err := im.mapped(c, func(v float32) float32 { return -v })
		return value{con: out}, err
	}
	return im.times(in[0].sig, &tensor{f: []float32{-1}})
}

func (im *importer) times(s *signal, c *tensor) (value, error) {
	a, err := perChannel(c, s)
	if err != nil {
		return value{}, err
	}
	out, err := im.affine(s, a, nil)
	return value{sig: out}, err
}

func (im *importer) mul(_ *node, in []value) (value, error) {
	a, b := in[0], in[1]
	switch {
	case a.con != nil && b.con != nil:
		return im.fold(a.con, b.con, func(x, y float32) float32 { return x * y }, func(x, y dim) (dim, bool) {
			return fixed(x.n * y.n), x.sym == 0 && y.sym == 0
		})
	case a.con != nil:
		return im.times(b.sig, a.con)
	case b.con != nil:
		return im.times(a.sig, b.con)
	}
	return value{}, fmt.Errorf("a product of two signals; supported is one with a constant")
}

func (im *importer) div(_ *node, in []value) (value, error) {
	a, b := in[0], in[1]
	switch {
	case a.con != nil && b.con != nil:
		return im.fold(a.con, b.con, func(x, y float32) float32 { return x / y }, func(x, y dim) (dim, bool) {
			if x.sym != 0 || y.sym != 0 || y.n == 0 {
				return dim{}, false
			}
			return fixed(x.n / y.n), true
		})
	case b.con != nil && b.con.f != nil:
		c, err := im.mapped(b.con, func(v float32) float32 { return 1 / v })
		if err != nil {
			return value{}, err
		}
		return im.times(a.sig, c)
	}
	return value{}, fmt.Errorf("a quotient by a signal; supported is one by a constant")
}

func (im *importer) sqrt(_ *node, in []value) (value, error) {
	if in[0].con == nil || in[0].con.f == nil {
		return value{}, fmt.Errorf("supported of constants only")
	}
	c, err := im.mapped(in[0].con, func(v float32) float32 { return float32(math.Sqrt(float64(v))) })
	return value{con: c}, err
}

// mapped returns a constant with a function applied to each value.
func (im *importer) mapped(t *tensor, f func(float32) float32) (*tensor, error) {
	if err := im.expand(len(t.f)); err != nil {
		return nil, err
	}
	out := &tensor{name: t.name, dims: t.dims, f: make([]float32, len(t.f))}
	for i, v := range t.f {
		out.f[i] = f(v)
	}
	return out, nil
}

var errOpen = fmt.Errorf("the length of the input is left open; export the model with a fixed one")

// fold computes a constant of two of the same shape, or of which one is a
// single value.
func (im *importer) fold(a, b *tensor, f func(x, y float32) float32, g func(x, y dim) (dim, bool)) (value, error) {
	dims := a.dims
	if b.size() > a.size() || len(b.dims) > len(a.dims) {
		dims = b.dims
	}
	n := 1
	for _, d := range dims {
		n *= d
	}
	if a.size() != n && a.size() != 1 || b.size() != n && b.size() != 1 || a.size() == n && b.size() == n && n > 1 && !slices.Equal(a.dims, b.dims) || (a.f == nil) != (b.f == nil) {
		return value{}, fmt.Errorf("constants of shapes %v and %v", a.dims, b.dims)
	}
	if err := im.expand(n); err != nil {
		return value{}, err
	}
	out := &tensor{name: a.name, dims: dims}
	if a.f != nil {
		out.f = make([]float32, n)
		for i := range out.f {
			out.f[i] = f(a.f[i%len(a.f)], b.f[i%len(b.f)])
		}
		return value{con: out}, nil
	}
	out.i = make([]dim, n)
	for i := range out.i {
		var ok bool
		if out.i[i], ok = g(a.i[i%len(a.i)], b.i[i%len(b.i)]); !ok {
			return value{}, errOpen
		}
	}
	return value{con: out}, nil
}

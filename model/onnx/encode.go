package onnx

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/quell-stream/quell/model/nn"
)

// What Encode writes: ONNX Runtime has read both since 2022.
const (
	writtenOpset = 17
	writtenIR    = 8
)

// Encode returns a network as an ONNX model of operator set 17: one input x of
// [N, In, T] and one output y of [N, Out, T'], float32. N and T are left open,
// T only where there is no dense layer; then it is Window. Params must be those
// of the spec, in its order and with its shapes, as nn.Net.Params returns them.
//
// GELU is written with Erf, a residual block as Add, a dense layer as Flatten,
// Gemm and Reshape, layernorm as LayerNormalization between two Transpose; dropout,
// which does nothing here, is left out. Batchnorm and film are refused: see
// nn.Net.Fold and nn.Net.Conditioned. The same network gives the same bytes. The error is that of
// Spec.Validate, or says which parameter does not fit or is not finite.
func Encode(spec nn.Spec, params []nn.Param) ([]byte, error) {
	return (&Net{Spec: spec, Params: params}).Encode()
}

// Encode is the function Encode with n.Meta as the model's metadata properties.
// The producer is always quell.
func (n *Net) Encode() ([]byte, error) {
	if err := n.Spec.Validate(); err != nil {
		return nil, fmt.Errorf("onnx: %w", err)
	}
	if err := writable("layers", n.Spec.Layers); err != nil {
		return nil, err
	}
	if err := fits(n.Params, paramShapes(n.Spec)); err != nil {
		return nil, err
	}
	for _, p := range n.Params {
		if !finite(p.Data) {
			return nil, fmt.Errorf("onnx: %s has a weight that is not finite", p.Name)
		}
	}
	e := &encoder{params: n.Params, c: n.Spec.In, t: n.Spec.Window}
	out := e.layers("layers", n.Spec.Layers, "x")
	// The network's output has a name of its own.
	e.node("Identity", "y", []string{out})

	var g []byte
	for _, x := range e.nodes {
		g = appendMessage(g, 1, x)
	}
	g = appendString(g, 2, "quell")
	for _, x := range e.tensors {
		g = appendMessage(g, 5, x)
	}
	g = appendMessage(g, 11, e.valueInfo("x", n.Spec.In, n.Spec.Window, "T"))
	length := "T_out"
	if keepsLength(n.Spec) {
		length = "T"
	}
	g = appendMessage(g, 12, e.valueInfo("y", e.c, e.t, length))

	b := appendInt(nil, 1, writtenIR)
	b = appendString(b, 2, "quell")
	b = appendMessage(b, 7, g)
	b = appendMessage(b, 8, appendInt(appendString(nil, 1, ""), 2, writtenOpset))
	for _, k := range slices.Sorted(maps.Keys(n.Meta)) {
		b = appendMessage(b, 14, appendString(appendString(nil, 1, k), 2, n.Meta[k]))
	}
	if len(b) > maxFile {
		return nil, fmt.Errorf("onnx: the model takes %d bytes; at most %d", len(b), maxFile)
	}
	return b, nil
}

// writable returns an error for an operation that nn has and this package does
// not know.
func writable(path string, layers []nn.LayerSpec) error {
	for i, l := range layers {
		at := fmt.Sprintf("%s[%d]", path, i)
		switch l.Op {
		case nn.Conv, nn.ConvT, nn.Dense, nn.ReLU, nn.GELU, nn.Sigmoid, nn.Tanh, nn.LayerNorm, nn.Dropout:
		case nn.BatchNorm:
			return fmt.Errorf("onnx: %s: batchnorm is not written as ONNX: fold the network first", at)
		case nn.FiLM:
			return fmt.Errorf("onnx: %s: film is not written as ONNX: give the network its condition first", at)
		case nn.Residual:
			if err := writable(at+".layers", l.Layers); err != nil {
				return err
			}
		default:
			return fmt.Errorf("onnx: %s: %s cannot be written as ONNX", at, l.Op)
		}
	}
	return nil
}

func appendInt(b []byte, num protowire.Number, v int64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, num, protowire.VarintType), uint64(v))
}

func appendString(b []byte, num protowire.Number, s string) []byte {
	return protowire.AppendString(protowire.AppendTag(b, num, protowire.BytesType), s)
}

func appendMessage(b []byte, num protowire.Number, m []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, num, protowire.BytesType), m)
}

// encoder writes layers as nodes. Each value has the name of the node that
// makes it.
type encoder struct {
	nodes, tensors [][]byte
	params         []nn.Param // those not written yet
	c, t           int        // of the value at hand; t is 0 while it is open
	gelu           bool       // its constants are written
}

// node adds a node of one output, which it returns.
func (e *encoder) node(op, name string, in []string, attrs ...[]byte) string {
	var b []byte
	for _, s := range in {
		b = appendString(b, 1, s)
	}
	b = appendString(b, 2, name)
	b = appendString(b, 3, name)
	b = appendString(b, 4, op)
	for _, a := range attrs {
		b = appendMessage(b, 5, a)
	}
	e.nodes = append(e.nodes, b)
	return name
}

func intAttr(name string, v int) []byte {
	return appendInt(appendInt(appendString(nil, 1, name), 3, int64(v)), 20, kindInt)
}

func floatAttr(name string, v float32) []byte {
	b := protowire.AppendTag(appendString(nil, 1, name), 2, protowire.Fixed32Type)
	return appendInt(protowire.AppendFixed32(b, math.Float32bits(v)), 20, kindFloat)
}

func intsAttr(name string, v ...int) []byte {
	b := appendString(nil, 1, name)
	for _, x := range v {
		b = appendInt(b, 8, int64(x))
	}
	return appendInt(b, 20, kindInts)
}

// tensor adds an initializer and returns its name.
func (e *encoder) tensor(name string, typ int64, shape []int, raw []byte) string {
	var b []byte
	for _, d := range shape {
		b = appendInt(b, 1, int64(d))
	}
	b = appendInt(b, 2, typ)
	b = appendString(b, 8, name)
	b = appendMessage(b, 9, raw)
	e.tensors = append(e.tensors, b)
	return name
}

func (e *encoder) floats(name string, shape []int, v ...float32) string {
	raw := make([]byte, 0, 4*len(v))
	for _, x := range v {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(x))
	}
	return e.tensor(name, typeFloat, shape, raw)
}

// layers adds the nodes of a list of layers that reads in, and returns the name
// of what they make.
func (e *encoder) layers(path string, layers []nn.LayerSpec, in string) string {
	for i, l := range layers {
		in = e.layer(fmt.Sprintf("%s.%d", path, i), l, in)
	}
	return in
}

// operatorOf names the operators of the activations that are one.
var operatorOf = map[nn.Op]string{nn.ReLU: "Relu", nn.Sigmoid: "Sigmoid", nn.Tanh: "Tanh"}

func (e *encoder) layer(at string, l nn.LayerSpec, in string) string {
	switch l.Op {
	case nn.ReLU, nn.Sigmoid, nn.Tanh:
		return e.node(operatorOf[l.Op], at, []string{in})
	case nn.GELU:
		return e.geluOf(at, in)
	case nn.Dropout:
		return in
	case nn.LayerNorm:
		return e.layerNormOf(at, in)
	case nn.Residual:
		return e.node("Add", at, []string{in, e.layers(at+".layers", l.Layers, in)})
	}
	args := []string{in}
	for range 2 {
		p := e.params[0]
		e.params = e.params[1:]
		args = append(args, e.floats(p.Name, p.Shape, p.Data...))
		if l.NoBias {
			break
		}
	}
	t := nn.Spec{In: e.c, Layers: []nn.LayerSpec{l}}.OutLen(e.t)
	defer func() { e.c, e.t = l.Out, t }()
	if l.Op == nn.Dense {
		args[0] = e.node("Flatten", at+".flatten", args[:1], intAttr("axis", 1))
		flat := e.node("Gemm", at+".gemm", args, intAttr("transB", 1))
		var raw []byte
		for _, d := range []int{0, l.Out, l.Steps} { // 0 keeps the batch
			raw = binary.LittleEndian.AppendUint64(raw, uint64(d))
		}
		return e.node("Reshape", at, []string{flat, e.tensor(at+".shape", typeInt64, []int{3}, raw)})
	}
	attrs := [][]byte{
		intsAttr("dilations", max(l.Dilation, 1)), intAttr("group", 1), intsAttr("kernel_shape", max(l.Kernel, 1)),
		intsAttr("pads", l.Pad[0], l.Pad[1]), intsAttr("strides", max(l.Stride, 1)),
	}
	if l.Op == nn.ConvT {
		return e.node("ConvTranspose", at, args, append(attrs, intsAttr("output_padding", l.OutputPad))...)
	}
	return e.node("Conv", at, args, attrs...)
}

// layerNormOf has the channels come last for a while.
func (e *encoder) layerNormOf(at, in string) string {
	args := []string{e.node("Transpose", at+".last", []string{in}, intsAttr("perm", 0, 2, 1))}
	for range 2 {
		p := e.params[0]
		e.params = e.params[1:]
		args = append(args, e.floats(p.Name, p.Shape, p.Data...))
	}
	x := e.node("LayerNormalization", at+".norm", args, intAttr("axis", -1), floatAttr("epsilon", layerNormEps))
	return e.node("Transpose", at, []string{x}, intsAttr("perm", 0, 2, 1))
}

// geluOf writes x·½·(1+erf(x/√2)) as PyTorch does.
func (e *encoder) geluOf(at, in string) string {
	if !e.gelu {
		e.gelu = true
		e.floats("gelu.sqrt2", nil, math.Sqrt2)
		e.floats("gelu.one", nil, 1)
		e.floats("gelu.half", nil, .5)
	}
	x := e.node("Div", at+".div", []string{in, "gelu.sqrt2"})
	x = e.node("Erf", at+".erf", []string{x})
	x = e.node("Add", at+".add", []string{x, "gelu.one"})
	x = e.node("Mul", at+".mul", []string{in, x})
	return e.node("Mul", at, []string{x, "gelu.half"})
}

// valueInfo describes an input or output [N,C,T]; t is 0 where the length is
// open and has a name.
func (e *encoder) valueInfo(name string, c, t int, length string) []byte {
	shape := appendMessage(nil, 1, appendString(nil, 2, "N"))
	shape = appendMessage(shape, 1, appendInt(nil, 1, int64(c)))
	if t > 0 {
		shape = appendMessage(shape, 1, appendInt(nil, 1, int64(t)))
	} else {
		shape = appendMessage(shape, 1, appendString(nil, 2, length))
	}
	tensor := appendMessage(appendInt(nil, 1, typeFloat), 2, shape)
	return appendMessage(appendString(nil, 1, name), 2, appendMessage(nil, 1, tensor))
}

// keepsLength says whether T columns come out of any T: so it is in a network
// without strides, whose layers add and take off fixed numbers of columns, if
// it is so for one length that none of them uses up.
func keepsLength(s nn.Spec) bool {
	const t = 1 << 24
	return !strided(s.Layers) && s.OutLen(t) == t
}

func strided(layers []nn.LayerSpec) bool {
	return slices.ContainsFunc(layers, func(l nn.LayerSpec) bool { return l.Stride > 1 || strided(l.Layers) })
}

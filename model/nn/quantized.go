package nn

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/quell-stream/quell/model/internal/kernel"
)

// Quantized is a network whose layers have 8-bit weights and read 8-bit
// signals, after Jacob et al., "Quantization and Training of Neural Networks for
// Efficient Integer-Arithmetic-Only Inference", 2018: a byte q of a signal
// stands for scale·(q - zero) (eq. 1), with a scale and a zero per signal, a
// weight w for scale·w with a scale per output. Sums are exact. Unlike there,
// what follows a sum is in single precision: scale and bias, activation, and
// the residual sum, which is kept beside its bytes. Layers that read the input
// of the network stay in single precision altogether.
//
// Results are the same bits on every kernel tier, whole and streamed. A
// Quantized is immutable; any number of its runners and streams may run at
// once, from any goroutine.
type Quantized struct {
	net    *Net // with the weights that the bytes stand for
	layers []QuantizedLayer
	ops    []layer8 // per layer
	inner  []inner  // per signal
}

// QuantizedLayer is a layer with weights of a Quantized: 8-bit ones in Weight,
// or those of single precision in Float. The layouts are those of Param.
type QuantizedLayer struct {
	Name    string    // the path of the layer, such as "layers.3.layers.1"
	Shape   []int     // of the weight
	Weight  []int8    // within ±127
	Scale   []float32 // what one of Weight is worth, per output
	Float   []float32 // in place of Weight and Scale
	Bias    []float32 // nil without one
	InScale float32   // what a step of the bytes that the layer reads is worth; 0 with Float
	InZero  uint8     // the byte that stands for 0
}

// maxTerms is the most terms of a sum that fits an int32.
const maxTerms = math.MaxInt32 / (255 * 127)

// inner says how a signal is kept.
type inner struct {
	float, bytes bool
	zero         uint8
	round        kernel.Rounding
}

// layer8 is a layer as the kernels take it, one of both.
type layer8 struct {
	bytes *kernel.Conv8Op
	float *kernel.ConvOp
}

// NewQuantized builds the network of a spec and of its layers with weights, in
// order, which it copies. The error says which layer is not what the spec asks
// for, or has a number that is out of range.
func NewQuantized(s Spec, layers []QuantizedLayer) (*Quantized, error) {
	if err := quantizable("layers", s.Layers); err != nil {
		return nil, fmt.Errorf("nn: %w", err)
	}
	net, err := New(s, 0)
	if err != nil {
		return nil, err
	}
	q := &Quantized{net: net}
	if len(layers) != len(net.index) {
		return nil, fmt.Errorf("nn: %d layers with weights; the network has %d", len(layers), len(net.index))
	}
	for i := range layers {
		l := layers[i].clone()
		if err := q.check(i, &l); err != nil {
			return nil, fmt.Errorf("nn: %s: %w", l.Name, err)
		}
		q.layers = append(q.layers, l)
		l.widen(q.weight(i).Data, q.outStep(i))
		if slices.ContainsFunc(net.masks[i], func(at int32) bool { return q.weight(i).Data[at] != 0 }) {
			return nil, fmt.Errorf("nn: %s: a weight that the spec holds at zero is not zero", l.Name)
		}
		if at := net.index[i][1]; at >= 0 {
			copy(net.params[at].Data, l.Bias)
		}
	}
	net.Pack()
	q.signals()
	q.ops = make([]layer8, len(layers))
	for i := range net.fused.ops {
		if o := &net.fused.ops[i]; o.param >= 0 {
			q.ops[o.param] = q.ready(o)
		}
	}
	return q, nil
}

func (l QuantizedLayer) clone() QuantizedLayer {
	l.Shape, l.Weight, l.Scale = slices.Clone(l.Shape), slices.Clone(l.Weight), slices.Clone(l.Scale)
	l.Float, l.Bias = slices.Clone(l.Float), slices.Clone(l.Bias)
	return l
}

// weight returns the parameter that holds the weight of a layer.
func (q *Quantized) weight(i int) *Param { return &q.net.params[q.net.index[i][0]] }

// op returns the operation of a layer.
func (q *Quantized) op(i int) *op {
	for j := range q.net.fused.ops {
		if o := &q.net.fused.ops[j]; o.param == i {
			return o
		}
	}
	panic("nn: a layer without an operation")
}

// Outputs returns the number of outputs of a layer with weights, counted from 0
// in order, that can have a scale of their own: channels, or those times steps
// of a dense layer.
func (n *Net) Outputs(layer int) int {
	q := Quantized{net: n}
	return q.outStep(layer)[1]
}

// outStep returns n and m: weight j belongs to output j/n%m.
func (q *Quantized) outStep(i int) [2]int {
	s := q.weight(i).Shape
	if q.op(i).layer.Op == ConvT {
		return [2]int{s[2], s[1]}
	}
	n := 1
	for _, d := range s[1:] {
		n *= d
	}
	return [2]int{n, s[0]}
}

// widen writes what the weights stand for.
func (l *QuantizedLayer) widen(dst []float32, step [2]int) {
	if l.Float != nil {
		copy(dst, l.Float)
		return
	}
	for j, w := range l.Weight {
		dst[j] = float32(w) * l.Scale[j/step[0]%step[1]]
	}
}

// check compares a layer with what the spec asks for.
func (q *Quantized) check(i int, l *QuantizedLayer) error {
	p := q.weight(i)
	name := p.Name[:len(p.Name)-len(".weight")]
	var bias []float32
	if at := q.net.index[i][1]; at >= 0 {
		bias = q.net.params[at].Data
	}
	switch {
	case l.Name != name:
		return fmt.Errorf("a layer of that name is not next; want %s", name)
	case !slices.Equal(l.Shape, p.Shape):
		return fmt.Errorf("weight of shape %v; want %v", l.Shape, p.Shape)
	case len(l.Bias) != len(bias):
		return fmt.Errorf("%d values of bias; want %d", len(l.Bias), len(bias))
	case !allFinite(l.Bias):
		return errors.New("a bias is not finite")
	}
	if l.Float != nil {
		switch {
		case l.Weight != nil || l.Scale != nil || l.InScale != 0 || l.InZero != 0:
			return errors.New("weights both of 8 bits and of single precision")
		case len(l.Float) != len(p.Data):
			return fmt.Errorf("%d weights; want %d", len(l.Float), len(p.Data))
		case !allFinite(l.Float):
			return errors.New("a weight is not finite")
		}
		return nil
	}
	switch {
	case len(l.Weight) != len(p.Data):
		return fmt.Errorf("%d weights; want %d", len(l.Weight), len(p.Data))
	case slices.Contains(l.Weight, -128):
		return errors.New("a weight is -128; want -127 to 127")
	case len(l.Scale) != q.outStep(i)[1]:
		return fmt.Errorf("%d scales; want %d", len(l.Scale), q.outStep(i)[1])
	case !validScale(l.InScale):
		return fmt.Errorf("the scale of its input is %g", l.InScale)
	}
	for _, s := range l.Scale {
		if !validScale(s) || !validScale(s*l.InScale) {
			return fmt.Errorf("a weight scale is %g", s)
		}
	}
	if o := q.op(i); o.shape.Segments*o.shape.SegLen > maxTerms {
		return fmt.Errorf("sums of %d terms; at most %d fit 32 bits", o.shape.Segments*o.shape.SegLen, maxTerms)
	}
	return nil
}

// validScale says whether a scale and its inverse are normal numbers.
func validScale(s float32) bool { return s >= 1e-30 && s <= 1e30 }

func allFinite(x []float32) bool {
	for _, v := range x {
		if v-v != 0 {
			return false
		}
	}
	return true
}

// signals finds out which signals are wanted as bytes and which in single
// precision.
func (q *Quantized) signals() {
	p := q.net.fused
	q.inner = make([]inner, len(p.sigs))
	q.inner[p.output()].float = true
	for i := range p.ops {
		o := &p.ops[i]
		in := &q.inner[o.in]
		if o.param >= 0 && q.layers[o.param].Float == nil {
			l := &q.layers[o.param]
			// A signal has one reader besides those that add it.
			*in = inner{float: in.float, bytes: true, zero: l.InZero, round: kernel.NewRounding(l.InScale, l.InZero)}
		} else {
			in.float = true
		}
		if o.res >= 0 {
			q.inner[o.res].float = true
		}
	}
}

// ready lays a layer out for the kernels.
func (q *Quantized) ready(o *op) layer8 {
	l, s, n := &q.layers[o.param], o.shape, q.net
	if l.Float != nil {
		c := &n.packed[o.param].linear
		if o.act == actReLU {
			c = &n.packed[o.param].relu
		}
		return layer8{float: c}
	}
	w := make([]float32, len(l.Weight))
	for j, v := range l.Weight {
		w[j] = float32(v)
	}
	plain, in := make([]float32, s.Weights()), n.fused.sigs[o.in].c
	scale := make([]float32, kernel.Padded8(s.Out))
	bias := make([]float32, len(scale))
	if o.layer.Op == Dense {
		packDense(plain, w, s.SegLen/in, in, o.layer.Steps, o.layer.Out, false)
		for j := range s.Out { // [step][channel], from [channel][step]
			from := j%o.layer.Out*o.layer.Steps + j/o.layer.Out
			scale[j] = l.InScale * l.Scale[from]
			if l.Bias != nil {
				bias[j] = l.Bias[from]
			}
		}
	} else {
		inStep, outStep := o.layer.strides(in)
		o.tm.pack(plain, w, in, o.layer.Out, inStep, outStep)
		for j := range s.Out { // [phase][channel]
			scale[j] = l.InScale * l.Scale[j%o.layer.Out]
			if l.Bias != nil {
				bias[j] = l.Bias[j%o.layer.Out]
			}
		}
	}
	narrow, start := make([]int8, len(plain)), make([]int32, len(scale))
	for j, v := range plain {
		narrow[j] = int8(v)
		start[j%s.Out] -= int32(l.InZero) * int32(v)
	}
	packed := make([]int8, kernel.PackedLen8(s))
	kernel.Pack8(packed, narrow, s)
	c := kernel.Conv8{Shape: s, W: packed, Start: start, Scale: scale, Bias: bias, ReLU: o.act == actReLU, Round: q.inner[o.out].round}.Ready()
	return layer8{bytes: &c}
}

// Spec returns the description of the network. It must not be changed.
func (q *Quantized) Spec() Spec { return q.net.spec }

// Net returns the network of single precision that the bytes stand for, which
// gives other values: it does not round signals. It must not be changed.
func (q *Quantized) Net() *Net { return q.net }

// Layers returns the layers with weights, in order. They must not be changed.
func (q *Quantized) Layers() []QuantizedLayer { return q.layers }

// NewRunner returns a runner as Net.NewRunner does.
func (q *Quantized) NewRunner(maxT int) *Runner {
	r := q.net.newRunner(maxT, newBytes(q, 0))
	r.res = &r.e.data.(*bytes8).emitted
	return r
}

// NewStream returns a stream as Net.NewStream does.
func (q *Quantized) NewStream() (*Stream, error) {
	if err := q.net.spec.Streamable(); err != nil {
		return nil, err
	}
	s := q.net.newStream(newBytes(q, q.net.streamChunk()))
	s.res = &s.e.data.(*bytes8).emitted
	s.reserve()
	return s, nil
}

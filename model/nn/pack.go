package nn

import "github.com/quell-stream/quell/model/internal/kernel"

// packed holds the weights of one layer as the kernels read them.
type packed struct {
	w, b  []float32 // forward; the bias once per phase, nil without
	convs           // forward
	rows  convs     // forward, of rows whose taps lie side by side

	plain     []float32 // [k][out], on the way to w and back
	back      []float32 // for the gradient with regard to the input
	backMap   tapMap
	backShape kernel.Shape
	backward  kernel.ConvOp
}

// convs are the two ways to run a layer's weights: without and with what a ReLU does.
type convs struct{ linear, relu kernel.ConvOp }

func newConvs(s kernel.Shape, w, b []float32) convs {
	return convs{kernel.NewConvOp(s, w, b, false), kernel.NewConvOp(s, w, b, true)}
}

// strides returns the steps of a layer's weight from one input channel and one
// output channel to the next: PyTorch keeps [out][in][k] for a convolution and
// [in][out][k] for a transposed one.
func (l LayerSpec) strides(in int) (inStep, outStep int) {
	k := l.kernel()
	if l.Op == ConvT {
		return l.Out * k, k
	}
	return k, in * k
}

func newPacked(o *op, in int) packed {
	p := packed{w: newWeights(o.shape)}
	if !o.layer.NoBias {
		p.b = make([]float32, kernel.Padded(o.shape.Out))
	}
	l := o.layer
	switch l.Op {
	case Conv:
		p.backMap = scatter(l.stride(), l.kernel(), l.dilation(), l.Pad[0])
	case ConvT:
		p.backMap = gather(l.stride(), l.kernel(), l.dilation(), l.Pad[0])
	case Dense:
		p.backShape = kernel.Shape{Segments: 1, SegLen: o.shape.Out, Out: o.shape.SegLen}
	}
	if l.Op != Dense {
		m := p.backMap
		p.backShape = kernel.Taps(l.Out, m.phases*in, m.taps, m.step, m.dil)
	}
	p.back = newWeights(p.backShape)
	p.convs = newConvs(o.shape, p.w, p.b)
	side := kernel.Shape{RowStride: o.shape.Segments * o.shape.SegLen, Segments: 1, SegStep: o.shape.Segments * o.shape.SegLen,
		SegLen: o.shape.Segments * o.shape.SegLen, Out: o.shape.Out}
	p.rows = newConvs(side, p.w, p.b)
	p.backward = kernel.NewConvOp(p.backShape, p.back, nil, false)
	p.plain = make([]float32, max(o.shape.Weights(), p.backShape.Weights()))
	return p
}

func newWeights(s kernel.Shape) []float32 {
	return make([]float32, kernel.PackedLen(s.Segments*s.SegLen, s.Out))
}

// lay packs plain weights, [k][out].
func (p *packed) lay(dst []float32, s kernel.Shape) {
	kernel.Pack(dst, p.plain, s.Segments*s.SegLen, s.Out)
}

// pack fills p from the parameters of the layer; back: that of the backward pass too.
func (p *packed) pack(o *op, in int, w, b []float32, back bool) {
	l := o.layer
	inStep, outStep := l.strides(in)
	if l.Op == Dense {
		packDense(p.plain, w, o.shape.SegLen/in, in, l.Steps, l.Out, false)
	} else {
		o.tm.pack(p.plain, w, in, l.Out, inStep, outStep)
	}
	p.lay(p.w, o.shape)
	switch {
	case !back:
	case l.Op == Dense:
		packDense(p.plain, w, o.shape.SegLen/in, in, l.Steps, l.Out, true)
		p.lay(p.back, p.backShape)
	default:
		p.backMap.pack(p.plain, w, l.Out, in, outStep, inStep)
		p.lay(p.back, p.backShape)
	}
	switch {
	case p.b == nil:
	case l.Op == Dense:
		for s := range l.Steps {
			for c := range l.Out {
				p.b[s*l.Out+c] = b[c*l.Steps+s]
			}
		}
	default:
		for r := range o.tm.phases {
			copy(p.b[r*l.Out:], b)
		}
	}
}

// packDense transposes a weight from PyTorch's order, where both the flattened
// input and the output have the channel before the time step, to channels last:
// w[o*steps+s][c*t+i] becomes dst[i*in+c][s*out+o], or its transpose.
func packDense(dst, w []float32, t, in, steps, out int, transpose bool) {
	n, m := t*in, steps*out
	for o := range out {
		for s := range steps {
			row := w[(o*steps+s)*n:][:n]
			for c := range in {
				for i := range t {
					if transpose {
						dst[(s*out+o)*n+i*in+c] = row[c*t+i]
					} else {
						dst[(i*in+c)*m+s*out+o] = row[c*t+i]
					}
				}
			}
		}
	}
}

// unpackDenseAdd adds a gradient laid out as by packDense to dw.
func unpackDenseAdd(dw, fw []float32, t, in, steps, out int) {
	n, m := t*in, steps*out
	for o := range out {
		for s := range steps {
			row := dw[(o*steps+s)*n:][:n]
			for c := range in {
				for i := range t {
					row[c*t+i] += fw[(i*in+c)*m+s*out+o]
				}
			}
		}
	}
}

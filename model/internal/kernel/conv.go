package kernel

import "unsafe"

// Conv computes rows rows of a convolution:
//
//	y[r*yStride+o] = act(bias[o] + Σ_s Σ_k x[r*RowStride+s*SegStep+k] · w[s*SegLen+k][o]) + res[r*resStride+o]
//
// starting at the bias and adding segment by segment and value by value, in
// that order. act is max(0, ·) if relu is set, else the identity. A nil bias
// counts as zero, a nil res is not added. w is laid out by Pack, and bias has
// Padded(s.Out) values. y must not overlap x, w or res.
func Conv(y []float32, yStride int, x []float32, s Shape, w, bias []float32, relu bool, res []float32, resStride, rows int) {
	c := NewConvOp(s, w, bias, relu)
	c.Run(y, yStride, x, res, resStride, rows)
}

// ConvOp is a convolution with its weights, made ready to run often. Copies
// share the weights.
type ConvOp struct {
	shape   Shape
	w, bias []float32
	relu    bool
	span    int // values of x that a row spans
	convOpArch
}

// NewConvOp prepares what Conv computes. The weights and the bias may change
// between runs.
func NewConvOp(s Shape, w, bias []float32, relu bool) ConvOp {
	if len(w) < PackedLen(s.Segments*s.SegLen, s.Out) || bias != nil && len(bias) < Padded(s.Out) {
		panic("kernel: Conv: weights or bias are too short")
	}
	c := ConvOp{shape: s, w: w, bias: bias, relu: relu, span: s.Len(1)}
	c.prepare()
	return c
}

// Run computes rows rows, see Conv.
func (c *ConvOp) Run(y []float32, yStride int, x []float32, res []float32, resStride, rows int) {
	if rows == 0 {
		return
	}
	last := rows - 1
	if len(x) < last*c.shape.RowStride+c.span || len(y) < last*yStride+c.shape.Out || res != nil && len(res) < last*resStride+c.shape.Out {
		panic("kernel: Conv: a slice is too short")
	}
	c.run(y, yStride, x, res, resStride, rows)
}

// Rows says where rows of a convolution lie that are no fixed step apart: XAt
// values after X is the first that a row reads, YAt after Y and ResAt after Res
// the first that it writes and adds. Res is empty where nothing is added.
type Rows struct {
	X, Y, Res       []*float32
	XAt, YAt, ResAt int
}

// at returns the place of the n-th value after p.
func at(p *float32, n int) *float32 { return (*float32)(unsafe.Add(unsafe.Pointer(p), 4*n)) }

// RunRows computes the rows of r. The caller answers for all of what they span
// being there, and being the same in no two of them where it is written.
func (c *ConvOp) RunRows(r *Rows) {
	if len(r.X) > 0 {
		c.runRows(r)
	}
}

// runRowsOneByOne is RunRows without kernels of its own.
func (c *ConvOp) runRowsOneByOne(r *Rows) {
	for i := range r.X {
		var res []float32
		if len(r.Res) > 0 {
			res = unsafe.Slice(at(r.Res[i], r.ResAt), c.shape.Out)
		}
		conv(unsafe.Slice(at(r.Y[i], r.YAt), c.shape.Out), c.shape.Out, unsafe.Slice(at(r.X[i], r.XAt), c.span), c.shape, c.w, c.bias, c.relu, res, c.shape.Out, 1)
	}
}

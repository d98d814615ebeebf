package kernel

import "math"

// Conv computes rows rows of a convolution:
//
//	y[r*yStride+o] = act(bias[o] + Σ_s Σ_k x[r*RowStride+s*SegStep+k] · w[(s*SegLen+k)*Out+o]) + res[r*resStride+o]
//
// starting at the bias and adding segment by segment and value by value, in
// that order. act is max(0, ·) if relu is set, else the identity. A nil bias
// counts as zero, a nil res is not added. y must not overlap x, w or res.
func Conv(y []float32, yStride int, x []float32, s Shape, w, bias []float32, relu bool, res []float32, resStride, rows int) {
	convGeneric(y, yStride, x, s, w, bias, relu, res, resStride, rows)
}

func convGeneric(y []float32, yStride int, x []float32, s Shape, w, bias []float32, relu bool, res []float32, resStride, rows int) {
	r := 0
	if s.Out <= 2 {
		for ; r+4 <= rows; r += 4 {
			convNarrow4(y[r*yStride:], yStride, x[r*s.RowStride:], s, w, bias)
			for i := r; i < r+4; i++ {
				convEnd(y[i*yStride:][:s.Out], relu, res, i*resStride)
			}
		}
	} else {
		for ; r+2 <= rows; r += 2 {
			ya, yb := y[r*yStride:][:s.Out], y[(r+1)*yStride:][:s.Out]
			convStart(ya, bias)
			convStart(yb, bias)
			conv2(ya, yb, x[r*s.RowStride:], s, w)
			convEnd(ya, relu, res, r*resStride)
			convEnd(yb, relu, res, (r+1)*resStride)
		}
	}
	for ; r < rows; r++ {
		ya := y[r*yStride:][:s.Out]
		convStart(ya, bias)
		conv1(ya, x[r*s.RowStride:], s, w)
		convEnd(ya, relu, res, r*resStride)
	}
}

// convStart sets a row to the bias.
func convStart(y, bias []float32) {
	if bias == nil {
		clear(y)
		return
	}
	copy(y, bias)
}

// convEnd applies what follows the sum.
func convEnd(y []float32, relu bool, res []float32, at int) {
	switch {
	case res == nil && !relu:
	case res == nil:
		ReLU(y, y)
	case !relu:
		res = res[at:][:len(y)]
		for i := range y {
			y[i] += res[i]
		}
	default:
		res = res[at:][:len(y)]
		for i := range y {
			y[i] = relu1(y[i]) + res[i]
		}
	}
}

// relu1 is max(0, v), by bits: the sign of an activation cannot be predicted.
func relu1(v float32) float32 {
	b := math.Float32bits(v)
	return math.Float32frombits(b &^ uint32(int32(b)>>31))
}

// conv1 adds one row's products to y. Four values of x go into each pass over
// y: the outputs are independent, so their additions overlap, while each keeps
// its own order.
func conv1(y, x []float32, s Shape, w []float32) {
	n := len(y)
	for seg := range s.Segments {
		xs := x[seg*s.SegStep:][:s.SegLen]
		k := 0
		for ; k+4 <= len(xs); k += 4 {
			x0, x1, x2, x3 := xs[k], xs[k+1], xs[k+2], xs[k+3]
			w0, w1, w2, w3 := w[:len(y)], w[n:][:len(y)], w[2*n:][:len(y)], w[3*n:][:len(y)]
			w = w[4*n:]
			for i := range y {
				v := y[i]
				v += float32(x0 * w0[i])
				v += float32(x1 * w1[i])
				v += float32(x2 * w2[i])
				v += float32(x3 * w3[i])
				y[i] = v
			}
		}
		for ; k < len(xs); k++ {
			x0, w0 := xs[k], w[:len(y)]
			w = w[n:]
			for i := range y {
				y[i] += float32(x0 * w0[i])
			}
		}
	}
}

// conv2 does for two rows what conv1 does for one, and loads each weight once.
func conv2(y, z, x []float32, s Shape, w []float32) {
	n := len(y)
	z = z[:len(y)]
	for seg := range s.Segments {
		xs := x[seg*s.SegStep:][:s.SegLen]
		zs := x[seg*s.SegStep+s.RowStride:][:len(xs)]
		k := 0
		for ; k+4 <= len(xs); k += 4 {
			x0, x1, x2, x3 := xs[k], xs[k+1], xs[k+2], xs[k+3]
			z0, z1, z2, z3 := zs[k], zs[k+1], zs[k+2], zs[k+3]
			w0, w1, w2, w3 := w[:len(y)], w[n:][:len(y)], w[2*n:][:len(y)], w[3*n:][:len(y)]
			w = w[4*n:]
			for i := range y {
				a, b := y[i], z[i]
				v := w0[i]
				a += float32(x0 * v)
				b += float32(z0 * v)
				v = w1[i]
				a += float32(x1 * v)
				b += float32(z1 * v)
				v = w2[i]
				a += float32(x2 * v)
				b += float32(z2 * v)
				v = w3[i]
				a += float32(x3 * v)
				b += float32(z3 * v)
				y[i], z[i] = a, b
			}
		}
		for ; k < len(xs); k++ {
			x0, z0, w0 := xs[k], zs[k], w[:len(y)]
			w = w[n:]
			for i := range y {
				v := w0[i]
				y[i] += float32(x0 * v)
				z[i] += float32(z0 * v)
			}
		}
	}
}

// convNarrow4 computes four rows of one or two outputs, where a pass over y is
// too short to hide the latency of an addition: the four rows hide it instead.
func convNarrow4(y []float32, yStride int, x []float32, s Shape, w, bias []float32) {
	for o := range s.Out {
		var a float32
		if bias != nil {
			a = bias[o]
		}
		b, c, d := a, a, a
		at := o
		for seg := range s.Segments {
			xa := x[seg*s.SegStep:][:s.SegLen]
			xb := x[seg*s.SegStep+s.RowStride:][:len(xa)]
			xc := x[seg*s.SegStep+2*s.RowStride:][:len(xa)]
			xd := x[seg*s.SegStep+3*s.RowStride:][:len(xa)]
			for k := range xa {
				v := w[at]
				at += s.Out
				a += float32(xa[k] * v)
				b += float32(xb[k] * v)
				c += float32(xc[k] * v)
				d += float32(xd[k] * v)
			}
		}
		y[o], y[yStride+o], y[2*yStride+o], y[3*yStride+o] = a, b, c, d
	}
}

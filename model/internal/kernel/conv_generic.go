package kernel

import "math"

func convGeneric(y []float32, yStride int, x []float32, s Shape, w, bias []float32, relu bool, res []float32, resStride, rows int) {
	size := s.Segments * s.SegLen
	for c := 0; c < s.Out; c += panelWide {
		width := panelAt(c, s.Out)
		n := min(width, s.Out-c)
		panel := w[:size*width]
		w = w[size*width:]
		var b []float32
		if bias != nil {
			b = bias[c:]
		}
		r := 0
		if n <= 2 {
			for ; r+4 <= rows; r += 4 {
				convNarrow4(y[r*yStride+c:], yStride, x[r*s.RowStride:], s, panel, b, n)
			}
		} else {
			for ; r+2 <= rows; r += 2 {
				ya, yb := y[r*yStride+c:][:n], y[(r+1)*yStride+c:][:n]
				convStart(ya, b)
				convStart(yb, b)
				conv2(ya, yb, x[r*s.RowStride:], s, panel, width)
			}
		}
		for ; r < rows; r++ {
			ya := y[r*yStride+c:][:n]
			convStart(ya, b)
			conv1(ya, x[r*s.RowStride:], s, panel, width)
		}
	}
	for r := range rows {
		convEnd(y[r*yStride:][:s.Out], relu, res, r*resStride)
	}
}

// convStart sets a row to the bias.
func convStart(y, bias []float32) {
	if bias == nil {
		clear(y)
		return
	}
	copy(y, bias[:len(y)])
}

// convEnd applies what follows the sum.
func convEnd(y []float32, relu bool, res []float32, at int) {
	switch {
	case res == nil && !relu:
	case res == nil:
		reluGeneric(y, y)
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

// conv1 adds one row's products to y, part of a panel of n outputs. Four values of x go into each pass over
// y: the outputs are independent, so their additions overlap, while each keeps
// its own order.
func conv1(y, x []float32, s Shape, w []float32, n int) {
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
func conv2(y, z, x []float32, s Shape, w []float32, n int) {
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
func convNarrow4(y []float32, yStride int, x []float32, s Shape, w, bias []float32, outs int) {
	for o := range outs {
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
				at += panelNarrow
				a += float32(xa[k] * v)
				b += float32(xb[k] * v)
				c += float32(xc[k] * v)
				d += float32(xd[k] * v)
			}
		}
		y[o], y[yStride+o], y[2*yStride+o], y[3*yStride+o] = a, b, c, d
	}
}

package kernel

// Conv computes rows rows of a convolution:
//
//	y[r*yStride+o] = act(bias[o] + Σ_s Σ_k x[r*RowStride+s*SegStep+k] · w[s*SegLen+k][o]) + res[r*resStride+o]
//
// starting at the bias and adding segment by segment and value by value, in
// that order. act is max(0, ·) if relu is set, else the identity. A nil bias
// counts as zero, a nil res is not added. w is laid out by Pack, and bias has
// Padded(s.Out) values. y must not overlap x, w or res.
func Conv(y []float32, yStride int, x []float32, s Shape, w, bias []float32, relu bool, res []float32, resStride, rows int) {
	if rows == 0 {
		return
	}
	last := rows - 1
	if len(x) < s.Len(rows) || len(y) < last*yStride+s.Out || len(w) < PackedLen(s.Segments*s.SegLen, s.Out) ||
		bias != nil && len(bias) < Padded(s.Out) || res != nil && len(res) < last*resStride+s.Out {
		panic("kernel: Conv: a slice is too short")
	}
	conv(y, yStride, x, s, w, bias, relu, res, resStride, rows)
}

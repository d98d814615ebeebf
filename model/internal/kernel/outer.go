package kernel

// Outer adds the weight gradient of Conv to dw, [Segments*SegLen][Out]:
//
//	dw[(s*SegLen+k)*Out+o] += Σ_r x[r*RowStride+s*SegStep+k] · dy[r*dyStride+o]
//
// starting at the value found in dw and adding row by row, in that order.
func Outer(dw, x []float32, s Shape, dy []float32, dyStride, rows int) {
	if rows == 0 {
		return
	}
	if len(x) < s.Len(rows) || len(dy) < (rows-1)*dyStride+s.Out || len(dw) < s.Weights() {
		panic("kernel: Outer: a slice is too short")
	}
	outer(dw, x, s, dy, dyStride, rows)
}

// SumRows adds the rows of x, [rows][len(dst)], to dst, row by row: the
// gradient of a bias.
func SumRows(dst, x []float32, rows int) {
	if rows == 0 || len(dst) == 0 {
		return
	}
	if len(x) < rows*len(dst) {
		panic("kernel: SumRows: x is too short")
	}
	sumRows(dst, x, rows)
}

//go:build (amd64 || arm64) && !purego

package kernel

// outerArgs is what the assembly of the outer product is given. All steps are in
// bytes.
type outerArgs struct {
	x, dy, dw   *float32
	xRow, dyRow int        // from one row of the signals to the next
	dwRow       int        // from one row of the weights to the next
	rows, tiles int        // at least one
	mask        uint64     // lanes of the last vector: a bit for each (AVX-512), or how many (NEON)
	lanes       *[8]uint32 // as words (AVX2)
}

func outer(dw, x []float32, s Shape, dy []float32, dyStride, rows int) {
	if level == levelGeneric {
		outerGeneric(dw, x, s, dy, dyStride, rows)
		return
	}
	if s.SegLen == 0 {
		return
	}
	for seg := range s.Segments {
		outerSegment(dw[seg*s.SegLen*s.Out:], x[seg*s.SegStep:], s.RowStride, s.SegLen, dy, dyStride, s.Out, rows)
	}
}

// one is a signal of ones, for sumRows.
var one = []float32{1}

func sumRows(dst, x []float32, rows int) {
	if level == levelGeneric {
		sumRowsGeneric(dst, x, rows)
		return
	}
	outerSegment(dst, one, 0, 1, x, len(dst), len(dst), rows)
}

// outerSegment does one segment: dw [k][out] += xᵀ·dy over all rows.
func outerSegment(dw, x []float32, xStride, k int, dy []float32, dyStride, out, rows int) {
	a := outerArgs{xRow: 4 * xStride, dyRow: 4 * dyStride, dwRow: 4 * out, rows: rows}
	for c := 0; c < out; {
		a.dy = &dy[c]
		c += outerColumns(&a, dw, x, k, c, out-c)
	}
}

// take sets what a call has to do, and returns whether it is to be made: tiles
// of the given height from value *at of k on.
func (a *outerArgs) take(at *int, k, height int, dw, x []float32, c int) bool {
	a.tiles = (k - *at) / height
	if a.tiles == 0 {
		return false
	}
	a.x, a.dw = &x[*at], &dw[*at*a.dwRow/4+c]
	*at += a.tiles * height
	return true
}

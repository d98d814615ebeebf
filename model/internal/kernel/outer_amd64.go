//go:build !purego

package kernel

// outerArgs is what the assembly of outer_amd64.s is given. All steps are in
// bytes.
type outerArgs struct {
	x, dy, dw   *float32
	xRow, dyRow int // from one row of the signals to the next
	dwRow       int // from one row of the weights to the next
	rows, tiles int // at least one
	mask        uint64
	lanes       *[8]uint32 // the same mask as words (AVX2)
}

// Each computes tiles·H rows of weights of V vectors of outputs as outerGeneric
// does for one segment, but with fused multiply-adds. Of the last vector those
// for AVX-512, and those of one vector for AVX2, touch only the lanes of the
// mask.

//go:noescape
func outerAVX512Tile12x2(a *outerArgs)

//go:noescape
func outerAVX512Tile8x2(a *outerArgs)

//go:noescape
func outerAVX512Tile4x2(a *outerArgs)

//go:noescape
func outerAVX512Tile2x2(a *outerArgs)

//go:noescape
func outerAVX512Tile1x2(a *outerArgs)

//go:noescape
func outerAVX512Tile12x1(a *outerArgs)

//go:noescape
func outerAVX512Tile8x1(a *outerArgs)

//go:noescape
func outerAVX512Tile4x1(a *outerArgs)

//go:noescape
func outerAVX512Tile2x1(a *outerArgs)

//go:noescape
func outerAVX512Tile1x1(a *outerArgs)

//go:noescape
func outerAVX2Tile6x2(a *outerArgs)

//go:noescape
func outerAVX2Tile4x2(a *outerArgs)

//go:noescape
func outerAVX2Tile2x2(a *outerArgs)

//go:noescape
func outerAVX2Tile1x2(a *outerArgs)

//go:noescape
func outerAVX2Tile8x1(a *outerArgs)

//go:noescape
func outerAVX2Tile4x1(a *outerArgs)

//go:noescape
func outerAVX2Tile2x1(a *outerArgs)

//go:noescape
func outerAVX2Tile1x1(a *outerArgs)

// laneMasks[n] selects the first n lanes.
var laneMasks = func() (m [9][8]uint32) {
	for n := range m {
		for i := range n {
			m[n][i] = 1<<32 - 1
		}
	}
	return m
}()

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
		if level == levelAVX512 {
			c += outerAVX512(&a, dw, x, k, c, out-c)
		} else {
			c += outerAVX2(&a, dw, x, k, c, out-c)
		}
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

// outerAVX512 does the next outputs, up to 32, and returns how many.
func outerAVX512(a *outerArgs, dw, x []float32, k, c, left int) int {
	at := 0
	if left > 16 {
		cols := min(left, 32)
		a.mask = 1<<(cols-16) - 1
		if a.take(&at, k, 12, dw, x, c) {
			outerAVX512Tile12x2(a)
		}
		if a.take(&at, k, 8, dw, x, c) {
			outerAVX512Tile8x2(a)
		}
		if a.take(&at, k, 4, dw, x, c) {
			outerAVX512Tile4x2(a)
		}
		if a.take(&at, k, 2, dw, x, c) {
			outerAVX512Tile2x2(a)
		}
		if a.take(&at, k, 1, dw, x, c) {
			outerAVX512Tile1x2(a)
		}
		return cols
	}
	a.mask = 1<<left - 1
	if a.take(&at, k, 12, dw, x, c) {
		outerAVX512Tile12x1(a)
	}
	if a.take(&at, k, 8, dw, x, c) {
		outerAVX512Tile8x1(a)
	}
	if a.take(&at, k, 4, dw, x, c) {
		outerAVX512Tile4x1(a)
	}
	if a.take(&at, k, 2, dw, x, c) {
		outerAVX512Tile2x1(a)
	}
	if a.take(&at, k, 1, dw, x, c) {
		outerAVX512Tile1x1(a)
	}
	return left
}

// outerAVX2 does the next outputs, up to 16, and returns how many.
func outerAVX2(a *outerArgs, dw, x []float32, k, c, left int) int {
	at := 0
	if left >= 16 {
		if a.take(&at, k, 6, dw, x, c) {
			outerAVX2Tile6x2(a)
		}
		if a.take(&at, k, 4, dw, x, c) {
			outerAVX2Tile4x2(a)
		}
		if a.take(&at, k, 2, dw, x, c) {
			outerAVX2Tile2x2(a)
		}
		if a.take(&at, k, 1, dw, x, c) {
			outerAVX2Tile1x2(a)
		}
		return 16
	}
	cols := min(left, 8)
	a.lanes = &laneMasks[cols]
	if a.take(&at, k, 8, dw, x, c) {
		outerAVX2Tile8x1(a)
	}
	if a.take(&at, k, 4, dw, x, c) {
		outerAVX2Tile4x1(a)
	}
	if a.take(&at, k, 2, dw, x, c) {
		outerAVX2Tile2x1(a)
	}
	if a.take(&at, k, 1, dw, x, c) {
		outerAVX2Tile1x1(a)
	}
	return cols
}

//go:build !purego

package kernel

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

// outerColumns does the next outputs of the left ones, and returns how many.
func outerColumns(a *outerArgs, dw, x []float32, k, c, left int) int {
	if level == levelAVX512 {
		return outerAVX512(a, dw, x, k, c, left)
	}
	return outerAVX2(a, dw, x, k, c, left)
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

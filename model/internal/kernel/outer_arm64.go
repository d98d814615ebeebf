//go:build !purego

package kernel

// Each computes tiles·H rows of weights of V vectors of outputs as outerGeneric
// does for one segment, but with fused multiply-adds. Those of one vector touch
// only as many lanes as the mask says, one to four.

//go:noescape
func outerNEONTile4x4(a *outerArgs)

//go:noescape
func outerNEONTile2x4(a *outerArgs)

//go:noescape
func outerNEONTile1x4(a *outerArgs)

//go:noescape
func outerNEONTile8x2(a *outerArgs)

//go:noescape
func outerNEONTile4x2(a *outerArgs)

//go:noescape
func outerNEONTile2x2(a *outerArgs)

//go:noescape
func outerNEONTile1x2(a *outerArgs)

//go:noescape
func outerNEONTile8x1(a *outerArgs)

//go:noescape
func outerNEONTile4x1(a *outerArgs)

//go:noescape
func outerNEONTile2x1(a *outerArgs)

//go:noescape
func outerNEONTile1x1(a *outerArgs)

// outerColumns does the next outputs, up to 16 of the left ones, and returns
// how many.
func outerColumns(a *outerArgs, dw, x []float32, k, c, left int) int {
	at := 0
	switch {
	case left >= 16:
		if a.take(&at, k, 4, dw, x, c) {
			outerNEONTile4x4(a)
		}
		if a.take(&at, k, 2, dw, x, c) {
			outerNEONTile2x4(a)
		}
		if a.take(&at, k, 1, dw, x, c) {
			outerNEONTile1x4(a)
		}
		return 16
	case left >= 8:
		if a.take(&at, k, 8, dw, x, c) {
			outerNEONTile8x2(a)
		}
		if a.take(&at, k, 4, dw, x, c) {
			outerNEONTile4x2(a)
		}
		if a.take(&at, k, 2, dw, x, c) {
			outerNEONTile2x2(a)
		}
		if a.take(&at, k, 1, dw, x, c) {
			outerNEONTile1x2(a)
		}
		return 8
	}
	cols := min(left, 4)
	a.mask = uint64(cols)
	if a.take(&at, k, 8, dw, x, c) {
		outerNEONTile8x1(a)
	}
	if a.take(&at, k, 4, dw, x, c) {
		outerNEONTile4x1(a)
	}
	if a.take(&at, k, 2, dw, x, c) {
		outerNEONTile2x1(a)
	}
	if a.take(&at, k, 1, dw, x, c) {
		outerNEONTile1x1(a)
	}
	return cols
}

//go:build !purego

package kernel

// Each computes tiles·H rows of V vectors of outputs as convGeneric does, but
// with fused multiply-adds. Of the last vector, those for AVX-512 touch only
// the lanes of the mask; those for AVX2 take whole vectors.

//go:noescape
func convAVX512Tile12x2(a *convArgs)

//go:noescape
func convAVX512Tile8x2(a *convArgs)

//go:noescape
func convAVX512Tile4x2(a *convArgs)

//go:noescape
func convAVX512Tile2x2(a *convArgs)

//go:noescape
func convAVX512Tile1x2(a *convArgs)

//go:noescape
func convAVX512Tile12x1(a *convArgs)

//go:noescape
func convAVX512Tile8x1(a *convArgs)

//go:noescape
func convAVX512Tile4x1(a *convArgs)

//go:noescape
func convAVX512Tile2x1(a *convArgs)

//go:noescape
func convAVX512Tile1x1(a *convArgs)

// The same with vectors of half the width.

//go:noescape
func convAVX512YTile12x1(a *convArgs)

//go:noescape
func convAVX512YTile8x1(a *convArgs)

//go:noescape
func convAVX512YTile4x1(a *convArgs)

//go:noescape
func convAVX512YTile2x1(a *convArgs)

//go:noescape
func convAVX512YTile1x1(a *convArgs)

//go:noescape
func convAVX2Tile6x2(a *convArgs)

//go:noescape
func convAVX2Tile4x2(a *convArgs)

//go:noescape
func convAVX2Tile2x2(a *convArgs)

//go:noescape
func convAVX2Tile1x2(a *convArgs)

//go:noescape
func convAVX2Tile12x1(a *convArgs)

//go:noescape
func convAVX2Tile8x1(a *convArgs)

//go:noescape
func convAVX2Tile4x1(a *convArgs)

//go:noescape
func convAVX2Tile2x1(a *convArgs)

//go:noescape
func convAVX2Tile1x1(a *convArgs)

// Two panels side by side, for few rows.

//go:noescape
func convAVX2Tile3x4(a *convArgs)

//go:noescape
func convAVX2Tile2x4(a *convArgs)

//go:noescape
func convAVX2Tile1x4(a *convArgs)

// The kernels called Rows take tables of rows: x, y and res point to tiles·H
// pointers each.

//go:noescape
func convAVX512Rows8x2(a *convArgs)

//go:noescape
func convAVX512Rows4x2(a *convArgs)

//go:noescape
func convAVX512Rows2x2(a *convArgs)

//go:noescape
func convAVX512Rows1x2(a *convArgs)

//go:noescape
func convAVX512Rows8x1(a *convArgs)

//go:noescape
func convAVX512Rows4x1(a *convArgs)

//go:noescape
func convAVX512Rows2x1(a *convArgs)

//go:noescape
func convAVX512Rows1x1(a *convArgs)

//go:noescape
func convAVX512YRows8x1(a *convArgs)

//go:noescape
func convAVX512YRows4x1(a *convArgs)

//go:noescape
func convAVX512YRows2x1(a *convArgs)

//go:noescape
func convAVX512YRows1x1(a *convArgs)

//go:noescape
func convAVX2Rows8x1(a *convArgs)

//go:noescape
func convAVX2Rows4x1(a *convArgs)

//go:noescape
func convAVX2Rows2x1(a *convArgs)

//go:noescape
func convAVX2Rows1x1(a *convArgs)

//go:noescape
func convAVX2Rows6x2(a *convArgs)

//go:noescape
func convAVX2Rows4x2(a *convArgs)

//go:noescape
func convAVX2Rows2x2(a *convArgs)

//go:noescape
func convAVX2Rows1x2(a *convArgs)

// convPanels computes the next outputs, up to 32 of the left ones, and returns
// how many; 0 where vectors would reach past the last output.
func convPanels(a *convArgs, left, rows int) int {
	if level == levelAVX512 {
		return convAVX512(a, left, rows)
	}
	return convAVX2(a, left, rows)
}

// convRows does the same for rows of tables.
func convRows(a *convArgs, left, rows int) int {
	if level == levelAVX512 {
		return convAVX512Rows(a, left, rows)
	}
	return convAVX2Rows(a, left, rows)
}

// partWidth returns how many values of a panel the kernels write that compute
// its first left outputs. AVX-512 writes left.
func partWidth(left int) int { return panelAt(0, left) }

// convPanel computes width outputs of a panel, with AVX2.
func convPanel(a convArgs, width, rows int) {
	if width == panelWide {
		convAVX2Wide(a, rows)
	} else {
		convAVX2Narrow(a, rows)
	}
}

// convPanelRows does the same for rows of tables.
func convPanelRows(a convArgs, width, rows int) {
	if width == panelWide {
		convAVX2RowsWide(a, rows)
	} else {
		convAVX2RowsNarrow(a, rows)
	}
}

func convAVX512(a *convArgs, left, rows int) int {
	switch {
	case left > panelWide+panelNarrow:
		cols := min(left, 2*panelWide)
		a.mask = 1<<(cols-panelWide) - 1
		if rows == 1 {
			a.tiles = 1
			convAVX512Tile1x2(a)
			return cols
		}
		if a.take(&rows, 12, tall(rows, 12, 8)) {
			convAVX512Tile12x2(a)
		}
		if a.take(&rows, 8, rows/8) {
			convAVX512Tile8x2(a)
		}
		if a.take(&rows, 4, rows/4) {
			convAVX512Tile4x2(a)
		}
		if a.take(&rows, 2, rows/2) {
			convAVX512Tile2x2(a)
		}
		if a.take(&rows, 1, rows) {
			convAVX512Tile1x2(a)
		}
		return cols
	case left > panelNarrow:
		cols := min(left, panelWide)
		a.mask = 1<<cols - 1
		if a.take(&rows, 12, tall(rows, 12, 8)) {
			convAVX512Tile12x1(a)
		}
		if a.take(&rows, 8, rows/8) {
			convAVX512Tile8x1(a)
		}
		if a.take(&rows, 4, rows/4) {
			convAVX512Tile4x1(a)
		}
		if a.take(&rows, 2, rows/2) {
			convAVX512Tile2x1(a)
		}
		if a.take(&rows, 1, rows) {
			convAVX512Tile1x1(a)
		}
		return cols
	}
	a.mask = 1<<left - 1
	if rows == 1 {
		a.tiles = 1
		convAVX512YTile1x1(a)
		return left
	}
	if a.take(&rows, 12, tall(rows, 12, 8)) {
		convAVX512YTile12x1(a)
	}
	if a.take(&rows, 8, rows/8) {
		convAVX512YTile8x1(a)
	}
	if a.take(&rows, 4, rows/4) {
		convAVX512YTile4x1(a)
	}
	if a.take(&rows, 2, rows/2) {
		convAVX512YTile2x1(a)
	}
	if a.take(&rows, 1, rows) {
		convAVX512YTile1x1(a)
	}
	return left
}

func convAVX2(a *convArgs, left, rows int) int {
	switch {
	case left >= 2*panelWide && rows < 4:
		if a.take(&rows, 3, rows/3) {
			convAVX2Tile3x4(a)
		}
		if a.take(&rows, 2, rows/2) {
			convAVX2Tile2x4(a)
		}
		if a.take(&rows, 1, rows) {
			convAVX2Tile1x4(a)
		}
		return 2 * panelWide
	case left >= panelWide:
		convAVX2Wide(*a, rows)
		return panelWide
	case left == panelNarrow:
		convAVX2Narrow(*a, rows)
		return panelNarrow
	}
	return 0
}

func convAVX2Wide(a convArgs, rows int) {
	if a.take(&rows, 6, tall(rows, 6, 4)) {
		convAVX2Tile6x2(&a)
	}
	if a.take(&rows, 4, rows/4) {
		convAVX2Tile4x2(&a)
	}
	if a.take(&rows, 2, rows/2) {
		convAVX2Tile2x2(&a)
	}
	if a.take(&rows, 1, rows) {
		convAVX2Tile1x2(&a)
	}
}

func convAVX2Narrow(a convArgs, rows int) {
	if a.take(&rows, 12, tall(rows, 12, 8)) {
		convAVX2Tile12x1(&a)
	}
	if a.take(&rows, 8, rows/8) {
		convAVX2Tile8x1(&a)
	}
	if a.take(&rows, 4, rows/4) {
		convAVX2Tile4x1(&a)
	}
	if a.take(&rows, 2, rows/2) {
		convAVX2Tile2x1(&a)
	}
	if a.take(&rows, 1, rows) {
		convAVX2Tile1x1(&a)
	}
}

func convAVX512Rows(a *convArgs, left, rows int) int {
	switch {
	case left > panelWide+panelNarrow:
		cols := min(left, 2*panelWide)
		a.mask = 1<<(cols-panelWide) - 1
		if a.take(&rows, 8, rows/8) {
			convAVX512Rows8x2(a)
		}
		if a.take(&rows, 4, rows/4) {
			convAVX512Rows4x2(a)
		}
		if a.take(&rows, 2, rows/2) {
			convAVX512Rows2x2(a)
		}
		if a.take(&rows, 1, rows) {
			convAVX512Rows1x2(a)
		}
		return cols
	case left > panelNarrow:
		cols := min(left, panelWide)
		a.mask = 1<<cols - 1
		if a.take(&rows, 8, rows/8) {
			convAVX512Rows8x1(a)
		}
		if a.take(&rows, 4, rows/4) {
			convAVX512Rows4x1(a)
		}
		if a.take(&rows, 2, rows/2) {
			convAVX512Rows2x1(a)
		}
		if a.take(&rows, 1, rows) {
			convAVX512Rows1x1(a)
		}
		return cols
	}
	a.mask = 1<<left - 1
	if a.take(&rows, 8, rows/8) {
		convAVX512YRows8x1(a)
	}
	if a.take(&rows, 4, rows/4) {
		convAVX512YRows4x1(a)
	}
	if a.take(&rows, 2, rows/2) {
		convAVX512YRows2x1(a)
	}
	if a.take(&rows, 1, rows) {
		convAVX512YRows1x1(a)
	}
	return left
}

func convAVX2Rows(a *convArgs, left, rows int) int {
	switch {
	case left >= panelWide:
		convAVX2RowsWide(*a, rows)
		return panelWide
	case left == panelNarrow:
		convAVX2RowsNarrow(*a, rows)
		return panelNarrow
	}
	return 0
}

func convAVX2RowsWide(a convArgs, rows int) {
	if a.take(&rows, 6, tall(rows, 6, 4)) {
		convAVX2Rows6x2(&a)
	}
	if a.take(&rows, 4, rows/4) {
		convAVX2Rows4x2(&a)
	}
	if a.take(&rows, 2, rows/2) {
		convAVX2Rows2x2(&a)
	}
	if a.take(&rows, 1, rows) {
		convAVX2Rows1x2(&a)
	}
}

func convAVX2RowsNarrow(a convArgs, rows int) {
	if a.take(&rows, 8, rows/8) {
		convAVX2Rows8x1(&a)
	}
	if a.take(&rows, 4, rows/4) {
		convAVX2Rows4x1(&a)
	}
	if a.take(&rows, 2, rows/2) {
		convAVX2Rows2x1(&a)
	}
	if a.take(&rows, 1, rows) {
		convAVX2Rows1x1(&a)
	}
}

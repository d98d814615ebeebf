//go:build !purego

package kernel

// Each computes tiles·H rows of V vectors of outputs as convGeneric does, but
// with fused multiply-adds. Those of one vector leave the second half of a
// narrow panel be.

//go:noescape
func convNEONTile4x4(a *convArgs)

//go:noescape
func convNEONTile3x4(a *convArgs)

//go:noescape
func convNEONTile2x4(a *convArgs)

//go:noescape
func convNEONTile1x4(a *convArgs)

// Two panels side by side, for few rows.

//go:noescape
func convNEONTile3x8(a *convArgs)

//go:noescape
func convNEONTile2x8(a *convArgs)

//go:noescape
func convNEONTile1x8(a *convArgs)

// Narrow panels.

//go:noescape
func convNEONTile8x2(a *convArgs)

//go:noescape
func convNEONTile4x2(a *convArgs)

//go:noescape
func convNEONTile2x2(a *convArgs)

//go:noescape
func convNEONTile1x2(a *convArgs)

//go:noescape
func convNEONTile8x1(a *convArgs)

//go:noescape
func convNEONTile4x1(a *convArgs)

//go:noescape
func convNEONTile2x1(a *convArgs)

//go:noescape
func convNEONTile1x1(a *convArgs)

// The kernels called Rows take tables of rows: x, y and res point to tiles·H
// pointers each.

//go:noescape
func convNEONRows4x4(a *convArgs)

//go:noescape
func convNEONRows3x4(a *convArgs)

//go:noescape
func convNEONRows2x4(a *convArgs)

//go:noescape
func convNEONRows1x4(a *convArgs)

//go:noescape
func convNEONRows3x8(a *convArgs)

//go:noescape
func convNEONRows2x8(a *convArgs)

//go:noescape
func convNEONRows1x8(a *convArgs)

//go:noescape
func convNEONRows8x2(a *convArgs)

//go:noescape
func convNEONRows4x2(a *convArgs)

//go:noescape
func convNEONRows2x2(a *convArgs)

//go:noescape
func convNEONRows1x2(a *convArgs)

//go:noescape
func convNEONRows8x1(a *convArgs)

//go:noescape
func convNEONRows4x1(a *convArgs)

//go:noescape
func convNEONRows2x1(a *convArgs)

//go:noescape
func convNEONRows1x1(a *convArgs)

// panelHalf is half of a narrow panel, one vector.
const panelHalf = 4

// partWidth returns how many values of a panel the kernels write that compute
// its first left outputs.
func partWidth(left int) int {
	if left <= panelHalf {
		return panelHalf
	}
	return panelAt(0, left)
}

// convPanels computes the next outputs, up to 32 of the left ones, and returns
// how many; 0 where vectors would reach past the last output.
func convPanels(a *convArgs, left, rows int) int {
	switch {
	case left >= 2*panelWide && rows < 4:
		if a.take(&rows, 3, rows/3) {
			convNEONTile3x8(a)
		}
		if a.take(&rows, 2, rows/2) {
			convNEONTile2x8(a)
		}
		if a.take(&rows, 1, rows) {
			convNEONTile1x8(a)
		}
		return 2 * panelWide
	case left >= panelWide:
		left = panelWide
	case left != panelNarrow && left != panelHalf:
		return 0
	}
	convPanel(*a, left, rows)
	return left
}

// convPanel computes the first width outputs of a panel.
func convPanel(a convArgs, width, rows int) {
	switch width {
	case panelWide:
		convTileWide(&a, rows)
	case panelNarrow:
		convTileNarrow(&a, rows)
	default:
		convTileHalf(&a, rows)
	}
}

func convTileWide(a *convArgs, rows int) {
	if a.take(&rows, 4, tall(rows, 4, 3)) {
		convNEONTile4x4(a)
	}
	if a.take(&rows, 3, rows/3) {
		convNEONTile3x4(a)
	}
	if a.take(&rows, 2, rows/2) {
		convNEONTile2x4(a)
	}
	if a.take(&rows, 1, rows) {
		convNEONTile1x4(a)
	}
}

func convTileNarrow(a *convArgs, rows int) {
	if a.take(&rows, 8, rows/8) {
		convNEONTile8x2(a)
	}
	if a.take(&rows, 4, rows/4) {
		convNEONTile4x2(a)
	}
	if a.take(&rows, 2, rows/2) {
		convNEONTile2x2(a)
	}
	if a.take(&rows, 1, rows) {
		convNEONTile1x2(a)
	}
}

func convTileHalf(a *convArgs, rows int) {
	if a.take(&rows, 8, rows/8) {
		convNEONTile8x1(a)
	}
	if a.take(&rows, 4, rows/4) {
		convNEONTile4x1(a)
	}
	if a.take(&rows, 2, rows/2) {
		convNEONTile2x1(a)
	}
	if a.take(&rows, 1, rows) {
		convNEONTile1x1(a)
	}
}

// convRows does the same for rows of tables.
func convRows(a *convArgs, left, rows int) int {
	switch {
	case left >= 2*panelWide && rows < 4:
		if a.take(&rows, 3, rows/3) {
			convNEONRows3x8(a)
		}
		if a.take(&rows, 2, rows/2) {
			convNEONRows2x8(a)
		}
		if a.take(&rows, 1, rows) {
			convNEONRows1x8(a)
		}
		return 2 * panelWide
	case left >= panelWide:
		left = panelWide
	case left != panelNarrow && left != panelHalf:
		return 0
	}
	convPanelRows(*a, left, rows)
	return left
}

// convPanelRows does the same for rows of tables.
func convPanelRows(a convArgs, width, rows int) {
	switch width {
	case panelWide:
		convRowsWide(&a, rows)
	case panelNarrow:
		convRowsNarrow(&a, rows)
	default:
		convRowsHalf(&a, rows)
	}
}

func convRowsWide(a *convArgs, rows int) {
	if a.take(&rows, 4, tall(rows, 4, 3)) {
		convNEONRows4x4(a)
	}
	if a.take(&rows, 3, rows/3) {
		convNEONRows3x4(a)
	}
	if a.take(&rows, 2, rows/2) {
		convNEONRows2x4(a)
	}
	if a.take(&rows, 1, rows) {
		convNEONRows1x4(a)
	}
}

func convRowsNarrow(a *convArgs, rows int) {
	if a.take(&rows, 8, rows/8) {
		convNEONRows8x2(a)
	}
	if a.take(&rows, 4, rows/4) {
		convNEONRows4x2(a)
	}
	if a.take(&rows, 2, rows/2) {
		convNEONRows2x2(a)
	}
	if a.take(&rows, 1, rows) {
		convNEONRows1x2(a)
	}
}

func convRowsHalf(a *convArgs, rows int) {
	if a.take(&rows, 8, rows/8) {
		convNEONRows8x1(a)
	}
	if a.take(&rows, 4, rows/4) {
		convNEONRows4x1(a)
	}
	if a.take(&rows, 2, rows/2) {
		convNEONRows2x1(a)
	}
	if a.take(&rows, 1, rows) {
		convNEONRows1x1(a)
	}
}

//go:build !purego

package kernel

import "unsafe"

// convArgs is what the assembly of conv_amd64.s is given. All steps are in
// bytes. tiles, x, y and res are changed.
type convArgs struct {
	x, w, bias, res, y *float32 // bias and res may be nil
	xRow               int      // from one row of x to the next
	segStep            int
	segs, segLen       int
	panel              int // from one panel of weights to the next
	yRow, resRow       int
	relu               int
	tiles              int    // at least one
	mask               uint64 // lanes of a row's last vector that are outputs (AVX-512)
}

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

func conv(y []float32, yStride int, x []float32, s Shape, w, bias []float32, relu bool, res []float32, resStride, rows int) {
	if level == levelGeneric {
		convGeneric(y, yStride, x, s, w, bias, relu, res, resStride, rows)
		return
	}
	size := s.Segments * s.SegLen
	if size == 0 {
		convGeneric(y, yStride, x, s, w, bias, relu, res, resStride, rows)
		return
	}
	a := convArgs{xRow: 4 * s.RowStride, segStep: 4 * s.SegStep, segs: s.Segments, segLen: s.SegLen,
		panel: 4 * panelWide * size, yRow: 4 * yStride, resRow: 4 * resStride}
	if relu {
		a.relu = 1
	}
	for c := 0; c < s.Out; {
		left := s.Out - c
		a.x, a.w, a.y = &x[0], &w[0], &y[c]
		if bias != nil {
			a.bias = &bias[c]
		}
		if res != nil {
			a.res = &res[c]
		}
		var cols, panels int
		if level == levelAVX512 {
			cols, panels = convAVX512(&a, left, rows)
		} else {
			cols, panels = convAVX2(&a, left, rows, y[c:], yStride, res, c, resStride)
		}
		c += cols
		if c < s.Out {
			w = w[panels*size*panelWide:]
		}
	}
}

// take sets how many tiles a call makes of the rows left, and returns whether it
// is to be made. The calls move x, y and res on to the rows that follow.
func (a *convArgs) take(rows *int, height, tiles int) bool {
	a.tiles = tiles
	*rows -= tiles * height
	return tiles > 0
}

// tall returns how many tiles of the greatest height to make of rows: all that
// fit, unless taking one less leaves two tiles of the next height.
func tall(rows, height, next int) int {
	n := rows / height
	if n > 0 && rows%height == 2*next-height {
		n--
	}
	return n
}

// convAVX512 computes the next outputs, up to 32 of the left ones, and returns
// how many they were, and of how many wide panels.
func convAVX512(a *convArgs, left, rows int) (cols, panels int) {
	switch {
	case left > panelWide+panelNarrow:
		cols = min(left, 2*panelWide)
		a.mask = 1<<(cols-panelWide) - 1
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
		return cols, 2
	case left > panelNarrow:
		cols = min(left, panelWide)
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
		return cols, 1
	}
	a.mask = 1<<left - 1
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
	return left, 0
}

// convAVX2 does the same for up to 32 outputs. Where vectors would reach past
// the last output, tiles go through a scratch buffer.
func convAVX2(a *convArgs, left, rows int, y []float32, yStride int, res []float32, c, resStride int) (cols, panels int) {
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
		return 2 * panelWide, 2
	case left >= panelWide:
		convAVX2Wide(*a, rows)
		return panelWide, 1
	case left == panelNarrow:
		convAVX2Narrow(*a, rows)
		return panelNarrow, 0
	}
	convAVX2Part(a, left, rows, y, yStride, res, c, resStride)
	return left, 1
}

// convAVX2Part computes a last panel with fewer outputs than lanes: it goes
// through a buffer that has room for whole vectors.
func convAVX2Part(a *convArgs, left, rows int, y []float32, yStride int, res []float32, c, resStride int) {
	var buf [12 * panelWide]float32
	width := panelAt(0, left)
	part := *a
	part.relu, part.res, part.yRow = 0, nil, 4*width
	for done := 0; done < rows; {
		n := min(rows-done, len(buf)/width)
		part.x = (*float32)(unsafe.Add(unsafe.Pointer(a.x), done*a.xRow))
		part.y = &buf[0]
		if width == panelWide {
			convAVX2Wide(part, n)
		} else {
			convAVX2Narrow(part, n)
		}
		for r := range n {
			to := y[(done+r)*yStride:][:left]
			copy(to, buf[r*width:])
			convEnd(to, a.relu != 0, res, (done+r)*resStride+c)
		}
		done += n
	}
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

//go:build !purego

package kernel

import "unsafe"

// convArgs is what the assembly of conv_amd64.s is given. All steps are in
// bytes. tiles, x, y and res are changed.
type convArgs struct {
	x, w, bias, res, y *float32 // bias and res may be nil
	xRow               int      // from one row of x to the next
	segStep            int      // from where a segment begins to where the next does
	segGap             int      // from where a segment ends to where the next begins
	segs, segLen       int
	panel              int // from one panel of weights to the next
	yRow, resRow       int
	relu               int
	tiles              int    // at least one
	mask               uint64 // lanes of a row's last vector that are outputs (AVX-512)
	xAt, yAt, resAt    int    // added to what the tables of Rows say
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

// convOpArch holds the arguments that are the same for all runs.
type convOpArch struct{ args convArgs }

func (c *ConvOp) prepare() {
	s := &c.shape
	c.args = convArgs{xRow: 4 * s.RowStride, segStep: 4 * s.SegStep, segGap: 4 * (s.SegStep - s.SegLen), segs: s.Segments, segLen: s.SegLen,
		panel: 4 * panelWide * s.Segments * s.SegLen}
	if c.relu {
		c.args.relu = 1
	}
}

func conv(y []float32, yStride int, x []float32, s Shape, w, bias []float32, relu bool, res []float32, resStride, rows int) {
	c := NewConvOp(s, w, bias, relu)
	c.run(y, yStride, x, res, resStride, rows)
}

func (c *ConvOp) run(y []float32, yStride int, x []float32, res []float32, resStride, rows int) {
	s := &c.shape
	size := s.Segments * s.SegLen
	if level == levelGeneric || size == 0 {
		convGeneric(y, yStride, x, c.shape, c.w, c.bias, c.relu, res, resStride, rows)
		return
	}
	a := c.args
	a.yRow, a.resRow = 4*yStride, 4*resStride
	for col, at := 0, 0; col < s.Out; {
		a.x, a.w, a.y = &x[0], &c.w[at], &y[col]
		if c.bias != nil {
			a.bias = &c.bias[col]
		}
		if res != nil {
			a.res = &res[col]
		}
		left, cols := s.Out-col, 0
		if level == levelAVX512 {
			cols = convAVX512(&a, left, rows)
		} else if cols = convAVX2(&a, left, rows); cols == 0 {
			cols = left
			convAVX2Part(&a, left, rows, y[col:], yStride, res, col, resStride)
		}
		col += cols
		at += size * cols // of whole panels, if there is another
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
// how many.
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

// convAVX2 does the same, and returns 0 where vectors would reach past the last
// output.
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

// convAVX2Part computes a last panel with fewer outputs than lanes: it goes
// through a buffer that has room for whole vectors.
func convAVX2Part(a *convArgs, left, rows int, y []float32, yStride int, res []float32, c, resStride int) {
	var buf [12 * panelWide]float32
	width := panelAt(0, left)
	part := *a
	part.relu, part.res, part.yRow = 0, nil, 4*width
	for done := 0; done < rows; {
		n := min(rows-done, len(buf)/width)
		part.x = at(a.x, done*a.xRow/4)
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

func (c *ConvOp) runRows(r *Rows) {
	s := &c.shape
	size := s.Segments * s.SegLen
	if level == levelGeneric || size == 0 {
		c.runRowsOneByOne(r)
		return
	}
	a, rows := c.args, len(r.X)
	for col, at := 0, 0; col < s.Out; {
		a.w, a.xAt, a.yAt, a.resAt = &c.w[at], 4*r.XAt, 4*(r.YAt+col), 4*(r.ResAt+col)
		a.x, a.y = (*float32)(unsafe.Pointer(&r.X[0])), (*float32)(unsafe.Pointer(&r.Y[0]))
		if c.bias != nil {
			a.bias = &c.bias[col]
		}
		if len(r.Res) > 0 {
			a.res = (*float32)(unsafe.Pointer(&r.Res[0]))
		}
		left, cols := s.Out-col, 0
		if level == levelAVX512 {
			cols = convAVX512Rows(&a, left, rows)
		} else if cols = convAVX2Rows(&a, left, rows); cols == 0 {
			cols = left
			convAVX2RowsPart(&a, left, r, col)
		}
		col += cols
		at += size * cols
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

// convAVX2RowsPart does for rows of a table what convAVX2Part does.
func convAVX2RowsPart(a *convArgs, left int, r *Rows, col int) {
	var buf [12 * panelWide]float32
	var ys [24]*float32
	width := panelAt(0, left)
	part := *a
	part.relu, part.res, part.yAt = 0, nil, 0
	for done := 0; done < len(r.X); {
		n := min(len(r.X)-done, len(buf)/width)
		for i := range n {
			ys[i] = &buf[i*width]
		}
		part.x, part.y = (*float32)(unsafe.Pointer(&r.X[done])), (*float32)(unsafe.Pointer(&ys[0]))
		if width == panelWide {
			convAVX2RowsWide(part, n)
		} else {
			convAVX2RowsNarrow(part, n)
		}
		for i := range n {
			to := unsafe.Slice(at(r.Y[done+i], r.YAt+col), left)
			copy(to, buf[i*width:])
			var res []float32
			if len(r.Res) > 0 {
				res = unsafe.Slice(at(r.Res[done+i], r.ResAt+col), left)
			}
			convEnd(to, a.relu != 0, res, 0)
		}
		done += n
	}
}

//go:build (amd64 || arm64) && !purego

package kernel

import "unsafe"

// convArgs is what the assembly of the convolution is given. All steps are in
// bytes. A call moves x, y and res to the rows of its last tile and leaves it to
// the next call to go past them: they must never point past the signals, because
// the garbage collector stops a program that has a pointer to free memory.
type convArgs struct {
	x, w, bias, res, y *float32 // bias and res may be nil
	xRow               int      // from one row of x to the next; in tables 8
	segStep            int      // from where a segment begins to where the next does
	segGap             int      // from where a segment ends to where the next begins
	segs, segLen       int
	panel              int // from one panel of weights to the next
	yRow, resRow       int
	relu               int
	tiles              int    // at least one; a call counts them down
	mask               uint64 // lanes of a row's last vector that are outputs (AVX-512)
	xAt, yAt, resAt    int    // added to what tables say
	made               int    // rows of the last tile, if there was a call before
}

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
		a.x, a.w, a.y, a.made = &x[0], &c.w[at], &y[col], 0
		if c.bias != nil {
			a.bias = &c.bias[col]
		}
		if res != nil {
			a.res = &res[col]
		}
		left := s.Out - col
		cols := convPanels(&a, left, rows)
		if cols == 0 {
			cols = left
			convPart(&a, left, rows, y[col:], yStride, res, col, resStride)
		}
		col += cols
		at += size * cols // of whole panels, if there is another
	}
}

// take sets how many tiles a call makes of the rows left, and returns whether it
// is to be made.
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

// convPart computes a last panel with fewer outputs than lanes: it goes through
// a buffer that has room for whole vectors.
func convPart(a *convArgs, left, rows int, y []float32, yStride int, res []float32, c, resStride int) {
	var buf [12 * panelWide]float32
	width := partWidth(left)
	part := *a
	part.relu, part.res, part.yRow = 0, nil, 4*width
	for done := 0; done < rows; {
		n := min(rows-done, len(buf)/width)
		part.x = at(a.x, done*a.xRow/4)
		part.y = &buf[0]
		convPanel(part, width, n)
		for r := range n {
			to := y[(done+r)*yStride:][:left]
			copy(to, buf[r*width:])
			convEnd(to, a.relu != 0, res, (done+r)*resStride+c)
		}
		done += n
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
	a.xRow, a.yRow, a.resRow = 8, 8, 8
	for col, at := 0, 0; col < s.Out; {
		a.w, a.xAt, a.yAt, a.resAt, a.made = &c.w[at], 4*r.XAt, 4*(r.YAt+col), 4*(r.ResAt+col), 0
		a.x, a.y = (*float32)(unsafe.Pointer(&r.X[0])), (*float32)(unsafe.Pointer(&r.Y[0]))
		if c.bias != nil {
			a.bias = &c.bias[col]
		}
		if len(r.Res) > 0 {
			a.res = (*float32)(unsafe.Pointer(&r.Res[0]))
		}
		left := s.Out - col
		cols := convRows(&a, left, rows)
		if cols == 0 {
			cols = left
			convRowsPart(&a, left, r, col)
		}
		col += cols
		at += size * cols
	}
}

// convRowsPart does for rows of tables what convPart does.
func convRowsPart(a *convArgs, left int, r *Rows, col int) {
	var buf [12 * panelWide]float32
	var ys [24]*float32
	width := partWidth(left)
	part := *a
	part.relu, part.res, part.yAt = 0, nil, 0
	for done := 0; done < len(r.X); {
		n := min(len(r.X)-done, len(buf)/width, len(ys))
		for i := range n {
			ys[i] = &buf[i*width]
		}
		part.x, part.y = (*float32)(unsafe.Pointer(&r.X[done])), (*float32)(unsafe.Pointer(&ys[0]))
		convPanelRows(part, width, n)
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

//go:build (amd64 || arm64) && !purego

package kernel

import "unsafe"

// conv8Args is what the assembly of the 8-bit convolution is given. All steps
// are in bytes. A call moves x, y, q and res to the rows of its last tile, as
// those of convArgs do.
type conv8Args struct {
	x           *uint8
	w           *int8
	start       *int32
	scale, bias *float32
	res, y      *float32 // may be nil
	q           *uint8   // may be nil
	xRow        int      // from one row of x to the next
	segStep     int      // from one segment to the next
	segs, quads int
	panel       int // from one panel of weights to the next
	out         int // values from one row of y, q and res to the next
	relu        int
	tiles       int    // at least one; a call counts them down
	mask        uint64 // lanes of a row's last vector that are outputs (AVX-512)
	made        int    // rows of the last tile, if there was a call before
	round       Rounding
}

// quantize8SIMD computes Rounding.bytesGeneric for n values, a multiple of 16.
//
//go:noescape
func quantize8SIMD(dst *uint8, x *float32, n int, r *Rounding)

// geluRoundSIMD computes geluGeneric, the same bits, for n values, a multiple
// of 8.
//
//go:noescape
func geluRoundSIMD(dst, x *float32, n int)

// conv8OpArch holds the arguments that are the same for all runs, and what the
// sums start at.
type conv8OpArch struct {
	args  conv8Args
	start []int32
}

func (c *Conv8Op) prepare() {
	s := &c.Shape
	c.args = conv8Args{xRow: s.RowStride, segStep: s.SegStep, segs: s.Segments, quads: s.quads(),
		panel: 4 * panel8 * s.Segments * s.quads(), out: s.Out, round: c.Round}
	if c.ReLU {
		c.args.relu = 1
	}
	c.start = c.startOf()
}

func (c *Conv8Op) run(y []float32, q, x []uint8, res []float32, rows int) {
	s := &c.Shape
	if !can8() || s.Segments*s.SegLen == 0 {
		c.runGeneric(y, q, x, res, rows)
		return
	}
	a := c.args
	for col := 0; col < s.Out; {
		a.x, a.w, a.start, a.scale, a.bias = &x[0], &c.W[col/panel8*a.panel], &c.start[col], &c.Scale[col], &c.Bias[col]
		a.made = 0
		if y != nil {
			a.y = &y[col]
		}
		if q != nil {
			a.q = &q[col]
		}
		if res != nil {
			a.res = &res[col]
		}
		left := s.Out - col
		cols := conv8Panels(&a, left, rows)
		if cols == 0 {
			cols = left
			c.part(&a, left, rows)
		}
		col += cols
	}
}

// take is that of convArgs.
func (a *conv8Args) take(rows *int, height, tiles int) bool {
	a.tiles = tiles
	*rows -= tiles * height
	return tiles > 0
}

// part computes a last panel with fewer outputs than lanes: it goes through
// buffers that have room for whole vectors.
func (c *Conv8Op) part(a *conv8Args, left, rows int) {
	const most = 12
	var y, res [most * panel8]float32
	var q [most * panel8]uint8
	out := c.Shape.Out
	for done := 0; done < rows; {
		n := min(rows-done, most)
		part := *a
		part.x = (*uint8)(unsafe.Add(unsafe.Pointer(a.x), done*a.xRow))
		part.out = panel8
		if a.y != nil {
			part.y = &y[0]
		}
		if a.q != nil {
			part.q = &q[0]
		}
		if a.res != nil {
			from := unsafe.Slice(a.res, (rows-1)*out+left)
			for r := range n {
				copy(res[r*panel8:], from[(done+r)*out:][:left])
			}
			part.res = &res[0]
		}
		conv8Panel(&part, n)
		if a.y != nil {
			to := unsafe.Slice(a.y, (rows-1)*out+left)
			for r := range n {
				copy(to[(done+r)*out:][:left], y[r*panel8:])
			}
		}
		if a.q != nil {
			to := unsafe.Slice(a.q, (rows-1)*out+left)
			for r := range n {
				copy(to[(done+r)*out:][:left], q[r*panel8:])
			}
		}
		done += n
	}
}

func (r *Rounding) bytes(dst []uint8, x []float32) {
	n := 0
	if level != levelGeneric {
		if n = len(dst) &^ 15; n > 0 {
			quantize8SIMD(&dst[0], &x[0], n, r)
		}
	}
	r.bytesGeneric(dst[n:], x[n:])
}

func geluRounded(dst, x []float32) {
	n := 0
	if level != levelGeneric {
		if n = len(dst) &^ 7; n > 0 {
			geluRoundSIMD(&dst[0], &x[0], n)
		}
	}
	geluGeneric(dst[n:], x[n:])
}

func (c *ConvOp) runRounded(y []float32, yStride int, x []float32, res []float32, resStride, rows int) {
	s := &c.shape
	size := s.Segments * s.SegLen
	if level == levelGeneric || size == 0 || !canRoundPart() && s.Out != Padded(s.Out) {
		convGeneric(y, yStride, x, c.shape, c.w, c.bias, c.relu, res, resStride, rows)
		return
	}
	a := c.args
	a.yRow, a.resRow = 4*yStride, 4*resStride
	for col := 0; col < s.Out; col += panelWide {
		a.x, a.w, a.y, a.made = &x[0], &c.w[col*size], &y[col], 0
		if c.bias != nil {
			a.bias = &c.bias[col]
		}
		if res != nil {
			a.res = &res[col]
		}
		convRound(&a, min(s.Out-col, panelWide), rows)
	}
}

//go:build !purego

package kernel

import (
	"unsafe"

	"golang.org/x/sys/cpu"
)

// vnni says that there is VPDPBUSD. An AVX-512 without it takes the kernels for
// AVX2, which give the same bits.
var vnni = cpu.X86.HasAVX512VNNI

// conv8Args is what the assembly of conv8_amd64.s is given. All steps are in
// bytes. A call moves x, y, q and res to the rows of its last tile, as those of
// convArgs do.
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
	tiles       int    // at least one
	mask        uint64 // lanes of a row's last vector that are outputs (AVX-512)
	made        int    // rows of the last tile, if there was a call before
	round       Rounding
}

// Each computes tiles·H rows of V vectors of outputs as runGeneric does. Of the
// last vector, those for AVX-512 touch only the lanes of the mask.

//go:noescape
func conv8VNNITile12x2(a *conv8Args)

//go:noescape
func conv8VNNITile8x2(a *conv8Args)

//go:noescape
func conv8VNNITile4x2(a *conv8Args)

//go:noescape
func conv8VNNITile2x2(a *conv8Args)

//go:noescape
func conv8VNNITile1x2(a *conv8Args)

//go:noescape
func conv8VNNITile12x1(a *conv8Args)

//go:noescape
func conv8VNNITile8x1(a *conv8Args)

//go:noescape
func conv8VNNITile4x1(a *conv8Args)

//go:noescape
func conv8VNNITile2x1(a *conv8Args)

//go:noescape
func conv8VNNITile1x1(a *conv8Args)

// The same for one panel, whole vectors only.

//go:noescape
func conv8AVX2Tile4x2(a *conv8Args)

//go:noescape
func conv8AVX2Tile2x2(a *conv8Args)

//go:noescape
func conv8AVX2Tile1x2(a *conv8Args)

// The kernels called Round are those of conv_amd64.go without fused
// multiply-adds.

//go:noescape
func convRoundAVX512Tile8x1(a *convArgs)

//go:noescape
func convRoundAVX512Tile1x1(a *convArgs)

//go:noescape
func convRoundAVX512YTile8x1(a *convArgs)

//go:noescape
func convRoundAVX512YTile1x1(a *convArgs)

//go:noescape
func convRoundAVX2Tile8x1(a *convArgs)

//go:noescape
func convRoundAVX2Tile1x1(a *convArgs)

//go:noescape
func convRoundAVX2Tile4x2(a *convArgs)

//go:noescape
func convRoundAVX2Tile1x2(a *convArgs)

// quantize8AVX2 computes Rounding.bytesGeneric for n values, a multiple of 16.
//
//go:noescape
func quantize8AVX2(dst *uint8, x *float32, n int, r *Rounding)

// geluRoundAVX2 computes geluGeneric, the same bits, for n values, a multiple
// of 8.
//
//go:noescape
func geluRoundAVX2(dst, x *float32, n int)

// conv8OpArch holds the arguments that are the same for all runs.
type conv8OpArch struct{ args conv8Args }

func (c *Conv8Op) prepare() {
	s := &c.Shape
	c.args = conv8Args{xRow: s.RowStride, segStep: s.SegStep, segs: s.Segments, quads: s.quads(),
		panel: 4 * panel8 * s.Segments * s.quads(), out: s.Out, round: c.Round}
	if c.ReLU {
		c.args.relu = 1
	}
}

func (c *Conv8Op) run(y []float32, q, x []uint8, res []float32, rows int) {
	s := &c.Shape
	if level == levelGeneric || s.Segments*s.SegLen == 0 {
		c.runGeneric(y, q, x, res, rows)
		return
	}
	a := c.args
	wide := level == levelAVX512 && vnni
	for col := 0; col < s.Out; {
		a.x, a.w, a.start, a.scale, a.bias = &x[0], &c.W[col/panel8*a.panel], &c.Start[col], &c.Scale[col], &c.Bias[col]
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
		switch {
		case wide && left > panel8:
			cols := min(left, 2*panel8)
			a.mask = 1<<(cols-panel8) - 1
			a.vnni2(rows)
			col += cols
		case wide:
			a.mask = 1<<left - 1
			a.vnni1(rows)
			col += left
		case left >= panel8:
			part := a
			part.avx2(rows)
			col += panel8
		default:
			c.avx2Part(&a, left, rows)
			col += left
		}
	}
}

// take is that of convArgs.
func (a *conv8Args) take(rows *int, height, tiles int) bool {
	a.tiles = tiles
	*rows -= tiles * height
	return tiles > 0
}

func (a *conv8Args) vnni2(rows int) {
	if rows == 1 {
		a.tiles = 1
		conv8VNNITile1x2(a)
		return
	}
	if a.take(&rows, 12, tall(rows, 12, 8)) {
		conv8VNNITile12x2(a)
	}
	if a.take(&rows, 8, rows/8) {
		conv8VNNITile8x2(a)
	}
	if a.take(&rows, 4, rows/4) {
		conv8VNNITile4x2(a)
	}
	if a.take(&rows, 2, rows/2) {
		conv8VNNITile2x2(a)
	}
	if a.take(&rows, 1, rows) {
		conv8VNNITile1x2(a)
	}
}

func (a *conv8Args) vnni1(rows int) {
	if a.take(&rows, 12, tall(rows, 12, 8)) {
		conv8VNNITile12x1(a)
	}
	if a.take(&rows, 8, rows/8) {
		conv8VNNITile8x1(a)
	}
	if a.take(&rows, 4, rows/4) {
		conv8VNNITile4x1(a)
	}
	if a.take(&rows, 2, rows/2) {
		conv8VNNITile2x1(a)
	}
	if a.take(&rows, 1, rows) {
		conv8VNNITile1x1(a)
	}
}

func (a *conv8Args) avx2(rows int) {
	if a.take(&rows, 4, rows/4) {
		conv8AVX2Tile4x2(a)
	}
	if a.take(&rows, 2, rows/2) {
		conv8AVX2Tile2x2(a)
	}
	if a.take(&rows, 1, rows) {
		conv8AVX2Tile1x2(a)
	}
}

// avx2Part computes a last panel with fewer outputs than lanes: it goes through
// buffers that have room for whole vectors.
func (c *Conv8Op) avx2Part(a *conv8Args, left, rows int) {
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
		part.avx2(n)
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
			quantize8AVX2(&dst[0], &x[0], n, r)
		}
	}
	r.bytesGeneric(dst[n:], x[n:])
}

func geluRounded(dst, x []float32) {
	n := 0
	if level != levelGeneric {
		if n = len(dst) &^ 7; n > 0 {
			geluRoundAVX2(&dst[0], &x[0], n)
		}
	}
	geluGeneric(dst[n:], x[n:])
}

func (c *ConvOp) runRounded(y []float32, yStride int, x []float32, res []float32, resStride, rows int) {
	s := &c.shape
	size := s.Segments * s.SegLen
	// A panel with lanes that are no outputs needs masks.
	if level == levelGeneric || size == 0 || level == levelAVX2 && s.Out != Padded(s.Out) {
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
		cols := min(s.Out-col, panelWide)
		a.mask = 1<<cols - 1
		rest := rows
		switch narrow := cols <= panelNarrow; {
		case level == levelAVX512 && narrow:
			if a.take(&rest, 8, rest/8) {
				convRoundAVX512YTile8x1(&a)
			}
			if a.take(&rest, 1, rest) {
				convRoundAVX512YTile1x1(&a)
			}
		case level == levelAVX512:
			if a.take(&rest, 8, rest/8) {
				convRoundAVX512Tile8x1(&a)
			}
			if a.take(&rest, 1, rest) {
				convRoundAVX512Tile1x1(&a)
			}
		case narrow:
			if a.take(&rest, 8, rest/8) {
				convRoundAVX2Tile8x1(&a)
			}
			if a.take(&rest, 1, rest) {
				convRoundAVX2Tile1x1(&a)
			}
		default:
			if a.take(&rest, 4, rest/4) {
				convRoundAVX2Tile4x2(&a)
			}
			if a.take(&rest, 1, rest) {
				convRoundAVX2Tile1x2(&a)
			}
		}
	}
}

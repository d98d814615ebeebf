//go:build !purego

package kernel

import "golang.org/x/sys/cpu"

// vnni says that there is VPDPBUSD. An AVX-512 without it takes the kernels for
// AVX2, which give the same bits.
var vnni = cpu.X86.HasAVX512VNNI

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

// can8 says whether the tier in use has kernels for 8-bit convolutions.
func can8() bool { return level != levelGeneric }

// canRoundPart says whether those called Round take a part of a panel: masks do.
func canRoundPart() bool { return level == levelAVX512 }

// startOf returns what the sums start at.
func (c *Conv8Op) startOf() []int32 { return c.Start }

// conv8Panels computes the next outputs, up to 32 of the left ones, and returns
// how many; 0 where vectors would reach past the last output.
func conv8Panels(a *conv8Args, left, rows int) int {
	switch wide := level == levelAVX512 && vnni; {
	case wide && left > panel8:
		cols := min(left, 2*panel8)
		a.mask = 1<<(cols-panel8) - 1
		a.vnni2(rows)
		return cols
	case wide:
		a.mask = 1<<left - 1
		a.vnni1(rows)
		return left
	case left >= panel8:
		conv8Panel(a, rows)
		return panel8
	}
	return 0
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

// conv8Panel computes a panel, whole vectors.
func conv8Panel(a *conv8Args, rows int) {
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

// convRound computes the cols outputs of a panel.
func convRound(a *convArgs, cols, rows int) {
	a.mask = 1<<cols - 1
	switch narrow := cols <= panelNarrow; {
	case level == levelAVX512 && narrow:
		if a.take(&rows, 8, rows/8) {
			convRoundAVX512YTile8x1(a)
		}
		if a.take(&rows, 1, rows) {
			convRoundAVX512YTile1x1(a)
		}
	case level == levelAVX512:
		if a.take(&rows, 8, rows/8) {
			convRoundAVX512Tile8x1(a)
		}
		if a.take(&rows, 1, rows) {
			convRoundAVX512Tile1x1(a)
		}
	case narrow:
		if a.take(&rows, 8, rows/8) {
			convRoundAVX2Tile8x1(a)
		}
		if a.take(&rows, 1, rows) {
			convRoundAVX2Tile1x1(a)
		}
	default:
		if a.take(&rows, 4, rows/4) {
			convRoundAVX2Tile4x2(a)
		}
		if a.take(&rows, 1, rows) {
			convRoundAVX2Tile1x2(a)
		}
	}
}

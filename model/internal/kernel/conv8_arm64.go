//go:build !purego

package kernel

import "golang.org/x/sys/cpu"

// dotProduct says that there is SDOT. Without it 8-bit convolutions are plain
// Go.
var dotProduct = cpu.ARM64.HasASIMDDP

// Each computes tiles·H rows of a panel as runGeneric does, whole vectors.

//go:noescape
func conv8NEONTile4(a *conv8Args)

//go:noescape
func conv8NEONTile2(a *conv8Args)

//go:noescape
func conv8NEONTile1(a *conv8Args)

// The kernels called Round are those of conv_arm64.go without fused
// multiply-adds.

//go:noescape
func convRoundNEONTile4x4(a *convArgs)

//go:noescape
func convRoundNEONTile1x4(a *convArgs)

//go:noescape
func convRoundNEONTile4x2(a *convArgs)

//go:noescape
func convRoundNEONTile1x2(a *convArgs)

// can8 says whether the tier in use has kernels for 8-bit convolutions.
func can8() bool { return level != levelGeneric && dotProduct }

// canRoundPart says whether those called Round take a part of a panel.
func canRoundPart() bool { return false }

// startOf returns what the sums start at: the kernels take 128 from each byte.
func (c *Conv8Op) startOf() []int32 {
	start := append([]int32(nil), c.Start...)
	for i, w := range c.W[:PackedLen8(c.Shape)] {
		start[i/c.args.panel*panel8+i/4%panel8] += 128 * int32(w)
	}
	return start
}

// conv8Panels computes the next outputs and returns how many; 0 where vectors
// would reach past the last output.
func conv8Panels(a *conv8Args, left, rows int) int {
	if left < panel8 {
		return 0
	}
	conv8Panel(a, rows)
	return panel8
}

// conv8Panel computes a panel, whole vectors.
func conv8Panel(a *conv8Args, rows int) {
	if a.take(&rows, 4, rows/4) {
		conv8NEONTile4(a)
	}
	if a.take(&rows, 2, rows/2) {
		conv8NEONTile2(a)
	}
	if a.take(&rows, 1, rows) {
		conv8NEONTile1(a)
	}
}

// convRound computes a panel of cols outputs.
func convRound(a *convArgs, cols, rows int) {
	if cols <= panelNarrow {
		if a.take(&rows, 4, rows/4) {
			convRoundNEONTile4x2(a)
		}
		if a.take(&rows, 1, rows) {
			convRoundNEONTile1x2(a)
		}
		return
	}
	if a.take(&rows, 4, rows/4) {
		convRoundNEONTile4x4(a)
	}
	if a.take(&rows, 1, rows) {
		convRoundNEONTile1x4(a)
	}
}

//go:build (!amd64 && !arm64) || purego

package kernel

type conv8OpArch struct{}

func (c *Conv8Op) prepare() {}

func (c *Conv8Op) run(y []float32, q, x []uint8, res []float32, rows int) {
	c.runGeneric(y, q, x, res, rows)
}

func (c *ConvOp) runRounded(y []float32, yStride int, x []float32, res []float32, resStride, rows int) {
	convGeneric(y, yStride, x, c.shape, c.w, c.bias, c.relu, res, resStride, rows)
}

func (r *Rounding) bytes(dst []uint8, x []float32) { r.bytesGeneric(dst, x) }

func geluRounded(dst, x []float32) { geluGeneric(dst, x) }

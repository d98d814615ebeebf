//go:build (!amd64 && !arm64) || purego

package kernel

type convOpArch struct{}

func (c *ConvOp) prepare() {}

func (c *ConvOp) run(y []float32, yStride int, x []float32, res []float32, resStride, rows int) {
	conv(y, yStride, x, c.shape, c.w, c.bias, c.relu, res, resStride, rows)
}

func (c *ConvOp) runRows(r *Rows) { c.runRowsOneByOne(r) }

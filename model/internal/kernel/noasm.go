//go:build (!amd64 && !arm64) || purego

package kernel

func cpuTiers() []Tier { return nil }

func setTier(Tier) {}

func burn(int) int { return 0 }

func conv(y []float32, yStride int, x []float32, s Shape, w, bias []float32, relu bool, res []float32, resStride, rows int) {
	convGeneric(y, yStride, x, s, w, bias, relu, res, resStride, rows)
}

func outer(dw, x []float32, s Shape, dy []float32, dyStride, rows int) {
	outerGeneric(dw, x, s, dy, dyStride, rows)
}

func sumRows(dst, x []float32, rows int) { sumRowsGeneric(dst, x, rows) }

func relu(dst, x []float32) { reluGeneric(dst, x) }

func reluGrad(dx, dy, y []float32) { reluGradGeneric(dx, dy, y) }

func add(dst, a, b []float32) { addGeneric(dst, a, b) }

func mul(dst, a, b []float32) { mulGeneric(dst, a, b) }

func gelu(dst, x []float32) { geluGeneric(dst, x) }

func geluGrad(dst, grad, x []float32) { geluGradGeneric(dst, grad, x) }

func adam(p, g, m, v []float32, s *AdamStep) { adamGeneric(p, g, m, v, s) }

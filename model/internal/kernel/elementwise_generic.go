package kernel

// ReLU computes dst[i] = max(0, x[i]), never -0. dst may be x.
func ReLU(dst, x []float32) {
	x = x[:len(dst)]
	for i := range dst {
		dst[i] = relu1(x[i])
	}
}

// ReLUGrad computes dx[i] = dy[i] where y[i] > 0 and 0 elsewhere, y being the
// result of ReLU. dx may be dy.
func ReLUGrad(dx, dy, y []float32) {
	dy, y = dy[:len(dx)], y[:len(dx)]
	for i := range dx {
		var g float32
		if y[i] > 0 {
			g = dy[i]
		}
		dx[i] = g
	}
}

// Add computes dst[i] = a[i] + b[i]. dst may be a or b.
func Add(dst, a, b []float32) {
	a, b = a[:len(dst)], b[:len(dst)]
	for i := range dst {
		dst[i] = a[i] + b[i]
	}
}

// Mul computes dst[i] = a[i] · b[i]. dst may be a or b.
func Mul(dst, a, b []float32) {
	a, b = a[:len(dst)], b[:len(dst)]
	for i := range dst {
		dst[i] = a[i] * b[i]
	}
}

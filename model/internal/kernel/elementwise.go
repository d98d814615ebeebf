package kernel

// ReLU computes dst[i] = max(0, x[i]), never -0. dst may be x.
func ReLU(dst, x []float32) { relu(dst, x[:len(dst)]) }

// ReLUGrad computes dx[i] = dy[i] where y[i] > 0 and 0 elsewhere, y being the
// result of ReLU. dx may be dy.
func ReLUGrad(dx, dy, y []float32) { reluGrad(dx, dy[:len(dx)], y[:len(dx)]) }

// Add computes dst[i] = a[i] + b[i]. dst may be a or b.
func Add(dst, a, b []float32) { add(dst, a[:len(dst)], b[:len(dst)]) }

// Mul computes dst[i] = a[i] · b[i]. dst may be a or b.
func Mul(dst, a, b []float32) { mul(dst, a[:len(dst)], b[:len(dst)]) }

// GELU computes dst[i] = gelu(x[i]). dst may be x.
func GELU(dst, x []float32) { gelu(dst, x[:len(dst)]) }

// GELUGrad computes dst[i] = gelu(x[i]), the same bits as GELU, and
// grad[i] = gelu'(x[i]). dst may be x.
func GELUGrad(dst, grad, x []float32) { geluGrad(dst, grad[:len(dst)], x[:len(dst)]) }

//go:build (amd64 || arm64) && !purego

package kernel

// The kernels of elementwise_amd64.s (AVX2) and elementwise_arm64.s (NEON)
// compute what their generic twins say, for n values, a multiple of 8. Those of
// relu, reluGrad, add and mul give the same bits; gelu and geluGrad use fused
// multiply-adds.

//go:noescape
func reluSIMD(dst, x *float32, n int)

//go:noescape
func reluGradSIMD(dst, dy, y *float32, n int)

//go:noescape
func addSIMD(dst, p, q *float32, n int)

//go:noescape
func mulSIMD(dst, p, q *float32, n int)

//go:noescape
func geluSIMD(dst, x *float32, n int)

//go:noescape
func geluGradSIMD(dst, grad, x *float32, n int)

// adamSIMD computes adamGeneric, the same bits, for n values, a multiple of 4.
// c are β₁, 1-β₁, β₂, 1-β₂, keep, size, root and ε.
//
//go:noescape
func adamSIMD(p, dp, m, v *float32, n int, c *float64)

func relu(dst, x []float32) {
	n := 0
	if level != levelGeneric {
		if n = len(dst) &^ 7; n > 0 {
			reluSIMD(&dst[0], &x[0], n)
		}
	}
	reluGeneric(dst[n:], x[n:])
}

func reluGrad(dx, dy, y []float32) {
	n := 0
	if level != levelGeneric {
		if n = len(dx) &^ 7; n > 0 {
			reluGradSIMD(&dx[0], &dy[0], &y[0], n)
		}
	}
	reluGradGeneric(dx[n:], dy[n:], y[n:])
}

func add(dst, a, b []float32) {
	n := 0
	if level != levelGeneric {
		if n = len(dst) &^ 7; n > 0 {
			addSIMD(&dst[0], &a[0], &b[0], n)
		}
	}
	addGeneric(dst[n:], a[n:], b[n:])
}

func mul(dst, a, b []float32) {
	n := 0
	if level != levelGeneric {
		if n = len(dst) &^ 7; n > 0 {
			mulSIMD(&dst[0], &a[0], &b[0], n)
		}
	}
	mulGeneric(dst[n:], a[n:], b[n:])
}

// gelu takes the last values, fewer than a vector, through a buffer, so that a
// value does not depend on where it stands.
func gelu(dst, x []float32) {
	if level == levelGeneric {
		geluGeneric(dst, x)
		return
	}
	n := len(dst) &^ 7
	if n > 0 {
		geluSIMD(&dst[0], &x[0], n)
	}
	if n < len(dst) {
		var buf [8]float32
		copy(buf[:], x[n:])
		geluSIMD(&buf[0], &buf[0], 8)
		copy(dst[n:], buf[:])
	}
}

func geluGrad(dst, grad, x []float32) {
	if level == levelGeneric {
		geluGradGeneric(dst, grad, x)
		return
	}
	n := len(dst) &^ 7
	if n > 0 {
		geluGradSIMD(&dst[0], &grad[0], &x[0], n)
	}
	if n < len(dst) {
		var buf, g [8]float32
		copy(buf[:], x[n:])
		geluGradSIMD(&buf[0], &g[0], &buf[0], 8)
		copy(dst[n:], buf[:])
		copy(grad[n:], g[:])
	}
}

func adam(p, g, m, v []float32, s *AdamStep) {
	n := 0
	if level != levelGeneric {
		if n = len(p) &^ 3; n > 0 {
			c := [8]float64{s.Beta1, 1 - s.Beta1, s.Beta2, 1 - s.Beta2, s.Keep, s.Size, s.Root, s.Eps}
			adamSIMD(&p[0], &g[0], &m[0], &v[0], n, &c[0])
		}
	}
	adamGeneric(p[n:], g[n:], m[n:], v[n:], s)
}

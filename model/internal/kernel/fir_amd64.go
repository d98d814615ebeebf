//go:build !purego

package kernel

// The kernels of fir_amd64.s compute what their generic twins say, the same bits, for n
// values, a multiple of 4 for AVX2 and of 8 for AVX-512; k is at least 1.

//go:noescape
func firAVX2(dst, w, x *float64, n, k int)

//go:noescape
func firAVX512(dst, w, x *float64, n, k int)

//go:noescape
func firSpreadAVX2(sums, w *float64, n int, x float64)

//go:noescape
func firSpreadAVX512(sums, w *float64, n int, x float64)

//go:noescape
func firProductsAVX2(sums, w, x *float64, n int)

//go:noescape
func firProductsAVX512(sums, w, x *float64, n int)

// wide returns the largest multiple of a vector of doubles that is at most n.
func wide(n int) int {
	switch level {
	case levelAVX512:
		return n &^ 7
	case levelAVX2:
		return n &^ 3
	}
	return 0
}

func fir(dst, w, x []float64) {
	n := wide(len(dst))
	if len(w) == 0 {
		n = 0
	}
	if n > 0 && level == levelAVX512 {
		firAVX512(&dst[0], &w[0], &x[0], n, len(w))
	} else if n > 0 {
		firAVX2(&dst[0], &w[0], &x[0], n, len(w))
	}
	firGeneric(dst[n:], w, x[n:])
}

func spread(sums, w []float64, x float64) {
	n := wide(len(sums))
	if n > 0 && level == levelAVX512 {
		firSpreadAVX512(&sums[0], &w[0], n, x)
	} else if n > 0 {
		firSpreadAVX2(&sums[0], &w[0], n, x)
	}
	spreadGeneric(sums[n:], w[n:], x)
}

func addProducts(sums, w, x []float64) {
	n := wide(len(sums))
	if n > 0 && level == levelAVX512 {
		firProductsAVX512(&sums[0], &w[0], &x[0], n)
	} else if n > 0 {
		firProductsAVX2(&sums[0], &w[0], &x[0], n)
	}
	addProductsGeneric(sums[n:], w[n:], x[n:])
}

//go:build !purego

package kernel

// The kernels of alike_amd64.s (AVX2) compute what their generic twins say, the same
// bits, for n values, a multiple of 8.

//go:noescape
func exchangeSIMD(d, a, b *float32, n int, x, y float32)

//go:noescape
func weighSIMD(sums, d, y *float32, n int, base, scale float32)

func exchange(d, a, b []float32, x, y float32) {
	n := 0
	if level != levelGeneric {
		if n = len(d) &^ 7; n > 0 {
			exchangeSIMD(&d[0], &a[0], &b[0], n, x, y)
		}
	}
	exchangeGeneric(d[n:], a[n:], b[n:], x, y)
}

func weigh(lanes *[4][8]float32, d, y []float32, base, scale float32) {
	n := 0
	if level != levelGeneric {
		if n = len(d) &^ 7; n > 0 {
			weighSIMD(&lanes[0][0], &d[0], &y[0], n, base, scale)
		}
	}
	weighGeneric(lanes, d[n:], y[n:], base, scale)
}

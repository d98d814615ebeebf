//go:build !purego

package kernel

import "math"

// The kernels of alike_amd64.s (AVX2) compute what their generic twins say, the same
// bits, for n values, a multiple of 8.

//go:noescape
func exchangeSIMD(d, a, b *float32, n int, x, y float32)

//go:noescape
func weighSIMD(sums, d, y *float32, n int, base, scale float32)

// exchangeWeighArgs are the arguments of the kernels that do both; n is a multiple of 8
// for AVX2, of 16 for AVX-512.
type exchangeWeighArgs struct {
	sums        *[4][8]float32
	d, y        *float32
	n           int
	a, b        [3]*float32
	x, z        [3]float32 // z: the Y of a swap
	base, scale float32
	negligible  float32 // see there
}

//go:noescape
func exchangeWeighAVX2(a *exchangeWeighArgs)

//go:noescape
func exchangeWeighAVX512(a *exchangeWeighArgs)

// The kernels of Distances take n sums, a multiple of 8 for AVX2 and of 16 for AVX-512, and m
// values, at least one.

//go:noescape
func distancesAVX2(d, a, x *float32, n, m int)

//go:noescape
func distancesAVX512(d, a, x *float32, n, m int)

func distances(d, a, x []float32) {
	n := 0
	switch level {
	case levelAVX512:
		if n = len(d) &^ 15; n > 0 {
			distancesAVX512(&d[0], &a[0], &x[0], n, len(x))
		}
	case levelAVX2:
		if n = len(d) &^ 7; n > 0 {
			distancesAVX2(&d[0], &a[0], &x[0], n, len(x))
		}
	}
	distancesGeneric(d[n:], a[n:], x)
}

// negligible returns what d must be above to be of no weight for certain: 1/scale beyond
// base, and by more than rounding can make of it on the way.
func negligible(base, scale float32) float32 {
	if !(scale > 0) {
		return float32(math.Inf(1))
	}
	return float32(float64(base) + 1.001/float64(scale))
}

// exchangeWeigh returns how many values it has seen to.
func exchangeWeigh(lanes *[4][8]float32, d []float32, swaps *[3]Swap, y []float32, base, scale float32) int {
	n := len(d) &^ 7
	if level == levelAVX512 {
		n = len(d) &^ 15
	}
	if level == levelGeneric || n == 0 {
		return 0
	}
	a := exchangeWeighArgs{sums: lanes, d: &d[0], y: &y[:len(d)][0], n: n, base: base, scale: scale, negligible: negligible(base, scale)}
	for k := range swaps {
		s := &swaps[k]
		a.a[k], a.b[k], a.x[k], a.z[k] = &s.A[:len(d)][0], &s.B[:len(d)][0], s.X, s.Y
	}
	if level == levelAVX512 {
		exchangeWeighAVX512(&a)
	} else {
		exchangeWeighAVX2(&a)
	}
	return n
}

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

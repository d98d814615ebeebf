package kernel

// FIR sets dst[i] to the sum of w[k]·x[i+k] over all k, in the order of k, each operation
// rounded: the same bits in every tier. x is at least len(dst)+len(w)-1 long; dst
// must not overlap it.
func FIR(dst, w, x []float64) {
	if len(dst) == 0 {
		return
	}
	fir(dst, w, x[:len(dst)+len(w)-1])
}

func firGeneric(dst, w, x []float64) {
	for i := range dst {
		sum := 0.0
		for k, v := range x[i : i+len(w)] {
			sum += float64(w[k] * v)
		}
		dst[i] = sum
	}
}

// Spread adds w[i]·x to sums[i], each operation rounded: the same bits in every tier. w is
// at least as long as sums.
func Spread(sums, w []float64, x float64) { spread(sums, w[:len(sums)], x) }

func spreadGeneric(sums, w []float64, x float64) {
	w = w[:len(sums)]
	for i := range sums {
		sums[i] += float64(w[i] * x)
	}
}

// AddProducts adds w[i]·x[i] to sums[i], each operation rounded: the same bits in every tier.
// w and x are at least as long as sums.
func AddProducts(sums, w, x []float64) { addProducts(sums, w[:len(sums)], x[:len(sums)]) }

func addProductsGeneric(sums, w, x []float64) {
	w, x = w[:len(sums)], x[:len(sums)]
	for i := range sums {
		sums[i] += float64(w[i] * x[i])
	}
}

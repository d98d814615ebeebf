//go:build !amd64 || purego

package kernel

func fir(dst, w, x []float64) { firGeneric(dst, w, x) }

func spread(sums, w []float64, x float64) { spreadGeneric(sums, w, x) }

func addProducts(sums, w, x []float64) { addProductsGeneric(sums, w, x) }

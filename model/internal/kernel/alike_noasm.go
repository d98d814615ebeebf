//go:build !amd64 || purego

package kernel

func exchange(d, a, b []float32, x, y float32) { exchangeGeneric(d, a, b, x, y) }

func weigh(lanes *[4][8]float32, d, y []float32, base, scale float32) {
	weighGeneric(lanes, d, y, base, scale)
}

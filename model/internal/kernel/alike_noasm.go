//go:build !amd64 || purego

package kernel

func exchange(d, a, b []float32, x, y float32) { exchangeGeneric(d, a, b, x, y) }

func weigh(lanes *[4][8]float32, d, y []float32, base, scale float32) {
	weighGeneric(lanes, d, y, base, scale)
}

func exchangeWeigh(*[4][8]float32, []float32, *[3]Swap, []float32, float32, float32) int { return 0 }

func distances(d, a, x []float32) { distancesGeneric(d, a, x) }

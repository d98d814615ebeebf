package kernel

// Exchange computes d[i] += (x-a[i])² - (y-b[i])², each operation rounded: the same
// bits in every tier. a and b are at least as long as d.
func Exchange(d, a, b []float32, x, y float32) { exchange(d, a[:len(d)], b[:len(d)], x, y) }

func exchangeGeneric(d, a, b []float32, x, y float32) {
	a, b = a[:len(d)], b[:len(d)]
	for i := range d {
		p, q := x-a[i], y-b[i]
		d[i] += float32(p*p) - float32(q*q)
	}
}

// Weighed are sums over the weights w of Weigh.
type Weighed struct{ W, W2, WY, WU float32 }

// Weigh sums up w = max(0, 1-u)⁴ of u = max(0, (d-base)·scale), w², w·y and w·u over
// all d and y of one index. Value i is summed in lane i mod 8, and the lanes at the end: the
// same bits in every tier. y is at least as long as d, and all is finite.
func Weigh(d, y []float32, base, scale float32) Weighed {
	var lanes [4][8]float32
	weigh(&lanes, d, y[:len(d)], base, scale)
	var sums [4]float32
	for k, l := range lanes {
		sums[k] = ((l[0] + l[1]) + (l[2] + l[3])) + ((l[4] + l[5]) + (l[6] + l[7]))
	}
	return Weighed{sums[0], sums[1], sums[2], sums[3]}
}

func weighGeneric(lanes *[4][8]float32, d, y []float32, base, scale float32) {
	y = y[:len(d)]
	for i, v := range d {
		u := (v - base) * scale
		if !(u > 0) {
			u = 0
		}
		w := 1 - u
		if !(w > 0) {
			continue // adds nothing
		}
		w *= w
		w *= w
		k := i & 7
		lanes[0][k] += w
		lanes[1][k] += float32(w * w)
		lanes[2][k] += float32(w * y[i])
		lanes[3][k] += float32(w * u)
	}
}

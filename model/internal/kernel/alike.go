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

// Distances adds (x[k]-a[i+k])² to d[i] for all k, from the last to the first, each
// operation rounded: the same bits in every tier. a is at least len(d)+len(x)-1 long.
func Distances(d, a, x []float32) {
	if len(d) > 0 && len(x) > 0 {
		distances(d, a[:len(d)+len(x)-1], x)
	}
}

func distancesGeneric(d, a, x []float32) {
	for k := len(x) - 1; k >= 0; k-- {
		then := a[k : k+len(d)]
		for i, v := range then {
			e := x[k] - v
			d[i] += float32(e * e)
		}
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
	return weighed(&lanes)
}

// Swap is one term that ExchangeWeigh puts in the place of another: (X-A[i])² for (Y-B[i])².
type Swap struct {
	A, B []float32
	X, Y float32
}

// ExchangeWeigh is Exchange by each of the swaps in turn, and then Weigh: the same bits,
// in one pass. The slices are at least as long as d.
func ExchangeWeigh(d []float32, swaps *[3]Swap, y []float32, base, scale float32) Weighed {
	var lanes [4][8]float32
	n := exchangeWeigh(&lanes, d, swaps, y, base, scale)
	for k := range swaps {
		s := &swaps[k]
		exchangeGeneric(d[n:], s.A[n:], s.B[n:], s.X, s.Y)
	}
	weighGeneric(&lanes, d[n:], y[n:], base, scale)
	return weighed(&lanes)
}

func weighed(lanes *[4][8]float32) Weighed {
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

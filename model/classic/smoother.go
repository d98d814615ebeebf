package classic

// smooth minimises Σ w·(y-x)² + λ·Σ (Δ^d x)², with d = 2 for a trend and else
// 1, and w = 0 at missing samples. The normal equations are symmetric with two
// bands; they are factored as L·D·L' from the first value on, in O(n).
//
// The first value is taken off before and put back after: the condition number
// grows with λ, and would else eat digits of a signal far from zero.
func smooth(dst, y []float64, lambda float64, trend bool) {
	lead, values := 0, 0
	for _, v := range y {
		if finite(v) {
			values++
		} else if values == 0 {
			lead++
		}
	}
	if values == 0 {
		noValue(dst)
		return
	}
	origin := y[lead]
	m := len(y) - lead
	if trend && values == 1 { // the slope stays unknown
		trend = false
	}
	// a0 is the diagonal, a1 and a2 the bands; each becomes D and the columns of L.
	a0, a1, a2, b := make([]float64, m), make([]float64, m), make([]float64, m), make([]float64, m)
	for i := range m {
		if v := y[lead+i]; finite(v) {
			a0[i], b[i] = 1, v-origin
		}
	}
	if trend {
		for i := 0; i+2 < m; i++ { // rows 1, -2, 1 of Δ²
			a0[i] += lambda
			a0[i+1] += 4 * lambda
			a0[i+2] += lambda
			a1[i] -= 2 * lambda
			a1[i+1] -= 2 * lambda
			a2[i] += lambda
		}
	} else {
		for i := 0; i+1 < m; i++ {
			a0[i] += lambda
			a0[i+1] += lambda
			a1[i] -= lambda
		}
	}
	for i := range m {
		d := a0[i]
		if d <= 0 { // no value and no neighbour that ties it: can't happen but by rounding
			d = 1
		}
		if i+1 < m {
			l := a1[i] / d
			a0[i+1] -= l * a1[i]
			b[i+1] -= l * b[i]
			if i+2 < m {
				a1[i+1] -= l * a2[i]
				k := a2[i] / d
				a0[i+2] -= k * a2[i]
				b[i+2] -= k * b[i]
				a2[i] = k
			}
			a1[i] = l
		}
		b[i] /= d
	}
	for i := m - 1; i >= 0; i-- {
		if i+1 < m {
			b[i] -= a1[i] * b[i+1]
		}
		if i+2 < m {
			b[i] -= a2[i] * b[i+2]
		}
	}
	noValue(dst[:lead])
	for i, v := range b {
		dst[lead+i] = origin + v
	}
}

package classic

// smooth minimises Σ w·(y-x)² + λ·Σ (Δ^d x)², with d = 2 for a trend and else
// 1, and w = 0 at missing samples, in O(n).
//
// The first value is taken off before and put back after: the condition number
// grows with λ, and would else eat digits of a signal far from zero.
func smooth(dst, y []float64, lambda float64, trend bool) {
	f, lead := factor(y, lambda, trend)
	noValue(dst[:lead])
	if lead == len(y) {
		return
	}
	origin := y[lead]
	b := make([]float64, len(y)-lead)
	for i := range b {
		if v := y[lead+i]; finite(v) {
			b[i] = v - origin
		}
	}
	f.solve(b)
	for i, v := range b {
		dst[lead+i] = origin + v
	}
}

// banded is a symmetric matrix with two bands, factored as L·D·L'.
type banded struct {
	d      []float64
	l1, l2 []float64 // below the unit diagonal of L: L[i+1,i], L[i+2,i]
}

// factor factors the matrix of the normal equations of smooth, from the first
// value of y on, which is at lead.
func factor(y []float64, lambda float64, trend bool) (f banded, lead int) {
	values := 0
	for _, v := range y {
		if finite(v) {
			values++
		} else if values == 0 {
			lead++
		}
	}
	m := len(y) - lead
	if values == 1 { // the slope stays unknown
		trend = false
	}
	a0, a1, a2 := make([]float64, m), make([]float64, m), make([]float64, m)
	for i := range m {
		if finite(y[lead+i]) {
			a0[i] = 1
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
		if a0[i] <= 0 { // no value and no neighbour that ties it: can't happen but by rounding
			a0[i] = 1
		}
		if i+1 < m {
			l := a1[i] / a0[i]
			a0[i+1] -= l * a1[i]
			if i+2 < m {
				a1[i+1] -= l * a2[i]
				k := a2[i] / a0[i]
				a0[i+2] -= k * a2[i]
				a2[i] = k
			}
			a1[i] = l
		}
	}
	return banded{a0, a1, a2}, lead
}

// solve replaces the right side b by the solution.
func (f *banded) solve(b []float64) {
	m := len(b)
	for i, v := range b {
		if i+1 < m {
			b[i+1] -= f.l1[i] * v
		}
		if i+2 < m {
			b[i+2] -= f.l2[i] * v
		}
	}
	for i := m - 1; i >= 0; i-- {
		b[i] /= f.d[i]
		if i+1 < m {
			b[i] -= f.l1[i] * b[i+1]
		}
		if i+2 < m {
			b[i] -= f.l2[i] * b[i+2]
		}
	}
}

// inverseDiagonal sets z to the diagonal of the inverse, by the recursion of
// Takahashi, Fagan and Chen 1973 from the last row up:
//
//	Z = D⁻¹·L⁻¹ + (I - L')·Z
func (f *banded) inverseDiagonal(z []float64) {
	// The diagonal and the bands beside it of the two rows below.
	var d1, d2, e1 float64 // Z[i+1,i+1], Z[i+2,i+2], Z[i+1,i+2]
	m := len(z)
	for i := m - 1; i >= 0; i-- {
		var l1, l2 float64
		if i+1 < m {
			l1 = f.l1[i]
		}
		if i+2 < m {
			l2 = f.l2[i]
		}
		far := -l1*e1 - l2*d2
		near := -l1*d1 - l2*e1
		z[i] = 1/f.d[i] - l1*near - l2*far
		d1, d2, e1 = z[i], d1, near
	}
}

package classic

import "github.com/quell-stream/quell/model/internal/kernel"

// Over returns what f, as new, makes of the samples x[from:from+n] where it is given all
// of x: bit for bit the values of Push and Finish, at a fraction of their cost for the
// families whose estimates need little of what was before. The values lie in scratch,
// which Over grows where it is too short and which must not overlap x: they stay valid
// until it is used again. f is as new afterwards.
func Over(scratch []float64, f Filter, x []float64, from, n int) []float64 {
	scratch = grown(scratch, 2*len(x))
	if s, ok := f.(*stream); ok && s.pushed == 0 && whole(x) && from+n+s.ahead <= len(x) {
		if b, ok := s.core.(overer); ok && b.over(scratch, x, from, n) {
			return scratch[:n]
		}
	}
	out := scratch[:0]
	for _, v := range x {
		if y, ok := f.Push(v); ok {
			out = append(out, y)
		}
	}
	return f.Finish(out)[from : from+n]
}

// MedianOver is Over of a median, as new, that says besides which values of each window lie
// next to it: below[i] is the largest that is less than mid[i], -Inf where none is, and
// above[i] the smallest that is more, +Inf likewise. They lie in scratch too. ok is false, and
// nothing is done, where f is another filter, a sample of x is missing, or a window
// reaches beyond x.
func MedianOver(scratch []float64, f Filter, x []float64, from, n int) (mid, below, above []float64, ok bool) {
	s, ok := f.(*stream)
	if !ok {
		return nil, nil, nil, false
	}
	m, ok := s.core.(*median)
	if !ok || s.pushed != 0 || !whole(x) || from+n+m.ahead > len(x) || from+m.ahead < m.w-1 {
		return nil, nil, nil, false
	}
	scratch = grown(scratch, max(3*n, 2*len(x)))
	mid, below, above = scratch[:n], scratch[n:2*n], scratch[2*n:3*n]
	first := m.open(x, from)
	for i, v := range x[first : first+n] {
		mid[i] = m.win.push(v)
		below[i], above[i] = m.win.beside()
	}
	return mid, below, above, true
}

// overer is a core that can do a stretch at once.
type overer interface {
	// over sets dst[:n] to the estimates of x[from:from+n], whose look-ahead x holds; all
	// of x is finite, and dst, twice as long, is free to work in. It returns false where it
	// would take more than x holds. The core is new, and stays so.
	over(dst, x []float64, from, n int) bool
}

// whole says that no sample is missing.
func whole(x []float64) bool {
	for _, v := range x {
		if !finite(v) {
			return false
		}
	}
	return true
}

func (identity) over(dst, x []float64, from, n int) bool {
	copy(dst, x[from:from+n])
	return true
}

// over begins with the last block of the window that is closed before the first estimate.
func (a *average) over(dst, x []float64, from, n int) bool {
	first := from + a.ahead
	start := (first/a.w - 1) * a.w
	if start < 0 {
		return false
	}
	a.buf = grown(a.buf, a.w)
	a.n, a.pos, a.sum = 1, 0, 0
	for _, v := range x[start : first+n] {
		y, _ := a.push(v)
		if start >= first {
			dst[start-first] = y
		}
		start++
	}
	a.reset()
	return true
}

// over begins so early that the window is full at the first estimate.
func (m *median) over(dst, x []float64, from, n int) bool {
	if from+m.ahead < m.w-1 {
		return false
	}
	first := m.open(x, from)
	for i, v := range x[first : first+n] {
		dst[i] = m.win.push(v)
	}
	return true
}

// open fills the window but for the sample that completes that of the estimate at from,
// which it returns the place of.
func (m *median) open(x []float64, from int) (first int) {
	first = from + m.ahead
	m.win.start(m.w, x[first-m.w+1])
	for _, v := range x[first-m.w+1 : first] {
		m.win.push(v)
	}
	return first
}

func (e *ema) over(dst, x []float64, from, n int) bool {
	y, w := x[0], e.alpha
	for _, v := range x[1:max(1, from)] {
		y = float64(w*v) + float64((1-w)*y)
	}
	for i, v := range x[from : from+n] {
		if from+i > 0 {
			y = float64(w*v) + float64((1-w)*y)
		}
		dst[i] = y
	}
	return true
}

// over takes all samples through one section after the other.
func (b *butter) over(dst, x []float64, from, n int) bool {
	first := from + b.ahead
	y := dst[:first+n]
	copy(y, x)
	for i := range b.sections {
		s := &b.sections[i]
		s.steady(x[0])
		b0, b1, b2, a1, a2, z1, z2 := s.b0, s.b1, s.b2, s.a1, s.a2, s.z1, s.z2
		for t, v := range y {
			w := float64(b0*v) + z1
			z1 = float64(b1*v) - float64(a1*w) + z2
			z2 = float64(b2*v) - float64(a2*w)
			y[t] = w
		}
	}
	copy(dst, y[first:])
	b.reset()
	return true
}

// over begins so early that the window is full at the first estimate.
func (s *savGol) over(dst, x []float64, from, n int) bool {
	first := from + s.ahead
	if first < s.w-1 {
		return false
	}
	kernel.FIR(dst[:n], s.weights, x[first-s.w+1:first+n])
	return true
}

func (w *wiener) over(dst, x []float64, from, n int) bool {
	first, taps := from+w.ahead, len(w.weights)
	if first < taps-1 || first < wienerEdge {
		return false
	}
	d := dst[n:][:n+taps-1]
	for i, v := range x[first-taps+1 : first+n] {
		d[i] = v - w.mean
	}
	kernel.FIR(dst[:n], w.weights, d)
	for i := range n {
		dst[i] = w.mean + dst[i]
	}
	return true
}

package classic

import "github.com/quell-stream/quell/internal/wire"

// SavitzkyGolay writes to dst the value at each sample of the polynomial of
// degree p.Order that fits the p.Window samples around it best (Savitzky and
// Golay 1964). dst may alias y.
//
// The window covers y[t+L-w+1 … t+L] with L = p.Latency(). At the end, and with
// Lookahead Full at the start too, the polynomial fitted to the outermost
// window is evaluated. With a limited look-ahead the start may not see a whole
// window: the fit is to the samples up to t+L, of a degree that they allow. A
// recording shorter than the window is fitted as a whole.
func SavitzkyGolay(dst, y []float64, p Params) {
	checkLengths(dst, y)
	p.Family = SavitzkyGolayName
	if p.Lookahead != Full || len(y) == 0 {
		runStream(dst, y, p, SavitzkyGolayName)
		return
	}
	z, lead := fill(y[:min(len(y), headLength(y, p.Window))])
	runStream(dst, y, p, SavitzkyGolayName)
	if len(z) == 0 {
		return
	}
	weights := make([]float64, len(z))
	for i := range min(len(z), p.Latency()) {
		polyWeights(weights, min(p.Order, len(z)-1), i)
		dst[lead+i] = dot(weights, z)
	}
}

// headLength returns the index just after the first w samples from the first
// value of y on.
func headLength(y []float64, w int) int {
	lead := 0
	for lead < len(y) && !finite(y[lead]) {
		lead++
	}
	return min(len(y), lead+w)
}

// polyWeights sets w to the weights of the samples x = 0 … len(w)-1 in the
// value at x = at of the least-squares polynomial of the given degree:
//
//	w[i] = Σ_k P_k(at)·P_k(i) / ‖P_k‖²
//
// with the monic discrete Legendre (Gram) polynomials about the centre,
// P_{k+1} = x·P_k - b_k·P_{k-1}, b_k = k²(m²-k²) / (4(4k²-1)) (Gorry 1990).
// The recurrence keeps all digits where normal equations lose them.
func polyWeights(w []float64, degree, at int) {
	for i := range w {
		w[i] = polyWeight(len(w), degree, at, i)
	}
}

// polyWeight returns weight i of polyWeights for n samples.
func polyWeight(n, degree, at, i int) float64 {
	m := float64(n)
	centre := (m - 1) / 2
	xa, x := float64(at)-centre, float64(i)-centre
	norm := m
	pa, p := 1.0, 1.0 // P_k at `at` and at i
	var qa, q float64 // P_{k-1}
	sum := 1 / m
	for k := 1; k <= degree; k++ {
		kk := float64(k) * float64(k)
		b := 0.0
		if j := float64(k-1) * float64(k-1); k > 1 {
			b = j * (m*m - j) / (4 * (4*j - 1))
		}
		pa, qa = xa*pa-b*qa, pa
		p, q = x*p-b*q, p
		norm *= kk * (m*m - kk) / (4 * (4*kk - 1))
		sum += pa * p / norm
	}
	return sum
}

// dot sums up the products as kernel.FIR does, each rounded.
func dot(a, b []float64) float64 {
	s := 0.0
	for i, x := range a {
		s += float64(x * b[i])
	}
	return s
}

// savGol is the streaming form. It keeps the last w samples twice over, so that
// they always lie side by side.
type savGol struct {
	w, order, ahead int
	weights         []float64 // of a full window
	scratch         []float64
	buf             []float64 // up to 2w samples; the last min(n,w) count
	n               int64
}

func newSavGol(w, order, ahead int) *savGol {
	s := &savGol{w: w, order: order, ahead: ahead, weights: make([]float64, w)}
	polyWeights(s.weights, order, w-1-ahead)
	return s
}

// window returns the samples that count, oldest first.
func (s *savGol) window() []float64 {
	return s.buf[max(0, len(s.buf)-s.w):]
}

func (s *savGol) push(x float64) (float64, bool) {
	if s.buf == nil {
		s.buf = make([]float64, 0, 2*s.w)
	}
	if len(s.buf) == 2*s.w {
		s.buf = s.buf[:copy(s.buf, s.buf[s.w+1:])]
	}
	s.buf = append(s.buf, x)
	s.n++
	if s.n <= int64(s.ahead) {
		return 0, false
	}
	win := s.window()
	if len(win) == s.w {
		return dot(s.weights, win), true
	}
	return s.fit(win, len(win)-1-s.ahead), true
}

// fit evaluates at index `at` the polynomial fitted to a window of any length.
func (s *savGol) fit(win []float64, at int) float64 {
	s.scratch = grown(s.scratch, len(win))
	polyWeights(s.scratch, min(s.order, len(win)-1), at)
	return dot(s.scratch, win)
}

func (s *savGol) finish(dst []float64) []float64 {
	win := s.window()
	for at := max(0, len(win)-s.ahead); at < len(win); at++ {
		dst = append(dst, s.fit(win, at))
	}
	return dst
}

func (s *savGol) reset() { s.n, s.buf = 0, s.buf[:0] }

func (s *savGol) appendState(dst []byte) []byte {
	return wire.F64s(wire.I64(dst, s.n), s.window())
}

func (s *savGol) restore(r *wire.Reader) {
	s.n = r.I64()
	win := r.F64s(nil)
	if r.Err() == nil && (s.n < 0 || int64(len(win)) != min(s.n, int64(s.w))) {
		r.Fail(errOtherFilter)
	}
	if r.Err() == nil {
		s.buf = append(make([]float64, 0, 2*s.w), win...)
	}
}

package classic

import (
	"math"
	"slices"

	"github.com/quell-stream/quell/internal/wire"
)

// madScale makes the median absolute deviation of a normal variable its
// standard deviation: 1/Φ⁻¹(3/4), to the four digits of the literature.
const madScale = 1.4826

// Median writes the median of the p.Window samples around each sample of y to
// dst, which may alias y. The window lies as in MovingAverage; of an even
// window the upper middle value is taken. Beyond its ends y continues with its
// first and its last value.
func Median(dst, y []float64, p Params) { runStream(dst, y, p, MedianName) }

// Hampel replaces samples that lie far from the median around them and keeps
// all others. dst may alias y.
//
//	m[t] = median(y around t),  s[t] = 1.4826 · median(|y-m| around t)
//	dst[t] = m[t] if |y[t]-m[t]| > p.Threshold·s[t], else y[t]
//
// Each sample of |y-m| has its own median (Hampel 1974; Pearson et al. 2016
// hold m fixed over the window instead): at a ramp the deviations then stay
// small. Windows and edges are those of Median; of a limited look-ahead the
// median takes the greater half, the deviations the rest.
func Hampel(dst, y []float64, p Params) { runStream(dst, y, p, HampelName) }

// sliding keeps the last w values in order of arrival and of size.
type sliding struct {
	ring   []float64
	pos    int
	sorted []float64
}

// start fills the window with x.
func (s *sliding) start(w int, x float64) {
	x += 0 // see push
	s.ring, s.sorted, s.pos = grown(s.ring, w), grown(s.sorted, w), 0
	for i := range s.ring {
		s.ring[i], s.sorted[i] = x, x
	}
}

// push exchanges the oldest value for x and returns the median.
func (s *sliding) push(x float64) float64 {
	x += 0 // -0 becomes 0: the order of the two would depend on the past
	old := s.ring[s.pos]
	s.ring[s.pos] = x
	if s.pos++; s.pos == len(s.ring) {
		s.pos = 0
	}
	v, i := s.sorted, 0
	for i < len(v)-1 && v[i] < old {
		i++
	}
	for ; i < len(v)-1 && v[i+1] < x; i++ {
		v[i] = v[i+1]
	}
	for ; i > 0 && v[i-1] > x; i-- {
		v[i] = v[i-1]
	}
	v[i] = x
	return v[len(v)/2]
}

// beside returns the values of the window next to the median, -Inf and +Inf where there is
// none that is less, or more.
func (s *sliding) beside() (below, above float64) {
	mid := len(s.sorted) / 2
	x := s.sorted[mid]
	below, above = math.Inf(-1), math.Inf(1)
	for i := mid - 1; i >= 0; i-- {
		if s.sorted[i] < x {
			below = s.sorted[i]
			break
		}
	}
	for _, v := range s.sorted[mid+1:] {
		if v > x {
			above = v
			break
		}
	}
	return below, above
}

func (s *sliding) appendState(dst []byte) []byte {
	return wire.F64s(wire.I64(dst, int64(s.pos)), s.ring)
}

func (s *sliding) restore(r *wire.Reader, w int) {
	s.pos = r.Int()
	s.ring = r.F64s(s.ring)
	if len(s.ring) != w || s.pos < 0 || s.pos >= w || slices.ContainsFunc(s.ring, func(x float64) bool { return !finite(x) }) {
		r.Fail(errOtherFilter)
		return
	}
	s.sorted = append(s.sorted[:0], s.ring...)
	slices.Sort(s.sorted)
}

// median is the running median.
type median struct {
	w, ahead int
	n        int64
	last     float64
	win      sliding
}

func newMedian(w, ahead int) *median { return &median{w: w, ahead: ahead} }

func (m *median) push(x float64) (float64, bool) {
	if m.n == 0 {
		m.win.start(m.w, x)
	}
	m.n++
	m.last = x
	return m.win.push(x), m.n > int64(m.ahead)
}

func (m *median) finish(dst []float64) []float64 {
	for range m.ahead {
		if y, ok := m.push(m.last); ok {
			dst = append(dst, y)
		}
	}
	return dst
}

func (m *median) reset() { m.n, m.last = 0, 0 }

func (m *median) appendState(dst []byte) []byte {
	dst = wire.F64(wire.I64(dst, m.n), m.last)
	if m.n == 0 {
		return dst
	}
	return m.win.appendState(dst)
}

func (m *median) restore(r *wire.Reader) {
	if m.n, m.last = r.I64(), r.F64(); m.n == 0 || r.Err() != nil {
		return
	}
	m.win.restore(r, m.w)
	if m.n < 0 {
		r.Fail(errOtherFilter)
	}
}

// hampel is a median of the samples followed by a median of the deviations.
type hampel struct {
	threshold float64
	first     *median   // of y
	second    *median   // of |y-m|
	y         []float64 // ring of the samples since the one that is due
	m         []float64 // ring of the medians likewise
	pushed    int64
	medians   int64
}

func newHampel(w, ahead int, threshold float64) *hampel {
	a1 := min((w-1)/2, (ahead+1)/2)
	h := &hampel{threshold: threshold, first: newMedian(w, a1), second: newMedian(w, ahead-a1)}
	h.y, h.m = make([]float64, ahead+1), make([]float64, h.second.ahead+1)
	return h
}

func (h *hampel) push(x float64) (float64, bool) {
	h.y[h.pushed%int64(len(h.y))] = x
	h.pushed++
	m, ok := h.first.push(x)
	if !ok {
		return 0, false
	}
	return h.deviate(m)
}

// deviate takes the median of the next sample.
func (h *hampel) deviate(m float64) (float64, bool) {
	d := h.y[h.medians%int64(len(h.y))] - m
	h.m[h.medians%int64(len(h.m))] = m
	h.medians++
	s, ok := h.second.push(max(d, -d))
	if !ok {
		return 0, false
	}
	return h.decide(h.medians-1-int64(h.second.ahead), s), true
}

func (h *hampel) decide(t int64, s float64) float64 {
	y, m := h.y[t%int64(len(h.y))], h.m[t%int64(len(h.m))]
	if max(y-m, m-y) > h.threshold*madScale*s {
		return m
	}
	return y
}

func (h *hampel) finish(dst []float64) []float64 {
	for _, m := range h.first.finish(make([]float64, 0, h.first.ahead)) {
		if v, ok := h.deviate(m); ok {
			dst = append(dst, v)
		}
	}
	t := max(0, h.medians-int64(h.second.ahead))
	for _, s := range h.second.finish(make([]float64, 0, h.second.ahead)) {
		dst = append(dst, h.decide(t, s))
		t++
	}
	return dst
}

func (h *hampel) reset() {
	h.first.reset()
	h.second.reset()
	h.pushed, h.medians = 0, 0
	clear(h.y) // a snapshot holds nothing of an earlier series
	clear(h.m)
}

func (h *hampel) appendState(dst []byte) []byte {
	dst = h.second.appendState(h.first.appendState(dst))
	dst = wire.I64(wire.I64(dst, h.pushed), h.medians)
	return wire.F64s(wire.F64s(dst, h.y), h.m)
}

func (h *hampel) restore(r *wire.Reader) {
	ny, nm := len(h.y), len(h.m)
	h.first.restore(r)
	h.second.restore(r)
	h.pushed, h.medians = r.I64(), r.I64()
	y, m := r.F64s(nil), r.F64s(nil)
	if r.Err() == nil && (len(y) != ny || len(m) != nm || h.medians < 0 || h.pushed < h.medians) {
		r.Fail(errOtherFilter)
	}
	if r.Err() == nil {
		h.y, h.m = y, m
	}
}

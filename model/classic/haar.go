package classic

import "github.com/quell-stream/quell/internal/wire"

// Haar writes to dst what is left of y after the small coefficients of its
// undecimated Haar transform have been shrunk: translation-invariant wavelet
// shrinkage (Coifman and Donoho 1995) that runs on a stream. dst may alias y.
// With J levels, s = 2^(j-1) and c₀ = y,
//
//	c_j[t] = (c_{j-1}[t] + c_{j-1}[t-s]) / 2,  d_j[t] = (c_{j-1}[t] - c_{j-1}[t-s]) / 2
//	r_J = c_J,  r_{j-1}[t] = (r_j[t] + r_j[t+s] + e_j[t] - e_j[t+s]) / 2,  dst = r₀
//
// (the à trous algorithm, Shensa 1992), where e_j is d_j brought closer to 0 by
// the threshold of its level, or to 0. It is late by exactly 2^J - 1 samples; J is
// p.Levels, or as many as the look-ahead allows. Beyond its ends y continues with
// its first and its last value.
//
// Thresholds come from the past alone and change only after 32, 64 and 128 slots
// and then after every 256, counted from the first value; until the first change
// nothing is shrunk. With σ_j = σ·2^(-j/2), the deviation of white noise in
// d_j, and σ = p.Sigma or else the pooled noise level of the finest sym8
// details, the rule Bayes takes σ_j²/√(E d_j² - σ_j²), SURE the least of Stein's
// risk over the multiples of σ_j/8. Neither exceeds σ_j·√(2 ln 256), the
// universal threshold of a block. Statistics forget exponentially beyond 8192
// samples.
func Haar(dst, y []float64, p Params) { runStream(dst, y, p, HaarName) }

// haar is the streaming form. Slot t of a ring is at t modulo its length, a
// power of two.
type haar struct {
	ahead int
	n     int64
	last  float64
	low   [][]float64 // low[j]: 2^j slots of c_j
	kept  [][]float64 // kept[j]: 2^J slots of e_{j+1}
	back  [][]float64 // back[j]: 2^(j+1) slots of r_{j+1}
	stats haarStats
}

func newHaar(p Params) *haar {
	levels := p.haarLevels()
	h := &haar{ahead: 1<<levels - 1, stats: newHaarStats(levels, p.Rule, p.Sigma)}
	for j := range levels {
		h.low = append(h.low, make([]float64, 1<<j))
		h.kept = append(h.kept, make([]float64, 1<<levels))
		h.back = append(h.back, make([]float64, 2<<j))
	}
	return h
}

func (h *haar) push(x float64) (float64, bool) {
	valid := finite(x)
	if !valid {
		x = h.last
	}
	if h.n == 0 {
		h.start(x)
	}
	h.last = x
	i := h.n
	h.n++
	ring := int64(h.ahead)
	c := x
	for j := range h.low {
		was := &h.low[j][i&(1<<j-1)]
		prev := *was
		*was = c
		d := (c - prev) / 2
		c = (c + prev) / 2
		h.kept[j][i&ring] = soft(d, h.stats.limits[j])
		h.stats.detail(j, d)
	}
	h.stats.sample(x, valid)
	r, at := c, i
	for j := len(h.low) - 1; j >= 0; j-- {
		back, e := h.back[j], h.kept[j]
		mask := int64(len(back) - 1)
		back[at&mask] = r
		to := at - 1<<j
		r = (back[to&mask] + r + e[to&ring] - e[at&ring]) / 2
		at = to
	}
	return r, h.n > ring
}

// start fills the past with x.
func (h *haar) start(x float64) {
	for j := range h.low {
		for i := range h.low[j] {
			h.low[j][i] = x
		}
		for i := range h.back[j] {
			h.back[j][i] = x
		}
	}
}

// soft brings d closer to 0 by t.
func soft(d, t float64) float64 {
	switch {
	case d > t:
		return d - t
	case d < -t:
		return d + t
	}
	return 0
}

func (h *haar) finish(dst []float64) []float64 {
	for range h.ahead {
		if y, ok := h.push(h.last); ok {
			dst = append(dst, y)
		}
	}
	return dst
}

func (h *haar) reset() {
	h.n, h.last = 0, 0
	for j := range h.low {
		clear(h.low[j])
		clear(h.kept[j])
		clear(h.back[j])
	}
	h.stats.reset()
}

func (h *haar) appendState(dst []byte) []byte {
	dst = wire.F64(wire.I64(dst, h.n), h.last)
	for j := range h.low {
		dst = wire.F64s(wire.F64s(wire.F64s(dst, h.low[j]), h.kept[j]), h.back[j])
	}
	return h.stats.appendState(dst)
}

func (h *haar) restore(r *wire.Reader) {
	if h.n, h.last = r.I64(), r.F64(); h.n < 0 || !finite(h.last) {
		r.Fail(errOtherFilter)
	}
	for j := range h.low {
		restoreSame(r, h.low[j])
		restoreSame(r, h.kept[j])
		restoreSame(r, h.back[j])
	}
	h.stats.restore(r)
}

// restoreSame reads a slice of the length of v into v.
func restoreSame(r *wire.Reader, v []float64) {
	n := r.Len(8)
	if r.Err() == nil && n != len(v) {
		r.Fail(errOtherFilter)
	}
	for i := range v {
		v[i] = r.F64()
	}
}

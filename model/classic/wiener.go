package classic

import (
	"fmt"
	"math"

	"github.com/quell-stream/quell/internal/wire"
	"github.com/quell-stream/quell/model/internal/kernel"
)

// wienerEdge is the number of samples whose mean stands for what lies beyond an
// end of a recording.
const wienerEdge = 20

// Wiener writes to dst the best linear estimate of each sample given the
// samples that its taps reach (Wiener 1949; Levinson 1947 in discrete time).
// dst may alias y. p must have been learnt by LearnWiener or LearnWienerBlind.
//
//	dst[t] = Mean + Σ_k Taps[k]·(y[t+L-k] - Mean),  L = p.Lookahead
//
// Before its start y continues with the mean of its first 20 samples, as far as
// they are known at t+L, after its end with that of its last 20.
func Wiener(dst, y []float64, p Params) { runStream(dst, y, p, WienerName) }

// wiener is the streaming form. It keeps the latest samples, less the mean,
// twice over as savGol does, and adds each to the sums of all estimates that it has a
// share in: they are independent of one another, where the products of one are not.
type wiener struct {
	mean    float64
	ahead   int
	keep    int
	taps    []float64 // newest sample first
	sums    []float64 // from at on: of the next estimates, each of one tap less so far than the one before
	at      int
	weights []float64 // the taps, oldest sample first
	before  []float64 // before[m]: sum of the first m weights
	buf     []float64
	head    float64 // sum of the first samples, up to wienerEdge
	n       int64
}

func newWiener(p Params) *wiener {
	taps := len(p.Taps)
	w := &wiener{mean: p.Mean, ahead: p.Lookahead, keep: max(taps, wienerEdge), taps: p.Taps,
		weights: make([]float64, taps), before: make([]float64, taps+1)}
	for k, h := range p.Taps {
		w.weights[taps-1-k] = h
	}
	for i, h := range w.weights {
		w.before[i+1] = w.before[i] + h
	}
	return w
}

// latest returns up to m samples, oldest first.
func (w *wiener) latest(m int) []float64 { return w.buf[max(0, len(w.buf)-m):] }

func (w *wiener) push(x float64) (float64, bool) {
	x -= w.mean
	if w.n < wienerEdge {
		w.head += x
	}
	w.n++
	y := w.slide(x)
	return y, w.n > int64(w.ahead)
}

// slide takes in a sample, or what stands for one beyond the end.
func (w *wiener) slide(x float64) float64 {
	if w.buf == nil {
		w.buf = make([]float64, 0, 2*w.keep)
	}
	if len(w.buf) == 2*w.keep {
		w.buf = w.buf[:copy(w.buf, w.buf[w.keep+1:])]
	}
	w.buf = append(w.buf, x)
	y := w.mean + w.add(x)
	if missing := len(w.weights) - len(w.buf); missing > 0 {
		y += w.before[missing] * w.head / float64(min(w.n, wienerEdge))
	}
	return y
}

// moves is the number of samples between two moves of the sums to the start of their
// memory.
const moves = 64

// add adds a sample to all sums that it has a share in, and returns the one that is
// complete with it.
func (w *wiener) add(x float64) float64 {
	n := len(w.taps)
	if w.sums == nil {
		w.sums = make([]float64, n+moves)
	}
	if w.at == moves {
		copy(w.sums, w.sums[w.at:][:n-1])
		w.at = 0
	}
	now := w.sums[w.at:][:n]
	now[n-1] = 0
	kernel.Spread(now, w.taps, x)
	w.at++
	return now[0]
}

func (w *wiener) finish(dst []float64) []float64 {
	tail := mean(w.latest(wienerEdge))
	due := int(min(w.n, int64(w.ahead)))
	for i := range w.ahead {
		y := w.slide(tail)
		if i >= w.ahead-due {
			dst = append(dst, y)
		}
	}
	return dst
}

func (w *wiener) reset() {
	w.n, w.head, w.buf, w.at = 0, 0, w.buf[:0], 0
	clear(w.sums)
}

func (w *wiener) appendState(dst []byte) []byte {
	return wire.F64s(wire.F64(wire.I64(dst, w.n), w.head), w.latest(w.keep))
}

func (w *wiener) restore(r *wire.Reader) {
	w.n, w.head = r.I64(), r.F64()
	win := r.F64s(nil)
	if r.Err() == nil && (w.n < 0 || int64(len(win)) != min(w.n, int64(w.keep))) {
		r.Fail(errOtherFilter)
	}
	if r.Err() == nil {
		w.buf, w.at = append(make([]float64, 0, 2*w.keep), win...), 0
		clear(w.sums)
		for _, x := range w.latest(len(w.taps)) {
			w.add(x)
		}
	}
}

// LearnWiener returns p with the taps that are best for a signal with the
// autocovariance and mean of the clean recording x under white noise of the
// given variance. p.Window is the number of taps; p.Lookahead of them reach
// beyond t, Full standing for (Window-1)/2. Missing samples are left out of the
// autocovariance.
//
// The taps solve the Wiener-Hopf equations (R + (noise + 1e-6·r[0])·I)·h = g,
// with R the Toeplitz matrix of the autocovariance r and g[k] = r[|k-L|]; the
// small share of r[0] keeps them solvable where the signal has empty bands. A
// recording that does not move yields a filter that returns its mean.
func LearnWiener(x []float64, noiseVar float64, p Params) Params {
	p = p.wienerShape()
	r, m := autocovariance(x, p.Window)
	return p.solve(r, m, noiseVar)
}

// LearnWienerBlind is LearnWiener for who has no clean recording, but the noisy
// y and the deviation sigma of the white noise in it: the noise adds its
// variance to the autocovariance at lag 0 and nothing elsewhere, and is taken
// off there. The more taps, the more of the noise they learn: a few dozen do best
// with some thousand samples. A recording of nothing but noise yields a filter
// that returns its mean.
func LearnWienerBlind(y []float64, sigma float64, p Params) Params {
	p = p.wienerShape()
	r, m := autocovariance(y, p.Window)
	r[0] -= sigma * sigma
	return p.solve(r, m, sigma*sigma)
}

// Covariance gathers the autocovariance of a series block by block, for filters
// that learn as they go. It is not safe for concurrent use.
type Covariance struct {
	lags   int
	offset float64 // the mean of the first block
	n      float64
	sum    []float64 // Σ of products of deviations from offset, by lag; nil before the first block
}

// NewCovariance returns one that has seen nothing, of so many lags from 0 on.
func NewCovariance(lags int) *Covariance { return &Covariance{lags: lags} }

// Lags returns the number of lags.
func (c *Covariance) Lags() int { return c.lags }

// Add forgets all but keep of what was gathered, and gathers the samples of x
// from place from on, NaN where one is missing. Their products with the samples
// before them count, also with those before from: in a row of blocks each product
// counts once, which keeps the matrix made of the sums positive definite but for
// the edges. scratch is memory to work in, which Add returns, grown where it was too
// short; it must not overlap x.
func (c *Covariance) Add(scratch, x []float64, from int, keep float64) []float64 {
	if c.sum == nil {
		c.sum = make([]float64, c.lags)
	}
	if c.n == 0 {
		c.offset = 0
		n := 0.0
		for _, v := range x {
			if finite(v) {
				n++
				c.offset += (v - c.offset) / n
			}
		}
	}
	block := scratch[:0]
	for _, v := range x {
		d := v - c.offset
		if !finite(v) {
			d = 0 // adds nothing
		}
		block = append(block, d)
	}
	c.n *= keep
	for _, v := range x[from:] {
		if finite(v) {
			c.n++
		}
	}
	lags, n := len(c.sum), len(block)
	if from < lags || from == n { // the first samples have fewer before them
		for k := range c.sum {
			c.sum[k] *= keep
			if first := max(from, k); first < n {
				c.sum[k] += dot(block[first:], block[first-k:n-k])
			}
		}
		return block
	}
	block = append(block, c.sum...) // room for the products of each lag, the longest first
	products := block[n:]
	kernel.FIR(products, block[from:n], block[from-lags+1:n])
	for k := range c.sum {
		c.sum[k] = c.sum[k]*keep + products[lags-1-k]
	}
	return block
}

// Learn is LearnWienerBlind from what was gathered; ok is false where that is
// nothing, or too little to make a filter of. p.Window must not exceed the lags.
func (c *Covariance) Learn(sigma float64, p Params) (learnt Params, ok bool) {
	p = p.wienerShape()
	if c.n == 0 {
		return p, false
	}
	r := make([]float64, p.Window)
	for k := range r {
		r[k] = c.sum[k] / c.n
	}
	r[0] -= sigma * sigma
	p = p.solve(r, c.offset, sigma*sigma)
	for _, h := range p.Taps {
		if !(math.Abs(h) <= largestTap) {
			return p, false
		}
	}
	return p, true
}

// largestTap is more than any tap of a filter that leaves less noise than there
// was.
const largestTap = 10

// AppendState appends a snapshot to dst; RestoreState reads it back, bit for bit,
// into one of as many lags.
func (c *Covariance) AppendState(dst []byte) []byte {
	sum := c.sum
	if c.n == 0 {
		sum = nil
	}
	return wire.F64s(wire.F64(wire.F64(dst, c.offset), c.n), sum)
}

// RestoreState returns the rest of src. After an error c has seen nothing.
func (c *Covariance) RestoreState(src []byte) ([]byte, error) {
	r := wire.NewReader(src)
	c.offset, c.n = r.F64(), r.F64()
	sum := r.F64s(nil)
	if r.Err() == nil && len(sum) != c.lags && (len(sum) > 0 || c.n != 0) {
		r.Fail(errOtherFilter)
	}
	if c.sum = nil; c.n != 0 {
		c.sum = sum
	}
	if err := r.Err(); err != nil {
		*c = *NewCovariance(c.lags)
		return src, fmt.Errorf("covariance: %w", err)
	}
	return r.Rest(), nil
}

// wienerShape returns p with window and look-ahead made definite.
func (p Params) wienerShape() Params {
	p.Family = WienerName
	p.Window = max(1, p.Window)
	if p.Lookahead == Full {
		p.Lookahead = (p.Window - 1) / 2
	}
	p.Lookahead = min(p.Lookahead, p.Window-1)
	return p
}

// solve sets the taps for a signal of autocovariance r and mean m. It changes r.
func (p Params) solve(r []float64, m, noiseVar float64) Params {
	p.Mean, p.Taps = m, make([]float64, p.Window)
	if !(r[0] > 0) {
		return p
	}
	g := make([]float64, p.Window)
	for k := range g {
		g[k] = r[max(k-p.Lookahead, p.Lookahead-k)]
	}
	r[0] += max(0, noiseVar) + 1e-6*r[0]
	levinson(p.Taps, r, g)
	return p
}

// autocovariance returns Σ x[t]·x[t+k] / n for k < lags, less the mean, and the
// mean. Dividing by n and not by the number of products keeps the matrix made
// from it positive definite.
func autocovariance(x []float64, lags int) (r []float64, m float64) {
	n := 0
	for _, v := range x {
		if finite(v) {
			n++
			m += (v - m) / float64(n)
		}
	}
	r = make([]float64, lags)
	if n == 0 {
		return r, 0
	}
	d := make([]float64, len(x)) // deviations; 0 where missing adds nothing
	for i, v := range x {
		if finite(v) {
			d[i] = v - m
		}
	}
	for k := range min(lags, len(d)) {
		r[k] = dot(d[:len(d)-k], d[k:]) / float64(n)
	}
	return r, m
}

// levinson solves the symmetric Toeplitz system with first row r for the right
// side g (Levinson 1947), in O(n²). r must be positive definite.
func levinson(x, r, g []float64) {
	n := len(r)
	a, next := make([]float64, n), make([]float64, n) // prediction-error filter, a[0] = 1
	a[0] = 1
	e := r[0]
	x[0] = g[0] / r[0]
	for k := 1; k < n; k++ {
		lambda := 0.0
		for j := range k {
			lambda -= a[j] * r[k-j]
		}
		lambda /= e
		for j := range k + 1 {
			v := 0.0
			if j < k {
				v = a[j]
			}
			if j > 0 {
				v += lambda * a[k-j]
			}
			next[j] = v
		}
		a, next = next, a
		e *= 1 - lambda*lambda
		mu := g[k]
		for j := range k {
			mu -= x[j] * r[k-j]
		}
		mu /= e
		for j := range k {
			x[j] += mu * a[k-j]
		}
		x[k] = mu
	}
}

func mean(v []float64) float64 {
	s := 0.0
	for _, x := range v {
		s += x
	}
	if len(v) == 0 {
		return math.NaN()
	}
	return s / float64(len(v))
}

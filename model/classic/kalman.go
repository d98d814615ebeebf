package classic

import "github.com/quell-stream/quell/internal/wire"

// Kalman writes to dst the expected value of each sample of y under a random
// walk seen through white noise, given all samples up to t + p.Lookahead. dst
// may alias y.
//
//	level:  y[t] = l[t] + v[t],  l[t+1] = l[t] + w[t]
//	trend:  y[t] = l[t] + v[t],  l[t+1] = l[t] + s[t],  s[t+1] = s[t] + w[t]
//	Var v / Var w = p.Lambda
//
// The start is exactly diffuse (Durbin and Koopman 2012, section 5.2). With
// Lookahead Full it is the fixed-interval smoother of Rauch, Tung and Striebel
// 1965, found here as what it equals: the minimum of
//
//	Σ (y-x)² + λ·Σ (Δx)²   or, with a trend,   Σ (y-x)² + λ·Σ (Δ²x)²
//
// (the filter of Whittaker 1923 and of Hodrick and Prescott). Missing samples
// have no say; the model fills them.
func Kalman(dst, y []float64, p Params) {
	if p.Lookahead == Full {
		checkLengths(dst, y)
		p.Family = KalmanName
		if err := p.Validate(); err != nil {
			panic("classic: " + err.Error())
		}
		smooth(dst, y, p.Lambda, p.Trend)
		return
	}
	runStream(dst, y, p, KalmanName)
}

// lag is the estimate of an earlier level: its value and its covariance with
// the present state, the finite part and the diffuse one.
type lag struct {
	x      float64
	c0, c1 float64 // with level, with slope
	d0, d1 float64 // diffuse part
}

// kalman is the fixed-lag smoother: a Kalman filter on the state augmented by
// the levels of the last `ahead` slots (Anderson and Moore 1979, section 7.3),
// of which only the covariances that matter are kept. Measurement variance is 1.
type kalman struct {
	trend bool
	q     float64 // process variance
	ahead int

	n           int64
	rank        int     // diffuse dimensions left
	l, s        float64 // level and slope
	p00, p01    float64 // covariance
	p11         float64
	d00, d01    float64 // its diffuse part
	d11         float64
	lags        []lag     // ring: slot t is at t mod len
	vars        []float64 // their variances, where somebody asks for them
	initialised bool
	gains       *gains // see over
}

func newKalman(lambda float64, trend bool, ahead int) *kalman {
	k := &kalman{trend: trend, q: 1 / lambda, ahead: ahead, lags: make([]lag, ahead+1)}
	k.reset()
	return k
}

func (k *kalman) reset() {
	k.n, k.l, k.s, k.initialised = 0, 0, 0, false
	k.p00, k.p01, k.p11 = 0, 0, 0
	k.d00, k.d01, k.d11, k.rank = 1, 0, 0, 1
	if k.trend {
		k.d11, k.rank = 1, 2
	}
	clear(k.lags)
}

// predict moves the state on by one slot.
func (k *kalman) predict() {
	if !k.trend {
		k.p00 += k.q
		return
	}
	k.l += k.s
	k.p00 += 2*k.p01 + k.p11
	k.p01 += k.p11
	k.p11 += k.q
	k.d00 += 2*k.d01 + k.d11
	k.d01 += k.d11
	for i := range k.lags {
		g := &k.lags[i]
		g.c0 += g.c1
		g.d0 += g.d1
	}
}

// update takes in a measurement of the level.
func (k *kalman) update(y float64) {
	if k.rank > 0 {
		k.updateDiffuse(y)
		return
	}
	e, f := y-k.l, k.p00+1
	g0, g1 := k.p00/f, k.p01/f
	for i := range k.vars {
		k.vars[i] -= k.lags[i].c0 / f * k.lags[i].c0
	}
	for i := range k.lags {
		g := &k.lags[i]
		a := g.c0
		g.x += float64(a / f * e)
		g.c0 -= a * g0
		g.c1 -= a * g1
	}
	k.l += float64(g0 * e)
	k.s += float64(g1 * e)
	k.p11 -= g1 * k.p01
	k.p01 -= g0 * k.p01
	k.p00 -= g0 * k.p00
}

// updateDiffuse is the update while the prior is diffuse: with M the column of
// the covariance that belongs to the measurement, ∞ its diffuse part, F its
// variance (Durbin and Koopman 2012, eq. 5.12 to 5.14),
//
//	x += M∞/F∞ · e,   P∞ -= M∞M∞'/F∞
//	P -= (M M∞' + M∞ M')/F∞ - M∞M∞'·F/F∞²
func (k *kalman) updateDiffuse(y float64) {
	e, f, fi := y-k.l, k.p00+1, k.d00
	m0, m1, i0, i1 := k.p00, k.p01, k.d00, k.d01
	r := f / (fi * fi)
	for j := range k.vars {
		a, b := k.lags[j].c0, k.lags[j].d0
		k.vars[j] += b * (b*r - 2*a/fi)
	}
	for j := range k.lags {
		g := &k.lags[j]
		a, b := g.c0, g.d0
		g.x += float64(b / fi * e)
		g.c0 += b*i0*r - (a*i0+b*m0)/fi
		g.c1 += b*i1*r - (a*i1+b*m1)/fi
		g.d0 -= b * i0 / fi
		g.d1 -= b * i1 / fi
	}
	k.l += float64(i0 / fi * e)
	k.s += float64(i1 / fi * e)
	k.p00 += i0*i0*r - 2*m0*i0/fi
	k.p01 += i0*i1*r - (m0*i1+i0*m1)/fi
	k.p11 += i1*i1*r - 2*m1*i1/fi
	k.d00, k.d01, k.d11 = 0, 0, k.d11-i1*i1/fi
	if k.rank--; k.rank == 0 { // what is left is rounding
		k.d11 = 0
		for j := range k.lags {
			k.lags[j].d0, k.lags[j].d1 = 0, 0
		}
	}
}

// arrive moves on to the next slot.
func (k *kalman) arrive() {
	if k.initialised {
		k.predict()
	}
	k.initialised = true
	k.lags[k.n%int64(len(k.lags))] = lag{x: k.l, c0: k.p00, c1: k.p01, d0: k.d00, d1: k.d01}
	if k.vars != nil {
		k.vars[k.n%int64(len(k.vars))] = k.p00
	}
}

func (k *kalman) push(y float64) (float64, bool) {
	k.arrive()
	if finite(y) {
		k.update(y)
	}
	k.n++
	if k.n <= int64(k.ahead) {
		return 0, false
	}
	return k.lags[(k.n-1-int64(k.ahead))%int64(len(k.lags))].x, true
}

func (k *kalman) finish(dst []float64) []float64 {
	for t := max(0, k.n-int64(k.ahead)); t < k.n; t++ {
		dst = append(dst, k.lags[t%int64(len(k.lags))].x)
	}
	return dst
}

func (k *kalman) appendState(dst []byte) []byte {
	dst = wire.I64(wire.I64(dst, k.n), int64(k.rank))
	dst = wire.Bool(dst, k.initialised)
	for _, v := range k.state() {
		dst = wire.F64(dst, *v)
	}
	dst = wire.U64(dst, uint64(len(k.lags)))
	for _, g := range k.lags {
		for _, v := range [...]float64{g.x, g.c0, g.c1, g.d0, g.d1} {
			dst = wire.F64(dst, v)
		}
	}
	return dst
}

func (k *kalman) state() [8]*float64 {
	return [...]*float64{&k.l, &k.s, &k.p00, &k.p01, &k.p11, &k.d00, &k.d01, &k.d11}
}

func (k *kalman) restore(r *wire.Reader) {
	k.n, k.rank, k.initialised = r.I64(), r.Int(), r.Bool()
	for _, v := range k.state() {
		*v = r.F64()
	}
	if n := r.Len(40); r.Err() == nil && (n != len(k.lags) || k.n < 0 || k.rank < 0 || k.rank > 2) {
		r.Fail(errOtherFilter)
	}
	for i := range k.lags {
		k.lags[i] = lag{r.F64(), r.F64(), r.F64(), r.F64(), r.F64()}
	}
}

package classic

import "slices"

// mostAheadOver is the largest look-ahead whose gains are kept: they take 8 bytes for each
// sample and slot of look-ahead.
const mostAheadOver = 16

// gains are by how much the innovation of each slot moves what is estimated. Where no
// sample is missing they hang on the number of the slot alone, and settle: the covariances
// need not be worked out each time.
type gains struct {
	state  [][2]float64 // by slot: of level and slope
	lags   []float64    // by slot: of its own level, by the slots of its look-ahead, itself first
	steady int          // slot from which on they are all the same; beyond state: not known
}

// over goes by the gains.
func (k *kalman) over(dst, x []float64, from, n int) bool {
	if k.ahead > mostAheadOver {
		return false
	}
	slots := from + n + k.ahead
	if k.gains == nil || len(k.gains.state) < slots && k.gains.steady >= len(k.gains.state) {
		k.gains = k.learnGains(slots)
	}
	g := k.gains
	e, levels := dst[:slots], dst[len(x):][:slots]
	l, s := 0.0, 0.0
	for t, y := range x[:slots] {
		if k.trend {
			l += s
		}
		d, by := y-l, &g.state[min(t, g.steady)]
		levels[t], e[t] = l, d
		l += by[0] * d
		s += by[1] * d
	}
	for i := range n {
		t := from + i
		v, size := levels[t], k.ahead+1
		ahead := e[t : t+size]
		for j, by := range g.lags[min(t, g.steady)*size:][:size] {
			v += by * ahead[j]
		}
		dst[i] = v // e[i] has had its turn
	}
	return true
}

// learnGains has a filter like k work out its covariances over so many slots, or until
// they change no more.
func (k *kalman) learnGains(slots int) *gains {
	g := &gains{steady: slots}
	f := &kalman{trend: k.trend, q: k.q, ahead: k.ahead, lags: make([]lag, k.ahead+1)}
	f.reset()
	size := k.ahead + 1
	settled, none := 0, make([]float64, size)
	var was, now []float64
	for t := range slots {
		f.arrive()
		now = append(now[:0], f.p00, f.p01, f.p11)
		g.lags = append(g.lags, none...)
		for i := range min(t+1, size) {
			at := &f.lags[(t-i)%size]
			g.lags[(t-i)*size+i] = f.gain(at.c0, at.d0)
			now = append(now, at.c0, at.c1, at.d0, at.d1)
		}
		g.state = append(g.state, [2]float64{f.gain(f.p00, f.d00), f.gain(f.p01, f.d01)})
		f.update(0)
		f.n++
		if t > k.ahead && slices.Equal(was, now) {
			if settled++; settled > k.ahead {
				g.steady = t - k.ahead
				break
			}
		}
		was, now = now, was
	}
	return g
}

// gain returns by how much the innovation moves what has that covariance with the level,
// diffuse its diffuse part.
func (k *kalman) gain(covariance, diffuse float64) float64 {
	if k.rank > 0 {
		return diffuse / k.d00
	}
	return covariance / (k.p00 + 1)
}

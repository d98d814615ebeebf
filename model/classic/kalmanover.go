package classic

import (
	"slices"

	"github.com/quell-stream/quell/model/internal/kernel"
)

// mostAheadOver is the largest look-ahead whose gains are kept: they take 8 bytes for each
// slot of it and each sample, until they settle.
const mostAheadOver = 128

// gains are by how much the innovation of each slot moves what is estimated. Where no
// sample is missing they hang on the number of the slot alone, and settle: the covariances
// need not be worked out each time.
type gains struct {
	slots  int          // that were worked out
	steady int          // slot from which on they are all the same; slots: none
	state  [][2]float64 // by slot up to steady: of level and slope
	lags   []float64    // by slot of the look-ahead, its own first, and then by slot from first on: of its level
	first  int
	rows   int // slots of lags
}

// over goes by the gains.
func (k *kalman) over(dst, x []float64, from, n int) bool {
	if k.ahead > mostAheadOver {
		return false
	}
	slots := from + n + k.ahead
	g := k.gains
	if g == nil {
		g = k.learnGains(from, slots)
	} else if from < g.first || slots > g.slots && g.steady == g.slots {
		g = k.learnGains(min(from, g.first), max(slots, g.slots))
	}
	k.gains = g
	e, levels := dst[:slots], dst[len(x):][:slots]
	l, s := 0.0, 0.0
	for t, y := range x[:slots] {
		if k.trend {
			l += s
		}
		d, by := y-l, &g.state[min(t, g.steady)]
		levels[t], e[t] = l, d
		l += float64(by[0] * d)
		s += float64(by[1] * d)
	}
	due := levels[from:][:n]
	moving := min(max(g.steady-from, 0), n) // of those, how many have gains of their own
	for j := range k.ahead + 1 {
		by := g.lags[j*g.rows:][:g.rows]
		if moving > 0 {
			kernel.AddProducts(due[:moving], by[from-g.first:], e[from+j:])
		}
		if moving < n {
			kernel.Spread(due[moving:], e[from+moving+j:], by[g.steady-g.first])
		}
	}
	copy(dst, due)
	return true
}

// learnGains has a filter like k work out its covariances over so many slots, or until
// they change no more, for estimates from a slot on.
func (k *kalman) learnGains(from, slots int) *gains {
	size := k.ahead + 1
	g := &gains{slots: slots, steady: slots}
	last := slots - k.ahead - 1 // slot all of whose look-ahead is known
	f := &kalman{trend: k.trend, q: k.q, ahead: k.ahead, lags: make([]lag, size)}
	f.reset()
	settled := 0
	var was, now []float64
	lags := make([]float64, 0, slots*size) // by slot first
	for t := range slots {
		f.arrive()
		now = append(now[:0], f.p00, f.p01, f.p11)
		lags = append(lags, make([]float64, size)...)
		for i := range min(t+1, size) {
			at := &f.lags[(t-i)%size]
			lags[(t-i)*size+i] = f.gain(at.c0, at.d0)
			now = append(now, at.c0, at.c1, at.d0, at.d1)
		}
		g.state = append(g.state, [2]float64{f.gain(f.p00, f.d00), f.gain(f.p01, f.d01)})
		f.update(0)
		f.n++
		if settled++; t <= k.ahead || !slices.Equal(was, now) {
			settled = 0
		}
		if settled > k.ahead { // all that is known of slot t-ahead is as of the settled ones
			g.steady, last = t-k.ahead, t-k.ahead
			break
		}
		was, now = now, was
	}
	g.first = min(from, last)
	g.rows = last + 1 - g.first
	g.lags = make([]float64, size*g.rows)
	for t := range g.rows {
		for i := range size {
			g.lags[i*g.rows+t] = lags[(g.first+t)*size+i]
		}
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

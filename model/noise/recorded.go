package noise

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
)

// Quietest returns the stretch [from,to) of the given length in which x does
// least beyond its noise: the one with the least variance about a straight line,
// the first of equals. Stretches in which the reading is held or the sensor dead
// are passed over: those whose fourth differences have less than a quarter of the
// power usual in x. A length of len(x) or more gives all of x; one below 16
// panics. Values must be finite.
func Quietest(x []float64, length int) (from, to int) {
	if length < 16 {
		panic("noise: Quietest: a stretch has at least 16 samples")
	}
	if length >= len(x) {
		return 0, len(x)
	}
	fine := finePower(x, length)
	enough := typical(fine, length) / 4
	least, slope := math.Inf(1), newLine(x, length)
	for at := range fine {
		if v := slope.variance(at); fine[at] >= enough && v < least {
			from, least = at, v
		}
	}
	return from, from + length
}

// finePower returns the mean square of the fourth differences inside each
// stretch.
func finePower(x []float64, length int) []float64 {
	p := make([]float64, len(x)-length+1)
	n := length - 4
	// Sums over blocks of n from both ends avoid differences of large sums.
	d, tail := make([]float64, len(x)-4), make([]float64, len(x)-4)
	for i := range d {
		v := fourth(x[i:])
		d[i] = v * v
	}
	for i := len(d) - 1; i >= 0; i-- {
		tail[i] = d[i]
		if (i+1)%n != 0 && i+1 < len(d) {
			tail[i] += tail[i+1]
		}
	}
	head := 0.0
	for i, v := range d {
		if i%n == 0 {
			head = 0
		}
		head += v
		if at := i - n + 1; at >= 0 {
			s := head
			if at%n != 0 {
				s += tail[at]
			}
			p[at] = s / float64(n)
		}
	}
	return p
}

// typical returns the median power of stretches that do not overlap, of those
// that have any.
func typical(p []float64, length int) float64 {
	var some []float64
	for at := 0; at < len(p); at += length {
		if p[at] > 0 {
			some = append(some, p[at])
		}
	}
	if len(some) == 0 {
		return 0
	}
	return medianAbs(some)
}

// line fits straight lines to stretches of a signal by running sums.
type line struct {
	n             float64
	sum, tx, sq   []float64 // up to each sample: Σx, Σt·x, Σx²
	spread        float64   // Σ(t-mean)² of a stretch
	centre, width float64
	length        int
}

func newLine(x []float64, length int) *line {
	n := float64(length)
	l := &line{n: n, length: length, spread: n * (n*n - 1) / 12, width: (n - 1) / 2,
		sum: make([]float64, len(x)+1), tx: make([]float64, len(x)+1), sq: make([]float64, len(x)+1)}
	for _, v := range x {
		l.centre += v / float64(len(x))
	}
	for i, v := range x {
		v -= l.centre // keeps the sums small
		l.sum[i+1], l.tx[i+1], l.sq[i+1] = l.sum[i]+v, l.tx[i]+float64(i)*v, l.sq[i]+v*v
	}
	return l
}

// variance returns that of the stretch from at about its line.
func (l *line) variance(at int) float64 {
	to := at + l.length
	s, q := l.sum[to]-l.sum[at], l.sq[to]-l.sq[at]
	c := l.tx[to] - l.tx[at] - (float64(at)+l.width)*s // Σ(t-mean)·x
	return max(0, (q-s*s/l.n-c*c/l.spread)/l.n)
}

// LeastRecorded is the number of samples that a recording of noise has at least.
const LeastRecorded = 64

// Recorded is noise as a sensor gave it, to be added to signals. It is immutable
// and safe for concurrent use.
type Recorded struct {
	x     []float64 // as recorded, without its trend
	ring  []float64 // x with its end faded into its beginning
	fade  int
	block float64 // mean length of the blocks of the bootstrap
	sigma float64
}

// NewRecorded makes noise of a recording that holds nothing else, or of a quiet
// stretch of one (Quietest). Its mean and slow trend, the cubic nearest to it by
// least squares, are taken off. x is copied. A recording of fewer than
// LeastRecorded samples, one that is nothing but its trend, and values that are
// not finite are errors.
func NewRecorded(x []float64) (*Recorded, error) {
	if len(x) < LeastRecorded {
		return nil, fmt.Errorf("noise: a recording of %d samples is too short to be taken for noise, give at least %d", len(x), LeastRecorded)
	}
	scale := 0.0
	for i, v := range x {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, fmt.Errorf("noise: sample %d of the recorded noise is not finite; cut or fill the gap", i)
		}
		scale = max(scale, math.Abs(v))
	}
	r := &Recorded{x: detrended(x)}
	for _, v := range r.x {
		r.sigma += v * v / float64(len(x)-trendOrder-1)
	}
	r.sigma = math.Sqrt(r.sigma)
	if !(r.sigma > 1e-12*scale) || math.IsInf(r.sigma, 0) {
		return nil, errors.New("noise: the recorded noise does not move beyond a slow trend; give a stretch of a live sensor")
	}
	r.close()
	return r, nil
}

const (
	trendOrder  = 3
	longestFade = 4096
)

// detrended returns x less its nearest cubic, by orthogonal polynomials.
func detrended(x []float64) []float64 {
	y := append([]float64(nil), x...)
	basis := make([][]float64, trendOrder+1)
	for k := range basis {
		p := make([]float64, len(x))
		for i := range p {
			t := 2*float64(i)/float64(len(x)-1) - 1
			p[i] = math.Pow(t, float64(k))
		}
		for _, q := range basis[:k] {
			remove(p, q)
		}
		remove(y, p)
		basis[k] = p
	}
	return y
}

// remove takes off y what it has of p.
func remove(y, p []float64) {
	dot, norm := 0.0, 0.0
	for i, v := range p {
		dot += v * y[i]
		norm += v * v
	}
	for i, v := range p {
		y[i] -= dot / norm * v
	}
}

// close makes the ring: the noise goes on from its end to its beginning. The
// weights of a fade are cosine and sine, so that the variance of what is not
// correlated stays the same; it lasts twice the time after which the correlation
// has fallen to 1/e.
func (r *Recorded) close() {
	n := len(r.x)
	most := min(n/8, longestFade)
	for lag, low := 1, r.covariance(0)/math.E; r.fade < most; lag++ {
		if r.fade = min(2*lag-1, most); r.covariance(lag) <= low {
			break
		}
	}
	r.ring = append([]float64(nil), r.x[:n-r.fade]...)
	for i := range r.fade {
		in, out := weights(i, r.fade)
		r.ring[i] = in*r.x[i] + out*r.x[n-r.fade+i]
	}
	r.block = max(float64(len(r.ring))/4, float64(4*r.fade))
}

// weights returns those of the new and the old noise at sample i of a fade.
func weights(i, fade int) (in, out float64) {
	a := math.Pi / 2 * (float64(i) + .5) / float64(fade)
	return math.Sin(a), math.Cos(a)
}

// Len returns the number of samples recorded.
func (r *Recorded) Len() int { return len(r.x) }

// Sigma returns the deviation of the noise from its trend.
func (r *Recorded) Sigma() float64 { return r.sigma }

// Autocovariance returns that of the noise at the lags 0 … most, with the
// weights that make it positive definite:
//
//	c[k] = 1/n · Σ x[t]·x[t+k]
//
// A lag of the recording's length or more is 0; a negative most panics.
func (r *Recorded) Autocovariance(most int) []float64 {
	if most < 0 {
		panic("noise: Recorded.Autocovariance: negative lag")
	}
	c := make([]float64, most+1)
	for k := range min(most+1, len(r.x)) {
		c[k] = r.covariance(k)
	}
	return c
}

func (r *Recorded) covariance(lag int) float64 {
	s := 0.0
	for t, v := range r.x[lag:] {
		s += v * r.x[t]
	}
	return s / float64(len(r.x))
}

// Add adds gain times a piece of the noise to dst: from a random place and of
// random sign. Where dst is longer than the recording the piece is made of blocks
// of random place, length and sign (the stationary bootstrap of Politis and Romano,
// 1994) that fade into each other without a change of the variance. It does not
// allocate.
func (r *Recorded) Add(dst []float64, gain float64, rng *rand.Rand) {
	at, g := r.pick(gain, rng)
	if len(dst) <= len(r.ring) {
		for i := range dst {
			dst[i] += g * r.ring[at]
			at = r.next(at)
		}
		return
	}
	left := r.length(rng)
	for i := 0; i < len(dst); {
		for ; left > 0 && i < len(dst); left-- {
			dst[i] += g * r.ring[at]
			at = r.next(at)
			i++
		}
		to, h := r.pick(gain, rng)
		for k := 0; k < r.fade && i < len(dst); k++ {
			in, out := weights(k, r.fade)
			dst[i] += out*g*r.ring[at] + in*h*r.ring[to]
			at, to = r.next(at), r.next(to)
			i++
		}
		at, g, left = to, h, r.length(rng)
	}
}

// pick draws a place and a sign.
func (r *Recorded) pick(gain float64, rng *rand.Rand) (at int, g float64) {
	return rng.IntN(len(r.ring)), gain * sign(rng)
}

func (r *Recorded) next(at int) int {
	if at++; at == len(r.ring) {
		return 0
	}
	return at
}

func (r *Recorded) length(rng *rand.Rand) int { return geometric(r.block, true, rng) }

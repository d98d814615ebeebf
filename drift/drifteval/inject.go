package drifteval

import (
	"math"
	"math/rand/v2"
)

// faulted is what becomes of a recording from a sample on. It works on a copy,
// [channel][sample], whose samples before at must stay.
type faulted struct {
	name   string // as injected
	want   string // what it is to be named: a fault, a kind, or unknown
	silent bool   // not to be found is right too
	long   bool   // comes slowly: it is watched for longer
	on     func(s *source) bool
	inject func(j *injection)
}

// injection is what a fault is drawn from.
type injection struct {
	r        *rand.Rand
	s        *source
	x        [][]float64 // what the sensor reads, to be changed from at on
	at, from int         // from is where the normal stretch before it begins
	c        int         // the channel that is hit
}

// Usual sizes of the channel that is hit, over the stretch before the change:
// its mean, its deviation within windows of 64 samples, and the deviation of its
// noise.
func (j *injection) mean() float64 { return meanOf(j.x[j.c][j.at-256 : j.at]) }

func (j *injection) spread() float64 {
	var v []float64
	for k := j.from; k+64 <= j.at; k += 64 {
		v = append(v, deviationOf(j.x[j.c][k:k+64]))
	}
	return max(meanOf(v), j.s.quantum(j.c))
}

func (j *injection) noise() float64 {
	return max(thirdDifference(j.x[j.c][j.from:j.at]), 0.05*j.spread(), 0.5*j.s.quantum(j.c))
}

// along returns 1 where a channel usually goes the way of the first, else -1.
func (j *injection) along(c int) float64 {
	a, b, s := j.x[0][j.from:j.at], j.x[c][j.from:j.at], 0.0
	ma, mb := meanOf(a), meanOf(b)
	for k := range a {
		if d := (a[k] - ma) * (b[k] - mb); !math.IsNaN(d) {
			s += d
		}
	}
	return math.Copysign(1, s)
}

// between draws from lo to hi; sign draws a sign.
func (j *injection) between(lo, hi float64) float64 { return lo + (hi-lo)*j.r.Float64() }
func (j *injection) sign() float64                  { return float64(1 - 2*j.r.IntN(2)) }

// end cuts the recording off.
func (j *injection) end(at int) {
	for c := range j.x {
		j.x[c] = j.x[c][:min(at, len(j.x[c]))]
	}
}

// each changes the channel that is hit, from the change on, to what the sensor
// can read.
func (j *injection) each(c int, f func(k int, x float64) float64) {
	q := j.s.quantum(c)
	for t := j.at; t < len(j.x[c]); t++ {
		v := f(t-j.at, j.x[c][t])
		if q > 0 {
			v = math.Round(v/q) * q
		}
		j.x[c][t] = v
	}
}

func alone(s *source) bool    { return !s.peers }
func peered(s *source) bool   { return s.peers }
func rhythmic(s *source) bool { return s.rhythm }

// faults are the changes of the study, in the order of its table. Sizes are in
// what is usual of the channel, so that they can be told from it; they were set
// before anything was measured.
var faults = []faulted{
	{name: "noise level", want: "noise", inject: func(j *injection) {
		sd := j.noise() * math.Sqrt(squareOf(j.between(3, 6))-1)
		j.each(j.c, func(_ int, x float64) float64 { return x + sd*j.r.NormFloat64() })
	}},
	{name: "regime, faster", want: "regime", on: rhythmic, inject: func(j *injection) {
		by := 2
		j.end(j.at + (j.s.length()-j.at)/by)
		for c := range j.x {
			for t := j.at; t < len(j.x[c]); t++ {
				j.x[c][t] = j.s.value(c, j.at+by*(t-j.at), t)
			}
		}
	}},
	{name: "regime, hunting", want: "regime", on: func(s *source) bool { return !s.rhythm }, inject: func(j *injection) {
		period, phase := j.between(10, 30), j.r.Float64()
		for c := range j.x {
			j.c = c
			amp := math.Sqrt2 * j.spread() * j.between(1.5, 3)
			j.each(c, func(k int, x float64) float64 {
				return x + amp*math.Sin(2*math.Pi*(float64(k)/period+phase))
			})
		}
	}},
	{name: "regime, all move", want: "regime", on: peered, inject: func(j *injection) {
		sign, by := j.sign(), j.between(4, 8)
		for c := range j.x {
			j.c = c
			d := sign * by * j.spread() * j.along(c)
			j.each(c, func(_ int, x float64) float64 { return x + d })
		}
	}},
	{name: "stuck", want: "stuck", inject: func(j *injection) {
		last := j.x[j.c][j.at-1]
		j.each(j.c, func(int, float64) float64 { return last })
	}},
	{name: "spikes", want: "spikes", inject: func(j *injection) {
		share, size := j.between(0.03, 0.06), max(j.spread(), 3*j.noise())*j.between(6, 15)
		j.each(j.c, func(_ int, x float64) float64 {
			if j.r.Float64() < share {
				return x + j.sign()*size
			}
			return x
		})
	}},
	{name: "bias against peers", want: "bias", on: peered, inject: func(j *injection) {
		by := j.sign() * j.spread() * j.between(4, 8)
		j.each(j.c, func(_ int, x float64) float64 { return x + by })
	}},
	{name: "sensor drift", want: "sensor_drift", long: true, on: peered, inject: func(j *injection) {
		by := j.sign() * j.spread() * j.between(8, 12)
		j.each(j.c, func(k int, x float64) float64 { return x + by*float64(k)/watchedLong })
	}},
	{name: "saturation", want: "saturation", inject: func(j *injection) {
		top := quantileOf(j.x[j.c][j.at-256:j.at], j.between(0.5, 0.7))
		j.each(j.c, func(_ int, x float64) float64 { return math.Min(x, top) })
	}},
	{name: "drop-out", want: "dropout", inject: func(j *injection) {
		share := j.between(0.6, 1)
		j.each(j.c, func(_ int, x float64) float64 {
			if j.r.Float64() < share {
				return math.NaN()
			}
			return x
		})
	}},
	{name: "level, no peers", want: "unknown", on: alone, inject: func(j *injection) {
		by := j.sign() * j.spread() * j.between(4, 8)
		j.each(j.c, func(_ int, x float64) float64 { return x + by })
	}},
	{name: "amplitude only", want: "unknown", on: rhythmic, inject: func(j *injection) {
		by := j.between(2, 3.5)
		for c := range j.x {
			j.c = c
			m := j.mean()
			j.each(c, func(_ int, x float64) float64 { return m + by*(x-m) })
		}
	}},
	{name: "coloured noise", want: "unknown", inject: func(j *injection) {
		phi, y := j.between(0.8, 0.95), 0.0
		sd := j.spread() * j.between(1.5, 3) * math.Sqrt(1-phi*phi)
		j.each(j.c, func(_ int, x float64) float64 {
			y = phi*y + sd*j.r.NormFloat64()
			return x + y
		})
	}},
	{name: "equal residual", want: "unknown", silent: true, inject: func(j *injection) {
		for c := range j.x {
			j.c = c
			m := j.mean()
			j.each(c, func(_ int, x float64) float64 { return 2*m - x })
		}
	}},
	{name: "nothing", want: "nothing", silent: true, inject: func(*injection) {}},
}

func squareOf(x float64) float64 { return x * x }

func meanOf(x []float64) float64 {
	s, n := 0.0, 0.0
	for _, v := range x {
		if !math.IsNaN(v) {
			s += v
			n++
		}
	}
	return s / max(n, 1)
}

func deviationOf(x []float64) float64 {
	m, s, n := meanOf(x), 0.0, 0.0
	for _, v := range x {
		if !math.IsNaN(v) {
			s += squareOf(v - m)
			n++
		}
	}
	return math.Sqrt(s / max(n, 1))
}

// thirdDifference estimates the deviation of white noise under a smooth signal.
func thirdDifference(x []float64) float64 {
	var d []float64
	for k := 3; k < len(x); k++ {
		if v := math.Abs(x[k] - 3*x[k-1] + 3*x[k-2] - x[k-3]); !math.IsNaN(v) {
			d = append(d, v)
		}
	}
	return quantileOf(d, 0.5) / 0.6745 / math.Sqrt(20)
}

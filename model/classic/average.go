package classic

import (
	"errors"

	"github.com/quell-stream/quell/internal/wire"
)

// MovingAverage writes the mean of the p.Window samples around each sample of y
// to dst, which may alias y:
//
//	dst[t] = 1/w · Σ y[t+L-w+1 … t+L],  L = p.Latency()
//
// Beyond its ends y continues with its first and its last value. An even window
// reaches one sample further into the past than into the future.
func MovingAverage(dst, y []float64, p Params) { runStream(dst, y, p, MovingAverageName) }

func runStream(dst, y []float64, p Params, family string) {
	checkLengths(dst, y)
	p.Family = family
	if err := p.Validate(); err != nil {
		panic("classic: " + err.Error())
	}
	newStream(p).run(dst, y)
}

// average sums a sliding window without ever subtracting, so that no rounding
// error outlives the window (the two-pass scheme of van Herk 1992, with sums
// for maxima): of each block of w samples it keeps the sums of its tails.
type average struct {
	w, ahead int
	n        int64
	last     float64
	buf      []float64 // [0,pos): the open block; [pos,w): Σ closed block from there to its end
	pos      int
	sum      float64 // of the open block
}

func newAverage(w, ahead int) *average { return &average{w: w, ahead: ahead} }

func (a *average) push(x float64) (float64, bool) {
	if a.n == 0 {
		a.buf = grown(a.buf, a.w)
		for i := range a.buf {
			a.buf[i] = float64(a.w-i) * x
		}
	}
	a.n++
	a.last = x
	a.buf[a.pos] = x
	a.sum += x
	a.pos++
	total := a.sum
	if a.pos < a.w {
		total += a.buf[a.pos]
	} else {
		s := 0.0
		for i := a.w - 1; i >= 0; i-- {
			s += a.buf[i]
			a.buf[i] = s
		}
		a.pos, a.sum = 0, 0
	}
	return total / float64(a.w), a.n > int64(a.ahead)
}

func (a *average) finish(dst []float64) []float64 {
	for range a.ahead {
		if y, ok := a.push(a.last); ok {
			dst = append(dst, y)
		}
	}
	return dst
}

func (a *average) reset() { a.n, a.pos, a.sum, a.last = 0, 0, 0, 0 }

func (a *average) appendState(dst []byte) []byte {
	dst = wire.I64(dst, a.n)
	if a.n == 0 {
		return dst
	}
	dst = wire.F64(wire.F64(wire.I64(dst, int64(a.pos)), a.sum), a.last)
	return wire.F64s(dst, a.buf)
}

func (a *average) restore(r *wire.Reader) {
	a.reset()
	if a.n = r.I64(); a.n == 0 || r.Err() != nil {
		return
	}
	a.pos, a.sum, a.last = r.Int(), r.F64(), r.F64()
	a.buf = r.F64s(a.buf)
	if a.n < 0 || len(a.buf) != a.w || a.pos < 0 || a.pos >= a.w {
		r.Fail(errOtherFilter)
	}
}

var errOtherFilter = errors.New("it belongs to a filter with other parameters")

// grown returns a slice of length n, b where it is long enough.
func grown(b []float64, n int) []float64 {
	if cap(b) < n {
		return make([]float64, n)
	}
	return b[:n]
}

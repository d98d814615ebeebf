package classic

import (
	"errors"
	"fmt"
	"math"

	"github.com/quell-stream/quell/internal/wire"
)

// EMA writes the exponential moving average of y to dst, which may alias y:
//
//	dst[0] = y[0],  dst[t] = w·y[t] + (1-w)·dst[t-1]
//	w = 1 - (1-a)^(k+1),  a = p.Alpha
//
// with k the number of missing slots just before t, so that w = a where there
// are none: a gap is time passed, in which the old estimate fades as it would
// have among samples. At a missing slot the estimate stays what it was. It is
// EMAIrregular on a grid, with tau = -1/ln(1-a) slots.
func EMA(dst, y []float64, p Params) { runStream(dst, y, p, EMAName) }

// EMAIrregular writes to dst the exponential moving average of values y taken at
// times at, which must not fall. tau is the time constant in the unit of at.
// dst may alias y.
//
//	dst[0] = y[0],  dst[i] = (1-u)·y[i] + u·dst[i-1],  u = exp(-(at[i]-at[j])/tau)
//
// with j the last sample before i that has a value (Eckner 2019, Algorithms for
// unevenly spaced time series, EMA with next-point interpolation). At a missing
// value the estimate stays; before the first value it is NaN. Samples of one
// time after the first weigh nothing. It panics where lengths differ.
func EMAIrregular(dst, at, y []float64, tau float64) error {
	checkLengths(dst, y)
	checkLengths(at, y)
	if !(tau > 0 && tau <= math.MaxFloat64) {
		return fmt.Errorf("ema: time constant tau=%g must be a finite number above 0", tau)
	}
	for i, t := range at {
		if !finite(t) {
			return fmt.Errorf("ema: time %d is no number", i)
		}
		if i > 0 && t < at[i-1] {
			return fmt.Errorf("ema: time %d lies before the one before it: sort the samples by time", i)
		}
	}
	est, last := math.NaN(), 0.0
	for i, x := range y {
		switch {
		case !finite(x):
		case !finite(est):
			est, last = x, at[i]
		default:
			u := math.Exp(-(at[i] - last) / tau)
			est, last = (1-u)*x+u*est, at[i]
		}
		dst[i] = est
	}
	return nil
}

// ema is the exponential moving average.
type ema struct {
	alpha   float64
	y       float64
	fade    float64 // (1-a)^k over the k missing slots since the last value
	started bool
}

func (e *ema) push(x float64) (float64, bool) {
	switch {
	case !finite(x):
		e.fade *= 1 - e.alpha
		return e.y, true
	case !e.started:
		e.started, e.y = true, x
	default:
		w := e.weight()
		e.y = float64(w*x) + float64((1-w)*e.y)
	}
	e.fade = 1
	return e.y, true
}

// weight returns the weight of the next value.
func (e *ema) weight() float64 {
	if e.fade == 1 {
		return e.alpha
	}
	return 1 - (1-e.alpha)*e.fade
}

func (e *ema) finish(dst []float64) []float64 { return dst }
func (e *ema) reset()                         { e.started, e.y, e.fade = false, 0, 0 }

func (e *ema) appendState(dst []byte) []byte {
	return wire.F64(wire.F64(wire.Bool(dst, e.started), e.y), e.fade)
}

func (e *ema) restore(r *wire.Reader) {
	e.started, e.y, e.fade = r.Bool(), r.F64(), r.F64()
	if !(e.fade >= 0 && e.fade <= 1) || !finite(e.y) {
		r.Fail(errors.New("it is no state of a moving average"))
	}
}

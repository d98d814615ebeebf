package monitor

import (
	"math"

	"github.com/quell-stream/quell/internal/wire"
)

// longRun follows how much more the sums of normal values, and of their squares,
// vary than those of independent ones would. An autoregression that was learnt
// from n values leaves some dependence: of a first-order one with coefficient φ
// the deviation of long sums is off by √((1+φ)/(1−φ)/n), a tenth for φ = .9 and
// n = 2000. Bets that take independence for granted would win by it ever more
// often, the rarer false alarms are to be. What is learnt here goes on growing
// with the series.
//
// The estimate is that of batch means over segments; before there are many, as
// much counts as is expected of what was learnt.
type longRun struct {
	sum, square   float64 // over the segment that is being filled
	fill          int
	sums, squares float64 // of the squares of both, in units of independent values
	segments      float64
	wait          [waiting][2]float32 // the latest segments, which do not count yet
	waits         int64               // how many there ever were
	priorSum      float64             // segments that a ratio of 1 counts for
	priorSquare   float64
}

const (
	runSegment = 64
	// A segment counts when so many have followed it: what belongs to a change that
	// is found by then never does.
	waiting = 8
	mostRun = 9 // limits what one segment says: three deviations
)

// expect sets how sure it is beforehand that nothing is left over, from the
// number of blocks learnt from and the sum of the coefficients. A mean of k
// segments varies by 2/k; that of the deviation is given above, twice it for the
// variance, and that of the squares is what a test over five lags lets pass.
func (l *longRun) expect(blocks int, coefficients float64) {
	s := min(max(coefficients, -0.9), 0.995)
	l.priorSum = 0.5 * float64(blocks) * (1 - s) / (1 + s)
	l.priorSquare = 0.1 * float64(blocks)
}

func (l *longRun) add(z float64) {
	l.sum += z
	l.square += z*z - 1
	if l.fill++; l.fill < runSegment {
		return
	}
	w := &l.wait[l.waits%waiting]
	if l.waits++; l.waits > waiting {
		l.sums += float64(w[0])
		l.squares += float64(w[1])
		l.segments++
	}
	w[0] = float32(min(l.sum*l.sum/runSegment, mostRun))
	w[1] = float32(min(l.square*l.square/(2*runSegment), mostRun))
	l.cut()
}

// cut forgets the segment that is being filled.
func (l *longRun) cut() { l.sum, l.square, l.fill = 0, 0, 0 }

// drop forgets the latest segments too.
func (l *longRun) drop() {
	l.cut()
	l.wait, l.waits = [waiting][2]float32{}, 0
}

// ratios returns the variances of long sums over those of independent values, 1
// at least.
func (l *longRun) ratios() (sums, squares float64) {
	sums = (l.priorSum + l.sums) / (l.priorSum + l.segments)
	squares = (l.priorSquare + l.squares) / (l.priorSquare + l.segments)
	return max(sums, 1), max(squares, 1)
}

func (l *longRun) appendState(dst []byte) []byte {
	for _, v := range [...]float64{l.sum, l.square, l.sums, l.squares, l.segments, l.priorSum, l.priorSquare} {
		dst = wire.F64(dst, v)
	}
	for _, w := range l.wait {
		dst = wire.F32(wire.F32(dst, w[0]), w[1])
	}
	return wire.U8(wire.I64(dst, l.waits), uint8(l.fill))
}

func (l *longRun) restoreState(r *wire.Reader) {
	for _, p := range [...]*float64{&l.sum, &l.square, &l.sums, &l.squares, &l.segments, &l.priorSum, &l.priorSquare} {
		*p = r.F64()
	}
	for i := range l.wait {
		l.wait[i] = [2]float32{r.F32(), r.F32()}
	}
	l.waits, l.fill = r.I64(), int(r.U8())
	if l.fill >= runSegment || l.waits < 0 || !(l.priorSum > 0) || !(l.priorSquare > 0) || math.IsNaN(l.sums+l.squares+l.segments) {
		r.Fail(errForeign)
	}
}

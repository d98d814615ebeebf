package window

import (
	"errors"
	"math"

	"github.com/quell-stream/quell/internal/wire"
)

const (
	wildDevs   = 32   // deviations from the mean beyond which a reading may be wild
	wildYoung  = 1e4  // the same before a whole block has been seen
	wildRanges = 8    // widths of the range of late beyond either end of it
	wildMemory = 2048 // readings that a range is kept for, and those before once more

	// What readings add to the doubt of whether what looks wild is a change, and when it is
	// one: four wild ones in a row, or more than one of 17 for long.
	wildDoubt  = 32
	soundDoubt = 2
	wildChange = 128
)

// Wild finds readings of a channel that cannot be: far beyond all that it read of late and
// beyond what its scale allows, such as an overflow of a register or a code for no value.
// What stays, or comes often, is a change and not wild. A reading is judged by those before
// it alone.
//
// The zero value is ready to use. It is not safe for concurrent use and allocates nothing.
type Wild struct {
	lo, hi  [2]float64 // range of the sound readings, of the present stretch and of the one before
	n       [2]int64   // readings of each
	doubted int64
}

// Push takes the next reading, before the scaler does, and says whether it is wild: the
// scaler and all that estimates should not see it then. Nothing is where the scale is not
// known.
func (w *Wild) Push(s *Scaler, v float64) bool {
	scale := s.Scale()
	if !(math.Abs(v) <= absurd) {
		return scale.Known()
	}
	if scale.Known() && w.n[0]+w.n[1] > 0 && w.beyond(s, scale, v) {
		if w.doubted += wildDoubt; w.doubted < wildChange {
			return true
		}
		w.doubted = 0
	} else if w.doubted > 0 {
		w.doubted -= soundDoubt
	}
	if w.n[0] == wildMemory {
		w.lo[1], w.hi[1], w.n[1], w.n[0] = w.lo[0], w.hi[0], w.n[0], 0
	}
	if w.n[0]++; w.n[0] == 1 {
		w.lo[0], w.hi[0] = v, v
		return false
	}
	w.lo[0], w.hi[0] = min(w.lo[0], v), max(w.hi[0], v)
	return false
}

// beyond says whether a reading lies beyond scale and range.
func (w *Wild) beyond(s *Scaler, scale Scale, v float64) bool {
	off := math.Abs(v - scale.Mean)
	if !(off > wildDevs*scale.Dev) {
		return false
	}
	if s.pooled.n+s.bn < scaleBlock && !(off > wildYoung*scale.Dev) {
		return false
	}
	lo, hi := w.lo[0], w.hi[0]
	switch {
	case w.n[0] == 0:
		lo, hi = w.lo[1], w.hi[1]
	case w.n[1] > 0:
		lo, hi = min(lo, w.lo[1]), max(hi, w.hi[1])
	}
	room := wildRanges * (hi - lo)
	return v > hi+room || v < lo-room
}

// AppendState appends a snapshot to dst.
func (w *Wild) AppendState(dst []byte) []byte {
	dst = wire.I64(dst, w.doubted)
	for i := range w.n {
		dst = wire.F64(wire.F64(wire.I64(dst, w.n[i]), w.lo[i]), w.hi[i])
	}
	return dst
}

var errWild = errors.New("window: a range of readings that there can't be")

// RestoreState reads a snapshot back and returns the rest of src.
func (w *Wild) RestoreState(src []byte) ([]byte, error) {
	r := wire.NewReader(src)
	w.doubted = r.I64()
	for i := range w.n {
		w.n[i], w.lo[i], w.hi[i] = r.I64(), r.F64(), r.F64()
		if w.n[i] < 0 || w.n[i] > wildMemory || !(w.lo[i] <= w.hi[i]) {
			r.Fail(errWild)
		}
	}
	if w.doubted < 0 || w.doubted >= wildChange {
		r.Fail(errWild)
	}
	if err := r.Err(); err != nil {
		*w = Wild{}
		return nil, err
	}
	return r.Rest(), nil
}

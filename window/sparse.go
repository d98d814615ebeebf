package window

import (
	"errors"
	"math"

	"github.com/quell-stream/quell/internal/wire"
)

// SparseReadings is the number of readings that SparseDetail takes.
const SparseReadings = 5

// SparseDetail returns the weighted sum of five readings x at slots at, which must rise,
// that is 0 for any cubic through them: their divided difference of fourth order, with
// weights of unit energy. On white noise it has the noise's deviation, however far apart
// the readings are (Gasser, Sroka and Jennen-Steinmetz, "Residual Variance and Residual
// Pattern in Nonlinear Regression", 1986, with a cubic for their line). The wider
// apart, the more of a signal that is no cubic is in it.
func SparseDetail(at [SparseReadings]int64, x [SparseReadings]float64) float64 {
	sum, energy := 0.0, 0.0
	for i := range x {
		w := 1.0
		for j := range at {
			if j != i {
				w /= float64(at[i] - at[j])
			}
		}
		sum += w * x[i]
		energy += w * w
	}
	return sum / math.Sqrt(energy)
}

// sparse gathers details of readings with gaps between them, of which there are no
// wavelet details: those take eight slots in a row.
type sparse struct {
	at     [8]int64  // slots of the latest readings, that of reading k at k mod 8
	n      int64     // readings since the context was reset
	detail []float64 // |detail| of the block
}

// saw notes that there is a reading at a slot.
func (s *sparse) saw(slot int64) {
	s.at[s.n&7] = slot
	s.n++
}

// add takes the detail of the latest readings, of which newest are the values.
func (s *sparse) add(newest []float64) {
	if s.n < SparseReadings || len(s.detail) == scaleBlock {
		return
	}
	var at [SparseReadings]int64
	for i := range at {
		at[i] = s.at[(s.n-SparseReadings+int64(i))&7]
	}
	s.detail = append(s.detail, math.Abs(SparseDetail(at, [SparseReadings]float64(newest[len(newest)-SparseReadings:]))))
}

func (s *sparse) appendState(dst []byte) []byte {
	dst = wire.I64(dst, s.n)
	for k := max(0, s.n-SparseReadings); k < s.n; k++ {
		dst = wire.I64(dst, s.at[k&7])
	}
	return wire.F64s(dst, s.detail)
}

var errSparse = errors.New("slots of readings that do not rise")

func (s *sparse) restoreState(r *wire.Reader) {
	if s.n = r.I64(); s.n < 0 {
		r.Fail(errSparse)
	}
	last := int64(math.MinInt64)
	for k := max(0, s.n-SparseReadings); k < s.n && r.Err() == nil; k++ {
		at := r.I64()
		if at <= last {
			r.Fail(errSparse)
		}
		s.at[k&7], last = at, at
	}
	if s.detail = r.F64s(nil); len(s.detail) > scaleBlock {
		r.Fail(wire.ErrShort)
	}
}

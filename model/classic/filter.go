package classic

import (
	"fmt"
	"math"

	"github.com/quell-stream/quell/internal/wire"
)

// Filter denoises a series sample by sample in constant memory. Its values are
// bit for bit those of the function over the whole recording with the same
// look-ahead. It is not safe for concurrent use.
type Filter interface {
	// Push takes the next sample, NaN where it is missing. After the first
	// Lookahead samples each call returns the estimate of the sample pushed
	// Lookahead calls ago; before that ok is false. It does not allocate once
	// the first window has been filled.
	Push(x float64) (y float64, ok bool)
	// Lookahead returns the number of samples by which the output is late.
	Lookahead() int
	// Finish appends the estimates still due (Lookahead of them, or as many as
	// samples were pushed) to dst and returns it. The filter is then as new.
	Finish(dst []float64) []float64
	// AppendState appends a snapshot to dst; RestoreState reads it back, bit for
	// bit, into a filter of equal parameters and returns the rest of src. After
	// an error the filter is as new.
	AppendState(dst []byte) []byte
	RestoreState(src []byte) (rest []byte, err error)
}

// NewFilter returns the streaming form of p: any family but wavelet, kalman and
// butterworth with a limited look-ahead, wiener once it has been learnt.
//
// The window filters read Full as half a window. One value differs from the
// function over the whole recording then: Savitzky-Golay can't know the first
// whole window when its first values are due, and fits what is there.
func NewFilter(p Params) (Filter, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	switch {
	case p.Family == WaveletName:
		return nil, fmt.Errorf("filter %s: it needs the whole recording and can't run on a stream", p.Family)
	case p.Latency() == Full:
		return nil, fmt.Errorf("filter %s: without a limit it needs the whole recording, give a look-ahead such as l=8", p.Family)
	}
	return newStream(p), nil
}

// core filters one run of samples that begins with a finite one.
type core interface {
	push(x float64) (y float64, ok bool)
	finish(dst []float64) []float64
	reset()
	appendState(dst []byte) []byte
	restore(r *wire.Reader)
}

// stream adds to a core what all filters share: missing values and the slots
// before the first value. It implements Filter.
type stream struct {
	core  core
	ahead int
	hold  bool // the last value stands in for missing ones; else the core takes NaN

	pushed, lead int64 // samples so far; those before the first value
	last         float64
}

func newStream(p Params) *stream {
	s := &stream{ahead: p.Latency(), hold: true}
	switch p.Family {
	case MovingAverageName:
		s.core = newAverage(p.Window, s.ahead)
	case MedianName:
		s.core = newMedian(p.Window, s.ahead)
	case HampelName:
		s.core = newHampel(p.Window, s.ahead, p.Threshold)
	case SavitzkyGolayName:
		s.core = newSavGol(p.Window, p.Order, s.ahead)
	case EMAName:
		s.core, s.hold = &ema{alpha: p.Alpha}, false
	case KalmanName:
		s.core, s.hold = newKalman(p.Lambda, p.Trend, s.ahead), false
	case WienerName:
		s.core = newWiener(p)
	case ButterworthName:
		s.core = newButter(p.Order, p.Cutoff, s.ahead)
	case HaarName:
		s.core, s.hold = newHaar(p), false
	case IdentityName:
		s.core = identity{}
	default:
		panic("classic: no streaming form of " + p.Family)
	}
	return s
}

// finite says whether x is a value rather than a missing one.
func finite(x float64) bool { return x-x == 0 }

// Lookahead implements Filter.
func (s *stream) Lookahead() int { return s.ahead }

// Push implements Filter.
func (s *stream) Push(x float64) (float64, bool) {
	s.pushed++
	due := s.pushed > int64(s.ahead)
	if !finite(x) {
		switch {
		case s.lead == s.pushed-1: // still no value at all
			s.lead++
			return math.NaN(), due
		case s.hold:
			x = s.last
		default:
			x = math.NaN()
		}
	} else {
		s.last = x
	}
	y, ok := s.core.push(x)
	if !ok && due { // the sample that is due lies before the first value
		return math.NaN(), true
	}
	return y, ok
}

// Finish implements Filter.
func (s *stream) Finish(dst []float64) []float64 {
	// Of the samples still due, those before the first value come first.
	from := max(0, s.pushed-int64(s.ahead))
	for range max(0, s.lead-from) {
		dst = append(dst, math.NaN())
	}
	if s.lead < s.pushed {
		dst = s.core.finish(dst)
	}
	s.reset()
	return dst
}

func (s *stream) reset() {
	s.core.reset()
	s.pushed, s.lead, s.last = 0, 0, 0
}

// AppendState implements Filter.
func (s *stream) AppendState(dst []byte) []byte {
	dst = wire.F64(wire.I64(wire.I64(dst, s.pushed), s.lead), s.last)
	return s.core.appendState(dst)
}

// RestoreState implements Filter.
func (s *stream) RestoreState(src []byte) ([]byte, error) {
	r := wire.NewReader(src)
	s.pushed, s.lead, s.last = r.I64(), r.I64(), r.F64()
	if s.lead < 0 || s.lead > s.pushed {
		r.Fail(fmt.Errorf("%d leading slots of %d", s.lead, s.pushed))
	}
	s.core.restore(r)
	if err := r.Err(); err != nil {
		s.reset()
		return src, fmt.Errorf("filter state: %w", err)
	}
	return r.Rest(), nil
}

// identity returns what it is given.
type identity struct{}

func (identity) push(x float64) (float64, bool) { return x, true }
func (identity) finish(dst []float64) []float64 { return dst }
func (identity) reset()                         {}
func (identity) appendState(dst []byte) []byte  { return dst }
func (identity) restore(*wire.Reader)           {}

// run filters y into dst, which may alias it.
func (s *stream) run(dst, y []float64) {
	n := 0
	for _, x := range y {
		if v, ok := s.Push(x); ok {
			dst[n] = v
			n++
		}
	}
	s.Finish(dst[:n:len(y)])
}

// fill returns the values of y from the first finite one on, a copy in which
// missing ones are replaced by the value before them, and the index it starts at.
func fill(y []float64) (z []float64, lead int) {
	for lead < len(y) && !finite(y[lead]) {
		lead++
	}
	z = append(z, y[lead:]...)
	for i, x := range z {
		if !finite(x) {
			z[i] = z[i-1]
		}
	}
	return z, lead
}

// noValue sets dst to NaN.
func noValue(dst []float64) {
	for i := range dst {
		dst[i] = math.NaN()
	}
}

func checkLengths(dst, y []float64) {
	if len(dst) != len(y) {
		panic("classic: dst and y differ in length")
	}
}

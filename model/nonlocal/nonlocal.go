// Package nonlocal finds earlier stretches of a signal that look like the present
// one, and averages the readings at the same place in them: non-local means
// (Buades, Coll and Morel, "A Non-Local Algorithm for Image Denoising", 2005; for
// heart beats Tracey and Miller, "Nonlocal Means Denoising of ECG Signals", 2012),
// over the past of a stream and at a constant cost per reading and lag.
//
// What a net makes of a reading hangs on the samples around it. A signal that
// repeats itself has more to say: at the same place of earlier cycles the noise is
// another one. How much that is worth is for the caller to weigh, as model/guard
// does on the readings alone.
package nonlocal

import (
	"slices"

	"github.com/quell-stream/quell/model/internal/kernel"
)

const (
	past     = 32           // slots before the present one that are compared by their estimates
	maxAhead = 32           // slots after it that are compared by their readings
	maxGap   = 8            // slots before it that are, too: their estimates know the present reading
	nearest  = maxAhead + 1 // lag: what is nearer a net sees by itself
	refresh  = 512          // slots after which the sums are made anew, so that rounding does not add up
	reach    = 1.6          // mismatch, in variances of the noise, from which on a weight is 0
	cut      = 3            // deviations of the noise that a reading may lie off its estimate
	share    = .5           // of the mismatch around a slot that is taken for its own
	wildest  = 1e15         // what is kept is bounded by, so that sums of squares stay numbers
)

// never is a slot before all.
const never = -2

// Memory is the past of one channel. It is not safe for concurrent use.
type Memory struct {
	lags, ahead, gap int
	origin           float64 // what is kept is relative to it: the first reading, later estimates
	begun            bool    // origin is known
	read, done       int64   // slots that were read, and learnt
	y, c             tail    // readings, up to slot read-1, and estimates, up to slot done-1

	d      []float32 // of the lags in use down to nearest: Σ of squared differences around slot summed
	summed int64     // never: d is to be made anew
	fresh  int64     // slot at which d was made anew
}

// New returns a memory of so many lags, at least 2·nearest, that compares up to
// lookahead slots after the present one.
func New(lags, lookahead int) *Memory {
	m := &Memory{lags: max(lags, 2*nearest), ahead: min(lookahead, maxAhead), gap: min(lookahead, maxGap), summed: never}
	m.y, m.c = newTail(m.lags+m.ahead+m.gap+2), newTail(m.lags+past+m.gap+1)
	return m
}

// Ahead returns the number of slots that Match wants to have been read after the
// one that is to be learnt next.
func (m *Memory) Ahead() int { return m.ahead }

// Read takes the reading of the next slot, NaN where it is missing. Not more than
// Ahead slots may have been read and not learnt before.
func (m *Memory) Read(y float64) {
	switch {
	case y-y != 0:
		m.y.push(m.y.newest())
	case !m.begun:
		m.origin, m.begun = bounded(y), true
		m.y.push(0)
	default:
		m.y.push(m.kept(y))
	}
	m.read++
}

func bounded(x float64) float64 { return min(max(x, -wildest), wildest) }

// kept returns a value as it is kept: relative to the origin.
func (m *Memory) kept(x float64) float32 { return float32(bounded(x - m.origin)) }

// recentre makes the middle one of three late estimates the origin, so that a level
// that wanders, or a first reading that was wild, does not cost precision.
func (m *Memory) recentre() {
	late := [...]float32{m.c.newest(), m.c.back(past/2, 1)[0], m.c.back(past, 1)[0]}
	slices.Sort(late[:])
	by := late[1]
	if !m.begun || by == 0 {
		return
	}
	m.origin += float64(by)
	m.y.lower(by)
	m.c.lower(by)
}

// Pending returns the number of slots that were read and not learnt.
func (m *Memory) Pending() int { return int(m.read - m.done) }

// Alike is what the past says of a slot.
type Alike struct {
	Mean     float64 // of the readings at the same place
	Variance float64 // of its error, as far as the slots around tell
}

// Match returns what the past says of the slot that is to be learnt next, where the
// noise has variance noise and the errors of the estimates before it variance
// off. ok is false where nothing in the past looks alike, or less than Ahead
// slots after it were read.
func (m *Memory) Match(noise, off float64) (a Alike, ok bool) {
	if m.Pending() != m.ahead+1 || !(noise > 0) || !(off >= 0) {
		return Alike{}, false
	}
	// Equal stretches differ by the errors of two estimates or readings. Half of the
	// former is taken off: those of cycles that are alike are alike.
	base := off*past + 2*noise*float64(m.ahead+m.gap)
	least := reach * noise * float64(past+m.ahead+m.gap)
	w := m.weigh(float32(base), float32(1/least))
	if !(w.W > 0) {
		return Alike{}, false
	}
	sum := float64(w.W)
	mismatch := reach * float64(w.WU) / sum
	a = Alike{m.origin + float64(w.WY)/sum, noise * (float64(w.W2)/(sum*sum) + share*mismatch)}
	return a, a.Mean-a.Mean == 0 && a.Variance-a.Variance == 0
}

// weigh brings d to the slot that is to be learnt next, and sums up what its weights say.
func (m *Memory) weigh(base, scale float32) kernel.Weighed {
	t := m.done
	moves := m.summed == t-1 && t-m.fresh < refresh
	m.summed = t
	if moves && m.ahead > 0 {
		swaps := [...]kernel.Swap{m.swap(&m.c, m.gap, past), m.swap(&m.y, 0, m.ahead), m.swap(&m.y, m.ahead+1, m.gap)}
		return kernel.ExchangeWeigh(m.d, &swaps, m.there(), base, scale)
	}
	if moves {
		s := m.swap(&m.c, m.gap, past)
		kernel.Exchange(m.d, s.A, s.B, s.X, s.Y)
	} else {
		m.remake(t)
	}
	return kernel.Weigh(m.d, m.there(), base, scale)
}

// there returns the readings at the place of the slot that is to be learnt next.
func (m *Memory) there() []float32 { return m.y.back(m.ahead+nearest, len(m.d)) }

// remake makes d anew, for slot t.
func (m *Memory) remake(t int64) {
	m.use(int(min(t-past-int64(m.gap), int64(m.lags))))
	m.recentre()
	m.add(&m.c, m.gap, past)
	m.add(&m.y, 0, m.ahead)
	m.add(&m.y, m.ahead+1, m.gap)
	m.fresh = t
}

// use has d be zero for lags up to longest.
func (m *Memory) use(longest int) {
	n := max(0, longest-nearest+1)
	if n > cap(m.d) {
		m.d = make([]float32, n)
	}
	m.d = m.d[:n]
	clear(m.d)
}

// add adds to d the squared differences of n values, of which the last is k before the
// newest.
func (m *Memory) add(of *tail, k, n int) {
	if lags := len(m.d); lags > 0 && n > 0 {
		kernel.Distances(m.d, of.back(k+nearest, lags+n-1), of.back(k, n))
	}
}

// swap has d sum up the value that is k before the newest in place of that which
// is another n before.
func (m *Memory) swap(of *tail, k, n int) kernel.Swap {
	lags := len(m.d)
	return kernel.Swap{A: of.back(k+nearest, lags), B: of.back(k+n+nearest, lags), X: of.back(k, 1)[0], Y: of.back(k+n, 1)[0]}
}

// Learn takes the estimate of the oldest slot that was read and not learnt, NaN
// where there is none, and the deviation of the noise. A reading that is far off
// its estimate counts as one that is less far off.
func (m *Memory) Learn(c, sigma float64) {
	k := m.Pending() - 1
	y := &m.y.back(k, 1)[0]
	x := *y
	if c-c == 0 && m.begun {
		x = m.kept(c)
		if far := float32(cut * sigma); far > 0 {
			*y = min(max(*y, x-far), x+far)
		}
	}
	m.c.push(x)
	if m.done++; m.summed != m.done-1 { // nobody asked for the slot: the sums are not moved along
		m.summed, m.d = never, nil
	}
}

// Reset forgets everything.
func (m *Memory) Reset() {
	m.y.reset()
	m.c.reset()
	m.begun, m.read, m.done, m.summed, m.d = false, 0, 0, never, nil
}

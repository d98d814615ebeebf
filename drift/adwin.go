package drift

import (
	"fmt"
	"math"
)

// ADWINConfig holds the parameters of ADWIN by River's names.
type ADWINConfig struct {
	Delta           float64 // confidence of a cut, in (0, 1). Default 0.002
	Clock           int     // updates between tests, at least 1. Default 32
	MaxBuckets      int     // buckets of a size before two are merged, 1 to 1000. Default 5
	MinWindowLength int     // samples that each side of a cut must hold, at least 1. Default 5
	GracePeriod     int     // no test while the window holds no more samples, at least 0. Default 10
}

// DefaultADWIN returns River's defaults.
func DefaultADWIN() ADWINConfig {
	return ADWINConfig{Delta: 0.002, Clock: 32, MaxBuckets: 5, MinWindowLength: 5, GracePeriod: 10}
}

// Validate says which parameter is out of range, in one sentence.
func (c ADWINConfig) Validate() error {
	switch {
	case !(c.Delta > 0 && c.Delta < 1):
		return fmt.Errorf("delta must lie between 0 and 1, got %v", c.Delta)
	case c.Clock < 1:
		return fmt.Errorf("clock must be at least 1, got %d", c.Clock)
	case c.MaxBuckets < 1 || c.MaxBuckets > 1000:
		return fmt.Errorf("max_buckets must lie between 1 and 1000, got %d", c.MaxBuckets)
	case c.MinWindowLength < 1:
		return fmt.Errorf("min_window_length must be at least 1, got %d", c.MinWindowLength)
	case c.GracePeriod < 0:
		return fmt.Errorf("grace_period must not be negative, got %d", c.GracePeriod)
	}
	return nil
}

func (c *ADWINConfig) params(s *setter) {
	s.float("delta", &c.Delta)
	s.int("clock", &c.Clock)
	s.int("max_buckets", &c.MaxBuckets)
	s.int("min_window_length", &c.MinWindowLength)
	s.int("grace_period", &c.GracePeriod)
}

func (c *ADWINConfig) code(k *codec) {
	k.f64(&c.Delta)
	k.int(&c.Clock, &c.MaxBuckets, &c.MinWindowLength, &c.GracePeriod)
}

// maxRows bounds the memory of an ADWIN: row r holds buckets of 2^r samples,
// so that 44 rows hold more samples than a century at 1 kHz.
const maxRows = 44

// hugeInput is where squares come near to overflowing. No reading is that
// large; a detector ignores it like an infinity.
const hugeInput = 1e150

func usable(x float64) bool { return math.Abs(x) <= hugeInput } // false for NaN

// bucket summarises 2^r neighbouring samples: their sum and their sum of
// squared deviations from their own mean.
type bucket struct{ total, variance float64 }

// row holds the buckets of one size, oldest first.
type row struct {
	first, n int
	b        []bucket // room for more than MaxBuckets+1, so that they seldom move
}

// held returns the buckets.
func (r *row) held() []bucket { return r.b[r.first : r.first+r.n] }

// rowSlack is how many more buckets a row has room for than it may hold.
const rowSlack = 10

// ADWIN keeps a window of varying length over the latest samples and shortens
// it from the old end as long as two parts of it differ in their mean (Bifet
// and Gavaldà 2007, "Learning from time-changing data with adaptive
// windowing", ADWIN2). A window of width W and variance V/W is cut where
//
//	|μ0 − μ1| > √(2·m·(V/W)·d) + ⅔·d·m
//	d = ln(2·ln W/δ),  m = 1/(n0−w+1) + 1/(n1−w+1)
//
// with n0 and n1 the samples on either side, both at least w, the minimum
// window length. The variance of buckets is merged after Babcock et al. (2003).
//
// It reproduces River 0.26.1: it tests every Clock-th update only, drops the
// oldest bucket at each cut and tests again, and begins anew at the update
// after a drift. Unlike River it ignores non-finite input, and finite input
// beyond ±1e150, where one such value would silence River's for good.
//
// Update takes logarithmic time in the width of the window and allocates
// nothing. An ADWIN is made by NewADWIN and not safe for concurrent use.
type ADWIN struct {
	cfg        ADWINConfig
	state      State
	tick       int
	detections int
	width      float64
	total      float64
	variance   float64 // sum of squared deviations over the window
	used       int     // rows in use; the last of them holds the oldest samples
	rows       [maxRows]row
}

// NewADWIN returns an ADWIN. It panics where cfg does not validate.
func NewADWIN(cfg ADWINConfig) *ADWIN {
	mustValidate("adwin", cfg)
	a := &ADWIN{cfg: cfg}
	room := cfg.MaxBuckets + 1 + rowSlack
	all := make([]bucket, maxRows*room)
	for i := range a.rows {
		a.rows[i].b, all = all[:room:room], all[room:]
	}
	a.Reset()
	return a
}

// Reset empties the window.
func (a *ADWIN) Reset() {
	a.state, a.tick, a.detections = Stable, 0, 0
	a.width, a.total, a.variance = 0, 0, 0
	for i := range a.rows {
		a.rows[i].first, a.rows[i].n = 0, 0
	}
	a.used = 1
}

// Update feeds one value. It returns Drift where the window was cut.
func (a *ADWIN) Update(x float64) State {
	if !usable(x) {
		return a.state
	}
	if a.state == Drift {
		a.Reset()
	}
	a.insert(x)
	a.state = Stable
	a.tick++
	if a.tick%a.cfg.Clock == 0 && a.width > float64(a.cfg.GracePeriod) && a.shrink() {
		a.detections++
		a.state = Drift
	}
	return a.state
}

func (a *ADWIN) insert(x float64) {
	a.rows[0].push(bucket{total: x})
	a.width++
	if a.width > 1 {
		d := x - a.total/(a.width-1)
		a.variance += (a.width - 1) * d * d / a.width
	}
	a.total += x
	a.compress()
}

func (r *row) push(b bucket) {
	if r.first+r.n == len(r.b) {
		copy(r.b, r.held())
		r.first = 0
	}
	r.b[r.first+r.n] = b
	r.n++
}

// drop forgets the k oldest buckets of a row.
func (r *row) drop(k int) {
	r.first += k
	r.n -= k
}

// compress merges the two oldest buckets of every row that is over-full into
// one of the next row.
func (a *ADWIN) compress() {
	size, share := 1.0, 1.0 // powers of two: exact
	for i := 0; a.rows[i].n > a.cfg.MaxBuckets; i++ {
		if i+1 == maxRows {
			a.dropOldest() // beyond every width that time allows
			return
		}
		r := &a.rows[i]
		old, next := r.b[r.first], r.b[r.first+1]
		d := old.total*share - next.total*share
		a.rows[i+1].push(bucket{
			total:    old.total + next.total,
			variance: old.variance + next.variance + size*0.5*d*d,
		})
		r.drop(2)
		a.used = max(a.used, i+2)
		size, share = size*2, share/2
	}
}

func (a *ADWIN) dropOldest() {
	r := &a.rows[a.used-1]
	n := float64(uint64(1) << (a.used - 1))
	old := r.held()[0]
	a.width -= n
	a.total -= old.total
	d := old.total/n - a.total/a.width
	a.variance -= old.variance + n*a.width*d*d/(n+a.width)
	r.drop(1)
	for a.used > 1 && a.rows[a.used-1].n == 0 {
		a.used--
	}
}

// shrink drops oldest buckets as long as a cut of the window tells its two
// sides apart, and says whether it dropped any.
func (a *ADWIN) shrink() bool {
	cut := false
	for a.findCut() {
		a.dropOldest()
		cut = true
	}
	return cut
}

// findCut looks for a cut from the old end to the new one.
func (a *ADWIN) findCut() bool {
	least := float64(a.cfg.MinWindowLength)
	d := math.Log(2 * math.Log(a.width) / a.cfg.Delta)
	spread := a.variance / a.width
	twice := 2 * spread * d
	n0, n1 := 0.0, a.width
	u0, u1 := 0.0, a.total
	for i := a.used - 1; i >= 0; i-- {
		size := float64(uint64(1) << i)
		for _, b := range a.rows[i].held() {
			n0 += size
			n1 -= size
			u0 += b.total
			u1 -= b.total
			if n1 < least {
				return false // and so are all later cuts
			}
			if n0 < least {
				continue
			}
			// Most cuts are far from the bound. With no division: is the
			// difference below half of the bound's first term?
			left, right := n0-least+1, n1-least+1
			cross := u0*n1 - u1*n0
			if cross*cross*left*right < 0.25*(left+right)*twice*(n0*n1)*(n0*n1) {
				continue
			}
			m := 1/left + 1/right
			epsilon := math.Sqrt(2*m*spread*d) + 2.0/3.0*d*m
			if math.Abs(u0/n0-u1/n1) > epsilon {
				return true
			}
		}
	}
	return false
}

// Vars visits width (samples in the window), total (their sum), variance
// (their sum of squared deviations) and estimation (their mean).
func (a *ADWIN) Vars(visit func(name string, v float64)) {
	visit("width", a.width)
	visit("total", a.total)
	visit("variance", a.variance)
	mean := 0.0
	if a.width > 0 {
		mean = a.total / a.width
	}
	visit("estimation", mean)
}

func (a *ADWIN) code(c *codec) {
	state, used := int(a.state), uint8(a.used)
	c.count(&state, &a.tick, &a.detections)
	c.f64(&a.width, &a.total, &a.variance)
	c.u8(&used)
	if used < 1 || used > maxRows || state > int(Drift) {
		c.r.Fail(errForeign)
		return
	}
	a.state, a.used = State(state), int(used)
	for i := range a.rows[:a.used] {
		a.rows[i].code(c, a.cfg.MaxBuckets)
	}
}

// code codes a row of at most so many buckets.
func (r *row) code(c *codec, most int) {
	n := r.n
	if c.count(&n); n > most {
		c.r.Fail(errForeign)
		return
	}
	r.n = n
	for i := range r.held() {
		b := &r.held()[i]
		c.f64(&b.total, &b.variance)
	}
}

// adwinState marks a snapshot of an ADWIN, version 1.
const adwinState = 0xad01

// AppendState appends a snapshot, parameters included.
func (a *ADWIN) AppendState(dst []byte) []byte { return appendState(dst, adwinState, &a.cfg, a) }

// RestoreState reads a snapshot back. On an error the detector is unchanged.
func (a *ADWIN) RestoreState(src []byte) ([]byte, error) {
	return restoreState(a, "adwin", adwinState, src, NewADWIN)
}

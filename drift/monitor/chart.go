package monitor

import (
	"math"

	"github.com/quell-stream/quell/internal/mix"
	"github.com/quell-stream/quell/internal/wire"
)

const (
	mostAR     = 10 // highest order of the whitening autoregression
	mostHeld   = 32 // blocks held back from the ranks while there is a warning
	warnShare  = 0.65
	calmShare  = 0.35
	quietShare = 0.25

	shortHistory = 400 // values

	// Beyond so many blocks the ranks take one in sparse: history goes on growing,
	// and what its beginning was off by goes on shrinking, but a change too small
	// for a warning has not become half of it before it is found. Without that one
	// shift in 500 by a deviation of an autoregression of .9 was never found.
	longHistory = 2000
	sparse      = 4
)

// The bets: shifts of the mean and changes of the spread of a standard normal
// value. Small shifts are bet on only where the calibration is long enough to
// tell them from its own error. Each shift is half of the one before it, so that
// one exponential gives the likelihood ratios of all.
var (
	shifts = [...]float64{-1.5, 1.5, -0.75, 0.75, -0.375, 0.375, -0.1875, 0.1875}
	scales = [...]float64{0.5, 1.5, 2}
)

// shiftCost is exp(−λ²/2) of each pair of shifts ±λ.
var shiftCost = func() (cost [len(shifts) / 2]float64) {
	for i := range cost {
		cost[i] = math.Exp(-shifts[2*i] * shifts[2*i] / 2)
	}
	return cost
}()

// scaleCost is the logarithm of each change of the spread.
var scaleCost = func() (cost [len(scales)]float64) {
	for i, q := range scales {
		cost[i] = math.Log(q)
	}
	return cost
}()

const mostBets = len(shifts) + len(scales)

// chart turns one series of statistics into evidence of a change:
//
//  1. an autoregression, learnt once, makes it white;
//  2. means of B innovations, B learnt once, remove what dependence is left;
//  3. ranks among everything seen so far make it standard normal;
//  4. every bet L runs a Shiryaev–Roberts e-detector, R ← (R+1)·L, with what
//     dependence is found to be left over taken out (longRun).
//
// The mean of all R is an e-detector too: R_n − n is a martingale for
// exchangeable innovations, so that alarming at mean R ≥ A leaves at least A
// blocks between false alarms on average (Shin, Ramdas and Rinaldo 2022,
// "E-detectors: a nonparametric framework for sequential change detection",
// theorem 2.4). The whitening is estimated, so this is a design and not a
// proof; what comes of it is measured by quell eval drift.
type chart struct {
	ready  bool
	fitted int     // values it was learnt from
	log    float64 // ln A: the alarm is where evidence reaches it

	mu    float64
	ar    [mostAR]float64
	order int
	lag   [mostAR]float64 // latest values about mu, newest first
	known int             // valid lags

	size int // B
	sum  float64
	fill int

	ranks ranks
	run   longRun
	held  [mostHeld]float64
	nheld int
	warn  bool

	bets  int // how many of shifts, in order
	scale bool
	r     [mostBets]float64

	evidence float64 // ln of the mean R
	calm     int64   // index at which the evidence last was small
	rise     int64   // and at which it last was half of what an alarm takes
	seed     uint64
	draws    uint64
}

// fit learns everything from x, the calibration in order. between is the mean
// number of updates between false alarms.
func (c *chart) fit(x []float64, between float64, cells int, scale bool, seed uint64, index int64) {
	*c = chart{fitted: len(x), ranks: newRanks(cells), seed: seed, scale: scale, calm: index, rise: index}
	c.mu, _ = medianMAD(x)
	ar := fitAR(x, mostAR)
	c.order = copy(c.ar[:], ar)
	u := make([]float64, 0, len(x))
	for _, v := range x {
		if w, ok := c.whiten(v); ok {
			u = append(u, w)
		}
	}
	// Blocks as small as the tests allow, but never fewer than 25 of them.
	c.size = 1
	for !looksWhite(blockMeans(u, c.size)) && c.size < 64 && len(u)/(2*c.size) >= 25 {
		c.size *= 2
	}
	c.ranks.fit(blockMeans(u, c.size))
	left := 0.0
	for _, a := range ar {
		left += a
	}
	c.run.expect(len(u)/c.size, left)
	switch c.bets = len(shifts); {
	case len(x) < shortHistory:
		c.bets -= 4
	case len(x) < 1000:
		c.bets -= 2
	}
	c.require(between)
	c.evidence = math.Inf(-1)
	c.ready = true
}

// require sets what an alarm takes from the mean number of updates between
// false alarms.
//
// Whitening that was learnt from a short history leaves some dependence, which
// feeds every bet a little; the measured price is a few times the false alarms,
// and so the requirement is raised by as much.
func (c *chart) require(between float64) {
	if c.fitted < shortHistory {
		between *= 4
	}
	c.log = math.Log(max(between/float64(c.size), 10))
}

func (c *chart) whiten(x float64) (float64, bool) {
	d := x - c.mu
	u := d
	for k := range c.order {
		u -= c.ar[k] * c.lag[k]
	}
	ok := c.known >= c.order
	copy(c.lag[1:], c.lag[:mostAR-1])
	c.lag[0] = d
	c.known = min(c.known+1, mostAR)
	return u, ok
}

// quiet says that there is hardly any evidence.
func (c *chart) quiet() bool { return !c.ready || c.evidence < quietShare*c.log }

// gap forgets the latest values: the next one does not follow them.
func (c *chart) gap() {
	c.known, c.sum, c.fill = 0, 0, 0
	c.run.cut()
}

// calmDown drops all evidence.
func (c *chart) calmDown(index int64) {
	clear(c.r[:])
	c.run.drop()
	c.evidence, c.calm, c.rise = math.Inf(-1), index, index
	c.release()
}

// release lets the values held back count from now on.
func (c *chart) release() {
	for _, v := range c.held[:c.nheld] {
		c.ranks.add(v)
	}
	c.nheld, c.warn = 0, false
}

// alarm says whether the evidence suffices.
func (c *chart) alarm() bool { return c.ready && c.evidence >= c.log }

// share returns the evidence as a share of what an alarm takes, 0 to 1.
func (c *chart) share() float64 {
	if !c.ready {
		return 0
	}
	return min(max(c.evidence/c.log, 0), 1)
}

// update takes the value at an index.
func (c *chart) update(x float64, index int64) {
	u, ok := c.whiten(x)
	if !ok {
		return
	}
	c.sum += u
	if c.fill++; c.fill < c.size {
		return
	}
	v := c.sum / float64(c.size)
	c.sum, c.fill = 0, 0
	c.draws++
	z := c.ranks.gauss(v, uniform(c.seed, c.draws))
	c.bet(z)

	// A value that may belong to something new is not history yet: it would make
	// the next one like it look usual. Of a long warning only the beginning ever
	// becomes history.
	share := c.evidence / c.log
	switch {
	case !c.warn && share >= warnShare:
		c.warn = true
	case c.warn && share < calmShare:
		c.release()
	}
	if c.warn {
		c.run.cut()
		if c.nheld < mostHeld {
			c.held[c.nheld] = v
			c.nheld++
		}
	} else {
		c.run.add(z)
		if c.ranks.n < longHistory || c.draws%sparse == 0 {
			c.ranks.add(v)
		}
	}
	if share < quietShare {
		c.calm = index
	}
	if share < 0.5 {
		c.rise = index
	}
}

// mostEvidence bounds a Shiryaev–Roberts statistic far beyond every threshold.
const mostEvidence = 1e200

// bet takes the normal value of a block. Where long sums vary by more than those
// of independent values, shifts are bet on by a value that is smaller by as much,
// and a bet on the spread stakes so much less.
func (c *chart) bet(z float64) {
	s := 0.0
	sums, squares := c.run.ratios()
	power := z * z / 2
	z /= math.Sqrt(sums)
	least := shifts[len(shifts)-1]
	up := math.Exp(least * z)
	down := 1 / up
	for k := len(shifts) - 2; k >= 0; k -= 2 {
		if k < c.bets {
			c.r[k] = min((c.r[k]+1)*down*shiftCost[k/2], mostEvidence)
			c.r[k+1] = min((c.r[k+1]+1)*up*shiftCost[k/2], mostEvidence)
			s += c.r[k] + c.r[k+1]
		}
		up, down = up*up, down*down
	}
	n := c.bets
	if c.scale {
		for k, q := range scales {
			j := len(shifts) + k
			c.r[j] = min((c.r[j]+1)*math.Exp((power*(1-1/(q*q))-scaleCost[k])/squares), mostEvidence)
			s += c.r[j]
		}
		n += len(scales)
	}
	c.evidence = math.Log(s / float64(n))
}

// uniform returns a number in [0, 1) keyed by seed and n.
func uniform(seed, n uint64) float64 { return float64(mix.Mix(seed+n*mix.Golden)>>11) / (1 << 53) }

func (c *chart) appendState(dst []byte) []byte {
	dst = wire.Bool(dst, c.ready)
	if !c.ready {
		return dst
	}
	dst = wire.F64(wire.I64(dst, int64(c.fitted)), c.mu)
	dst = wire.U8(dst, uint8(c.order))
	for k := range c.order {
		dst = wire.F64(dst, c.ar[k])
	}
	for _, v := range c.lag {
		dst = wire.F64(dst, v)
	}
	dst = wire.U8(wire.U8(wire.U8(dst, uint8(c.known)), uint8(c.size)), uint8(c.fill))
	dst = wire.F64(dst, c.sum)
	dst = wire.I64(dst, int64(len(c.ranks.tree)-1))
	dst = c.run.appendState(c.ranks.appendState(dst))
	dst = wire.F64s(dst, c.held[:c.nheld])
	dst = wire.Bool(wire.Bool(dst, c.warn), c.scale)
	dst = wire.U8(dst, uint8(c.bets))
	for _, v := range c.r {
		dst = wire.F64(dst, v)
	}
	dst = wire.I64(wire.I64(wire.F64(dst, c.evidence), c.calm), c.rise)
	return wire.U64(wire.U64(dst, c.seed), c.draws)
}

// restoreState reads a chart of so many cells; what an alarm takes is the
// configuration's business.
func (c *chart) restoreState(r *wire.Reader, wantCells int, between float64) {
	*c = chart{}
	if !r.Bool() {
		return
	}
	c.fitted, c.mu = r.Int(), r.F64()
	if c.order = int(r.U8()); c.order > mostAR {
		r.Fail(errForeign)
		return
	}
	for k := range c.order {
		c.ar[k] = r.F64()
	}
	for k := range c.lag {
		c.lag[k] = r.F64()
	}
	c.known, c.size, c.fill = int(r.U8()), int(r.U8()), int(r.U8())
	c.sum = r.F64()
	if r.Int() != wantCells || c.known > mostAR || c.size < 1 || c.fill >= c.size {
		r.Fail(errForeign)
		return
	}
	c.require(between)
	c.ranks = newRanks(wantCells)
	c.ranks.restoreState(r)
	c.run.restoreState(r)
	n := r.Len(8)
	if n > mostHeld {
		r.Fail(errForeign)
		return
	}
	for i := range n {
		c.held[i] = r.F64()
	}
	c.nheld = n
	c.warn, c.scale = r.Bool(), r.Bool()
	if c.bets = int(r.U8()); c.bets > len(shifts) {
		r.Fail(errForeign)
		return
	}
	for k := range c.r {
		c.r[k] = r.F64()
	}
	c.evidence, c.calm, c.rise = r.F64(), r.I64(), r.I64()
	c.seed, c.draws = r.U64(), r.U64()
	c.ready = r.Err() == nil
}

package guard

import (
	"errors"
	"math"

	"github.com/quell-stream/quell/internal/wire"
	"github.com/quell-stream/quell/model/nonlocal"
)

const (
	lagsBack  = 2048 // slots that a channel's earlier cycles are looked for in
	likeLast  = 256  // slots that the mean of the latest errors goes back
	proven    = 1.   // standard errors by which the earlier cycles must make the estimate better
	mostShare = 1.   // of the weight that an exact variance would give them
	unlikely  = 5.   // deviations that the two may be apart
	mostLess  = .9   // of a squared error that they may take away

	sigmaDoubt2 = .03 // by which σ̂² may be too large
)

// cycles brings earlier cycles of a channel into what serves it. With x̂ the
// estimate, of error e², and m the mean of the readings at the same place of
// earlier cycles, of error v, the better estimate is x̂ + share·e²/(e²+v)·(m-x̂):
// with a share of 1 where e² and v are right, and m knows nothing of the reading's
// own noise. How large the share should be Stein's estimate of the risk says, which
// is a square function of it.
type cycles struct {
	memory *nonlocal.Memory
	off    float64 // mean of the latest squared errors, as x̂ claims them
	share  float64
	less   float64 // of a squared error is left out for a weight of 1

	now   gains // of the block that is being gathered
	parts float64
	sum   sums // over parts, with memory
}

// gains are what a block says, by its parts, in the square of the channel's unit.
type gains struct {
	better [parts]float64 // Σ f·(y-x̂) + σ²·∂f/∂y, the latter being -weight·∂x̂/∂y; f: the step to m
	square [parts]float64 // Σ f²
	claim  float64        // Σ of the weight times the squared error that x̂ claims
	n      float64        // slots
}

// sums are of a part each, in σ̂².
type sums struct{ better, better2, square, claim float64 }

func newCycles(lookahead int) cycles {
	return cycles{memory: nonlocal.New(lagsBack, lookahead)}
}

// hint is what the earlier cycles say of a slot.
type hint struct {
	weight float64 // e²/(e²+v)
	by     float64 // weight·(m-x̂)
}

// look returns what the earlier cycles say of slot t, which served serves; ok is
// false where they say nothing. Up to slot in-1 raw has the readings.
func (c *channel) look(t, in int64, served Choice, rho float64) (s hint, ok bool) {
	m := c.cycles.memory
	c.ahead(t, in)
	e2 := served.Spread * served.Spread
	if !(e2 > 0) || served.Clean-served.Clean != 0 {
		return hint{}, false
	}
	a, ok := m.Match(rho*c.sigma*c.sigma, c.cycles.off)
	// What is far beyond both errors holds a reading that was none.
	if apart := a.Mean - served.Clean; !ok || apart*apart > unlikely*unlikely*(e2+a.Variance) {
		return hint{}, false
	}
	s = hint{weight: e2 / (e2 + a.Variance)}
	s.by = s.weight * (a.Mean - served.Clean)
	return s, true
}

// recall lets the earlier cycles have their share in what serves slot t, and
// gathers evidence of it where that is due. own is ∂x̂/∂y of what serves, NaN where
// it is not known.
func (c *channel) recall(t, in int64, due schedule, served Choice, own float64, coloured bool) Choice {
	y := &c.cycles
	gathers := due.gathers(t)
	if coloured || !(c.sigma > 0) || !gathers && y.share == 0 {
		c.keep(t, in, served)
		return served
	}
	s, ok := c.look(t, in, served, c.net.rho)
	c.keep(t, in, served)
	if !ok {
		return served
	}
	if r := c.raw.at(t) - served.Clean; gathers && r-r == 0 && own-own == 0 {
		i := due.place(t) / part
		most := wild * c.sigma
		r, s := cut(r, most), hint{s.weight, cut(s.by, most)}
		y.now.better[i] += s.by*r + (1-sigmaDoubt2)*c.net.rho*c.sigma*c.sigma*s.weight*own
		y.now.square[i] += s.by * s.by
		y.now.claim += s.weight * min(served.Spread*served.Spread, most*most)
		y.now.n++
	}
	if y.share == 0 {
		return served
	}
	served.Clean += y.share * s.by
	served.Spread *= math.Sqrt(1 - min(y.less*s.weight, mostLess))
	served.Cycles = true
	return served
}

// ahead has the memory read on from slot t as far as it looks, up to slot in-1.
func (c *channel) ahead(t, in int64) {
	m := c.cycles.memory
	for k := t + int64(m.Pending()); m.Pending() <= m.Ahead() && k < in; k++ {
		m.Read(c.raw.at(k))
	}
}

// keep has the memory go on by slot t, which served serves.
func (c *channel) keep(t, in int64, served Choice) {
	m := c.cycles.memory
	c.ahead(t, in)
	m.Learn(served.Clean, c.sigma)
	if e2 := served.Spread * served.Spread; served.Clean-served.Clean == 0 && e2 > 0 {
		c.cycles.off += (e2 - c.cycles.off) / likeLast
	}
}

// learn takes a block of noise σ̂² into what is known. A signal that is rough, see
// decide, says nothing.
func (y *cycles) learn(sigma2, rho float64) {
	now := y.now
	y.now = gains{}
	if rho < rough {
		y.share, y.less = 0, 0
		return
	}
	if now.n == 0 {
		return
	}
	f := 1 - now.n/memory
	y.parts *= f
	y.sum = sums{y.sum.better * f, y.sum.better2 * f, y.sum.square * f, y.sum.claim*f + now.claim/sigma2}
	for i, b := range now.better {
		b /= sigma2
		y.parts++
		y.sum.better += b
		y.sum.better2 += b * b
		y.sum.square += now.square[i] / sigma2
	}
	mean := y.sum.better / y.parts
	err := math.Sqrt(max(0, y.sum.better2/y.parts-mean*mean) / (y.parts - 1))
	y.share, y.less = 0, 0
	if sure := mean - proven*err; sure > 0 && y.sum.claim > 0 {
		y.share = min(sure/(y.sum.square/y.parts), mostShare)
		y.less = max(0, y.share*(2*y.sum.better-y.share*y.sum.square)/y.sum.claim)
	}
}

// renew forgets what is known of what served: another network does.
func (y *cycles) renew(lookahead int) {
	kept := y.memory
	if *y = newCycles(lookahead); kept.Ahead() == y.memory.Ahead() {
		y.memory = kept
	}
}

// reset begins a new context. Earlier cycles stay.
func (y *cycles) reset() {
	for y.memory.Pending() > 0 {
		y.memory.Learn(math.NaN(), 0)
	}
	y.now = gains{}
}

func (y *cycles) numbers() []*float64 {
	out := []*float64{&y.off, &y.share, &y.less, &y.parts, &y.sum.better, &y.sum.better2, &y.sum.square, &y.sum.claim, &y.now.claim, &y.now.n}
	for i := range parts {
		out = append(out, &y.now.better[i], &y.now.square[i])
	}
	return out
}

func (y *cycles) appendState(dst []byte) []byte {
	for _, v := range y.numbers() {
		dst = wire.F64(dst, *v)
	}
	return y.memory.AppendState(dst)
}

func (y *cycles) restore(r *wire.Reader) {
	for _, v := range y.numbers() {
		if *v = r.F64(); *v-*v != 0 {
			r.Fail(errors.New("evidence of earlier cycles that is no number"))
		}
	}
	if r.Err() == nil {
		r.SetRest(y.memory.RestoreState(r.Rest()))
	}
}

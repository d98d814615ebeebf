package noise

import (
	"math"

	"github.com/quell-stream/quell/internal/wire"
)

// AR1 is noise in which each reading's part is Rho times that of the reading
// before and something new. The zero value stands for noise that is white, or of
// which nothing is known.
type AR1 struct {
	Rho   float64 // autocorrelation from one reading to the next
	Sigma float64 // deviation, in the unit of the readings
}

const (
	// estimateMemory is the number of blocks over which the estimates are smoothed.
	estimateMemory = 8
	// What is told stays until the estimate is further away: by 10 % in σ, by 20 % in
	// 1-ρ. The base models lose less than .1 dB by such an error.
	settledSigma = .14 // in powers of two
	settledRho   = .3
	// leastRho and mostRho bound what the networks were fitted to.
	leastRho, mostRho = .5, .98
	// unitOctave is the octave whose median detail σ is estimated in: noise weaker than
	// the steps of quantised readings does not show in finer ones.
	unitOctave = 2
	// largestLog bounds the logarithms of finite numbers.
	largestLog = 1100
)

// estimate is what is made of the colour while it is there: c = -log2(1-ρ) and
// s = log2 σ.
type estimate struct {
	blocks int64   // since the flag was raised
	c, s   float64 // smoothed
	told   AR1     // follows them with hysteresis
}

// follow takes the estimates of a block.
func (e *estimate) follow(c, s float64) {
	e.blocks++
	share := 1 / float64(min(e.blocks, estimateMemory))
	e.c += share * (c - e.c)
	e.s += share * (s - e.s)
	if e.told.Sigma > 0 && math.Abs(e.c-depth(e.told.Rho)) <= settledRho && math.Abs(e.s-math.Log2(e.told.Sigma)) <= settledSigma {
		return
	}
	e.told = AR1{min(max(1-math.Exp2(-e.c), leastRho), mostRho), math.Exp2(e.s)}
}

// depth is how an autocorrelation is counted: evenly where the density of the
// noise's low frequencies rises evenly, in powers of two of 1-ρ.
func depth(rho float64) float64 { return -math.Log2(1 - rho) }

// Estimate returns what the noise is taken to be once the flag is raised for good
// reason, and the zero value while it is not or nothing can be said. ρ is estimated between .5
// and .98.
//
// Two networks like the one behind the flag, fitted to the same kind of generated
// recordings, tell -log2(1-ρ) and the logarithm of σ over the median detail of the
// third octave: the coarser octaves, where the noise levels off, are where signals
// lie, so that no fixed share of the octaves' floors gives σ. Of ρ it is the median,
// of σ the quantile .3 (Koenker and Bassett, "Regression Quantiles", 1978), since too large
// a σ does more harm than too small a one. What is told is smoothed over eight blocks
// and moves in steps.
func (c *Colour) Estimate() AR1 { return c.estimate.told }

// estimateFrom follows the colour while the flag is raised for good reason.
func (c *Colour) estimateFrom(f *[features]float64) {
	unit, ok := c.unit()
	switch {
	case !c.sure:
		c.estimate = estimate{}
	case ok:
		c.estimate.follow(rhoNet.score(f), unit+limited(sigmaNet.score(f), 8))
	}
}

// unit returns the logarithm of the median detail that σ is estimated in; ok is
// false where it is 0.
func (c *Colour) unit() (log float64, ok bool) {
	var q [1]float64
	c.details[unitOctave].quantiles(q[:], []float64{.5})
	return q[0], q[0] > tiny
}

// AppendTargets appends what the networks behind Estimate are to tell of noise,
// given the blocks seen so far, to dst; ok is false where they can't. It is
// meant for fitting them.
func (c *Colour) AppendTargets(dst []float64, n AR1) (_ []float64, ok bool) {
	unit, ok := c.unit()
	return append(dst, depth(n.Rho), math.Log2(n.Sigma)-unit), ok
}

func (e *estimate) appendState(dst []byte) []byte {
	dst = wire.I64(dst, e.blocks)
	for _, v := range [...]float64{e.c, e.s, e.told.Rho, e.told.Sigma} {
		dst = wire.F64(dst, v)
	}
	return dst
}

func (e *estimate) restore(r *wire.Reader) {
	e.blocks = r.I64()
	for _, v := range [...]*float64{&e.c, &e.s, &e.told.Rho, &e.told.Sigma} {
		*v = r.F64()
	}
	if t := e.told; e.blocks < 0 || !(math.Abs(e.c) < largestLog && math.Abs(e.s) < largestLog && t.Rho >= 0 && t.Rho <= mostRho && t.Sigma >= 0 && t.Sigma < largestRest) {
		r.Fail(errNotColour)
	}
}

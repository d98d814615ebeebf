package noise

import (
	"errors"
	"math"

	"github.com/quell-stream/quell/internal/wire"
)

// ColourBlock is the number of readings that Colour.Block takes.
const ColourBlock = 512

const (
	// colourMemory is the number of blocks after which the weight of a block has
	// fallen to 1/e. In 16,384 readings the octave around 1/200 of the sampling
	// rate has 128 details, enough for its quartiles.
	colourMemory = 32
	// warmUp is the number of blocks before the first decision.
	warmUp = 6
	// largestReading keeps the squares of readings finite.
	largestReading = 1e150
	// rounding is the share of the largest reading of a block below which a detail
	// is the rounding error of a constant.
	rounding = 1e-12
)

// The score is smoothed over scoreMemory blocks. The flag is raised above
// raiseAt and falls below clearAt. The score is the logarithm of the odds at equal
// shares of coloured and other recordings.
//
// A false alarm costs more than a miss, so the limits were raised until at most 2 %
// of the recordings without noise and of those with white noise at 0 to 20 dB end with the
// flag: 1.0 and .4 % of 500 generated ones, .7 and 1.1 % of 143 measured ones (white noise
// at 15 and 20 dB alone: 2.1 %). At 1.8 3.5 and 2.4 % of the measured ones do: air and
// weather by the hour, a price, an acceleration and an ECG. The measured ones were looked
// at for that, the network wasn't fitted to them. AR(1) noise of ρ = .9 at 0 to 20 dB ends
// with the flag on 63 % of the generated and 67 % of the measured ones; at 0 dB on 93 and
// 92 %, at 20 dB on 31 and 36 %.
const (
	scoreMemory = 4
	scoreLimit  = 8
	raiseAt     = 2.6
	clearAt     = 1.8

	// The flag is raised only where at least so much of the power in fine octaves can be
	// such noise, and falls where less can, see possible.
	raiseFrom  = .3
	clearBelow = .2

	// What the noise is taken to be is told from a score on that white noise hardly
	// reaches on the measured recordings, and as long as the flag stands: a network
	// that is told wrongly costs more than a flag that is wrong.
	tellAt = 3.2
)

// Colour decides block by block whether the noise on one channel is coloured in
// the way of an AR(1) process: stronger towards low frequencies, and levelling
// out there. White noise does not raise it, nor does a signal without noise,
// smooth or sharp, as far as the two can be told apart without knowing the
// signal: a signal that is itself like AR(1) noise, as weather is by the hour, can raise
// it, and noise weaker than a broadband signal in every octave does not.
//
// It looks at three kinds of figures, all of them free of the signal's scale
// and robust against its sharp features:
//   - the level of the details of seven octaves of a db4 wavelet transform, by
//     quartiles of their absolute values (Donoho and Johnstone 1994 use the median
//     of the finest): their ratios are 1 for white noise and rise by 1.7, 1.9,
//     1.9, 1.7 … for ρ = .9; the shape of their distribution, which is normal for
//     noise and heavy-tailed for signals; and both again from stretches of 32
//     readings, over all and over the quiet ones;
//   - how often the differences over m readings before and after a reading, x[t]-x[t-m]
//     and x[t+m]-x[t], have equal signs (the sign version of von Neumann's ratio,
//     1941, by the averaging times of an Allan deviation). Their correlation is
//     -½ for white noise at all m and -(1-ρ^m)/2 for AR(1); for a signal it rises with m
//     from what its noise gives;
//   - how often a detail is exactly 0, as on repeated and quantised readings.
//
// They are kept in histograms that forget with a time constant of 32 blocks. A small network
// fitted to generated recordings (model/noise/colourstudy) makes them into one
// score, and the flag follows the score with hysteresis, from the sixth block on. Where
// the quietest octave leaves no room for such noise in the fine ones it is not raised.
//
// The decision is a function of the blocks alone. A Colour isn't safe for
// concurrent use; it takes 4.5 KiB of memory, and its snapshot as much.
type Colour struct {
	blocks  int64
	bank    bank
	details [octaves]bins
	cells   cells
	signs   signs
	score   float64
	raised  bool
	sure    bool // enough to tell what the noise is

	estimate estimate
}

// NewColour returns a Colour that has seen nothing.
func NewColour() *Colour { return &Colour{} }

// Block takes the next ColourBlock readings of the channel, which must be finite;
// another number of them panics. Readings that are missing are left out by the
// caller. It does not allocate; what it works with is 14 KiB of the goroutine's stack.
func (c *Colour) Block(x []float64) {
	if len(x) != ColourBlock {
		panic("noise: Colour.Block: want a block of ColourBlock readings")
	}
	const keep = 1 - 1./colourMemory
	var y [ColourBlock]float64
	largest := 0.0
	for i, v := range x {
		y[i] = min(max(v, -largestReading), largestReading)
		largest = max(largest, math.Abs(y[i]))
	}
	c.signs.push(&y, keep)
	var cells blockCells
	var high, low [mostDetails]float64
	in := y[:]
	for l := range c.details {
		n := c.bank.split(l, &high, &low, in)
		d := high[:n]
		for i, v := range d {
			if math.Abs(v) <= rounding*largest {
				d[i] = 0
			}
		}
		c.details[l].push(d, keep)
		cells.collect(l, d)
		c.signs.neighbours(l, d, keep)
		in = low[:n]
	}
	c.cells.push(&cells, keep)
	c.blocks++
	c.decide()
}

func (c *Colour) decide() {
	if c.blocks < warmUp {
		return
	}
	var f [features]float64
	c.measure(&f)
	s := min(max(colourNet.score(&f), -scoreLimit), scoreLimit)
	share := 1 / float64(min(c.blocks-warmUp+1, scoreMemory))
	c.score += share * (s - c.score)
	switch possible := c.possible(); {
	case c.score > raiseAt && possible >= raiseFrom:
		c.raised = true
	case c.score < clearAt || possible < clearBelow:
		c.raised = false
	}
	switch {
	case !c.raised:
		c.sure = false
	case c.score > tellAt:
		c.sure = true
	}
	c.estimateFrom(&f)
}

// Coloured says whether the noise is taken to be coloured. It is false before
// the sixth block.
func (c *Colour) Coloured() bool { return c.raised }

// Evidence is what a decision of Colour rests on.
type Evidence struct {
	Blocks int64 // seen so far
	// Sigma are the noise levels in seven octaves, the finest first, by the median
	// of |detail|; Floor is the same by the lower quartile, which a signal disturbs
	// less. On white noise all of them agree.
	Sigma, Floor [octaves]float64
	// Ratio are the steps from octave to octave of Sigma, 1 on white noise; 0 where
	// the finer one is 0.
	Ratio [octaves - 1]float64
	// Correlation is that of neighbouring differences over 1, 2, 4 … 64
	// readings, from their signs: -½ on white noise, -(1-ρ^m)/2 on AR(1).
	Correlation [lags]float64
	// Score is the logarithm of the odds of coloured noise, smoothed; the flag is
	// raised above 2.6, where such noise can be in the fine octaves, and falls below 1.8.
	Score float64
}

// Evidence returns the figures behind the present decision.
func (c *Colour) Evidence() Evidence {
	e := Evidence{Blocks: c.blocks, Score: c.score}
	const quartile = 0.31863936396437514 // of |z| for a standard normal z
	for l := range c.details {
		var q [2]float64
		c.details[l].quantiles(q[:], []float64{.25, .5})
		e.Floor[l], e.Sigma[l] = math.Exp2(q[0])/quartile, math.Exp2(q[1])/madNormal
		if l > 0 && e.Sigma[l-1] > 0 {
			e.Ratio[l-1] = e.Sigma[l] / e.Sigma[l-1]
		}
	}
	for k := range e.Correlation {
		// P(equal signs) - P(different signs) = 2/π·asin ρ (Sheppard 1899).
		e.Correlation[k] = math.Sin(math.Pi / 2 * c.signs.steps[k].balance())
	}
	return e
}

var errNotColour = errors.New("noise: it is not the state of a colour test")

// AppendState appends a snapshot to dst.
func (c *Colour) AppendState(dst []byte) []byte {
	dst = wire.Bool(wire.Bool(wire.F64(wire.I64(dst, c.blocks), c.score), c.raised), c.sure)
	dst = c.estimate.appendState(dst)
	dst = c.bank.appendState(dst)
	for l := range c.details {
		dst = c.details[l].appendState(dst)
	}
	return c.signs.appendState(c.cells.appendState(dst))
}

// RestoreState reads a snapshot of AppendState back, bit for bit, and returns
// the rest of src. After an error the test is as new.
func (c *Colour) RestoreState(src []byte) ([]byte, error) {
	r := wire.NewReader(src)
	c.blocks, c.score, c.raised, c.sure = r.I64(), r.F64(), r.Bool(), r.Bool()
	if c.blocks < 0 || !(math.Abs(c.score) <= scoreLimit) {
		r.Fail(errNotColour)
	}
	c.estimate.restore(r)
	c.bank.restore(r)
	for l := range c.details {
		c.details[l].restore(r)
	}
	c.cells.restore(r)
	c.signs.restore(r)
	if err := r.Err(); err != nil {
		*c = Colour{}
		return nil, err
	}
	return r.Rest(), nil
}

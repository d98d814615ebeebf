package guard

import (
	"errors"

	"github.com/quell-stream/quell/internal/wire"
	"github.com/quell-stream/quell/model/noise"
)

// mostMissing is the number of slots of a block, of noise.ColourBlock, that may have
// no reading.
const mostMissing = noise.ColourBlock / 4

// Colour follows the colour of the noise of one channel slot by slot. What it says
// changes only with every noise.ColourBlock-th slot of a context, and of a slot it
// is known before the slot's own reading is, as a scale is: so it can be told to a
// network whose estimates are due later. It isn't safe for concurrent use; it
// takes 9 KiB.
type Colour struct {
	test    *noise.Colour
	latest  [noise.ColourBlock]float64 // readings, a ring
	n       int64                      // readings since the context was reset
	missing int                        // slots of the block without one
}

// NewColour returns a Colour that has seen nothing.
func NewColour() *Colour { return &Colour{test: noise.NewColour()} }

// Push takes the reading of a slot, numbered from the start of the context, and
// returns whether what is known may have changed. It does not allocate. A valid
// value must be finite.
func (c *Colour) Push(slot int64, value float64, valid bool) bool {
	if valid {
		c.latest[c.n%noise.ColourBlock] = value
		c.n++
	} else {
		c.missing++
	}
	if (slot+1)%noise.ColourBlock != 0 {
		return false
	}
	whole := c.n >= noise.ColourBlock && c.missing <= mostMissing
	c.missing = 0
	if whole {
		var x [noise.ColourBlock]float64
		at := c.n % noise.ColourBlock
		copy(x[copy(x[:], c.latest[at:]):], c.latest[:at])
		c.test.Block(x[:])
	}
	return whole
}

// Reset begins a new context; what was learnt stays.
func (c *Colour) Reset() { c.n, c.missing = 0, 0 }

// Coloured says whether the noise is taken to be coloured.
func (c *Colour) Coloured() bool { return c.test.Coloured() }

// Estimate returns what the noise is taken to be while it is coloured, else the zero
// value (see noise.Colour.Estimate).
func (c *Colour) Estimate() noise.AR1 { return c.test.Estimate() }

var errColourState = errors.New("guard: colour state: counts of readings that cannot be")

// AppendState appends a snapshot to dst.
func (c *Colour) AppendState(dst []byte) []byte {
	dst = wire.I64(wire.I64(dst, c.n), int64(c.missing))
	for i := range min(c.n, noise.ColourBlock) {
		dst = wire.F64(dst, c.latest[i])
	}
	return c.test.AppendState(dst)
}

// RestoreState reads a snapshot back, bit for bit, and returns the rest of src. After
// an error the Colour is as new.
func (c *Colour) RestoreState(src []byte) ([]byte, error) {
	r := wire.NewReader(src)
	c.n, c.missing = r.I64(), r.Int()
	if c.n < 0 || c.missing < 0 || c.missing > noise.ColourBlock {
		r.Fail(errColourState)
	}
	for i := int64(0); i < min(c.n, noise.ColourBlock) && r.Err() == nil; i++ {
		if c.latest[i] = r.F64(); c.latest[i]-c.latest[i] != 0 {
			r.Fail(errColourState)
		}
	}
	r.SetRest(c.test.RestoreState(r.Rest()))
	if err := r.Err(); err != nil {
		*c = *NewColour()
		return nil, err
	}
	return r.Rest(), nil
}

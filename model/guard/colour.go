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
// takes 9 KiB once it has seen a block.
type Colour struct {
	test    *noise.Colour // nil before the first block
	latest  []float64     // readings, a ring of noise.ColourBlock once it is full
	n       int64         // readings since the context was reset
	missing int           // slots of the block without one
}

// NewColour returns a Colour that has seen nothing.
func NewColour() *Colour { return &Colour{} }

// Push takes the reading of a slot, numbered from the start of the context, and
// returns whether what is known may have changed. It allocates only up to the first
// block. A valid
// value must be finite.
func (c *Colour) Push(slot int64, value float64, valid bool) bool {
	if valid {
		if at := int(c.n % noise.ColourBlock); at < len(c.latest) {
			c.latest[at] = value
		} else {
			c.latest = append(c.latest, value)
		}
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
		if c.test == nil {
			c.test = noise.NewColour()
		}
		c.test.Block(x[:])
	}
	return whole
}

// Reset begins a new context; what was learnt stays.
func (c *Colour) Reset() { c.n, c.missing = 0, 0 }

// Coloured says whether the noise is taken to be coloured.
func (c *Colour) Coloured() bool { return c.test != nil && c.test.Coloured() }

// Estimate returns what the noise is taken to be while it is coloured, else the zero
// value (see noise.Colour.Estimate).
func (c *Colour) Estimate() noise.AR1 {
	if c.test == nil {
		return noise.AR1{}
	}
	return c.test.Estimate()
}

var errColourState = errors.New("guard: colour state: counts of readings that cannot be")

// AppendState appends a snapshot to dst.
func (c *Colour) AppendState(dst []byte) []byte {
	dst = wire.I64(wire.I64(dst, c.n), int64(c.missing))
	for i := range min(c.n, noise.ColourBlock) {
		dst = wire.F64(dst, c.latest[i])
	}
	if c.test == nil {
		return wire.I64(dst, noTest)
	}
	return c.test.AppendState(dst)
}

// noTest stands where the state of a test begins with the number of its blocks, of a
// channel without one.
const noTest = -1

// RestoreState reads a snapshot back, bit for bit, and returns the rest of src. After
// an error the Colour is as new.
func (c *Colour) RestoreState(src []byte) ([]byte, error) {
	r := wire.NewReader(src)
	c.n, c.missing = r.I64(), r.Int()
	if c.n < 0 || c.missing < 0 || c.missing > noise.ColourBlock {
		r.Fail(errColourState)
	}
	c.latest, c.test = nil, nil
	for i := int64(0); i < min(c.n, noise.ColourBlock) && r.Err() == nil; i++ {
		y := r.F64()
		if y-y != 0 {
			r.Fail(errColourState)
		}
		c.latest = append(c.latest, y)
	}
	if rest := r.Rest(); wire.NewReader(rest).I64() == noTest {
		r.I64()
	} else {
		c.test = noise.NewColour()
		r.SetRest(c.test.RestoreState(rest))
	}
	if err := r.Err(); err != nil {
		*c = *NewColour()
		return nil, err
	}
	return r.Rest(), nil
}

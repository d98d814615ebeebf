package noise

import (
	"math"

	"github.com/quell-stream/quell/internal/wire"
)

const (
	// bankTail is the number of samples of an octave that later details need too.
	bankTail = len(db4High) - 1
	// mostDetails is the largest number of details that one block makes computable.
	mostDetails = (bankTail + ColourBlock) / 2
	// largestRest is more than seven low-passes make of the largest reading.
	largestRest = 100 * largestReading
)

// bank splits a stream into octaves by the decimated db4 transform (Mallat
// 1989), block after block without a seam.
type bank struct {
	rest  [octaves][bankTail]float64
	count [octaves]uint8 // of rest that is in use
}

// split appends x, of at most ColourBlock samples, to the stream of an octave and
// writes what became computable: its details to high, and to low the samples of
// the next octave. It returns their number. low may be x.
func (b *bank) split(octave int, high, low *[mostDetails]float64, x []float64) int {
	var in [bankTail + ColourBlock]float64
	n := copy(in[:], b.rest[octave][:b.count[octave]])
	n += copy(in[n:], x)
	details := max(0, (n-len(db4High)+2)/2)
	for i := range details {
		h, g := 0.0, 0.0
		for k, v := range (*[len(db4High)]float64)(in[2*i:]) {
			h += db4High[k] * v
			g += db4Low[k] * v
		}
		high[i], low[i] = h, g
	}
	b.count[octave] = uint8(copy(b.rest[octave][:], in[2*details:n]))
	return details
}

func (b *bank) appendState(dst []byte) []byte {
	for l, r := range b.rest {
		dst = wire.F64s(dst, r[:b.count[l]])
	}
	return dst
}

func (b *bank) restore(r *wire.Reader) {
	for l := range b.rest {
		b.count[l] = uint8(restoreF64s(b.rest[l][:], r))
	}
}

// restoreF64s reads at most as many numbers as dst takes, clears the others, and
// returns how many there are.
func restoreF64s(dst []float64, r *wire.Reader) int {
	clear(dst)
	n := r.Len(8)
	if n > len(dst) {
		r.Fail(errNotColour)
		return 0
	}
	for i := range dst[:n] {
		if dst[i] = r.F64(); !(math.Abs(dst[i]) <= largestRest) {
			r.Fail(errNotColour)
		}
	}
	return n
}

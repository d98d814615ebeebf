package noise

import "github.com/quell-stream/quell/internal/wire"

// bank splits a stream into octaves by the decimated db4 transform (Mallat
// 1989), block after block without a seam.
type bank struct {
	rest [octaves][]float64 // samples that later details need too, at most seven between blocks
	work []float64
}

// push appends a block to the stream and calls visit with the details that
// became computable, octave by octave from the finest. visit may change them;
// they are valid during the call.
func (b *bank) push(x []float64, visit func(octave int, details []float64)) {
	b.grow()
	low := x
	for l := range b.rest {
		in := append(b.rest[l], low...)
		n := max(0, (len(in)-len(db4High)+2)/2)
		d, a := b.work[:n], b.work[ColourBlock:ColourBlock+n]
		for i := range n {
			h, g := 0.0, 0.0
			for k, v := range (*[len(db4High)]float64)(in[2*i:]) {
				h += db4High[k] * v
				g += db4Low[k] * v
			}
			d[i], a[i] = h, g
		}
		visit(l, d)
		low = a // copied before the next octave overwrites it
		b.rest[l] = in[:copy(in, in[2*n:])]
	}
}

// grow allocates once.
func (b *bank) grow() {
	if b.work != nil {
		return
	}
	b.work = make([]float64, 2*ColourBlock)
	for l := range b.rest {
		b.rest[l] = make([]float64, 0, len(db4High)+ColourBlock>>l)
	}
}

func (b *bank) appendState(dst []byte) []byte {
	for _, r := range b.rest {
		dst = wire.F64s(dst, r)
	}
	return dst
}

func (b *bank) restore(r *wire.Reader) {
	b.grow()
	for l := range b.rest {
		if b.rest[l] = r.F64s(b.rest[l]); len(b.rest[l]) >= len(db4High) {
			r.Fail(errNotColour)
		}
	}
}

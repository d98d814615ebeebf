package noise

import (
	"math"

	"github.com/quell-stream/quell/internal/wire"
)

const (
	octaves = 7 // the coarsest reaches down to 1/256 of the sampling rate
	lags    = 7 // 1, 2, 4 … 64
	longest = 1 << (lags - 1)
	// fineOctaves are those whose energy is taken over cells of cellLength readings;
	// the coarsest of them has cells twice as long.
	fineOctaves = 4
	cellLength  = 32
	// nearOctaves are those whose neighbouring details are compared.
	nearOctaves = 5

	features = 2*(octaves-1) + 2*octaves + lags + nearOctaves + 3*fineOctaves - 1 + 6*(fineOctaves-1) + 2
)

// balance weighs what happened, +1 or -1, and forgets.
type balance struct{ sum, n float64 }

func (b *balance) forget(keep float64) { b.sum, b.n = keep*b.sum, keep*b.n }

// signs adds how often a and b have equal signs; zeros are undecided.
func (b *balance) add(x, y float64) {
	b.n++
	switch {
	case x > 0 && y > 0 || x < 0 && y < 0:
		b.sum++
	case x > 0 && y < 0 || x < 0 && y > 0:
		b.sum--
	}
}

func (b *balance) balance() float64 {
	if b.n == 0 {
		return 0
	}
	return b.sum / b.n
}

// signs compares the signs of neighbouring differences and details.
type signs struct {
	past  [2 * longest]float64 // the readings before the next block
	begun bool                 // past holds readings
	steps [lags]balance
	near  [nearOctaves]balance
}

// push takes a block and compares its differences.
func (s *signs) push(x *[ColourBlock]float64, keep float64) {
	var y [2*longest + ColourBlock]float64
	start := 0
	if s.begun {
		start = copy(y[:], s.past[:])
	}
	n := start + copy(y[start:], x[:])
	for k := range s.steps {
		b, m := &s.steps[k], 1<<k
		b.forget(keep)
		for t := max(2*m, start); t < n; t++ {
			mid := y[t-m]
			b.add(mid-y[t-2*m], y[t]-mid)
		}
	}
	copy(s.past[:], y[n-len(s.past):n])
	s.begun = true
}

func (s *signs) neighbours(octave int, d []float64, keep float64) {
	if octave >= nearOctaves {
		return
	}
	b := &s.near[octave]
	b.forget(keep)
	for i := 1; i < len(d); i++ {
		b.add(d[i-1], d[i])
	}
}

// cells are stretches of the finest octaves: the root mean square of their
// details, and its ratio from octave to octave, over all stretches and over those
// that are quieter than the median in the second and third octave.
type cells struct {
	level      [fineOctaves]bins
	all, quiet [fineOctaves - 1]bins
}

// blockCells are the root mean squares of one block.
type blockCells struct {
	rms [fineOctaves][ColourBlock / cellLength]float64
	n   [fineOctaves]int
}

// collect takes the details of an octave.
func (b *blockCells) collect(octave int, d []float64) {
	if octave >= fineOctaves {
		return
	}
	length := cellLength >> (octave + 1)
	if octave == fineOctaves-1 {
		length *= 2
	}
	b.n[octave] = len(d) / length
	for i := range b.n[octave] {
		s := 0.0
		for _, v := range d[i*length : (i+1)*length] {
			s += v * v
		}
		b.rms[octave][i] = math.Sqrt(s / float64(length))
	}
}

// whole returns the number of cells of the coarsest octave whose readings lie in
// cells of all octaves.
func (b *blockCells) whole() int {
	n := b.n[fineOctaves-1]
	for _, k := range b.n[:fineOctaves-1] {
		n = min(n, k/2)
	}
	return n
}

func (c *cells) push(b *blockCells, keep float32) {
	n := b.whole()
	var limit [fineOctaves]float64
	for l := range c.level {
		var median [1]float64
		c.level[l].quantiles(median[:], []float64{.5})
		limit[l] = math.Exp2(median[0])
		if l < fineOctaves-1 {
			c.level[l].push(b.rms[l][:2*n], keep)
		} else {
			c.level[l].push(b.rms[l][:n], keep)
		}
	}
	for l := range c.all {
		c.all[l].begin(1)
		c.all[l].forget(keep)
		c.quiet[l].begin(1)
		c.quiet[l].forget(keep)
	}
	for i := range 2 * n {
		quiet := b.rms[1][i] < limit[1] && b.rms[2][i] < limit[2]
		for l := range c.all {
			next := i
			if l+1 == fineOctaves-1 {
				next = i / 2
			}
			r := rise(b.rms[l][i], b.rms[l+1][next])
			c.all[l].add(r)
			if quiet {
				c.quiet[l].add(r)
			}
		}
	}
}

// rise returns b/a, at most 10⁴.
func rise(a, b float64) float64 {
	const most = 1e4
	switch {
	case a > 0:
		return min(b/a, most)
	case b > 0:
		return most
	}
	return 0
}

// limited limits a logarithm to ±by.
func limited(v, by float64) float64 { return min(max(v, -by), by) }

// measure writes the figures that the decision rests on: base-2 logarithms of
// ratios, limited to what noise and signals usually have, and balances of signs.
func (c *Colour) measure(dst *[features]float64) {
	p := [...]float64{.1, .25, .5, .75, .9}
	f := dst[:0]
	var q [octaves][len(p)]float64
	for l := range q {
		c.details[l].quantiles(q[l][:], p[:])
	}
	for l := 1; l < octaves; l++ {
		f = append(f, limited(q[l][2]-q[l-1][2], 3), limited(q[l][1]-q[l-1][1], 3))
	}
	for l := range q { // 0 for a normal distribution
		f = append(f, limited(q[l][2]-q[l][1]-1.082, 2), limited(q[l][4]-q[l][2]-1.286, 2))
	}
	for k := range c.signs.steps {
		f = append(f, c.signs.steps[k].balance())
	}
	for l := range c.signs.near {
		f = append(f, c.signs.near[l].balance())
	}
	for l := range c.cells.level {
		c.cells.level[l].quantiles(q[l][:], p[:])
		f = append(f, limited(q[l][2]-q[l][0], 3), limited(q[l][4]-q[l][2], 3))
		if l > 0 {
			f = append(f, limited(q[l][0]-q[l-1][0], 3))
		}
	}
	for l := range c.cells.all {
		for _, b := range []*bins{&c.cells.all[l], &c.cells.quiet[l]} {
			b.quantiles(q[0][:], p[:])
			f = append(f, limited(q[0][0], 4), limited(q[0][2], 4), limited(q[0][4], 4))
		}
	}
	for _, l := range []int{0, 2} {
		f = append(f, c.details[l].zeros())
	}
	if len(f) != features {
		panic("noise: Colour: the number of features is not what the network takes")
	}
}

func (s *signs) appendState(dst []byte) []byte {
	dst = wire.F64s(wire.Bool(dst, s.begun), s.past[:])
	for _, b := range s.steps {
		dst = wire.F64(wire.F64(dst, b.sum), b.n)
	}
	for _, b := range s.near {
		dst = wire.F64(wire.F64(dst, b.sum), b.n)
	}
	return dst
}

func (s *signs) restore(r *wire.Reader) {
	if s.begun = r.Bool(); restoreF64s(s.past[:], r) != len(s.past) {
		r.Fail(errNotColour)
	}
	read := func(b *balance) {
		if b.sum, b.n = r.F64(), r.F64(); !(math.Abs(b.sum) <= b.n && b.n < maxCount) {
			r.Fail(errNotColour)
		}
	}
	for k := range s.steps {
		read(&s.steps[k])
	}
	for l := range s.near {
		read(&s.near[l])
	}
}

func (c *cells) each(visit func(*bins)) {
	for l := range c.level {
		visit(&c.level[l])
	}
	for l := range c.all {
		visit(&c.all[l])
		visit(&c.quiet[l])
	}
}

func (c *cells) appendState(dst []byte) []byte {
	c.each(func(b *bins) { dst = b.appendState(dst) })
	return dst
}

func (c *cells) restore(r *wire.Reader) {
	c.each(func(b *bins) { b.restore(r) })
}

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
	past  []float64 // the 2·longest readings before the next block
	steps [lags]balance
	near  [nearOctaves]balance
}

// push takes a block, whose readings it limits to what can be squared, and
// returns them, valid until the next call.
func (s *signs) push(x []float64, keep float64) []float64 {
	if s.past == nil {
		s.past = make([]float64, 0, 2*longest+ColourBlock)
	}
	s.past = s.past[:copy(s.past, s.past[max(0, len(s.past)-2*longest):])]
	start := len(s.past)
	for _, v := range x {
		s.past = append(s.past, min(max(v, -largestReading), largestReading))
	}
	for k := range s.steps {
		b, m := &s.steps[k], 1<<k
		b.forget(keep)
		for t := max(2*m, start); t < len(s.past); t++ {
			mid := s.past[t-m]
			b.add(mid-s.past[t-2*m], s.past[t]-mid)
		}
	}
	return s.past[start:]
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
	details    [fineOctaves][]float64
	level      [fineOctaves]bins
	all, quiet [fineOctaves - 1]bins
}

func (c *cells) collect(octave int, d []float64) {
	if octave < fineOctaves {
		if c.details[octave] == nil {
			c.details[octave] = make([]float64, 0, ColourBlock>>octave)
		}
		c.details[octave] = append(c.details[octave][:0], d...)
	}
}

// cell returns the root mean square of the details of octave l in cell i.
func (c *cells) cell(l, i int) float64 {
	n := cellLength >> (l + 1)
	if l == fineOctaves-1 {
		i, n = i/2, 2*n
	}
	s := 0.0
	for _, v := range c.details[l][i*n : (i+1)*n] {
		s += v * v
	}
	return math.Sqrt(s / float64(n))
}

// whole returns the number of cells that lie in all octaves, an even one.
func (c *cells) whole() int {
	n := ColourBlock
	for l, d := range c.details {
		n = min(n, len(d)/(cellLength>>(l+1)))
	}
	return n &^ 1
}

func (c *cells) push(keep float32) {
	var median [1]float64
	var limit [fineOctaves]float64
	for l := range c.level {
		c.level[l].quantiles(median[:], []float64{.5})
		limit[l] = math.Exp2(median[0])
		c.level[l].forget(keep)
	}
	for l := range c.all {
		c.all[l].forget(keep)
		c.quiet[l].forget(keep)
	}
	for i := range c.whole() {
		var e [fineOctaves]float64
		for l := range e {
			e[l] = c.cell(l, i)
			if l < fineOctaves-1 || i&1 == 0 {
				c.level[l].add(e[l])
			}
		}
		quiet := e[1] < limit[1] && e[2] < limit[2]
		for l := range c.all {
			r := rise(e[l], e[l+1])
			c.all[l].add(r)
			if quiet {
				c.quiet[l].add(r)
			}
		}
	}
	for l := range c.level {
		c.level[l].centre()
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
	dst = wire.F64s(dst, s.past[max(0, len(s.past)-2*longest):])
	for _, b := range s.steps {
		dst = wire.F64(wire.F64(dst, b.sum), b.n)
	}
	for _, b := range s.near {
		dst = wire.F64(wire.F64(dst, b.sum), b.n)
	}
	return dst
}

func (s *signs) restore(r *wire.Reader) {
	if s.past == nil {
		s.past = make([]float64, 0, 2*longest+ColourBlock)
	}
	if s.past = r.F64s(s.past); len(s.past) > 2*longest {
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

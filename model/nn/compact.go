package nn

import "slices"

// compact is the state of a stream that keeps nothing but the columns that its taps
// reach back to. What a stream needs besides, the columns that are being made, lies
// in a workshop that the streams of a network share. In it are the columns of each
// signal that are needed between two columns of the input, as a ring; those before
// the first are zero. The rings grow with the stream, see layout.
type compact struct {
	slab  []float32 // the rings of all signals that have one, one after the other
	lay   int       // in which layout
	start int64     // input column that it began at
	n     int64     // input columns since
	done  int64     // output columns handed out, once the stream is finished
	out   []float32
}

// compactable says whether streams of a network may be compact: each column of the
// input makes one column of every signal, of all that is there.
func (p *plan) compactable() bool {
	if p.hop != 1 || p.rhythm == nil {
		return false
	}
	for i := range p.ops {
		o := &p.ops[i]
		if o.kind == opDense || o.kind == opTaps && (o.tm.phases != 1 || o.tm.step != 1) {
			return false
		}
		if p.rhythm.ahead[o.out] > p.rhythm.ahead[o.in] {
			return false // padding alone makes a column
		}
	}
	return !slices.ContainsFunc(p.sigs, func(s signal) bool { return s.num != 1 || s.den != 1 })
}

// NewCompactStream returns a stream at column 0 as NewStream does, of the same
// values, bit for bit. It takes hardly more than half of the memory, and a little
// more time where it is pushed alone: it is for many series, pushed by a Batch. A
// network with strides has no other streams than those of NewStream.
func (n *Net) NewCompactStream() (*Stream, error) {
	if err := n.spec.Streamable(); err != nil {
		return nil, err
	}
	if n.shop == nil {
		return n.NewStream()
	}
	return &Stream{net: n, compact: &compact{}}, nil
}

func (c *compact) reset() {
	clear(c.slab)
	c.start, c.n, c.out = 0, 0, c.out[:0]
}

// fit makes room for the n-th column, counted from 0.
func (c *compact) fit(s *shop, n int64) {
	lay := c.lay
	for lay+1 < len(s.layouts) && n >= int64(s.layouts[lay].most) {
		lay++
	}
	l := &s.layouts[lay]
	if len(c.slab) == l.size {
		return
	}
	slab := make([]float32, l.size)
	if c.slab != nil {
		for i := range l.offs {
			copy(slab[l.offs[i]:][:l.lens[i]], c.ring(s, i))
		}
	}
	c.slab, c.lay = slab, lay
}

// position returns the columns pushed and handed out.
func (c *compact) position(s *shop) (in, out int64) {
	return c.start + c.n, c.start + max(0, c.n+s.ahead(s.p.output()))
}

// unpack gives a full stream the state.
func (c *compact) unpack(s *shop, to *Stream) {
	e := to.e
	e.steady, e.hops = false, 0
	for i := range e.sigs {
		sig, keep := &e.sigs[i], s.p.rhythm.keep[i]
		n := c.start + max(0, c.n+s.ahead(i))
		*sig = sigState{rows: sig.rows, base: n - int64(keep), end: n, n: n}
		if keep > 0 {
			ring, buf := c.ring(s, i), to.data.bufs[i][:keep*s.p.sigs[i].c]
			clear(buf) // a ring that is shorter holds all columns there are
			old := int(c.n%int64(keep)) * s.p.sigs[i].c
			if old < len(ring) {
				copy(buf, ring[old:])
			}
			copy(buf[len(buf)-old:], ring)
		}
	}
	e.drained = e.sigs[s.p.output()].n
	to.finished = false
	e.fallIn()
}

// pack takes the state of a full stream that began at column start.
func (c *compact) pack(s *shop, from *Stream, start int64) {
	e := from.e
	e.settle()
	c.start, c.n = start, e.sigs[0].n-start
	if c.n > 0 {
		c.fit(s, c.n-1)
	}
	for i := range e.sigs {
		keep, width := s.p.rhythm.keep[i], s.p.sigs[i].c
		if keep == 0 {
			continue
		}
		sig, ring, buf := &e.sigs[i], c.ring(s, i), from.data.bufs[i]
		first := c.start + c.n + s.ahead(i) - int64(keep)
		begun := int(min(max(0, max(start, sig.base)-first), int64(keep))) // columns before the first
		old := int(c.n % int64(keep))                                      // place of the oldest
		for _, part := range [...]struct{ from, to, at int }{{0, keep - old, old}, {keep - old, keep, 0}} {
			to := min(part.to, part.from+len(ring)/width-part.at) // a shorter ring has no place for those before the first
			if part.from >= to {
				continue
			}
			dst := ring[part.at*width:][:(to-part.from)*width]
			none := (min(max(begun, part.from), to) - part.from) * width
			clear(dst[:none])
			if none < len(dst) {
				copy(dst[none:], buf[int(first-sig.base)*width+part.from*width+none:])
			}
		}
	}
}

// ring returns the ring of a signal as far as it has grown.
func (c *compact) ring(s *shop, sig int) []float32 {
	if c.slab == nil {
		return nil
	}
	l := &s.layouts[c.lay]
	return c.slab[l.offs[sig]:][:l.lens[sig]]
}

// push is Push.
func (c *compact) push(n *Net, x []float32) []float32 {
	in := n.fused.sigs[0].c
	c.out = c.out[:0]
	if len(x) == 0 {
		return c.out
	}
	w := n.shop.enter()
	defer n.shop.leave(w)
	if len(x) < batchHops*in {
		for ; len(x) > 0; x = x[in:] {
			w.rows = append(w.rows[:0], compactRow{c, x[:in]})
			w.round(n)
		}
		return c.out
	}
	full := w.fullStream(n)
	c.unpack(n.shop, full)
	full.e.feed(x, len(x)/in, false)
	c.take(full)
	c.pack(n.shop, full, c.start)
	return c.out
}

// finish is Finish.
func (c *compact) finish(n *Net) []float32 {
	w := n.shop.enter()
	defer n.shop.leave(w)
	full := w.fullStream(n)
	c.unpack(n.shop, full)
	full.Finish()
	c.out = c.out[:0]
	c.take(full)
	_, c.done = full.Position()
	return c.out
}

// take takes what a full stream gave out.
func (c *compact) take(full *Stream) {
	c.out = append(c.out, full.res.out...)
	full.res.out = full.res.out[:0]
}

// warm is Warm.
func (c *compact) warm(n *Net, history []float32, in int64) {
	w := n.shop.enter()
	defer n.shop.leave(w)
	full := w.fullStream(n)
	start := full.warm(history, in)
	c.pack(n.shop, full, start)
	c.out = c.out[:0]
}

func (c *compact) copyFrom(src *compact) {
	if len(c.slab) == len(src.slab) {
		copy(c.slab, src.slab)
	} else {
		c.slab = slices.Clone(src.slab)
	}
	c.lay = src.lay
	c.start, c.n, c.done, c.out = src.start, src.n, src.done, c.out[:0]
}

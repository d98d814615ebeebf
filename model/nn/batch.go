package nn

import "github.com/quell-stream/quell/model/internal/kernel"

const (
	// batchStreams is how many streams a Batch takes through the layers
	// together: enough to read the weights once for many, few enough for what
	// the streams keep to stay in the cache.
	batchStreams = 32
	// batchRows is from how many rows of its own on a stream runs alone: the
	// kernels are as fast then.
	batchRows = 8
)

// Batch pushes columns into many streams of one network at once: a layer's
// weights are read once for all of them, which costs a third to half of the
// time of pushing a column into each. The streams may be anywhere in their
// signals. A Batch is not safe for concurrent use, nor are the streams
// meanwhile.
type Batch struct {
	net  *Net
	offs []int // where each signal begins in a stream's slab
	size int   // of a slab
	rows kernel.Rows
	tmp  []float32
	at   []batchAt
}

// batchAt is a stream's part in one round. What every operation asks of it is
// kept here, near that of the other streams.
type batchAt struct {
	slab []float32 // its buffers
	m    int       // hops that are in them
	hops int       // of this round
	s    *Stream
	x    []float32 // columns still to be pushed
	i    int       // its place in what Push was given
}

// NewBatch returns a batch for streams of the network.
func (n *Net) NewBatch() *Batch { return &Batch{net: n} }

// Push does streams[i].Push(xs[i]) for all i and sets ys[i] to what it returns,
// which stays valid until the next call for that stream. The values are those
// of Stream.Push, bit for bit. No stream may be there twice. After some calls
// with as many streams Push allocates nothing.
func (b *Batch) Push(ys [][]float32, streams []*Stream, xs [][]float32) {
	if len(ys) != len(streams) || len(xs) != len(streams) {
		panic("nn: Batch: ys, streams and xs differ in length")
	}
	hop := b.net.fused.hop
	in := b.net.fused.sigs[0].c
	b.at = b.at[:0]
	for i, s := range streams {
		if s.net != b.net {
			panic("nn: Batch: a stream of another network")
		}
		if x := xs[i]; s.e.steady && !s.finished && len(x) >= hop*in && len(x)%(hop*in) == 0 && b.fits(s) {
			s.data.out = s.data.out[:0]
			b.at = append(b.at, batchAt{s: s, x: x, i: i, slab: s.data.slab})
			if len(b.at) == batchStreams {
				b.flush(ys)
			}
			continue
		}
		ys[i] = s.Push(xs[i]) // at one of its ends, or off the grid of hops
	}
	b.flush(ys)
}

// fits says whether a stream's buffers lie as those of the others, which they
// do unless one had to grow.
func (b *Batch) fits(s *Stream) bool {
	if b.offs == nil && s.data.slab != nil {
		at := 0
		for _, buf := range s.data.bufs {
			b.offs = append(b.offs, at)
			at += len(buf)
		}
		b.size = at
	}
	return len(s.data.slab) == b.size && b.size > 0
}

// flush pushes all that was collected.
func (b *Batch) flush(ys [][]float32) {
	for left := len(b.at) > 0; left; {
		left = false
		for j := range b.at {
			a := &b.at[j]
			a.hops = 0
			if len(a.x) > 0 {
				b.enter(a)
				left = left || len(a.x) > 0
			}
		}
		b.beat()
	}
	for j := range b.at {
		a := &b.at[j]
		ys[a.i] = a.s.data.out
		*a = batchAt{} // let go of what the caller owns
	}
	b.at = b.at[:0]
}

// enter loads as many hops as there is room for.
func (b *Batch) enter(a *batchAt) {
	e, p := a.s.e, b.net.fused
	if e.hops == e.limit {
		e.rewind()
	}
	r := p.rhythm
	cols := p.hop * p.sigs[0].c
	a.m, a.hops = e.hops, min(len(a.x)/cols, e.limit-e.hops)
	a.s.data.load(a.x, r.keep[0]+a.m*r.step(0), a.hops*r.rate[0])
	a.x = a.x[a.hops*cols:]
}

// beat takes what was entered through all layers.
func (b *Batch) beat() {
	p := b.net.fused
	for i := range p.ops {
		b.op(&p.ops[i], &p.rhythm.beats[i])
	}
	out := p.output()
	keep, step, rate := p.rhythm.keep[out], p.rhythm.step(out), p.rhythm.rate[out]
	for j := range b.at {
		if a := &b.at[j]; a.hops > 0 {
			a.s.data.emit(keep+a.m*step, a.hops*rate)
			a.s.e.hops += a.hops
		}
	}
}

func (b *Batch) op(o *op, t *beat) {
	p := b.net.fused
	ci, co := p.sigs[o.in].c, p.sigs[o.out].c
	// A function between sum and rest needs the sums in one piece.
	apart := o.act > actReLU
	b.rows.Reset()
	size, need := o.shape.Out, 0
	if apart {
		for j := range b.at {
			need += b.at[j].hops * t.groups * size
		}
		b.tmp = grown(b.tmp, need)
	}
	// Positions in a slab, of the first hop and how far they move with each.
	x0, xs := b.offs[o.in]+t.x*ci, t.xStep*ci
	y0, ys := b.offs[o.out]+t.y*co, t.yStep*co
	res0, rs := 0, t.resStep*co
	if o.res >= 0 {
		res0 = b.offs[o.res] + t.res*co
	}
	tmp := 0
	for j := range b.at {
		a := &b.at[j]
		m, groups := a.m, a.hops*t.groups
		switch {
		case a.hops == 0:
			continue
		case o.kind != opTaps || groups >= batchRows || o.post != actNone:
			a.s.data.exec(o, t.x+m*t.xStep, t.y+m*t.yStep, t.res+m*t.resStep, groups, a.hops*t.cols)
			continue
		}
		x, y, xi, yi := a.slab, a.slab, x0+m*xs, y0+m*ys
		if apart {
			y, yi = b.tmp, tmp
			tmp += groups * size
		}
		for range groups {
			b.rows.X, b.rows.Y = append(b.rows.X, &x[xi]), append(b.rows.Y, &y[yi])
			xi, yi = xi+o.shape.RowStride, yi+size
		}
		if o.res >= 0 && !apart {
			ri := res0 + m*rs
			for range groups {
				b.rows.Res = append(b.rows.Res, &a.slab[ri])
				ri += size
			}
		}
	}
	if len(b.rows.X) == 0 {
		return
	}
	w := &b.net.packed[o.param]
	if o.act == actReLU {
		w.relu.RunRows(&b.rows)
	} else {
		w.linear.RunRows(&b.rows)
	}
	if apart {
		b.spread(o, t, b.tmp[:tmp])
	}
}

// spread applies an operation's function to sums and hands them out.
func (b *Batch) spread(o *op, t *beat, sums []float32) {
	co := b.net.fused.sigs[o.out].c
	activate(o.act, sums, sums)
	for j := range b.at {
		a := &b.at[j]
		m, groups := a.m, a.hops*t.groups
		if a.hops == 0 || groups >= batchRows {
			continue
		}
		k := groups * o.shape.Out
		y := a.slab[b.offs[o.out]+(t.y+m*t.yStep)*co:][:k]
		if o.res < 0 {
			copy(y, sums)
		} else {
			kernel.Add(y, sums[:k], a.slab[b.offs[o.res]+(t.res+m*t.resStep)*co:])
		}
		sums = sums[k:]
	}
}

func grown(s []float32, n int) []float32 {
	if cap(s) < n {
		return make([]float32, n)
	}
	return s[:n]
}

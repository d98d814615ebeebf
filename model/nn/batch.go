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
	rows kernel.Rows
	tmp  []float32
	at   []batchAt
}

// batchAt is a stream's part in one round.
type batchAt struct {
	s    *Stream
	x    []float32 // columns still to be pushed
	hops int       // of this round
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
		if x := xs[i]; s.e.steady && !s.finished && len(x) >= hop*in && len(x)%(hop*in) == 0 {
			s.data.out = s.data.out[:0]
			b.at = append(b.at, batchAt{s: s, x: x, i: i})
			if len(b.at) == batchStreams {
				b.flush(ys)
			}
			continue
		}
		ys[i] = s.Push(xs[i]) // at one of its ends, or off the grid of hops
	}
	b.flush(ys)
}

// flush pushes all that was collected.
func (b *Batch) flush(ys [][]float32) {
	for left := true; left; {
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
	a.hops = min(len(a.x)/cols, e.limit-e.hops)
	e.data.load(a.x, r.keep[0]+e.hops*r.rate[0], a.hops*r.rate[0])
	a.x = a.x[a.hops*cols:]
}

// beat takes what was entered through all layers.
func (b *Batch) beat() {
	p := b.net.fused
	for i := range p.ops {
		b.op(&p.ops[i], &p.rhythm.beats[i])
	}
	out := p.output()
	keep, rate := p.rhythm.keep[out], p.rhythm.rate[out]
	for j := range b.at {
		if a := &b.at[j]; a.hops > 0 {
			a.s.data.emit(keep+a.s.e.hops*rate, a.hops*rate)
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
	tmp := 0
	for j := range b.at {
		a := &b.at[j]
		m, groups := a.s.e.hops, a.hops*t.groups
		switch {
		case a.hops == 0:
			continue
		case o.kind != opTaps || groups >= batchRows || o.post != actNone:
			a.s.data.exec(o, t.x+m*t.xStep, t.y+m*t.yStep, t.res+m*t.resStep, groups, a.hops*t.cols)
			continue
		}
		x, y := a.s.data.bufs[o.in][(t.x+m*t.xStep)*ci:], a.s.data.bufs[o.out][(t.y+m*t.yStep)*co:]
		for g := range groups {
			b.rows.X = append(b.rows.X, &x[g*o.shape.RowStride])
			if apart {
				b.rows.Y = append(b.rows.Y, &b.tmp[tmp])
				tmp += size
			} else {
				b.rows.Y = append(b.rows.Y, &y[g*size])
			}
		}
		if o.res >= 0 && !apart {
			res := a.s.data.bufs[o.res][(t.res+m*t.resStep)*co:]
			for g := range groups {
				b.rows.Res = append(b.rows.Res, &res[g*size])
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
		m, groups := a.s.e.hops, a.hops*t.groups
		if a.hops == 0 || groups >= batchRows {
			continue
		}
		k := groups * o.shape.Out
		y := a.s.data.bufs[o.out][(t.y+m*t.yStep)*co:][:k]
		if o.res < 0 {
			copy(y, sums)
		} else {
			kernel.Add(y, sums[:k], a.s.data.bufs[o.res][(t.res+m*t.resStep)*co:])
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

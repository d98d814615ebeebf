package nn

import (
	"slices"

	"github.com/quell-stream/quell/model/internal/kernel"
)

const (
	// batchStreams is how many streams a Batch takes through the layers
	// together: enough to read the weights once for many, few enough for what
	// the streams keep to stay in the cache.
	batchStreams = 32
	// batchHops is from how many hops of its own on a stream runs alone: the
	// kernels are as fast then.
	batchHops = 8
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
	at   []batchAt
	hops []batchHop

	// The rows of an operation lie at the same place in each slab, but for the
	// hops that are in it. So there is a table of slabs for each way to move with
	// a hop, and an operation adds its place.
	steps  []batchStep
	tables [][]*float32 // per step
	ops    []batchOp

	few []int // of the compact streams: which are in a round

	pitch int // values of a row of tmp
	tmp   []float32
	rows  []*float32 // of tmp
}

// batchAt is a stream's part in one round.
type batchAt struct {
	m    int // hops that are in its buffers
	hops int // of this round
	s    *Stream
	x    []float32 // columns still to be pushed
	i    int       // its place in what Push was given
}

// batchHop is one hop of one stream.
type batchHop struct {
	slab []float32
	m    int // hops before this round
	h    int // and in it
}

// batchStep is how a signal moves: by how many values with the hops of past
// rounds, and of this one. A signal that keeps nothing begins anew each round.
type batchStep struct{ past, now int }

// at returns where in its slab a signal is in a hop, from where it was in the
// first.
func (h *batchHop) at(s batchStep) int { return h.m*s.past + h.h*s.now }

// batchOp is where an operation finds its rows: the place in a slab of those of
// the first hop, and the table that says how they move.
type batchOp struct{ x, y, res, xt, yt, rt int }

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
	for _, s := range streams {
		if s.net != b.net {
			panic("nn: Batch: a stream of another network")
		}
		if s.finished {
			panic("nn: Batch: a stream is finished; Reset or Warm it")
		}
	}
	b.pushCompact(ys, streams, xs)
	for i, s := range streams {
		if s.compact != nil {
			continue
		}
		if x := xs[i]; s.data != nil && s.e.steady && len(x) >= hop*in && len(x)%(hop*in) == 0 && b.fits(s) {
			s.data.out = s.data.out[:0]
			b.at = append(b.at, batchAt{s: s, x: x, i: i})
			if len(b.at) == batchStreams {
				b.flush(ys)
			}
			continue
		}
		ys[i] = s.Push(xs[i]) // at one of its ends, off the grid of hops, or with 8-bit weights
	}
	b.flush(ys)
}

// fits says whether a stream's buffers lie as those of the others, which they
// do unless one had to grow.
func (b *Batch) fits(s *Stream) bool {
	if b.offs == nil && s.data.slab != nil {
		b.layOut(s.data.bufs)
	}
	return len(s.data.slab) == b.size && b.size > 0
}

// layOut finds the places of all operations in slabs of such buffers.
func (b *Batch) layOut(bufs [][]float32) {
	for _, buf := range bufs {
		b.offs = append(b.offs, b.size)
		b.size += len(buf)
	}
	p := b.net.fused
	table := func(sig int) int {
		c := p.sigs[sig].c
		step := batchStep{p.rhythm.step(sig) * c, p.rhythm.rate[sig] * c}
		k := slices.Index(b.steps, step)
		if k < 0 {
			k = len(b.steps)
			b.steps, b.tables = append(b.steps, step), append(b.tables, nil)
		}
		return k
	}
	for i := range p.ops {
		o, t := &p.ops[i], &p.rhythm.beats[i]
		ci, co := p.sigs[o.in].c, p.sigs[o.out].c
		w := batchOp{x: b.offs[o.in] + t.x*ci, xt: table(o.in), y: b.offs[o.out] + t.y*co, yt: table(o.out)}
		if o.res >= 0 {
			w.res, w.rt = b.offs[o.res]+t.res*co, table(o.res)
		}
		b.ops = append(b.ops, w)
		if o.act > actReLU {
			b.pitch = max(b.pitch, o.shape.Out)
		}
	}
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
	}
	// Let go of what the caller owns.
	clear(b.at)
	clear(b.hops[:cap(b.hops)])
	for _, t := range b.tables {
		clear(t[:cap(t)])
	}
	b.at, b.hops = b.at[:0], b.hops[:0]
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
	b.hops = b.hops[:0]
	for j := range b.at {
		a := &b.at[j]
		if a.hops < batchHops {
			for h := range a.hops {
				b.hops = append(b.hops, batchHop{a.s.data.slab, a.m, h})
			}
		}
	}
	for k, step := range b.steps {
		t := b.tables[k][:0]
		for i := range b.hops {
			h := &b.hops[i]
			t = append(t, &h.slab[h.at(step)])
		}
		b.tables[k] = t
	}
	p := b.net.fused
	for i := range p.ops {
		b.op(i)
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

// op computes one operation for all streams.
func (b *Batch) op(i int) {
	o, t := &b.net.fused.ops[i], &b.net.fused.rhythm.beats[i]
	together := o.kind == opTaps && o.post == actNone
	for j := range b.at {
		if a := &b.at[j]; a.hops > 0 && !(together && a.hops < batchHops) {
			a.s.data.exec(o, t.x+a.m*t.xStep, t.y+a.m*t.yStep, t.res+a.m*t.resStep, a.hops*t.groups, a.hops*t.cols)
		}
	}
	if !together || len(b.hops) == 0 {
		return
	}
	w, at := &b.net.packed[o.param], &b.ops[i]
	for g := range t.groups {
		r := kernel.Rows{X: b.tables[at.xt], XAt: at.x + g*o.shape.RowStride, Y: b.tables[at.yt], YAt: at.y + g*o.shape.Out,
			ResAt: at.res + g*o.shape.Out}
		if o.act > actReLU {
			b.apart(o, at, w, r)
			continue
		}
		if o.res >= 0 {
			r.Res = b.tables[at.rt]
		}
		if o.act == actReLU {
			w.relu.RunRows(&r)
		} else {
			w.linear.RunRows(&r)
		}
	}
}

// apart computes an operation whose function stands between the sums and what
// is added to them: it wants the sums in one piece.
func (b *Batch) apart(o *op, at *batchOp, w *packed, r kernel.Rows) {
	n, size := len(b.hops), o.shape.Out
	if len(b.rows) < n {
		b.tmp, b.rows = make([]float32, n*b.pitch), b.rows[:0]
		for i := range n {
			b.rows = append(b.rows, &b.tmp[i*b.pitch])
		}
	}
	y, res := r.YAt, r.ResAt
	r.Y, r.YAt = b.rows[:n], 0
	w.linear.RunRows(&r)
	if size == b.pitch {
		activate(o.act, b.tmp[:n*size], b.tmp)
	}
	for i := range b.hops {
		h := &b.hops[i]
		sums, to := b.tmp[i*b.pitch:][:size], h.slab[y+h.at(b.steps[at.yt]):][:size]
		if size != b.pitch {
			activate(o.act, sums, sums)
		}
		if o.res < 0 {
			copy(to, sums)
		} else {
			kernel.Add(to, sums, h.slab[res+h.at(b.steps[at.rt]):])
		}
	}
}

package nn

import "math"

// Once all layers of a stream have begun, each hop of the input makes the same
// numbers of columns from the same places, hop after hop, until a buffer is
// full. Then what is still needed moves to the start of the buffers, and it all
// begins anew. The rhythm of a plan says how many columns are needed of each
// signal there, and where in the buffers each operation then reads and writes;
// it is the same for every stream of the plan, whatever its position, so
// streams can also be run together, see Batch.
type rhythm struct {
	keep  []int   // per signal: columns that are needed between two hops
	ahead []int64 // per signal: n, less what the hops of the input amount to
	rate  []int   // per signal: columns per hop
	beats []beat  // per op
}

// beat is one operation of a hop: the positions of the columns it reads, adds
// and writes in the first hop, and how far they move with each. Positions are
// columns from the start of a buffer. A signal of which nothing is needed between
// two hops does not move: it stays in the cache.
type beat struct {
	x, y, res             int
	xStep, yStep, resStep int
	groups, cols          int // per hop
}

// perHop returns the columns of a signal per hop.
func (s *signal) perHop(hop int) int { return hop / s.num * s.den }

// newRhythm finds the rhythm of a plan that can stream, by counting.
func newRhythm(p *plan) *rhythm {
	r := &rhythm{}
	for i := range p.sigs {
		r.rate = append(r.rate, p.sigs[i].perHop(p.hop))
	}
	// Every layer has begun, and what its oldest tap reads is behind its left
	// padding, once the history of the output has passed twice.
	hops := 2*(p.history/p.hop+1) + 1
	e := newCounter(p, hops*p.hop)
	e.feed(nil, hops*p.hop, false)
	for i := range e.sigs {
		r.keep = append(r.keep, int(e.sigs[i].end-e.keep(i)))
		r.ahead = append(r.ahead, e.sigs[i].n-int64(hops*r.rate[i]))
	}
	for i := range p.ops {
		o := &p.ops[i]
		n := e.sigs[o.out].n
		b := beat{
			x: r.keep[o.in] - int(e.sigs[o.in].end-o.first(n)), xStep: r.step(o.in),
			y: r.keep[o.out], yStep: r.step(o.out),
			cols: r.rate[o.out], groups: r.rate[o.out] / o.phases(),
		}
		if o.res >= 0 {
			b.res, b.resStep = r.keep[o.res]-int(e.sigs[o.res].end-n), r.step(o.res)
		}
		r.beats = append(r.beats, b)
	}
	return r
}

// step returns how many columns further a signal is with each hop.
func (r *rhythm) step(sig int) int {
	if r.keep[sig] == 0 {
		return 0
	}
	return r.rate[sig]
}

// fallIn takes up the rhythm if the stream has come that far.
func (e *engine) fallIn() {
	r := e.p.rhythm
	if r == nil || e.data == nil || e.sigs[0].n%int64(e.p.hop) != 0 {
		return
	}
	hops := e.sigs[0].n / int64(e.p.hop)
	for i := range e.sigs {
		s := &e.sigs[i]
		if s.n != hops*int64(r.rate[i])+r.ahead[i] || int(s.end-e.keep(i)) != r.keep[i] {
			return
		}
	}
	e.steady = true
	e.rewind()
}

// rewind moves what is needed to the start of the buffers.
func (e *engine) rewind() {
	e.catchUp()
	r := e.p.rhythm
	e.limit = math.MaxInt
	for i := range e.sigs {
		s := &e.sigs[i]
		if from := int(s.end-s.base) - r.keep[i]; from > 0 {
			if r.keep[i] > 0 {
				e.data.shift(i, from, r.keep[i])
			}
			s.base += int64(from)
		}
		e.limit = min(e.limit, (s.rows-r.keep[i])/r.rate[i])
	}
	e.steady = e.limit > 0
}

// settle leaves the rhythm.
func (e *engine) settle() {
	if e.steady {
		e.catchUp()
		e.steady = false
	}
}

// catchUp brings the states of the signals up to date.
func (e *engine) catchUp() {
	r := e.p.rhythm
	for i := range e.sigs {
		s := &e.sigs[i]
		s.n += int64(e.hops * r.rate[i])
		s.end = s.n
		if r.keep[i] == 0 { // it did not move
			s.base = s.n
		}
	}
	e.drained = e.sigs[e.p.output()].n
	e.hops = 0
}

// beat feeds whole hops in rhythm, as many as there is room for, and returns
// how many columns they were.
func (e *engine) beat(x []float32, cols int) int {
	if !e.steady || cols < e.p.hop {
		return 0
	}
	if e.hops == e.limit {
		if e.rewind(); !e.steady {
			return 0
		}
	}
	r := e.p.rhythm
	m, k := e.hops, cols
	if e.p.hop != 1 {
		k /= e.p.hop
	}
	k = min(k, e.limit-m)
	e.data.load(x, r.keep[0]+m*r.step(0), k*r.rate[0])
	for i := range r.beats {
		b := &r.beats[i]
		e.data.exec(&e.p.ops[i], b.x+m*b.xStep, b.y+m*b.yStep, b.res+m*b.resStep, k*b.groups, k*b.cols)
	}
	out := e.p.output()
	e.data.emit(r.keep[out]+m*r.step(out), k*r.rate[out])
	e.hops = m + k
	return k * e.p.hop
}

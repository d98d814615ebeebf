package nn

import "math"

// engine runs a plan over a signal that arrives in pieces. Every signal of the
// plan has a buffer of consecutive columns, from the oldest that some reader
// still needs to the newest; each operation, whenever asked, makes all output
// columns that its inputs allow. Nothing else distinguishes a whole window
// from a stream: a window is a stream that arrives in one piece.
//
// Column numbers are absolute. Columns before 0 and, once the length is known,
// after the end are zero at every layer's input, as "same" padding has it, and
// are real columns of the buffers, so an output is the same sum wherever the
// pieces were cut.
//
// Buffers are bounded. An operation whose output buffer is full waits until
// its readers have made room, and the engine goes round again; with pieces of
// at most chunk columns that happens only at the ends of the signal.
//
// The engine counts columns; what they hold and how they are computed is the
// business of its store. Away from the ends of a signal every hop is like the
// one before, and the engine follows its plan's rhythm instead of asking each
// operation what it can do, see rhythm.go.
type engine struct {
	p       *plan
	data    store // nil: count columns, compute nothing, to learn how large buffers must be
	sigs    []sigState
	drained int64 // output columns handed out
	chunk   int

	steady bool // in rhythm: sigs are as of the last settling
	hops   int  // since then
	limit  int  // hops for which there is room

	high []int // without data: the most columns of each signal
}

// store holds the columns of a plan's signals. Positions are columns from the
// start of a buffer.
type store interface {
	// grow makes room for rows columns of a signal, keeping the first used.
	grow(sig, rows, used int)
	// shift moves cols columns from a position to the start of the buffer. It is
	// not called in rhythm for a signal of which nothing is kept between hops:
	// that one is written from the start of its buffer again.
	shift(sig, from, cols int)
	// zero sets columns to zero.
	zero(sig, at, cols int)
	// copyFrom copies the first cols columns of a signal from a store of the
	// same plan.
	copyFrom(src store, sig, cols int)
	// load sets columns of signal 0 to x.
	load(x []float32, at, cols int)
	// emit appends columns of the output to what the engine returns.
	emit(at, cols int)
	// exec computes groups groups of columns of an operation, of which cols
	// columns count, from the positions of their first columns.
	exec(o *op, x, y, res, groups, cols int)
	// size returns the bytes that all of it takes.
	size() int
}

type sigState struct {
	rows  int   // columns for which there is room
	base  int64 // column at the start of the buffer
	end   int64 // after the last column in the buffer, zero columns after the end included
	n     int64 // columns made
	final bool  // n is the length of the signal
}

// newEngine returns an engine for pieces of chunk columns that computes with
// the store that alloc makes for the given numbers of columns. If whole is not
// 0, signals of up to whole columns that arrive at once need no second round.
func newEngine(p *plan, chunk, whole int, alloc func(rows []int) store) *engine {
	sim := newCounter(p, chunk)
	if whole > 0 {
		cols := min(whole, p.field+4*chunk)
		sim.feed(nil, cols, true)
		if whole > chunk {
			sim.reset(0)
			sim.feed(nil, chunk, true)
		}
	} else {
		sim.feed(nil, p.field+4*chunk, false)
	}
	e := &engine{p: p, sigs: make([]sigState, len(p.sigs)), chunk: chunk}
	rows := make([]int, len(p.sigs))
	for i, s := range p.sigs {
		rows[i] = max(sim.high[i], s.left+1)
		e.sigs[i].rows = rows[i]
	}
	e.data = alloc(rows)
	e.reset(0)
	return e
}

// newCounter returns an engine that computes nothing and has room for
// everything.
func newCounter(p *plan, chunk int) *engine {
	e := &engine{p: p, sigs: make([]sigState, len(p.sigs)), chunk: chunk, high: make([]int, len(p.sigs))}
	for i := range e.sigs {
		e.sigs[i].rows = math.MaxInt
	}
	e.reset(0)
	return e
}

// reset forgets everything and starts at input column at, a multiple of the
// hop, as if nothing but zeros had been before it at any layer.
func (e *engine) reset(at int64) {
	e.steady, e.hops = false, 0
	for i := range e.sigs {
		s, d := &e.sigs[i], &e.p.sigs[i]
		start := at / int64(d.num) * int64(d.den)
		s.base, s.end, s.n, s.final = start-int64(d.left), start, start, false
		if e.data != nil {
			e.data.zero(i, 0, d.left)
		}
	}
	e.drained = e.sigs[e.p.output()].n
}

// feed appends cols columns to the input and runs; final says that they are
// the last ones.
func (e *engine) feed(x []float32, cols int, final bool) {
	c := e.p.sigs[0].c
	for cols > 0 && !final {
		k := e.beat(x, cols)
		if k == 0 {
			break
		}
		x = x[k*c:]
		if cols -= k; cols == 0 {
			return
		}
	}
	e.settle()
	in := &e.sigs[0]
	for cols > 0 {
		k := min(cols, e.chunk)
		if room := e.room(0, k); room < k {
			if room == 0 {
				e.grow(0)
				continue
			}
			k = room
		}
		if e.data != nil {
			e.data.load(x, int(in.end-in.base), k)
			x = x[k*c:]
		}
		in.n += int64(k)
		in.end = in.n
		cols -= k
		if cols > 0 {
			e.run()
		}
	}
	in.final = final
	e.run()
	if !final {
		e.fallIn()
	}
}

// run makes every column that can be made.
func (e *engine) run() {
	for {
		moved, blocked := e.padEnd(0)
		for i := range e.p.ops {
			m, b := e.step(&e.p.ops[i])
			moved, blocked = moved || m, blocked || b
		}
		moved = e.drain() || moved
		if !blocked {
			return
		}
		if !moved {
			// Sizes come from a rehearsal, so this is not expected; if it
			// happens, memory is better than a standstill.
			for i := range e.sigs {
				e.grow(i)
			}
		}
	}
}

// step lets one operation make what it can. blocked says that more would have
// been possible with more room.
func (e *engine) step(o *op) (moved, blocked bool) {
	out := &e.sigs[o.out]
	if out.final {
		return e.padEnd(o.out)
	}
	hi, done := e.target(o)
	if hi > out.n {
		phases := o.phases()
		// A group is computed as a whole, also where the signal ends in it.
		want := (int(hi-out.n) + phases - 1) / phases * phases
		if room := e.room(o.out, want); room < want {
			hi, done, blocked = out.n+int64(room/phases*phases), false, true
		}
		if hi > out.n {
			if e.data != nil {
				e.exec(o, hi)
			}
			out.n, out.end, moved = hi, hi, true
		}
	}
	if done {
		out.final, moved = true, true
		m, b := e.padEnd(o.out)
		moved, blocked = moved || m, blocked || b
	}
	return moved, blocked
}

// target returns the number of columns that an operation's input allows, and
// whether there will never be more. What is added to them, res, is where the
// input of a residual body began; the body keeps the length, so res is never
// behind.
func (e *engine) target(o *op) (hi int64, done bool) {
	in := &e.sigs[o.in]
	switch {
	case o.kind == opTaps && in.n == 0:
		// The left padding of a signal that may stay empty makes no output.
	case o.kind == opTaps:
		hi = o.tm.ready(in.end) * int64(o.tm.phases)
	case o.kind != opDense || in.final:
		hi = o.outLen(in.n)
	}
	if in.final {
		length := o.outLen(in.n)
		hi = min(hi, length)
		done = hi == length
	}
	return hi, done
}

// padEnd appends the zero columns after the end of a signal.
func (e *engine) padEnd(i int) (moved, blocked bool) {
	s, d := &e.sigs[i], &e.p.sigs[i]
	if !s.final {
		return false, false
	}
	want := int(s.n + int64(d.right) - s.end)
	if want == 0 {
		return false, false
	}
	room := min(want, e.room(i, want))
	if e.data != nil {
		e.data.zero(i, int(s.end-s.base), room)
	}
	s.end += int64(room)
	return room > 0, room < want
}

// drain hands out the columns of the output.
func (e *engine) drain() bool {
	s := &e.sigs[e.p.output()]
	if s.n == e.drained {
		return false
	}
	if e.data != nil {
		e.data.emit(int(e.drained-s.base), int(s.n-e.drained))
	}
	e.drained = s.n
	return true
}

// room returns how many columns can be appended to a signal, making room for
// want if need be and possible.
func (e *engine) room(i, want int) int {
	s := &e.sigs[i]
	if e.data == nil {
		e.high[i] = max(e.high[i], int(s.end-e.keep(i))+want)
		return want
	}
	if room := s.rows - int(s.end-s.base); room >= want {
		return room
	}
	e.compact(i)
	return s.rows - int(s.end-s.base)
}

// compact drops the columns of a signal that nobody needs any more.
func (e *engine) compact(i int) {
	s := &e.sigs[i]
	if keep := e.keep(i); keep > s.base {
		e.data.shift(i, int(keep-s.base), int(s.end-keep))
		s.base = keep
	}
}

// keep returns the oldest column that some reader of a signal still needs.
func (e *engine) keep(i int) int64 {
	s := &e.sigs[i]
	keep := s.end
	if i == e.p.output() {
		keep = e.drained
	}
	for _, r := range e.p.sigs[i].readers {
		o := &e.p.ops[r]
		out := &e.sigs[o.out]
		if out.final {
			continue
		}
		if o.in == i {
			keep = min(keep, o.first(out.n))
		}
		if o.res == i {
			keep = min(keep, out.n)
		}
	}
	return max(keep, s.base)
}

func (e *engine) grow(i int) {
	s := &e.sigs[i]
	s.rows = 2*s.rows + e.chunk
	e.data.grow(i, s.rows, int(s.end-s.base))
}

// exec computes the columns of an operation up to hi.
func (e *engine) exec(o *op, hi int64) {
	in, out := &e.sigs[o.in], &e.sigs[o.out]
	groups := 1
	if o.kind == opTaps {
		groups = int(o.tm.groups(hi) - out.n/int64(o.tm.phases))
	}
	res := 0
	if o.res >= 0 {
		res = int(out.n - e.sigs[o.res].base)
	}
	e.data.exec(o, int(o.first(out.n)-in.base), int(out.n-out.base), res, groups, int(hi-out.n))
}

// columns returns the number of input columns fed and of output columns handed
// out.
func (e *engine) columns() (in, out int64) {
	in, out = e.sigs[0].n, e.drained
	if e.steady {
		s := &e.p.sigs[e.p.output()]
		in += int64(e.hops * e.p.hop)
		out += int64(e.hops * s.perHop(e.p.hop))
	}
	return in, out
}

// copyFrom copies the state of an engine of the same plan.
func (e *engine) copyFrom(src *engine) {
	for i := range e.sigs {
		d, s := &e.sigs[i], &src.sigs[i]
		used := int(s.end - s.base)
		if src.steady {
			used += src.hops * e.p.rhythm.step(i)
		}
		rows := d.rows
		if rows < s.rows {
			rows = s.rows
			e.data.grow(i, rows, 0)
		}
		e.data.copyFrom(src.data, i, used)
		*d = *s
		d.rows = rows
	}
	e.drained, e.steady, e.hops, e.limit = src.drained, src.steady, src.hops, src.limit
}

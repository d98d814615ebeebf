package nn

import (
	"math"

	"github.com/quell-stream/quell/model/internal/kernel"
)

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
type engine struct {
	net     *Net
	p       *plan
	sigs    []sigState
	drained int64     // output columns handed out
	out     []float32 // where they go
	chunk   int

	dry  bool // count columns, compute nothing, to learn how large buffers must be
	high []int
}

type sigState struct {
	buf   []float32
	rows  int   // columns that buf holds
	base  int64 // column at buf[0]
	end   int64 // after the last column in buf, zero columns after the end included
	n     int64 // columns made
	final bool  // n is the length of the signal
}

// newEngine returns an engine for pieces of chunk columns. If whole is not 0,
// signals of up to whole columns that arrive at once need no second round.
func newEngine(n *Net, chunk, whole int) *engine {
	p := n.fused
	sim := &engine{net: n, p: p, sigs: make([]sigState, len(p.sigs)), chunk: chunk, dry: true, high: make([]int, len(p.sigs))}
	for i := range sim.sigs {
		sim.sigs[i].rows = math.MaxInt
	}
	sim.reset(0)
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
	e := &engine{net: n, p: p, sigs: make([]sigState, len(p.sigs)), chunk: chunk}
	size := 0
	for i, s := range p.sigs {
		e.sigs[i].rows = max(sim.high[i], s.left+1)
		size += e.sigs[i].rows * s.c
	}
	slab := make([]float32, size)
	for i, s := range p.sigs {
		k := e.sigs[i].rows * s.c
		e.sigs[i].buf, slab = slab[:k:k], slab[k:]
	}
	e.reset(0)
	return e
}

// reset forgets everything and starts at input column at, a multiple of the
// hop, as if nothing but zeros had been before it at any layer.
func (e *engine) reset(at int64) {
	for i := range e.sigs {
		s, d := &e.sigs[i], &e.p.sigs[i]
		start := at / int64(d.num) * int64(d.den)
		s.base, s.end, s.n, s.final = start-int64(d.left), start, start, false
		if !e.dry {
			clear(s.buf[:d.left*d.c])
		}
	}
	e.drained = e.sigs[e.p.output()].n
}

// feed appends cols columns to the input and runs; final says that they are
// the last ones.
func (e *engine) feed(x []float32, cols int, final bool) {
	in, c := &e.sigs[0], e.p.sigs[0].c
	for cols > 0 {
		k := min(cols, e.chunk)
		if room := e.room(0, k); room < k {
			if room == 0 {
				e.grow(0)
				continue
			}
			k = room
		}
		if !e.dry {
			copy(in.buf[int(in.end-in.base)*c:], x[:k*c])
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
		phases := 1
		if o.kind == opTaps {
			phases = o.tm.phases
		}
		// A group is computed as a whole, also where the signal ends in it.
		want := (int(hi-out.n) + phases - 1) / phases * phases
		if room := e.room(o.out, want); room < want {
			hi, done, blocked = out.n+int64(room/phases*phases), false, true
		}
		if hi > out.n {
			if !e.dry {
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
	if !e.dry {
		clear(s.buf[int(s.end-s.base)*d.c:][:room*d.c])
	}
	s.end += int64(room)
	return room > 0, room < want
}

// drain hands out the columns of the output.
func (e *engine) drain() bool {
	i := e.p.output()
	s := &e.sigs[i]
	if s.n == e.drained {
		return false
	}
	if !e.dry {
		c := e.p.sigs[i].c
		e.out = append(e.out, s.buf[int(e.drained-s.base)*c:int(s.n-s.base)*c]...)
	}
	e.drained = s.n
	return true
}

// room returns how many columns can be appended to a signal, making room for
// want if need be and possible.
func (e *engine) room(i, want int) int {
	s := &e.sigs[i]
	if e.dry {
		e.high[i] = max(e.high[i], int(s.end-e.keep(i))+want)
		return want
	}
	if room := s.rows - int(s.end-s.base); room >= want {
		return room
	}
	if keep := e.keep(i); keep > s.base {
		c := e.p.sigs[i].c
		copy(s.buf, s.buf[int(keep-s.base)*c:int(s.end-s.base)*c])
		s.base = keep
	}
	return s.rows - int(s.end-s.base)
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
			switch o.kind {
			case opTaps:
				keep = min(keep, out.n/int64(o.tm.phases)*int64(o.tm.step)+int64(o.tm.off))
			case opDense:
				keep = min(keep, 0)
			default:
				keep = min(keep, out.n)
			}
		}
		if o.res == i {
			keep = min(keep, out.n)
		}
	}
	return max(keep, s.base)
}

func (e *engine) grow(i int) {
	s, c := &e.sigs[i], e.p.sigs[i].c
	s.rows = 2*s.rows + e.chunk
	buf := make([]float32, s.rows*c)
	copy(buf, s.buf[:int(s.end-s.base)*c])
	s.buf = buf
}

// exec computes the columns of an operation up to hi.
func (e *engine) exec(o *op, hi int64) {
	in, out := &e.sigs[o.in], &e.sigs[o.out]
	ci, co := e.p.sigs[o.in].c, e.p.sigs[o.out].c
	rows := int(hi - out.n)
	y := out.buf[int(out.n-out.base)*co:]
	var res []float32
	if o.res >= 0 {
		r := &e.sigs[o.res]
		res = r.buf[int(out.n-r.base)*co:][:rows*co]
	}
	switch o.kind {
	case opTaps, opDense:
		x, groups, w := in.buf, 1, &e.net.packed[o.param]
		if o.kind == opTaps {
			q := out.n / int64(o.tm.phases)
			groups = int(o.tm.groups(hi) - q)
			x = x[int(q*int64(o.tm.step)+int64(o.tm.off)-in.base)*ci:]
		} else {
			x = x[int(-in.base)*ci:]
		}
		if o.act <= actReLU {
			kernel.Conv(y, o.shape.Out, x, o.shape, w.w, w.b, o.act == actReLU, res, co, groups)
			break
		}
		kernel.Conv(y, o.shape.Out, x, o.shape, w.w, w.b, false, nil, 0, groups)
		y = y[:rows*co]
		activate(o.act, y, y)
		if res != nil {
			kernel.Add(y, y, res)
		}
	case opAct:
		activate(o.act, y[:rows*co], in.buf[int(out.n-in.base)*ci:])
	case opAdd:
		kernel.Add(y[:rows*co], in.buf[int(out.n-in.base)*ci:], res)
	}
	activate(o.post, y[:rows*co], y)
}

func activate(a activation, dst, x []float32) {
	switch a {
	case actReLU:
		kernel.ReLU(dst, x)
	case actGELU:
		kernel.GELU(dst, x)
	case actSigmoid:
		kernel.Sigmoid(dst, x)
	case actTanh:
		kernel.Tanh(dst, x)
	}
}

// copyFrom copies the state of an engine of the same plan.
func (e *engine) copyFrom(src *engine) {
	for i := range e.sigs {
		d, s := &e.sigs[i], &src.sigs[i]
		buf, rows := d.buf, d.rows
		if rows < s.rows {
			buf, rows = make([]float32, len(s.buf)), s.rows
		}
		copy(buf, s.buf[:int(s.end-s.base)*e.p.sigs[i].c])
		*d = *s
		d.buf, d.rows = buf, rows
	}
	e.drained = src.drained
	e.out = e.out[:0]
}

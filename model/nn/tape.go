package nn

import (
	"math/rand/v2"

	"github.com/quell-stream/quell/model/internal/kernel"
)

// Tape computes a network forward and backward. It keeps every activation of
// one window, so it is made for windows of a few thousand columns. It is not
// safe for concurrent use; any number of tapes may share a Net. The forward
// values are those of Runner.Run, bit for bit, as long as Mode is Inference and
// Cond is nil.
type Tape struct {
	// NeedDX says whether Backward computes the gradient with regard to the
	// input, which training does not need. NewTape sets it.
	NeedDX bool
	// Yield, if set, is called between operations, so that whoever serves beside a
	// training need not wait for the end of it.
	Yield func()

	Mode Mode      // of the next Forward
	Seed uint64    // of what its dropout layers drop
	Cond []float32 // Spec.Cond values for its film layers; nil: zeros, which Runner and Stream take

	net   *Net
	p     *plan
	sum   *Gradient   // where Backward adds
	out   [][]float32 // what Grads returns
	val   []plane     // per signal
	aux   [][]float32 // per op: the slope of its activation, where that is not told by the value; what dropout multiplied by
	norms []norm      // per layer with values per channel
	rng   *rand.PCG
	ran   Mode // of the last Forward
	len   []int64
	maxT  int64

	// The gradients of the loss with regard to the signals. Where a signal is
	// added to another unchanged, its gradient begins as that of the sum, which
	// is not copied: from says whose plane holds what has come in so far.
	grad []plane
	from []int // per signal: index in grad, -1 for nothing yet
	tmp  []float32
	dz   []float32 // gradient before an activation, as a plane

	window int64 // the only length, 0 for any
	ready  bool  // Forward ran since the last Backward
}

// plane is a signal of t columns with zero columns around it.
type plane struct {
	c           int
	left, right int
	buf         []float32
}

// at returns the columns from t on, zero columns included.
func (p *plane) at(t int64) []float32 { return p.buf[(int(t)+p.left)*p.c:] }

// cols returns the columns [0,n).
func (p *plane) cols(n int64) []float32 { return p.buf[p.left*p.c:][:int(n)*p.c] }

// clearAfter zeroes what follows n columns.
func (p *plane) clearAfter(n int64) { clear(p.at(n)[:p.right*p.c]) }

func (p *plane) alloc(n int64) {
	p.buf = make([]float32, (int(n)+p.left+p.right)*p.c)
}

// NewTape returns a tape that allocates nothing for windows of up to maxT
// columns.
func (n *Net) NewTape(maxT int) *Tape {
	p := n.plain
	t := &Tape{NeedDX: true, net: n, p: p, sum: n.NewGradient(), len: make([]int64, len(p.sigs)), from: make([]int, len(p.sigs))}
	if n.spec.Streamable() != nil {
		t.window = int64(n.spec.Window)
		maxT = n.spec.Window
	}
	for _, q := range n.params {
		t.out = append(t.out, make([]float32, len(q.Data)))
	}
	for i := range p.sigs {
		s := &p.sigs[i]
		t.val = append(t.val, plane{c: s.c, left: s.left, right: s.right})
		t.grad = append(t.grad, plane{c: s.c})
	}
	t.aux = make([][]float32, len(p.ops))
	for i := range p.ops {
		o := &p.ops[i]
		if o.kind == opTaps {
			t.margins(o)
		}
		if o.vec >= 0 {
			t.norms = append(t.norms, newNorm(o.kind, p.sigs[o.in].c))
		}
	}
	// A plane stands in for those of the signals that are added to its own, and so
	// for those that these stand in for.
	for i := range p.ops {
		o := &p.ops[i]
		to := &t.grad[o.out]
		if o.kind == opAdd {
			to.widen(&t.grad[o.in])
		}
		if o.res >= 0 {
			to.widen(&t.grad[o.res])
		}
	}
	t.size(int64(max(maxT, 1)))
	return t
}

// widen makes a plane's margins at least those of another.
func (p *plane) widen(q *plane) { p.left, p.right = max(p.left, q.left), max(p.right, q.right) }

// margins widens the planes around an operation for what its kernels read and
// write past the ends: forward, whole groups; backward, the gradient of the
// output around the columns that an input column fed, and whole groups of the
// gradient of the input.
func (t *Tape) margins(o *op) {
	back := &t.net.packed[o.param].backMap
	x, y := &t.grad[o.in], &t.grad[o.out]
	t.val[o.out].right = max(t.val[o.out].right, o.tm.phases-1)
	x.right = max(x.right, back.phases-1)
	y.left = max(y.left, -back.off)
	y.right = max(y.right, o.tm.phases-1)
	// The reach past the end repeats itself with the stride.
	const long = 4 * maxSpan
	for n := int64(long); n < long+int64(o.layer.stride()); n++ {
		y.right = max(y.right, int(back.reach(back.groups(n))-o.outLen(n)))
	}
}

// size makes room for windows of n columns.
func (t *Tape) size(n int64) {
	t.maxT = n
	t.p.lengths(t.len, n)
	most := 0
	for i := range t.p.sigs {
		t.val[i].alloc(t.len[i])
		t.grad[i].alloc(t.len[i])
		most = max(most, len(t.grad[i].buf))
	}
	for i := range t.p.ops {
		if o := &t.p.ops[i]; o.act > actReLU || o.kind == opDrop {
			t.aux[i] = make([]float32, int(t.len[o.out])*t.p.sigs[o.out].c)
		}
	}
	t.tmp, t.dz = make([]float32, most), make([]float32, most)
}

// Forward computes the network over x, [T][In], and returns the output,
// [Tout][Cout], valid until the next call. Lengths and padding are those of
// Runner.Run. Values must be finite.
func (t *Tape) Forward(x []float32) []float32 {
	in := t.p.sigs[0].c
	if len(x)%in != 0 {
		panic("nn: Forward: length of x is not a multiple of the input channels")
	}
	n := int64(len(x) / in)
	if t.window > 0 && n != t.window {
		panic("nn: Forward: a network with a dense layer takes its own window only")
	}
	if t.Cond != nil && len(t.Cond) != t.net.spec.Cond {
		panic("nn: Forward: length of Cond is not that of the network's condition")
	}
	if n > t.maxT {
		t.size(n)
	}
	t.ran = t.Mode
	t.p.lengths(t.len, n)
	copy(t.val[0].cols(n), x)
	t.val[0].clearAfter(n)
	for i := range t.p.ops {
		t.forward(i)
		t.yield()
	}
	t.ready = true
	out := t.p.output()
	return t.val[out].cols(t.len[out])
}

func (t *Tape) yield() {
	if t.Yield != nil {
		t.Yield()
	}
}

func (t *Tape) forward(i int) {
	o := &t.p.ops[i]
	n := t.len[o.out]
	x, y := &t.val[o.in], &t.val[o.out]
	switch o.kind {
	case opTaps, opDense:
		if n == 0 {
			break
		}
		w := &t.net.packed[o.param]
		groups, from := 1, int64(0)
		if o.kind == opTaps {
			groups, from = int(o.tm.groups(n)), int64(o.tm.off)
		}
		var res []float32
		if o.res >= 0 {
			res = t.val[o.res].at(0)
		}
		if o.act == actReLU {
			w.relu.Run(y.at(0), o.shape.Out, x.at(from), res, o.shape.Out, groups)
			break
		}
		w.linear.Run(y.at(0), o.shape.Out, x.at(from), res, o.shape.Out, groups)
		if o.act != actNone {
			t.activate(i, y.cols(n), y.cols(n))
		}
	case opAct:
		t.activate(i, y.cols(n), x.cols(n))
	case opAdd:
		kernel.Add(y.cols(n), x.cols(n), t.val[o.res].cols(n))
	case opDrop:
		t.drop(i, y.cols(n), x.cols(n))
	default:
		t.perChannel(i, y.cols(n), x.cols(n))
	}
	y.clearAfter(n)
}

// activate applies the activation of an operation, and keeps its slope.
func (t *Tape) activate(i int, y, x []float32) {
	switch t.p.ops[i].act {
	case actReLU:
		kernel.ReLU(y, x)
	case actGELU:
		kernel.GELUGrad(y, t.aux[i], x)
	case actSigmoid:
		kernel.SigmoidGrad(y, t.aux[i], x)
	case actTanh:
		kernel.TanhGrad(y, t.aux[i], x)
	}
}

// slope sets dx to dy times the slope of the activation of an operation.
func (t *Tape) slope(i int, dx, dy []float32) {
	o := &t.p.ops[i]
	if o.act == actReLU {
		kernel.ReLUGrad(dx, dy, t.val[o.out].cols(t.len[o.out]))
		return
	}
	kernel.Mul(dx, dy, t.aux[i])
}

// Backward takes the gradient of the loss with regard to the output of the
// last Forward, [Tout][Cout], adds the gradients with regard to the parameters
// to the tape's Gradient, and returns that with regard to the input, [T][In],
// valid until the next call, or nil if NeedDX is false. It may follow each
// Forward once.
func (t *Tape) Backward(dy []float32) []float32 {
	out := t.p.output()
	if !t.ready {
		panic("nn: Backward: no Forward since the last Backward")
	}
	t.ready = false
	g := t.grad[out].cols(t.len[out])
	if len(dy) != len(g) {
		panic("nn: Backward: length of dy is not that of the output")
	}
	for i := range t.from {
		t.from[i] = -1
	}
	copy(g, dy)
	t.grad[out].clearAfter(t.len[out])
	t.from[out] = out
	for i := len(t.p.ops) - 1; i >= 0; i-- {
		t.backward(i)
		t.yield()
	}
	if !t.NeedDX {
		return nil
	}
	return t.grad[t.from[0]].cols(t.len[0])
}

func (t *Tape) backward(i int) {
	o := &t.p.ops[i]
	m := t.len[o.out]
	dy := t.grad[t.from[o.out]]
	switch o.kind {
	case opAdd:
		t.pass(o.in, t.from[o.out])
	case opTaps, opDense:
		dz := dy
		if o.act != actNone {
			// The slope goes to a plane of its own: dy may be the gradient of
			// another signal, too.
			y := &t.grad[o.out]
			dz = plane{c: y.c, left: y.left, right: y.right, buf: t.dz}
			clear(dz.buf[:dz.left*dz.c])
			t.slope(i, dz.cols(m), dy.cols(m))
			dz.clearAfter(m)
		}
		if m > 0 {
			t.weights(o, &dz)
		}
		if t.wanted(o.in) {
			t.input(o, &dz)
		}
	default:
		g := dy.cols(m)
		switch {
		case !t.wanted(o.in):
			if o.vec >= 0 {
				t.local(i, t.tmp[:len(g)], g)
			}
		case t.from[o.in] < 0:
			t.local(i, t.own(o.in), g)
		default:
			t.local(i, t.tmp[:len(g)], g)
			t.more(o.in, t.tmp)
		}
	}
	if o.res >= 0 {
		t.pass(o.res, t.from[o.out])
	}
}

// wanted says whether the gradient of a signal is needed.
func (t *Tape) wanted(sig int) bool { return sig > 0 || t.NeedDX }

// own returns the columns of a signal's own plane, about to be written.
func (t *Tape) own(sig int) []float32 {
	t.from[sig] = sig
	t.grad[sig].clearAfter(t.len[sig])
	return t.grad[sig].cols(t.len[sig])
}

// pass adds the gradient in a plane to that of a signal of the same shape.
func (t *Tape) pass(sig, plane int) {
	switch {
	case !t.wanted(sig):
	case t.from[sig] < 0:
		t.from[sig] = plane
	default:
		t.more(sig, t.grad[plane].cols(t.len[sig]))
	}
}

// more adds to the gradient that a signal has already.
func (t *Tape) more(sig int, g []float32) {
	sum := t.grad[t.from[sig]].cols(t.len[sig])
	d := t.own(sig)
	kernel.Add(d, sum, g[:len(d)])
}

// input computes the gradient with regard to the input of an operation with
// weights from that of its sums.
func (t *Tape) input(o *op, dz *plane) {
	n := t.len[o.in]
	w := &t.net.packed[o.param]
	groups, from := 1, int64(0)
	if o.kind == opTaps {
		groups, from = int(w.backMap.groups(n)), int64(w.backMap.off)
	}
	none := t.len[o.out] == 0
	var so []float32 // what has come in so far
	switch at := t.from[o.in]; {
	case at == o.in: // a kernel cannot add to what it writes
		if none {
			return
		}
		w.backward.Run(t.tmp, w.backShape.Out, dz.at(from), nil, 0, groups)
		t.more(o.in, t.tmp)
		return
	case at >= 0:
		if none {
			return
		}
		so = t.grad[at].at(0)
	}
	d := &t.grad[o.in]
	if none {
		clear(d.cols(n))
	} else {
		w.backward.Run(d.at(0), w.backShape.Out, dz.at(from), so, w.backShape.Out, groups)
	}
	t.own(o.in)
}

// weights adds the gradients with regard to a layer's parameters.
func (t *Tape) weights(o *op, dz *plane) {
	groups, from := 1, int64(0)
	if o.kind == opTaps {
		groups, from = int(o.tm.groups(t.len[o.out])), int64(o.tm.off)
	}
	dy := dz.at(0)
	kernel.Outer(t.sum.dw[o.param], t.val[o.in].at(from), o.shape, dy, o.shape.Out, groups)
	if db := t.sum.db[o.param]; db != nil {
		kernel.SumRows(db, dy, groups)
	}
}

// SetGradient makes Backward add to g, a gradient of the same Net, until it is
// set again. A new tape has one of its own.
func (t *Tape) SetGradient(g *Gradient) {
	if g.net != t.net {
		panic("nn: SetGradient: a gradient of another network")
	}
	t.sum = g
}

// Grads returns the gradients summed in the tape's Gradient, parallel to
// Net.Params, valid until the next call.
func (t *Tape) Grads() [][]float32 {
	t.sum.Params(t.out)
	return t.out
}

// ZeroGrads sets the tape's Gradient to zero.
func (t *Tape) ZeroGrads() { t.sum.Zero() }

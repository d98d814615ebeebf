package nn

import "github.com/quell-stream/quell/model/internal/kernel"

// Tape computes a network forward and backward. It keeps every activation of
// one window, so it is made for windows of a few thousand columns. It is not
// safe for concurrent use; any number of tapes may share a Net. The forward
// values are those of Runner.Run, bit for bit.
type Tape struct {
	// NeedDX says whether Backward computes the gradient with regard to the
	// input, which training does not need. NewTape sets it.
	NeedDX bool

	net   *Net
	p     *plan
	grads [][]float32
	val   []plane // per signal
	grad  []plane // per signal, gradient of the loss with regard to it
	aux   [][]float32
	dw    [][]float32 // per packed: weight gradient as laid out for the kernels
	db    []float32
	tmp   []float32
	len   []int64
	maxT  int64

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
	t := &Tape{NeedDX: true, net: n, p: p, len: make([]int64, len(p.sigs))}
	if n.spec.Streamable() != nil {
		t.window = int64(n.spec.Window)
		maxT = n.spec.Window
	}
	for _, q := range n.params {
		t.grads = append(t.grads, make([]float32, len(q.Data)))
	}
	for i := range p.sigs {
		s := &p.sigs[i]
		t.val = append(t.val, plane{c: s.c, left: s.left, right: s.right})
		t.grad = append(t.grad, plane{c: s.c})
	}
	t.dw = make([][]float32, len(n.packed))
	t.aux = make([][]float32, len(p.ops))
	bias := 0
	for i := range p.ops {
		o := &p.ops[i]
		if o.param >= 0 {
			t.dw[o.param] = make([]float32, o.shape.Weights())
			bias = max(bias, o.shape.Out)
		}
		if o.kind == opTaps {
			t.margins(o)
		}
	}
	t.db = make([]float32, bias)
	t.size(int64(max(maxT, 1)))
	return t
}

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
		if o := &t.p.ops[i]; o.kind == opAct && o.act != actReLU {
			t.aux[i] = make([]float32, int(t.len[o.in])*t.p.sigs[o.in].c)
		}
	}
	t.tmp = make([]float32, most)
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
	if n > t.maxT {
		t.size(n)
	}
	t.p.lengths(t.len, n)
	copy(t.val[0].cols(n), x)
	t.val[0].clearAfter(n)
	for i := range t.p.ops {
		t.forward(i)
	}
	t.ready = true
	out := t.p.output()
	return t.val[out].cols(t.len[out])
}

func (t *Tape) forward(i int) {
	o := &t.p.ops[i]
	n := t.len[o.out]
	x, y := &t.val[o.in], &t.val[o.out]
	switch o.kind {
	case opTaps, opDense:
		w := &t.net.packed[o.param]
		groups, from := 1, int64(0)
		if o.kind == opTaps {
			groups, from = int(o.tm.groups(n)), int64(o.tm.off)
		}
		if n > 0 {
			w.linear.Run(y.at(0), o.shape.Out, x.at(from), nil, 0, groups)
		}
	case opAct:
		switch o.act {
		case actReLU:
			kernel.ReLU(y.cols(n), x.cols(n))
		case actGELU:
			kernel.GELUGrad(y.cols(n), t.aux[i], x.cols(n))
		case actSigmoid:
			kernel.SigmoidGrad(y.cols(n), t.aux[i], x.cols(n))
		case actTanh:
			kernel.TanhGrad(y.cols(n), t.aux[i], x.cols(n))
		}
	case opAdd:
		kernel.Add(y.cols(n), x.cols(n), t.val[o.res].cols(n))
	}
	y.clearAfter(n)
}

// Backward takes the gradient of the loss with regard to the output of the
// last Forward, [Tout][Cout], adds the gradients with regard to the parameters
// to Grads, and returns that with regard to the input, [T][In], valid until
// the next call, or nil if NeedDX is false. It may follow each Forward once.
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
	copy(g, dy)
	t.grad[out].clearAfter(t.len[out])
	for i := len(t.p.ops) - 1; i >= 0; i-- {
		t.backward(i)
	}
	if !t.NeedDX {
		return nil
	}
	return t.grad[0].cols(t.len[0])
}

func (t *Tape) backward(i int) {
	o := &t.p.ops[i]
	dy := &t.grad[o.out]
	g := dy.cols(t.len[o.out])
	if o.param >= 0 {
		t.weights(o)
	}
	if o.in > 0 || t.NeedDX {
		// The readers of a signal are in order, so the last one comes first
		// here and writes; the others add.
		readers := t.p.sigs[o.in].readers
		t.input(i, readers[len(readers)-1] != i)
	}
	if o.res > 0 || o.res == 0 && t.NeedDX {
		readers := t.p.sigs[o.res].readers
		add(&t.grad[o.res], g, readers[len(readers)-1] != i, t.len[o.res])
	}
}

// add stores g in the gradient of a signal of n columns, or adds it.
func add(dx *plane, g []float32, more bool, n int64) {
	d := dx.cols(n)
	if more {
		kernel.Add(d, d, g)
		return
	}
	copy(d, g)
	dx.clearAfter(n)
}

// input computes the gradient with regard to an operation's input.
func (t *Tape) input(i int, more bool) {
	o := &t.p.ops[i]
	n, m := t.len[o.in], t.len[o.out]
	dx, dy := &t.grad[o.in], &t.grad[o.out]
	if o.kind == opAdd {
		add(dx, dy.cols(m), more, n)
		return
	}
	d := dx.cols(n)
	to := dx.at(0)
	if more {
		to = t.tmp
	}
	switch o.kind {
	case opTaps, opDense:
		w := &t.net.packed[o.param]
		groups, from := 1, int64(0)
		if o.kind == opTaps {
			groups, from = int(w.backMap.groups(n)), int64(w.backMap.off)
		}
		if m == 0 {
			clear(to[:len(d)])
		} else {
			w.backward.Run(to, w.backShape.Out, dy.at(from), nil, 0, groups)
		}
	case opAct:
		if o.act != actReLU {
			kernel.Mul(to[:len(d)], dy.cols(m), t.aux[i])
		} else {
			kernel.ReLUGrad(to[:len(d)], dy.cols(m), t.val[o.out].cols(m))
		}
	}
	if more {
		kernel.Add(d, d, to)
	} else {
		dx.clearAfter(n)
	}
}

// weights adds the gradients with regard to a layer's parameters.
func (t *Tape) weights(o *op) {
	m := t.len[o.out]
	if m == 0 {
		return
	}
	l, in := o.layer, t.p.sigs[o.in].c
	dy := t.grad[o.out].at(0)
	dw, db := t.dw[o.param], t.db[:o.shape.Out]
	groups, from := 1, int64(0)
	if o.kind == opTaps {
		groups, from = int(o.tm.groups(m)), int64(o.tm.off)
	}
	clear(dw)
	kernel.Outer(dw, t.val[o.in].at(from), o.shape, dy, o.shape.Out, groups)
	at := t.net.index[o.param]
	if o.kind == opDense {
		unpackDenseAdd(t.grads[at[0]], dw, o.shape.SegLen/in, in, l.Steps, l.Out)
	} else {
		inStep, outStep := l.strides(in)
		o.tm.unpackAdd(t.grads[at[0]], dw, in, l.Out, inStep, outStep)
	}
	if at[1] < 0 {
		return
	}
	clear(db)
	kernel.SumRows(db, dy, groups)
	g := t.grads[at[1]]
	for i, v := range db {
		if o.kind == opDense {
			g[i%l.Out*l.Steps+i/l.Out] += v
		} else {
			g[i%l.Out] += v
		}
	}
}

// Grads returns the gradients summed since the last ZeroGrads, parallel to
// Net.Params. They may be read and changed between calls.
func (t *Tape) Grads() [][]float32 { return t.grads }

// ZeroGrads sets all gradients to zero.
func (t *Tape) ZeroGrads() {
	for _, g := range t.grads {
		clear(g)
	}
}

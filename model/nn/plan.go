package nn

import "github.com/quell-stream/quell/model/internal/kernel"

// A plan is a network as a list of operations on signals. Each operation reads
// one or two signals and makes the next one; signal 0 is the input, the last
// the output. A signal is only ever made by one operation and read by later
// ones, so running the list in order is a correct schedule.
//
// There are two plans per network: one for inference, which fuses all it can,
// and one for training, in which every signal that the backward pass needs
// exists.
type plan struct {
	ops  []op
	sigs []signal
	hop  int // input columns between two equal phases of all signals

	ahead, field int // of the output, see reach
	history      int // see Stream.HistoryLen

	rhythm *rhythm // of a network that can stream, for inference
}

// signal is a sequence of columns of c channels. The column rate is fixed:
// den columns stand for num columns of the input.
type signal struct {
	c        int
	num, den int
	left     int // zero columns before the first, which some reader needs
	right    int // zero columns after the last
	readers  []int
	maker    int // op, -1 for the input
}

type opKind uint8

const (
	opTaps      opKind = iota // convolution in either direction
	opDense                   // one product over the whole window
	opAct                     // out = act(in)
	opAdd                     // out = act(in + res)
	opLayerNorm               // these three by values per channel
	opBatchNorm
	opFiLM
	opDrop // for training only
)

type activation uint8

const (
	actNone activation = iota
	actReLU
	actGELU
	actSigmoid
	actTanh
)

// activations maps the layers that are one.
var activations = map[Op]activation{ReLU: actReLU, GELU: actGELU, Sigmoid: actSigmoid, Tanh: actTanh}

// perChannel maps the layers that work with values per channel.
var perChannel = map[Op]opKind{LayerNorm: opLayerNorm, BatchNorm: opBatchNorm, FiLM: opFiLM}

// op is one operation: out = post(act(weights(in)) + res).
type op struct {
	kind         opKind
	in, res, out int // signals; res is -1 where nothing is added
	act, post    activation
	layer        LayerSpec
	param        int    // index of the packed weights; -1 without
	vec          int    // index of the values per channel; -1 without
	tm           tapMap // opTaps
	shape        kernel.Shape
}

// phases returns the columns per group.
func (o *op) phases() int {
	if o.kind == opTaps {
		return o.tm.phases
	}
	return 1
}

// first returns the first column that an operation reads for its column n.
func (o *op) first(n int64) int64 {
	switch o.kind {
	case opTaps:
		return n/int64(o.tm.phases)*int64(o.tm.step) + int64(o.tm.off)
	case opDense:
		return 0
	}
	return n
}

type planner struct {
	p     plan
	fuse  bool
	param int
	vec   int
	held  map[int]bool // signals that a residual block still needs
}

// newPlan compiles a valid spec.
func newPlan(s Spec, fuse bool) *plan {
	b := &planner{fuse: fuse, held: map[int]bool{}}
	b.p.sigs = []signal{{c: s.In, num: 1, den: 1, maker: -1}}
	b.layers(s.Layers, 0, int64(s.Window))
	p := &b.p
	p.hop = 1
	for i := range p.sigs {
		n := p.sigs[i].num
		p.hop = p.hop / gcd(p.hop, n) * n
	}
	for i := range p.ops {
		o := &p.ops[i]
		in := &p.sigs[o.in]
		in.readers = append(in.readers, i)
		if o.res >= 0 {
			p.sigs[o.res].readers = append(p.sigs[o.res].readers, i)
		}
		p.sigs[o.out].maker = i
		if o.kind == opTaps {
			in.left = max(in.left, -o.tm.off)
			in.right = max(in.right, o.tailPad())
		}
	}
	p.measure()
	return p
}

// tailPad is the most zero columns that the last groups read past the end of
// a signal. For a convolution these are its right pad less what the stride
// skips; for a transposed one the number does not depend on the length.
func (o *op) tailPad() int {
	if o.layer.Op == Conv {
		return o.layer.Pad[1]
	}
	const t = 1 << 20
	return max(0, int(o.tm.reach(o.tm.groups(o.layer.outLen(t)))-t))
}

func (b *planner) signal(c, num, den int) int {
	g := gcd(num, den)
	b.p.sigs = append(b.p.sigs, signal{c: c, num: num / g, den: den / g})
	return len(b.p.sigs) - 1
}

func (b *planner) layers(layers []LayerSpec, in int, window int64) (int, int64) {
	for _, l := range layers {
		if l.Op == Residual {
			in, window = b.residual(l, in, window)
			continue
		}
		in = b.layer(l, in, window)
		window = l.outLen(window)
	}
	return in, window
}

func (b *planner) residual(l LayerSpec, in int, window int64) (int, int64) {
	held := b.held[in]
	b.held[in] = true
	out, window := b.layers(l.Layers, in, window)
	b.held[in] = held
	// Where a function stands between the sum and what is added to it, the
	// backward pass needs its value by itself.
	if last := b.lastOp(); last.out == out && last.kind == opTaps && last.res < 0 && (b.fuse || last.act == actNone) {
		last.res = in
		return out, window
	}
	sum := b.signal(b.p.sigs[in].c, b.p.sigs[in].num, b.p.sigs[in].den)
	b.p.ops = append(b.p.ops, op{kind: opAdd, in: out, res: in, out: sum, param: -1, vec: -1})
	return sum, window
}

func (b *planner) lastOp() *op {
	if len(b.p.ops) == 0 {
		return &op{out: -1}
	}
	return &b.p.ops[len(b.p.ops)-1]
}

func (b *planner) layer(l LayerSpec, in int, window int64) int {
	s := b.p.sigs[in]
	o := op{in: in, res: -1, param: -1, vec: -1, layer: l}
	switch l.Op {
	case Dropout:
		if b.fuse {
			return in
		}
		o.kind = opDrop
		o.out = b.signal(s.c, s.num, s.den)
	case LayerNorm, BatchNorm, FiLM:
		o.kind, o.vec = perChannel[l.Op], b.vec
		b.vec++
		o.out = b.signal(s.c, s.num, s.den)
	case ReLU, GELU, Sigmoid, Tanh:
		act := activations[l.Op]
		if last := b.lastOp(); last.out == in && !b.held[in] {
			if last.res < 0 && last.act == actNone && (last.kind == opTaps || last.kind == opDense) {
				last.act = act
				return in
			}
			if b.fuse && last.res >= 0 && last.post == actNone {
				last.post = act
				return in
			}
		}
		o.kind, o.act = opAct, act
		o.out = b.signal(s.c, s.num, s.den)
	case Conv:
		o.tm = gather(l.stride(), l.kernel(), l.dilation(), l.Pad[0])
		o.out = b.signal(l.Out, s.num*l.stride(), s.den)
	case ConvT:
		o.tm = scatter(l.stride(), l.kernel(), l.dilation(), l.Pad[0])
		o.out = b.signal(l.Out, s.num, s.den*l.stride())
	case Dense:
		o.kind = opDense
		o.shape = kernel.Shape{Segments: 1, SegLen: int(window) * s.c, Out: l.Steps * l.Out}
		o.out = b.signal(l.Out, 1, 1)
	}
	if o.kind == opTaps {
		o.shape = kernel.Taps(s.c, o.tm.phases*l.Out, o.tm.taps, o.tm.step, o.tm.dil)
	}
	if o.kind == opTaps || o.kind == opDense {
		o.param = b.param
		b.param++
	}
	b.p.ops = append(b.p.ops, o)
	return o.out
}

// outLen is the number of columns an operation makes of t columns.
func (o *op) outLen(t int64) int64 {
	if o.kind == opTaps || o.kind == opDense {
		return o.layer.outLen(t)
	}
	return t
}

// output returns the last signal.
func (p *plan) output() int { return p.ops[len(p.ops)-1].out }

// lengths fills dst with the columns of every signal for t columns of input.
func (p *plan) lengths(dst []int64, t int64) {
	dst[0] = t
	for i := range p.ops {
		dst[p.ops[i].out] = p.ops[i].outLen(dst[p.ops[i].in])
	}
}

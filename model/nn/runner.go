package nn

// runnerBytes bounds the activations a Runner works on at a time, so that a
// long recording is computed piece by piece from the second-level cache.
const runnerBytes = 512 << 10

// Runner computes a network over whole windows. It is not safe for concurrent
// use; any number of runners may share a Net.
type Runner struct {
	e      *engine
	res    *emitted // of e's store
	spec   Spec
	window int // the only length, 0 for any
}

// NewRunner returns a runner that allocates nothing for windows of up to maxT
// columns.
func (n *Net) NewRunner(maxT int) *Runner {
	r := n.newRunner(maxT, newFloats(n, n.fused))
	r.res = &r.e.data.(*floats).emitted
	return r
}

// newRunner makes one with a store of its own.
func (n *Net) newRunner(maxT int, alloc func(rows []int) store) *Runner {
	r := &Runner{spec: n.spec}
	if n.spec.Streamable() != nil {
		r.window = n.spec.Window
		r.e = newEngine(n.fused, r.window, r.window, alloc)
		return r
	}
	hop, perHop := n.fused.hop, 0
	for _, s := range n.fused.sigs {
		perHop += hop / s.num * s.den * s.c * 4
	}
	maxT = max(maxT, 64)
	chunk := max(runnerBytes/perHop, 1, 64/hop) * hop
	r.e = newEngine(n.fused, min(chunk, maxT), maxT, alloc)
	return r
}

// Run computes the network over x, [T][In], with zeros before and after the
// window at every layer ("same" padding), and returns dst[:Tout*Cout], which
// is allocated anew if dst is too small. Tout follows PyTorch's formulas layer
// by layer; a window of no columns has no output. A network with a dense layer
// takes its own window only. dst must not overlap x. Values must be finite.
func (r *Runner) Run(dst, x []float32) []float32 {
	in := r.e.p.sigs[0].c
	if len(x)%in != 0 {
		panic("nn: Run: length of x is not a multiple of the input channels")
	}
	if r.window > 0 && len(x) != r.window*in {
		panic("nn: Run: a network with a dense layer takes its own window only")
	}
	if size := r.spec.OutLen(len(x)/in) * r.spec.OutChannels(); cap(dst) < size {
		dst = make([]float32, 0, size)
	}
	r.e.reset(0)
	r.res.out = dst[:0]
	r.e.feed(x, len(x)/in, true)
	out := r.res.out
	r.res.out = nil
	return out
}

package nn

// runnerBytes bounds the activations a Runner works on at a time, so that a
// long recording is computed piece by piece from the second-level cache.
const runnerBytes = 512 << 10

// Runner computes a network over whole windows. It is not safe for concurrent
// use; any number of runners may share a Net.
type Runner struct {
	e      *engine
	data   *floats
	spec   Spec
	window int // the only length, 0 for any
}

// NewRunner returns a runner that allocates nothing for windows of up to maxT
// columns.
func (n *Net) NewRunner(maxT int) *Runner {
	if n.spec.Streamable() != nil {
		return newRunner(n, n.spec.Window, n.spec.Window, n.spec.Window)
	}
	hop, perHop := n.fused.hop, 0
	for _, s := range n.fused.sigs {
		perHop += hop / s.num * s.den * s.c * 4
	}
	maxT = max(maxT, 64)
	chunk := max(runnerBytes/perHop, 1, 64/hop) * hop
	return newRunner(n, min(chunk, maxT), maxT, 0)
}

func newRunner(n *Net, chunk, whole, window int) *Runner {
	e := newEngine(n.fused, chunk, whole, newFloats(n, n.fused))
	return &Runner{e: e, data: e.data.(*floats), spec: n.spec, window: window}
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
	r.data.out = dst[:0]
	r.e.feed(x, len(x)/in, true)
	out := r.data.out
	r.data.out = nil
	return out
}

package nn

import "github.com/quell-stream/quell/model/internal/kernel"

// emitted is where a store puts columns of the output.
type emitted struct{ out []float32 }

// floats is the store of single precision.
type floats struct {
	emitted
	net  *Net
	p    *plan
	bufs [][]float32 // per signal, [columns][channels]
	slab []float32   // all of them, one after the other; nil once one has grown
}

func newFloats(n *Net, p *plan) func(rows []int) store {
	return func(rows []int) store {
		f := &floats{net: n, p: p}
		size := 0
		for i, s := range p.sigs {
			size += rows[i] * s.c
		}
		f.slab = make([]float32, size)
		at := 0
		for i, s := range p.sigs {
			k := rows[i] * s.c
			f.bufs = append(f.bufs, f.slab[at:at+k:at+k])
			at += k
		}
		return f
	}
}

func (f *floats) grow(sig, rows, used int) {
	c := f.p.sigs[sig].c
	buf := make([]float32, rows*c)
	copy(buf, f.bufs[sig][:used*c])
	f.bufs[sig], f.slab = buf, nil
}

func (f *floats) shift(sig, from, cols int) {
	c := f.p.sigs[sig].c
	copy(f.bufs[sig], f.bufs[sig][from*c:(from+cols)*c])
}

func (f *floats) zero(sig, at, cols int) {
	c := f.p.sigs[sig].c
	clear(f.bufs[sig][at*c : (at+cols)*c])
}

func (f *floats) copyFrom(src store, sig, cols int) {
	c := f.p.sigs[sig].c
	copy(f.bufs[sig], src.(*floats).bufs[sig][:cols*c])
}

func (f *floats) load(x []float32, at, cols int) {
	c := f.p.sigs[0].c
	copy(f.bufs[0][at*c:], x[:cols*c])
}

func (f *floats) emit(at, cols int) {
	i := f.p.output()
	c := f.p.sigs[i].c
	f.out = append(f.out, f.bufs[i][at*c:(at+cols)*c]...)
}

func (f *floats) size() int {
	n := 4 * cap(f.out)
	for _, b := range f.bufs {
		n += 4 * len(b)
	}
	return n
}

func (f *floats) exec(o *op, x, y, res, groups, cols int) {
	ci, co := f.p.sigs[o.in].c, f.p.sigs[o.out].c
	to := f.bufs[o.out][y*co:]
	var add []float32
	if o.res >= 0 {
		add = f.bufs[o.res][res*co:]
	}
	from := f.bufs[o.in][x*ci:]
	if o.param < 0 {
		f.net.compute(o, nil, to, from, add, groups, cols)
		return
	}
	f.net.compute(o, &f.net.packed[o.param].convs, to, from, add, groups, cols)
}

// compute computes groups groups of an operation, of which cols columns count, with
// the weights w, if it has any, from the columns from. add is added where it is not
// nil.
func (n *Net) compute(o *op, w *convs, to, from, add []float32, groups, cols int) {
	co := n.fused.sigs[o.out].c
	switch o.kind {
	case opTaps, opDense:
		switch o.act {
		case actNone:
			w.linear.Run(to, o.shape.Out, from, add, o.shape.Out, groups)
		case actReLU:
			w.relu.Run(to, o.shape.Out, from, add, o.shape.Out, groups)
		}
		if o.act <= actReLU {
			break
		}
		w.linear.Run(to, o.shape.Out, from, nil, 0, groups)
		to = to[:cols*co]
		activate(o.act, to, to)
		if add != nil {
			kernel.Add(to, to, add)
		}
	case opAct:
		activate(o.act, to[:cols*co], from)
	case opAdd:
		kernel.Add(to[:cols*co], from, add)
	case opLayerNorm:
		v := &n.vectors[o.vec]
		layerNorm(to[:cols*co], from, v.scale, v.shift)
	case opBatchNorm, opFiLM:
		v := &n.vectors[o.vec]
		affine(to[:cols*co], from, v.scale, v.shift)
	}
	if o.post != actNone {
		activate(o.post, to[:cols*co], to)
	}
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

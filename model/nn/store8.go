package nn

import "github.com/quell-stream/quell/model/internal/kernel"

// bytes8 is the store of a Quantized. A signal is kept as bytes, in single
// precision, or as both, as its readers want it.
type bytes8 struct {
	emitted
	q      *Quantized
	p      *plan
	floats [][]float32 // per signal, [columns][channels], or nil
	bytes  [][]uint8   // the same, with kernel.Slack8 more
	tmp    []float32   // what nobody wants in single precision
}

// block8 is about how many values are taken through the functions of an
// operation at a time: they stay in the first-level cache.
const block8 = 768

func newBytes(q *Quantized) func(rows []int) store {
	return func(rows []int) store {
		f := &bytes8{q: q, p: q.net.fused, tmp: make([]float32, q.block())}
		nf, nb := 0, 0
		size := func(i int) (floats, bytes int) {
			n := rows[i] * f.p.sigs[i].c
			if q.inner[i].float {
				floats = n
			}
			if q.inner[i].bytes {
				bytes = n + kernel.Slack8
			}
			return floats, bytes
		}
		for i := range f.p.sigs {
			a, b := size(i)
			nf, nb = nf+a, nb+b
		}
		floats, bytes := make([]float32, nf), make([]uint8, nb)
		f.floats, f.bytes = make([][]float32, len(f.p.sigs)), make([][]uint8, len(f.p.sigs))
		for i := range f.p.sigs {
			a, b := size(i)
			if a > 0 {
				f.floats[i], floats = floats[:a:a], floats[a:]
			}
			if b > 0 {
				f.bytes[i], bytes = bytes[:b:b], bytes[b:]
			}
		}
		return f
	}
}

// block returns the length of tmp: room for block8 values and for one group of
// any operation that passes through it.
func (q *Quantized) block() int {
	n := 0
	for i := range q.net.fused.ops {
		if o := &q.net.fused.ops[i]; !q.fused(o) {
			n = max(n, o.shape.Out, block8)
		}
	}
	return n
}

// fused says whether the kernel does all of an operation.
func (q *Quantized) fused(o *op) bool {
	return o.param >= 0 && q.ops[o.param].bytes != nil && o.act <= actReLU && o.post == actNone
}

func (f *bytes8) grow(sig, rows, used int) {
	c := f.p.sigs[sig].c
	if old := f.floats[sig]; old != nil {
		f.floats[sig] = make([]float32, rows*c)
		copy(f.floats[sig], old[:used*c])
	}
	if old := f.bytes[sig]; old != nil {
		f.bytes[sig] = make([]uint8, rows*c+kernel.Slack8)
		copy(f.bytes[sig], old[:used*c])
	}
}

func (f *bytes8) shift(sig, from, cols int) {
	c := f.p.sigs[sig].c
	if b := f.floats[sig]; b != nil {
		copy(b, b[from*c:(from+cols)*c])
	}
	if b := f.bytes[sig]; b != nil {
		copy(b, b[from*c:(from+cols)*c])
	}
}

func (f *bytes8) zero(sig, at, cols int) {
	c := f.p.sigs[sig].c
	if b := f.floats[sig]; b != nil {
		clear(b[at*c : (at+cols)*c])
	}
	if b := f.bytes[sig]; b != nil {
		b = b[at*c : (at+cols)*c]
		for i := range b {
			b[i] = f.q.inner[sig].zero
		}
	}
}

func (f *bytes8) copyFrom(src store, sig, cols int) {
	c := f.p.sigs[sig].c
	s := src.(*bytes8)
	if b := f.floats[sig]; b != nil {
		copy(b, s.floats[sig][:cols*c])
	}
	if b := f.bytes[sig]; b != nil {
		copy(b, s.bytes[sig][:cols*c])
	}
}

func (f *bytes8) load(x []float32, at, cols int) {
	c := f.p.sigs[0].c
	x = x[:cols*c]
	if b := f.floats[0]; b != nil {
		copy(b[at*c:], x)
	}
	if b := f.bytes[0]; b != nil {
		f.q.inner[0].round.Bytes(b[at*c:(at+cols)*c], x)
	}
}

func (f *bytes8) emit(at, cols int) {
	i := f.p.output()
	c := f.p.sigs[i].c
	f.out = append(f.out, f.floats[i][at*c:(at+cols)*c]...)
}

func (f *bytes8) size() int {
	n := 4 * (cap(f.out) + len(f.tmp))
	for i := range f.floats {
		n += 4*len(f.floats[i]) + len(f.bytes[i])
	}
	return n
}

func (f *bytes8) exec(o *op, x, y, res, groups, cols int) {
	ci, co := f.p.sigs[o.in].c, f.p.sigs[o.out].c
	var to, add, fx []float32
	var q, qx []uint8
	if b := f.floats[o.out]; b != nil {
		to = b[y*co:]
	}
	if b := f.bytes[o.out]; b != nil {
		q = b[y*co:]
	}
	if o.res >= 0 {
		add = f.floats[o.res][res*co:]
	}
	if b := f.floats[o.in]; b != nil {
		fx = b[x*ci:]
	}
	if b := f.bytes[o.in]; b != nil {
		qx = b[x*ci:]
	}
	var l layer8
	out, step := co, co // values per group, and from one to the next of x
	if o.param >= 0 {
		l, out, step = f.q.ops[o.param], o.shape.Out, o.shape.RowStride
	} else {
		groups = cols
	}
	if f.q.fused(o) {
		l.bytes.Run(to, q, qx, add, groups)
		return
	}
	block := max(1, block8/out)
	for g := 0; g < groups; g += block {
		k := min(block, groups-g)
		n, at := k*out, g*out
		dst, sum := f.tmp[:n], []float32(nil)
		if to != nil {
			dst = to[at : at+n]
		}
		if add != nil {
			sum = add[at : at+n]
		}
		f.compute(o, l, dst, fx, qx, sum, g*step, k)
		if q != nil {
			f.q.inner[o.out].round.Bytes(q[at:at+n], dst)
		}
	}
}

// compute computes k groups of an operation in single precision, from a
// position of its input.
func (f *bytes8) compute(o *op, l layer8, dst, fx []float32, qx []uint8, add []float32, from, k int) {
	inside := add // what the kernel adds
	if o.act > actReLU {
		inside = nil
	}
	switch {
	case l.bytes != nil:
		l.bytes.Run(dst, nil, qx[from:], inside, k)
	case l.float != nil:
		l.float.RunRounded(dst, o.shape.Out, fx[from:], inside, o.shape.Out, k)
	case o.kind == opAdd:
		kernel.Add(dst, fx[from:], add)
	default:
		activateRounded(o.act, dst, fx[from:])
	}
	if o.param >= 0 && o.act > actReLU {
		activateRounded(o.act, dst, dst)
		if add != nil {
			kernel.Add(dst, dst, add)
		}
	}
	if o.post != actNone {
		activateRounded(o.post, dst, dst)
	}
}

// activateRounded is activate with the same bits on every tier.
func activateRounded(a activation, dst, x []float32) {
	if a == actGELU {
		kernel.GELURounded(dst, x)
		return
	}
	activate(a, dst, x)
}

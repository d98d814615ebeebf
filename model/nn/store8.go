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
	trunks []trunk     // per signal
	tmp    []float32   // what nobody wants in single precision
}

// trunk says which columns there are of a signal whose values in single
// precision are only added to what a residual block makes of its bytes. Its taps
// may reach far back, for which bytes do; the sum is of columns hardly older
// than the newest. So most of the values can be forgotten.
type trunk struct {
	short bool // else all columns are there
	first int  // position of the first one there is, below 0 after a shift
	next  int  // position of the first one still to be added
}

// block8 is about how many values are taken through the functions of an
// operation at a time: they stay in the first-level cache.
const block8 = 768

// newBytes makes a store for pieces of chunk columns that forgets what it can, or
// for whole windows if chunk is 0.
func newBytes(q *Quantized, chunk int) func(rows []int) store {
	return func(rows []int) store {
		f := &bytes8{q: q, p: q.net.fused, trunks: make([]trunk, len(rows)), tmp: make([]float32, q.block())}
		nf, nb := 0, 0
		size := func(i int) (floats, bytes int) {
			c := f.p.sigs[i].c
			if q.inner[i].float {
				floats = rows[i]
				if lag := q.lag(i); lag >= 0 && chunk > 0 {
					// A signal of which the rhythm keeps nothing is not shifted: it begins
					// anew with each beat.
					if few := lag + f.p.sigs[i].perHop(chunk); few < rows[i] && f.p.rhythm.keep[i] > 0 {
						f.trunks[i].short, floats = true, few
					}
				}
			}
			if q.inner[i].bytes {
				bytes = rows[i]*c + kernel.Slack8
			}
			return floats * c, bytes
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

// lag returns how many columns of a signal there are from the oldest that is
// still to be added in single precision to the newest, where nothing else is
// done with its values, else -1.
func (q *Quantized) lag(sig int) int {
	p, lag := q.net.fused, -1
	if p.rhythm == nil || sig == p.output() || !q.inner[sig].bytes {
		return -1
	}
	for i := range p.ops {
		o := &p.ops[i]
		if o.in == sig && (o.param < 0 || q.layers[o.param].Float != nil) || o.res == sig && lag >= 0 {
			return -1 // read otherwise, or added twice
		}
		if o.res == sig {
			lag = p.rhythm.keep[sig] - p.rhythm.beats[i].res
		}
	}
	return lag
}

// fused says whether the kernel does all of an operation.
func (q *Quantized) fused(o *op) bool {
	return o.param >= 0 && q.ops[o.param].bytes != nil && o.act <= actReLU && o.post == actNone
}

func (f *bytes8) grow(sig, rows, used int) {
	c := f.p.sigs[sig].c
	if old := f.floats[sig]; old != nil && !f.trunks[sig].short {
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
	if t := &f.trunks[sig]; t.short {
		t.first -= from
		t.next -= from
	} else if b := f.floats[sig]; b != nil {
		copy(b, b[from*c:(from+cols)*c])
	}
	if b := f.bytes[sig]; b != nil {
		copy(b, b[from*c:(from+cols)*c])
	}
}

func (f *bytes8) zero(sig, at, cols int) {
	c := f.p.sigs[sig].c
	if t := &f.trunks[sig]; t.short {
		// Nobody adds padding. At the start of a buffer it is the one before the
		// signal, which starts anew.
		if at == 0 {
			t.first, t.next = cols, cols
		}
	} else if b := f.floats[sig]; b != nil {
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
	if t := &f.trunks[sig]; t.short {
		*t = s.trunks[sig]
		if need := (cols - t.first) * c; need > len(f.floats[sig]) {
			f.floats[sig] = make([]float32, len(s.floats[sig]))
		}
		copy(f.floats[sig], s.floats[sig][:max(0, cols-t.first)*c])
	} else if b := f.floats[sig]; b != nil {
		copy(b, s.floats[sig][:cols*c])
	}
	if b := f.bytes[sig]; b != nil {
		copy(b, s.bytes[sig][:cols*c])
	}
}

func (f *bytes8) load(x []float32, at, cols int) {
	c := f.p.sigs[0].c
	x = x[:cols*c]
	if f.floats[0] != nil {
		copy(f.room(0, at, cols), x)
	}
	if b := f.bytes[0]; b != nil {
		f.q.inner[0].round.Bytes(b[at*c:(at+cols)*c], x)
	}
}

// room returns where columns from a position on are to be written in single
// precision. Of a trunk it lets go of those before that nobody needs.
func (f *bytes8) room(sig, at, cols int) []float32 {
	c, t, b := f.p.sigs[sig].c, &f.trunks[sig], f.floats[sig]
	if t.short && (at+cols-t.first)*c > len(b) {
		held := b[(t.next-t.first)*c : (at-t.first)*c]
		if need := len(held) + cols*c; need > len(b) { // longer pieces than was said
			b = make([]float32, need)
			f.floats[sig] = b
		}
		copy(b, held)
		t.first = t.next
	}
	return b[(at-t.first)*c:]
}

// added returns the columns that are to be added, cols from a position on.
func (f *bytes8) added(sig, at, cols int) []float32 {
	t := &f.trunks[sig]
	t.next = at + cols
	return f.floats[sig][(at-t.first)*f.p.sigs[sig].c:]
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
	if f.floats[o.out] != nil {
		to = f.room(o.out, y, max(cols, groups*o.phases()))
	}
	if b := f.bytes[o.out]; b != nil {
		q = b[y*co:]
	}
	if o.res >= 0 {
		add = f.added(o.res, res, cols)
	}
	if b := f.floats[o.in]; b != nil && !f.trunks[o.in].short { // a short one is read as bytes only
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

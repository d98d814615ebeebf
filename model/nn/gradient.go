package nn

import "github.com/quell-stream/quell/model/internal/kernel"

// Gradient sums gradients of a loss with regard to the parameters of a network,
// laid out as the kernels make them. Gradients of several examples or
// goroutines can be added before they are brought into the parameters' layout
// once. It is not safe for concurrent use.
type Gradient struct {
	net    *Net
	dw, db [][]float32 // per layer with weights; db nil without bias
	dv     [][]float32 // per layer with values per channel: of its weight and then of its bias

	// Sums of the means and variances of the windows per batchnorm layer, nil of
	// others, and how many windows there were.
	moments [][]float64
	windows []int
}

// NewGradient returns a gradient of zeros.
func (n *Net) NewGradient() *Gradient {
	g := &Gradient{net: n}
	for i := range n.plain.ops {
		o := &n.plain.ops[i]
		if o.vec >= 0 {
			g.addVectors(o, n.plain.sigs[o.in].c)
		}
		if o.param < 0 {
			continue
		}
		var db []float32
		if !o.layer.NoBias {
			db = make([]float32, o.shape.Out)
		}
		g.dw, g.db = append(g.dw, make([]float32, o.shape.Weights())), append(g.db, db)
	}
	return g
}

// Zero sets g to zero.
func (g *Gradient) Zero() {
	for i := range g.dw {
		clear(g.dw[i])
		clear(g.db[i])
	}
	for i := range g.dv {
		clear(g.dv[i])
		clear(g.moments[i])
	}
	clear(g.windows)
}

// Add adds h, a gradient of the same network, to g.
func (g *Gradient) Add(h *Gradient) {
	if g.net != h.net {
		panic("nn: Add: gradients of different networks")
	}
	for i := range g.dw {
		kernel.Add(g.dw[i], g.dw[i], h.dw[i])
		kernel.Add(g.db[i], g.db[i], h.db[i])
	}
	for i := range g.dv {
		kernel.Add(g.dv[i], g.dv[i], h.dv[i])
		for j, v := range h.moments[i] {
			g.moments[i][j] += v
		}
		g.windows[i] += h.windows[i]
	}
}

// Params sets dst, parallel to Net.Params, to the gradient.
func (g *Gradient) Params(dst [][]float32) {
	for i := range g.net.plain.ops {
		o := &g.net.plain.ops[i]
		if o.vec >= 0 {
			v := &g.net.vectors[o.vec]
			copy(dst[v.bias], g.dv[o.vec][copy(dst[v.weight], g.dv[o.vec]):])
		}
		if o.param < 0 {
			continue
		}
		l, in := o.layer, g.net.plain.sigs[o.in].c
		at := g.net.index[o.param]
		dw, db := dst[at[0]], g.db[o.param]
		clear(dw)
		if o.kind == opDense {
			unpackDenseAdd(dw, g.dw[o.param], o.shape.SegLen/in, in, l.Steps, l.Out)
		} else {
			inStep, outStep := l.strides(in)
			o.tm.unpackAdd(dw, g.dw[o.param], in, l.Out, inStep, outStep)
			clearAt(dw, g.net.masks[o.param])
		}
		if db == nil {
			continue
		}
		to := dst[at[1]]
		clear(to)
		for i, v := range db {
			if o.kind == opDense {
				to[i%l.Out*l.Steps+i/l.Out] += v
			} else {
				to[i%l.Out] += v
			}
		}
	}
}

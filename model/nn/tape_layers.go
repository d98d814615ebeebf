package nn

import (
	"math/rand/v2"

	"github.com/quell-stream/quell/model/internal/kernel"
)

// Mode says what a Tape does at layers that differ between training and use.
type Mode uint8

// The modes.
const (
	Inference Mode = iota // as Runner and Stream
	Training              // batchnorm by the statistics of the window, which Net.Track learns of; dropout drops
	Sampling              // dropout drops, all else as Inference (Gal and Ghahramani, "Dropout as a Bayesian Approximation", 2016)
)

// norm is what a tape keeps of a layer with values per channel.
type norm struct {
	mean, inv, variance []float64 // batchnorm: what it normalised by
	sum, sumx           []float64 // and sums of the gradient, see batchNormSums
	scale, shift        []float32 // film: of the condition
	dscale, dshift      []float32
}

func newNorm(kind opKind, c int) norm {
	var n norm
	switch kind {
	case opBatchNorm:
		for _, v := range []*[]float64{&n.mean, &n.inv, &n.variance, &n.sum, &n.sumx} {
			*v = make([]float64, c)
		}
	case opFiLM:
		for _, v := range []*[]float32{&n.scale, &n.shift, &n.dscale, &n.dshift} {
			*v = make([]float32, c)
		}
	}
	return n
}

// perChannel computes a layer with values per channel.
func (t *Tape) perChannel(i int, y, x []float32) {
	o := &t.p.ops[i]
	v, n := &t.net.vectors[o.vec], &t.norms[o.vec]
	switch {
	case o.kind == opLayerNorm:
		layerNorm(y, x, v.scale, v.shift)
	case o.kind == opFiLM:
		v.film(t.net, n.scale, n.shift, t.Cond)
		affine(y, x, n.scale, n.shift)
	case t.ran != Training:
		affine(y, x, v.scale, v.shift)
	case len(x) > 0:
		channelMoments(n.mean, n.variance, x)
		for c, s := range n.variance {
			n.inv[c] = inverse(s)
		}
		batchNorm(y, x, n.mean, n.inv, t.net.params[v.weight].Data, t.net.params[v.bias].Data)
	}
}

// perChannelGrad sets dx and adds the gradients with regard to the parameters.
func (t *Tape) perChannelGrad(i int, dx, dy []float32) {
	o := &t.p.ops[i]
	v, x, d := &t.net.vectors[o.vec], t.val[o.in].cols(t.len[o.in]), t.sum.dv[o.vec]
	c := len(v.scale)
	switch o.kind {
	case opLayerNorm:
		layerNormGrad(dx, dy, x, v.scale, d[:c], d[c:])
	case opFiLM:
		t.filmGrad(o.vec, dx, dy, x, d)
	case opBatchNorm:
		t.batchNormGrad(o.vec, dx, dy, x, d)
	}
}

func (t *Tape) filmGrad(vec int, dx, dy, x, d []float32) {
	n := &t.norms[vec]
	clear(n.dscale)
	clear(n.dshift)
	affineGrad(dx, dy, x, n.scale, n.dscale, n.dshift)
	c, k := len(n.scale), t.net.spec.Cond
	for half, g := range [2][]float32{n.dscale, n.dshift} {
		for i, v := range g {
			row := half*c + i
			d[2*c*k+row] += v
			for j, z := range t.Cond {
				d[row*k+j] += float32(v * z)
			}
		}
	}
}

func (t *Tape) batchNormGrad(vec int, dx, dy, x, d []float32) {
	if len(x) == 0 {
		return
	}
	v, n := &t.net.vectors[vec], &t.norms[vec]
	c := len(v.scale)
	if t.ran != Training {
		mean, variance := t.net.buffers[v.mean].Data, t.net.buffers[v.mean+1].Data
		for i, m := range mean {
			n.mean[i], n.inv[i] = float64(m), inverse(variance[i])
		}
	}
	batchNormSums(n.sum, n.sumx, dy, x, n.mean, n.inv)
	for i, s := range n.sumx {
		d[i] += float32(s)
		d[c+i] += float32(n.sum[i])
	}
	if t.ran != Training {
		for i := range dx {
			dx[i] = dy[i] * v.scale[i%c]
		}
		return
	}
	batchNormGrad(dx, dy, x, n.mean, n.inv, t.net.params[v.weight].Data, n.sum, n.sumx)
	m, columns := t.sum.moments[vec], len(x)/c
	unbiased := float64(columns) / float64(max(columns-1, 1))
	for i := range n.mean {
		m[i] += n.mean[i]
		m[c+i] += float64(n.variance[i] * unbiased)
	}
	t.sum.windows[vec]++
}

// drop computes a dropout layer, and keeps what it multiplied by.
func (t *Tape) drop(i int, y, x []float32) {
	if t.ran == Inference {
		copy(y, x)
		return
	}
	o, mask := &t.p.ops[i], t.aux[i][:len(x)]
	c := t.p.sigs[o.in].c
	if t.rng == nil {
		t.rng = new(rand.PCG)
	}
	t.rng.Seed(t.Seed, uint64(i)*0x9e3779b97f4a7c15)
	least, keep := uint64(o.layer.Rate*(1<<53)), float32(1/(1-o.layer.Rate))
	for j := range mask {
		switch {
		case o.layer.Spatial && j >= c:
			mask[j] = mask[j-c]
		case t.rng.Uint64()>>11 < least:
			mask[j] = 0
		default:
			mask[j] = keep
		}
	}
	kernel.Mul(y, x, mask)
}

// local sets dx to the gradient with regard to the input of an operation that
// works column by column, of which dy is that of the output, and adds those with
// regard to its parameters.
func (t *Tape) local(i int, dx, dy []float32) {
	switch o := &t.p.ops[i]; {
	case o.kind == opAct:
		t.slope(i, dx, dy)
	case o.kind != opDrop:
		t.perChannelGrad(i, dx, dy)
	case t.ran == Inference:
		copy(dx, dy)
	default:
		kernel.Mul(dx, dy, t.aux[i])
	}
}

package nn

import "math"

// vectors are the values per channel of a normalisation or a film layer.
type vectors struct {
	op           Op
	weight, bias int // in Net.params
	mean         int // batchnorm only: in Net.buffers, the variance after it

	// What a column is multiplied by and what is added to it, one that is
	// normalised for layernorm; of a film layer where the condition is zero.
	scale, shift []float32
}

// normEps is added to variances, as PyTorch does by default.
const normEps = 1e-5

// addVectors adds the parameters of a layer with values per channel.
func (n *Net) addVectors(name string, o *op, c int) {
	v := vectors{op: o.layer.Op, weight: len(n.params), bias: len(n.params) + 1, scale: make([]float32, c), shift: make([]float32, c)}
	weight := Param{Name: name + ".weight", Shape: []int{c}, Data: constant(c, 1)}
	size := c
	if v.op == FiLM {
		size = 2 * c
		weight.Shape, weight.Data = []int{size, n.spec.Cond}, make([]float32, size*n.spec.Cond)
	}
	n.params = append(n.params, weight, Param{Name: name + ".bias", Shape: []int{size}, Data: make([]float32, size)})
	if v.op == BatchNorm {
		v.mean = len(n.buffers)
		n.buffers = append(n.buffers, Param{Name: name + ".running_mean", Shape: []int{c}, Data: make([]float32, c)},
			Param{Name: name + ".running_var", Shape: []int{c}, Data: constant(c, 1)})
	}
	n.vectors = append(n.vectors, v)
}

func constant(n int, v float32) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = v
	}
	return x
}

// Buffers returns what the network keeps beside its parameters and no optimiser
// changes: running mean and variance of each batchnorm layer, named as in
// PyTorch. They begin at 0 and 1, and Track moves them. Data are the live values:
// after changing them call Pack. The slice itself must not be changed.
func (n *Net) Buffers() []Param { return n.buffers }

// pack makes changed parameters take effect.
func (v *vectors) pack(n *Net) {
	weight, bias := n.params[v.weight].Data, n.params[v.bias].Data
	switch v.op {
	case LayerNorm:
		copy(v.scale, weight)
		copy(v.shift, bias)
	case FiLM:
		v.film(n, v.scale, v.shift, nil)
	case BatchNorm:
		mean, variance := n.buffers[v.mean].Data, n.buffers[v.mean+1].Data
		for c, g := range weight {
			k := float64(g) * inverse(variance[c])
			v.scale[c], v.shift[c] = float32(k), float32(float64(bias[c])-float64(float64(mean[c])*k))
		}
	}
}

// inverse returns the inverse of the deviation that belongs to a variance.
func inverse[T float32 | float64](variance T) float64 {
	return 1 / math.Sqrt(float64(variance)+normEps)
}

// film sets scale and shift to those of a condition, nil for zeros.
func (v *vectors) film(n *Net, scale, shift, cond []float32) {
	weight, bias := n.params[v.weight].Data, n.params[v.bias].Data
	of := func(row int) float64 {
		sum := float64(bias[row])
		for k, x := range cond {
			sum += float64(float64(weight[row*n.spec.Cond+k]) * float64(x))
		}
		return sum
	}
	for c := range scale {
		scale[c], shift[c] = float32(1+of(c)), float32(of(len(scale)+c))
	}
}

// addVectors makes room for the gradient of a layer with values per channel.
func (g *Gradient) addVectors(o *op, c int) {
	v := &g.net.vectors[o.vec]
	g.dv = append(g.dv, make([]float32, len(g.net.params[v.weight].Data)+len(g.net.params[v.bias].Data)))
	var moments []float64
	if v.op == BatchNorm {
		moments = make([]float64, 2*c)
	}
	g.moments, g.windows = append(g.moments, moments), append(g.windows, 0)
}

// trackMomentum is the share of an update in the running means, PyTorch's default.
const trackMomentum = .1

// Track moves the running means of the batchnorm layers a tenth of the way to the
// means of those of the windows that were trained on since g was zero (Ioffe and
// Szegedy 2015, section 3.1; of ghost batches as in Hoffer, Hubara and Soudry 2017,
// algorithm 1). Variances are unbiased there. It must not run while the network is
// in use; Pack makes it take effect.
func (n *Net) Track(g *Gradient) {
	for i := range n.vectors {
		v := &n.vectors[i]
		if v.op != BatchNorm || g.windows[i] == 0 {
			continue
		}
		mean, variance := n.buffers[v.mean].Data, n.buffers[v.mean+1].Data
		k := 1 / float64(g.windows[i])
		for c := range mean {
			mean[c] += float32(trackMomentum * (g.moments[i][c]*k - float64(mean[c])))
			variance[c] += float32(trackMomentum * (g.moments[i][len(mean)+c]*k - float64(variance[c])))
		}
	}
}

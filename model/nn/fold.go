package nn

import (
	"fmt"
	"slices"
)

// Fold returns a network without batchnorm layers that computes the same, within
// rounding, as Runner and Stream do with the running means: a layer right behind a
// convolution or a dense layer goes into its weights (Jacob et al., "Quantization
// and Training of Neural Networks for Efficient Integer-Arithmetic-Only
// Inference", 2018, eq. 14). Any other becomes a convolution of one tap with a
// diagonal weight; left are the paths of those, which cost more than they would
// behind a convolution. The network itself does not change.
func (n *Net) Fold() (folded *Net, left []string) {
	f := &folder{n: n}
	return f.run(BatchNorm), f.left
}

// Conditioned returns a network for recordings of one condition, which holds
// Spec.Cond values: film layers become part of what is before them, or a
// convolution of one tap, and batchnorm layers as with Fold. It computes what a
// Tape does with that Cond, within rounding, and is a network like any other. The
// error is one of length, or says that a value is not finite.
func (n *Net) Conditioned(cond []float32) (*Net, error) {
	if len(cond) != n.spec.Cond {
		return nil, fmt.Errorf("nn: a condition of %d values; the network takes %d", len(cond), n.spec.Cond)
	}
	if !allFinite(cond) {
		return nil, fmt.Errorf("nn: a condition with a value that is not finite: %v", cond)
	}
	f := &folder{n: n, cond: cond}
	return f.run(BatchNorm, FiLM), nil
}

// folder rewrites a network without some of its affine layers.
type folder struct {
	n    *Net
	cond []float32
	away []Op
	at   int // of the next parameters
	vec  int // and values per channel
	left []string
}

// weighed is a layer with its weight and bias.
type weighed struct {
	spec LayerSpec
	w, b []float32
	body []weighed
}

func (f *folder) run(away ...Op) *Net {
	f.away = away
	layers, _ := f.layers("layers", f.n.spec.Layers, f.n.spec.In)
	s := f.n.spec
	s.Layers = specs(layers)
	if !s.Has(FiLM) {
		s.Cond = 0
	}
	out, err := New(s, 0)
	if err != nil {
		panic("nn: folding made a network that is none: " + err.Error())
	}
	out.take(layers, 0)
	buffers := f.n.buffers
	if slices.Contains(away, BatchNorm) {
		buffers = nil
	}
	for i, b := range buffers {
		copy(out.buffers[i].Data, b.Data)
	}
	out.Pack()
	return out
}

// layers returns what becomes of layers on c channels, and the channels they make.
func (f *folder) layers(path string, layers []LayerSpec, c int) ([]weighed, int) {
	var out []weighed
	for i, l := range layers {
		at := fmt.Sprintf("%s[%d]", path, i)
		x := weighed{spec: l}
		switch l.Op {
		case Conv, ConvT, Dense:
			x.w = slices.Clone(f.next())
			if !l.NoBias {
				x.b = slices.Clone(f.next())
			}
			c = l.Out
		case Residual:
			x.body, c = f.layers(at+".layers", l.Layers, c)
		case LayerNorm, BatchNorm, FiLM:
			v := &f.n.vectors[f.vec]
			f.vec++
			x.w, x.b = f.next(), f.next()
			if slices.Contains(f.away, l.Op) {
				out = f.affine(out, at, v)
				continue
			}
		}
		out = append(out, x)
	}
	return out, c
}

// next returns the values of the next parameter.
func (f *folder) next() []float32 {
	f.at++
	return f.n.params[f.at-1].Data
}

// affine puts a layer that scales and shifts channels behind others.
func (f *folder) affine(layers []weighed, path string, v *vectors) []weighed {
	scale, shift := v.scale, v.shift
	if v.op == FiLM {
		scale, shift = make([]float32, len(scale)), make([]float32, len(shift))
		v.film(f.n, scale, shift, f.cond)
	}
	if k := len(layers); k > 0 && layers[k-1].scale(scale, shift) {
		return layers
	}
	f.left = append(f.left, path)
	c := len(scale)
	w := make([]float32, c*c)
	for i, k := range scale {
		w[i*c+i] = k
	}
	return append(layers, weighed{spec: LayerSpec{Op: Conv, Out: c}, w: w, b: slices.Clone(shift)})
}

// scale makes a layer with weights return scale times its output plus shift, by
// channel, and says whether it is one.
func (x *weighed) scale(scale, shift []float32) bool {
	l := &x.spec
	// Weight j belongs to channel j/inner%len(scale).
	inner, steps := 0, 1
	switch l.Op {
	case Conv:
		inner = len(x.w) / l.Out
	case ConvT:
		inner = l.kernel()
	case Dense:
		inner, steps = len(x.w)/l.Out, l.Steps
	default:
		return false
	}
	for j := range x.w {
		x.w[j] *= scale[j/inner%l.Out]
	}
	if l.NoBias {
		l.NoBias, x.b = false, make([]float32, l.Out*steps)
	}
	for j, b := range x.b {
		x.b[j] = float32(b*scale[j/steps]) + shift[j/steps]
	}
	return true
}

func specs(layers []weighed) []LayerSpec {
	var out []LayerSpec
	for _, x := range layers {
		x.spec.Layers = specs(x.body)
		out = append(out, x.spec)
	}
	return out
}

// take sets the parameters from the one at on, and returns which comes next.
func (n *Net) take(layers []weighed, at int) int {
	for _, x := range layers {
		at = n.take(x.body, at)
		for _, v := range [][]float32{x.w, x.b} {
			if v != nil {
				copy(n.params[at].Data, v)
				at++
			}
		}
	}
	return at
}

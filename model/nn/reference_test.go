package nn

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// reference computes a network in float64 straight from the definitions, on
// PyTorch's layouts, sharing no code with what it checks.
type reference struct {
	params map[string][]float64

	training bool
	cond     []float64
	masks    [][]float64 // [T][C] per dropout layer, in order; none: nothing is dropped
	drops    int
}

func newReference(n *Net) *reference {
	r := &reference{params: map[string][]float64{}}
	for _, p := range append(slices.Clone(n.Params()), n.Buffers()...) {
		v := make([]float64, len(p.Data))
		for i, f := range p.Data {
			v[i] = float64(f)
		}
		r.params[p.Name] = v
	}
	return r
}

// signal64 is channel-first, as in PyTorch.
type signal64 [][]float64

func (r *reference) layers(path string, layers []LayerSpec, x signal64) signal64 {
	for i, l := range layers {
		x = r.layer(fmt.Sprintf("%s.%d", path, i), l, x)
	}
	return x
}

func (r *reference) layer(path string, l LayerSpec, x signal64) signal64 {
	w, b := r.params[path+".weight"], r.params[path+".bias"]
	in, t := len(x), len(x[0])
	k, s, d := max(l.Kernel, 1), max(l.Stride, 1), max(l.Dilation, 1)
	make64 := func(c, t int) signal64 {
		y := make(signal64, c)
		for i := range y {
			y[i] = make([]float64, t)
		}
		return y
	}
	switch l.Op {
	case Conv:
		n := 0
		if t > 0 && t+l.Pad[0]+l.Pad[1] > (k-1)*d {
			n = (t+l.Pad[0]+l.Pad[1]-(k-1)*d-1)/s + 1
		}
		y := make64(l.Out, n)
		for o := range y {
			for i := range n {
				if b != nil {
					y[o][i] = b[o]
				}
				for c := range in {
					for j := range k {
						if at := i*s + j*d - l.Pad[0]; at >= 0 && at < t {
							y[o][i] += w[(o*in+c)*k+j] * x[c][at]
						}
					}
				}
			}
		}
		return y
	case ConvT:
		n := 0
		if t > 0 {
			n = max(0, (t-1)*s-l.Pad[0]-l.Pad[1]+d*(k-1)+l.OutputPad+1)
		}
		y := make64(l.Out, n)
		for o := range y {
			if b != nil {
				for i := range n {
					y[o][i] = b[o]
				}
			}
			for c := range in {
				for i := range t {
					for j := range k {
						if at := i*s + j*d - l.Pad[0]; at >= 0 && at < n {
							y[o][at] += w[(c*l.Out+o)*k+j] * x[c][i]
						}
					}
				}
			}
		}
		return y
	case Dense:
		y := make64(l.Out, l.Steps)
		for o := range l.Out {
			for i := range l.Steps {
				row := o*l.Steps + i
				if b != nil {
					y[o][i] = b[row]
				}
				for c := range in {
					for j := range t {
						y[o][i] += w[row*in*t+c*t+j] * x[c][j]
					}
				}
			}
		}
		return y
	case Residual:
		y := r.layers(path+".layers", l.Layers, x)
		z := make64(in, t)
		for c := range z {
			for i := range z[c] {
				z[c][i] = x[c][i] + y[c][i]
			}
		}
		return z
	case LayerNorm, BatchNorm, FiLM, Dropout:
		return r.perChannel(path, l.Op, x)
	}
	y := make64(in, t)
	for c := range y {
		for i, v := range x[c] {
			switch l.Op {
			case ReLU:
				y[c][i] = max(0, v)
			case GELU:
				y[c][i] = v * 0.5 * math.Erfc(-v/math.Sqrt2)
			case Sigmoid:
				y[c][i] = 1 / (1 + math.Exp(-v))
			case Tanh:
				y[c][i] = math.Tanh(v)
			}
		}
	}
	return y
}

// perChannel computes the layers that keep channels and columns.
func (r *reference) perChannel(path string, op Op, x signal64) signal64 {
	w, b := r.params[path+".weight"], r.params[path+".bias"]
	moments := func(n int, at func(i int) float64) (mean, variance float64) {
		for i := range n {
			mean += at(i) / float64(n)
		}
		for i := range n {
			variance += math.Pow(at(i)-mean, 2) / float64(n)
		}
		return mean, variance
	}
	y := make(signal64, len(x))
	for c := range y {
		y[c] = make([]float64, len(x[c]))
	}
	for c := range x {
		for i, v := range x[c] {
			switch op {
			case LayerNorm:
				m, s := moments(len(x), func(j int) float64 { return x[j][i] })
				y[c][i] = (v-m)/math.Sqrt(s+1e-5)*w[c] + b[c]
			case BatchNorm:
				m, s := r.params[path+".running_mean"][c], r.params[path+".running_var"][c]
				if r.training {
					m, s = moments(len(x[c]), func(j int) float64 { return x[c][j] })
				}
				y[c][i] = (v-m)/math.Sqrt(s+1e-5)*w[c] + b[c]
			case FiLM:
				scale, shift := 1+b[c], b[len(x)+c]
				for k, z := range r.cond {
					scale += w[c*len(r.cond)+k] * z
					shift += w[(len(x)+c)*len(r.cond)+k] * z
				}
				y[c][i] = scale*v + shift
			case Dropout:
				y[c][i] = v
				if r.masks != nil {
					y[c][i] *= r.masks[r.drops][i*len(x)+c]
				}
			}
		}
	}
	if op == Dropout {
		r.drops++
	}
	return y
}

// run takes and returns channels-last signals.
func (r *reference) run(s Spec, x []float64) []float64 {
	t := len(x) / s.In
	sig := make(signal64, s.In)
	for c := range sig {
		sig[c] = make([]float64, t)
		for i := range t {
			sig[c][i] = x[i*s.In+c]
		}
	}
	r.drops = 0
	y := r.layers("layers", s.Layers, sig)
	out := make([]float64, len(y)*len(y[0]))
	for c := range y {
		for i, v := range y[c] {
			out[i*len(y)+c] = v
		}
	}
	return out
}

func widen(x []float32) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	return y
}

// randomize gives every parameter a value, also those that start at zero.
func randomize(n *Net, rng *rand.Rand) {
	for i, b := range n.Buffers() {
		for j := range b.Data {
			b.Data[j] = float32(.3 * rng.NormFloat64())
			if i%2 == 1 { // a variance
				b.Data[j] = .5 + rng.Float32()
			}
		}
	}
	for _, p := range n.Params() {
		f := 1.0
		for _, d := range p.Shape[1:] {
			f *= float64(d)
		}
		for i := range p.Data {
			p.Data[i] = float32(rng.NormFloat64() / math.Sqrt(f))
			if len(p.Shape) == 1 {
				p.Data[i] *= 0.3
			}
		}
	}
	n.Pack()
}

// close32 says whether got is within tol·max(1, peak of want) of want.
func close32(t *testing.T, what string, got []float32, want []float64, tol float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: got %d values, want %d", what, len(got), len(want))
	}
	peak := 1.0
	for _, v := range want {
		peak = max(peak, math.Abs(v))
	}
	for i := range got {
		if d := math.Abs(float64(got[i]) - want[i]); !(d <= tol*peak) {
			t.Fatalf("%s: value %d is %v, want %v: off by %.3g of the peak %.3g", what, i, got[i], want[i], d/peak, peak)
		}
	}
}

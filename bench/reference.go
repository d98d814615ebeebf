package bench

import (
	"fmt"
	"math"

	"github.com/quell-stream/quell/model/nn"
)

// Forward evaluates a network over one window in float64, straight from the
// definitions of the layers and slowly. x and the result are channels last.
func Forward(net *nn.Net, x []float32) []float64 {
	s := net.Spec()
	f := forward{map[string][]float32{}}
	for _, p := range net.Params() {
		f.params[p.Name] = p.Data
	}
	sig := newSignal(s.In, len(x)/s.In)
	for i, v := range x {
		sig[i%s.In][i/s.In] = float64(v)
	}
	sig = f.layers("layers", s.Layers, sig)
	var out []float64
	for t := range sig[0] {
		for c := range sig {
			out = append(out, sig[c][t])
		}
	}
	return out
}

// signal is [C][T].
type signal [][]float64

func newSignal(c, t int) signal {
	s := make(signal, c)
	for i := range s {
		s[i] = make([]float64, t)
	}
	return s
}

type forward struct{ params map[string][]float32 }

func (f forward) layers(path string, layers []nn.LayerSpec, x signal) signal {
	for i, l := range layers {
		x = f.layer(fmt.Sprintf("%s.%d", path, i), l, x)
	}
	return x
}

func (f forward) layer(path string, l nn.LayerSpec, x signal) signal {
	w, bias := f.params[path+".weight"], f.params[path+".bias"]
	in, t := len(x), len(x[0])
	k, s, d := max(l.Kernel, 1), max(l.Stride, 1), max(l.Dilation, 1)
	start := func(steps int) signal {
		y := newSignal(l.Out, steps)
		if bias == nil {
			return y
		}
		for o := range y {
			for i := range y[o] {
				y[o][i] = float64(bias[o])
			}
		}
		return y
	}
	switch l.Op {
	case nn.Conv:
		y := start(outLen(l, in, t))
		for o := range y {
			for i := range y[o] {
				for c := range in {
					for j := range k {
						if at := i*s + j*d - l.Pad[0]; at >= 0 && at < t {
							y[o][i] += float64(w[(o*in+c)*k+j]) * x[c][at]
						}
					}
				}
			}
		}
		return y
	case nn.ConvT:
		y := start(outLen(l, in, t))
		for o := range y {
			for i := range t {
				for c := range in {
					for j := range k {
						if at := i*s + j*d - l.Pad[0]; at >= 0 && at < len(y[o]) {
							y[o][at] += float64(w[(c*l.Out+o)*k+j]) * x[c][i]
						}
					}
				}
			}
		}
		return y
	case nn.Dense:
		y := newSignal(l.Out, l.Steps)
		for o := range y {
			for i := range y[o] {
				row := o*l.Steps + i
				if bias != nil {
					y[o][i] = float64(bias[row])
				}
				for c := range in {
					for j := range t {
						y[o][i] += float64(w[(row*in+c)*t+j]) * x[c][j]
					}
				}
			}
		}
		return y
	case nn.Residual:
		return zip(x, f.layers(path+".layers", l.Layers, x), func(a, b float64) float64 { return a + b })
	case nn.Dropout:
		return x
	case nn.LayerNorm:
		return layerNorm(x, w, bias)
	case nn.FiLM: // without a condition
		y := newSignal(in, t)
		for c := range y {
			for i, v := range x[c] {
				y[c][i] = (1+float64(bias[c]))*v + float64(bias[in+c])
			}
		}
		return y
	case nn.ReLU:
		return zip(x, x, func(a, _ float64) float64 { return max(0, a) })
	case nn.GELU:
		return zip(x, x, func(a, _ float64) float64 { return a / 2 * math.Erfc(-a/math.Sqrt2) })
	case nn.Sigmoid:
		return zip(x, x, func(a, _ float64) float64 { return 1 / (1 + math.Exp(-a)) })
	case nn.Tanh:
		return zip(x, x, func(a, _ float64) float64 { return math.Tanh(a) })
	}
	panic("bench: no layer is called " + string(l.Op)) // the network could not have been built
}

// layerNorm normalises each column of x.
func layerNorm(x signal, gain, bias []float32) signal {
	y := newSignal(len(x), len(x[0]))
	for t := range x[0] {
		mean, variance := 0., 0.
		for c := range x {
			mean += x[c][t] / float64(len(x))
		}
		for c := range x {
			variance += (x[c][t] - mean) * (x[c][t] - mean) / float64(len(x))
		}
		for c := range x {
			y[c][t] = (x[c][t]-mean)/math.Sqrt(variance+1e-5)*float64(gain[c]) + float64(bias[c])
		}
	}
	return y
}

func zip(a, b signal, f func(a, b float64) float64) signal {
	y := newSignal(len(a), len(a[0]))
	for c := range y {
		for t := range y[c] {
			y[c][t] = f(a[c][t], b[c][t])
		}
	}
	return y
}

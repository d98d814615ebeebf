package train

import (
	"errors"
	"fmt"
	"slices"

	"github.com/quell-stream/quell/model/nn"
)

// Bounds of nets side by side: the weights between n of them grow with n².
const (
	besideChannels = 64      // hidden channels of all signals together, if nobody says otherwise,
	leastBeside    = 4       // and at least of each
	mostWeights    = 1 << 20 // as many multiplications per sample, and 4 MiB
)

// WidthBeside returns how many of the hidden channels of a one-signal net each of
// so many signals side by side has if nobody says otherwise.
func WidthBeside(channels, signals int) int {
	return min(channels, max(besideChannels/signals, leastBeside))
}

// Beside returns the architecture of one net of so many signals that is made of a
// one-signal net for each, side by side, and of weights between them. Where the
// latter are zero, which is how Supervised begins, each signal is denoised as by a
// net of its own, so that what is left to learn is what the others tell of it.
//
// The error is of a net that serves several signals already, that cannot be
// widened, or that would be too large.
func (a Arch) Beside(signals int) (Arch, error) {
	if n := a.perNet(); n != 1 || signals < 2 {
		return a, fmt.Errorf("train: %d nets of %d signals side by side; want several of one", signals, n)
	}
	layers, err := widen(a.Spec.Layers, signals)
	if err == nil && !endsConvolve(layers) {
		err = errors.New("its first and its last layer with weights must be convolutions outside of a residual layer")
	}
	if err != nil {
		return a, fmt.Errorf("train: the net of one signal cannot be put side by side: %w", err)
	}
	a.Channels, a.Spec = signals, nn.Spec{In: a.Spec.In * signals, Layers: layers}
	if n, _ := countWeights(a.Spec.In, layers); n > mostWeights {
		return a, fmt.Errorf("train: %d nets side by side have %d weights; at most %d: take narrower ones, fewer signals, or a model for each", signals, n, mostWeights)
	}
	return a, nil
}

// widen returns layers of n times as many channels.
func widen(layers []nn.LayerSpec, n int) ([]nn.LayerSpec, error) {
	wide := slices.Clone(layers)
	for i := range wide {
		switch l := &wide[i]; l.Op {
		case nn.Conv, nn.ConvT:
			if l.Groups > 1 || l.Taps != nn.AllTaps {
				return nil, errors.New("it has a layer with groups or taps")
			}
			l.Out *= n
		case nn.Residual:
			var err error
			if l.Layers, err = widen(l.Layers, n); err != nil {
				return nil, err
			}
		case nn.ReLU, nn.GELU, nn.Sigmoid, nn.Tanh:
		default:
			return nil, fmt.Errorf("it has a layer of kind %s", l.Op)
		}
	}
	return wide, nil
}

// endsConvolve says whether what goes into a net, and what comes out of it, is
// read and made by a convolution.
func endsConvolve(layers []nn.LayerSpec) bool {
	var ops []nn.Op
	for _, l := range layers {
		if l.Op == nn.Conv || l.Op == nn.ConvT || l.Op == nn.Residual {
			ops = append(ops, l.Op)
		}
	}
	return len(ops) > 0 && ops[0] != nn.Residual && ops[len(ops)-1] != nn.Residual
}

// countWeights returns how many weights layers have, and the channels they put out.
func countWeights(in int, layers []nn.LayerSpec) (n, out int) {
	for _, l := range layers {
		switch l.Op {
		case nn.Conv, nn.ConvT:
			n += in * l.Out * max(l.Kernel, 1)
			in = l.Out
		case nn.Residual:
			m, _ := countWeights(in, l.Layers)
			n += m
		}
	}
	return n, in
}

// setBeside gives a net of Arch.Beside the weights of one-signal nets, one for each
// signal, and weights of zero between them. What goes in and comes out of it is in
// the order of Features, all signals for each input; the channels between are in
// the order of signals.
func setBeside(net *nn.Net, each []*nn.Net) {
	wide := net.Params()
	param := 0
	weighted(net.Spec().Layers, func(l *nn.LayerSpec, _ bool) {
		at, biases := param, 1
		if l.NoBias {
			biases = 0
		}
		param += 1 + biases
		in, out := bySignal, bySignal
		if at == 0 {
			in = byInput
		}
		if param == len(wide) {
			out = byInput
		}
		rows, columns := out, in // of [out,in,k]
		if l.Op == nn.ConvT {    // [in,out,k]
			rows, columns = in, out
		}
		clear(wide[at].Data)
		for k, one := range each {
			setBlock(wide[at].Data, one.Params()[at], k, len(each), rows, columns)
			if biases > 0 {
				b := one.Params()[at+1].Data
				for i, v := range b {
					wide[at+1].Data[out(k, i, len(each), len(b))] = v
				}
			}
		}
	})
	net.Pack()
}

// order says where channel c, of so many that each of n signals has, is among all.
type order func(signal, c, n, channels int) int

func bySignal(signal, c, _, channels int) int { return signal*channels + c }
func byInput(signal, c, n, _ int) int         { return c*n + signal }

// setBlock copies the weight of one of n signals to where it belongs.
func setBlock(dst []float32, w nn.Param, signal, n int, rows, columns order) {
	r, c, taps := w.Shape[0], w.Shape[1], w.Shape[2]
	for i := range r {
		for j := range c {
			to := rows(signal, i, n, r)*c*n + columns(signal, j, n, c)
			copy(dst[to*taps:], w.Data[(i*c+j)*taps:][:taps])
		}
	}
}

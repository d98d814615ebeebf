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
	n := len(each)
	at := func(signal, channel, channels int, end bool) int {
		if end {
			return channel*n + signal
		}
		return signal*channels + channel
	}
	wide := net.Params()
	param := 0
	weighted(net.Spec().Layers, func(l *nn.LayerSpec, _ bool) {
		first, last := param == 0, param+1+bias(l) == len(wide)
		clear(wide[param].Data)
		for k, one := range each {
			w := one.Params()[param]
			outs, ins := w.Shape[0], w.Shape[1]
			rowEnd, colEnd := last, first
			if l.Op == nn.ConvT { // [in,out,k]
				rowEnd, colEnd = first, last
			}
			for i := range outs {
				for j := range ins {
					to := at(k, i, outs, rowEnd)*ins*n + at(k, j, ins, colEnd)
					taps := w.Shape[2]
					copy(wide[param].Data[to*taps:(to+1)*taps], w.Data[(i*ins+j)*taps:])
				}
			}
			if l.NoBias {
				continue
			}
			b := one.Params()[param+1].Data
			for i, v := range b {
				wide[param+1].Data[at(k, i, len(b), last)] = v
			}
		}
		param += 1 + bias(l)
	})
	net.Pack()
}

func bias(l *nn.LayerSpec) int {
	if l.NoBias {
		return 0
	}
	return 1
}

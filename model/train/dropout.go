package train

import (
	"math/rand/v2"

	"github.com/quell-stream/quell/internal/mix"
	"github.com/quell-stream/quell/model/nn"
)

// dropout leaves whole channels out in an update, as Bai, Kolter and Koltun ("An
// Empirical Evaluation of Generic Convolutional and Recurrent Networks for
// Sequence Modeling", 2018, section 3.4) do with those of a TCN: each is zero with
// probability p, else divided by 1-p (Srivastava et al., "Dropout", 2014). A
// convolution that reads a channel times m is one whose weights for that channel
// are times m, so no layer is needed for it; all windows of an update share what
// is left out. Dropped are channels that come out of an activation, but not those
// that the last layer reads: there the mean squared error has no use for it.
type dropout struct {
	p     float64
	seed  uint64
	pcg   *rand.PCG
	rng   *rand.Rand
	layer []dropped
}

// dropped is a layer whose inputs are dropped.
type dropped struct {
	param   int // of its weight
	in      int // channels
	inner   int // values in a row for one channel
	mask    []float32
	weights []float32 // as they were
}

func newDropout(net *nn.Net, p float64, seed uint64) *dropout {
	d := &dropout{p: p, seed: mix.Next(seed ^ 0xd409)}
	d.pcg = new(rand.PCG)
	d.rng = rand.New(d.pcg)
	params := net.Params()
	at := 0
	weighted(net.Spec().Layers, func(l *nn.LayerSpec, activated bool) {
		param := at
		at++
		if !l.NoBias {
			at++
		}
		w := params[param]
		x := dropped{param: param, in: w.Shape[0], inner: len(w.Data) / w.Shape[0]} // ConvT: [in,out,k]
		if l.Op == nn.Conv {                                                        // [out,in,k]
			x.in, x.inner = w.Shape[1], w.Shape[2]
		}
		if activated && l.Op != nn.Dense && at < len(params) {
			x.mask, x.weights = make([]float32, x.in), make([]float32, len(w.Data))
			d.layer = append(d.layer, x)
		}
	})
	return d
}

// weighted visits the layers with parameters in the order of Net.Params, and says
// of those with weights whether an activation comes before.
func weighted(layers []nn.LayerSpec, visit func(l *nn.LayerSpec, activated bool)) {
	activated := false
	for i := range layers {
		switch l := &layers[i]; l.Op {
		case nn.Conv, nn.ConvT, nn.Dense:
			visit(l, activated)
			activated = false
		case nn.LayerNorm, nn.BatchNorm, nn.FiLM: // its inputs stay
			visit(l, false)
		case nn.Dropout:
		case nn.Residual:
			weighted(l.Layers, visit)
			activated = false
		default:
			activated = true
		}
	}
}

// apply drops channels in the weights for an update.
func (d *dropout) apply(step int, params [][]float32) {
	d.pcg.Seed(seeds(d.seed, step, 0))
	keep := float32(1 / (1 - d.p))
	for i := range d.layer {
		l := &d.layer[i]
		for c := range l.mask {
			l.mask[c] = keep
			if d.rng.Float64() < d.p {
				l.mask[c] = 0
			}
		}
		copy(l.weights, params[l.param])
		l.times(params[l.param])
	}
}

// undo puts the weights back, and makes the gradients those with regard to them.
func (d *dropout) undo(params, grads [][]float32) {
	for i := range d.layer {
		l := &d.layer[i]
		copy(params[l.param], l.weights)
		l.times(grads[l.param])
	}
}

// times multiplies what belongs to each channel by its mask.
func (l *dropped) times(w []float32) {
	for at := 0; at < len(w); at += l.inner {
		m := l.mask[at/l.inner%l.in]
		for j := range l.inner {
			w[at+j] *= m
		}
	}
}

package train

import (
	"errors"
	"math"

	"github.com/quell-stream/quell/model/nn"
)

// sparsity is a penalty that makes the channels of a code be active for a share ρ
// of the time: the divergence Σ KL(ρ ‖ a) of Ng, "Sparse Autoencoder" (CS294A
// lecture notes, 2011, section 3), over the channels. The activity a of a code z
// that is linear, and so has no scale, is the one of Treves and Rolls, "What
// Determines the Capacity of Autoassociative Memories in the Brain?", 1991,
//
//	a = (mean |z|)² / mean z²
//
// over the example, which is the share of time where z is on or off, 2/π for noise
// and the same for any multiple of z. What is penalised is the code alone: a net of
// the encoder's layers is run beside the whole net, with the same weights.
type sparsity struct {
	target float64
	net    *nn.Net
	shards []*nn.Gradient
	tapes  []*nn.Tape  // per worker
	dz     [][]float32 // per worker
	grads  [][]float32
	c      int // channels of the code
}

// sparseWeight is what the penalty counts beside the loss.
const sparseWeight = .3

// leastActivity keeps the divergence finite: a is held between it and one less it.
const leastActivity = 1e-3

// encoder returns the layers of a net up to its code, which has c channels: of the
// convolutions before the first transposed one, the one that leaves the fewest
// values per input column, and the activation after it, if any.
func encoder(s nn.Spec) (layers []nn.LayerSpec, c int, err error) {
	least, rate, end := math.Inf(1), 1., 0
	for i, l := range s.Layers {
		switch l.Op {
		case nn.Conv:
			rate /= float64(max(l.Stride, 1))
			if w := float64(l.Out) * rate; w < least {
				least, c, end = w, l.Out, i+1
			}
		case nn.ConvT:
			if end == 0 {
				return nil, 0, errNoCode
			}
			return s.Layers[:end], c, nil
		case nn.Residual, nn.Dense:
			return nil, 0, errNoCode
		default:
			if end == i {
				end++
			}
		}
	}
	return nil, 0, errNoCode
}

var errNoCode = errors.New("train: the net has no code to make sparse: take one of kind dae")

// newSparsity is for nets that have an encoder.
func newSparsity(net *nn.Net, target float64, shards, workers int) *sparsity {
	layers, c, err := encoder(net.Spec())
	if err != nil {
		panic("train: newSparsity: a net without a code")
	}
	enc, err := nn.New(nn.Spec{In: net.Spec().In, Layers: layers}, 0)
	if err != nil {
		panic("train: newSparsity: the layers of a net are no net")
	}
	s := &sparsity{target: target, net: enc, dz: make([][]float32, workers), c: c}
	for range shards {
		s.shards = append(s.shards, enc.NewGradient())
	}
	for range workers {
		t := enc.NewTape(1)
		t.NeedDX = false
		s.tapes = append(s.tapes, t)
	}
	for _, p := range enc.Params() {
		s.grads = append(s.grads, make([]float32, len(p.Data)))
	}
	return s
}

// take takes over the weights of the whole net, whose first ones are the encoder's.
func (s *sparsity) take(net *nn.Net) {
	all := net.Params()
	for i, p := range s.net.Params() {
		copy(p.Data, all[i].Data)
	}
	s.net.Pack()
}

// begin has worker w work on a shard.
func (s *sparsity) begin(w, shard int) {
	s.shards[shard].Zero()
	s.tapes[w].SetGradient(s.shards[shard])
}

// example adds the gradient of the penalty times scale, and returns the penalty.
func (s *sparsity) example(w int, e *Example, scale float64) float64 {
	z := s.tapes[w].Forward(e.X)
	s.dz[w] = grow(s.dz[w], len(z))
	sum := sparsePenalty(s.dz[w], z, s.c, s.target, sparseWeight*scale)
	s.tapes[w].Backward(s.dz[w])
	return sparseWeight * sum
}

// give adds the gradient of all examples to that of the whole net.
func (s *sparsity) give(grads [][]float32) {
	sum := s.shards[0]
	for _, g := range s.shards[1:] {
		sum.Add(g)
	}
	sum.Params(s.grads)
	for i, g := range s.grads {
		for j, v := range g {
			grads[i][j] += v
		}
	}
}

// sparsePenalty returns the divergence of the activity of a code z, [T][c], from
// the target, summed over the channels, and sets dz to its gradient times scale.
func sparsePenalty(dz, z []float32, c int, target, scale float64) float64 {
	sum := 0.0
	for k := range c {
		m1, m2 := activity(z, c, k)
		if m2 == 0 {
			for i := k; i < len(z); i += c {
				dz[i] = 0
			}
			continue // off for good
		}
		raw := m1 * m1 / m2
		a := min(max(raw, leastActivity), 1-leastActivity)
		sum += target*math.Log(target/a) + (1-target)*math.Log((1-target)/(1-a))
		slope := scale * ((1-target)/(1-a) - target/a) / float64(len(z)/c)
		up, down := slope*2*m1/m2, slope*2*raw/m2
		for i := k; i < len(z); i += c {
			v := float64(z[i])
			dz[i] = float32(up*math.Copysign(1, v) - down*v)
			if v == 0 {
				dz[i] = 0
			}
		}
	}
	return sum
}

// activity returns the means of |z| and z² of channel k.
func activity(z []float32, c, k int) (m1, m2 float64) {
	n := float64(len(z) / c)
	for i := k; i < len(z); i += c {
		v := float64(z[i])
		m1, m2 = m1+math.Abs(v)/n, m2+v*v/n
	}
	return m1, m2
}

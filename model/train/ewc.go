package train

import "github.com/quell-stream/quell/model/nn"

// elasticExamples is the number of examples that the Fisher information is
// averaged over.
const elasticExamples = 64

// elastic is elastic weight consolidation (Kirkpatrick et al., "Overcoming
// Catastrophic Forgetting in Neural Networks", 2017, eq. 3): a penalty
//
//	½·Strength·Σ Fᵢ·(θᵢ-θᵢ*)²
//
// on how far weights go from where they were, each by how much the old windows hang
// on it. F is the diagonal of the empirical Fisher information, the mean square of
// the loss's gradient over 64 examples of old windows, divided by its mean over all
// weights, so that Strength does not depend on the unit of the loss.
type elastic struct {
	strength     float64
	fisher, home [][]float32
}

func newElastic(net *nn.Net, c excerpts, loss Loss, strength float64) *elastic {
	p := &elastic{strength: strength}
	for _, w := range net.Params() {
		p.fisher = append(p.fisher, make([]float32, len(w.Data)))
		p.home = append(p.home, append([]float32(nil), w.Data...))
	}
	g := newProbe(net, loss)
	old := c.material().oldest(elasticExamples)
	all, n := 0., 0
	for i := range elasticExamples {
		for k, v := range g.gradient(alone(c, old[i%len(old)]), i) {
			for j, d := range v {
				p.fisher[k][j] += d * d
				all += float64(d) * float64(d)
			}
		}
	}
	for _, f := range p.fisher {
		n += len(f)
	}
	if all > 0 {
		for _, f := range p.fisher {
			for j := range f {
				f[j] *= float32(float64(n) / all)
			}
		}
	}
	return p
}

// add adds the gradient of the penalty.
func (p *elastic) add(params, grads [][]float32) {
	k := float32(p.strength)
	for i, f := range p.fisher {
		for j, v := range f {
			grads[i][j] += k * v * (params[i][j] - p.home[i][j])
		}
	}
}

// probe measures loss and gradient of single examples.
type probe struct {
	loss  Loss
	tape  *nn.Tape
	sum   *nn.Gradient
	grads [][]float32
	ex    Example
	dy    []float32
}

func newProbe(net *nn.Net, loss Loss) *probe {
	p := &probe{loss: loss, tape: net.NewTape(1), sum: net.NewGradient()}
	p.tape.NeedDX = false
	p.tape.SetGradient(p.sum)
	for _, w := range net.Params() {
		p.grads = append(p.grads, make([]float32, len(w.Data)))
	}
	return p
}

// value returns the loss of an example.
func (p *probe) value(b Batcher, i int) float64 {
	b.Example(&p.ex, 0, i)
	p.tape.Cond = p.ex.Cond
	y := p.tape.Forward(p.ex.X)
	p.dy = grow(p.dy, len(y))
	return p.loss.Gradient(p.dy, y, &p.ex, 1)
}

// gradient returns that of the loss of an example, valid until the next call.
func (p *probe) gradient(b Batcher, i int) [][]float32 {
	p.value(b, i)
	p.sum.Zero()
	p.tape.Backward(p.dy)
	p.sum.Params(p.grads)
	return p.grads
}

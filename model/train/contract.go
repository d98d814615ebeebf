package train

import (
	"github.com/quell-stream/quell/internal/mix"
	"github.com/quell-stream/quell/model/nn"
)

// contraction is a penalty on how much a net's estimate moves with its readings,
//
//	Weight · ‖∂y/∂x‖²   per column, by Frobenius
//
// It is the contractive penalty of Rifai et al., "Contractive Auto-Encoders",
// 2011, eq. 4, on what is reconstructed in place of the code, as Alain and Bengio,
// "What Regularized Auto-Encoders Learn from the Data-Generating Distribution",
// 2014, have it (section 3.2): decoder weights that are not tied undo what the
// code shrinks by. The norm is estimated from one nudge v ~ N(0, I) for each
// example, as E‖Jv‖² = ‖J‖² (Hutchinson, "A Stochastic Estimator of the Trace",
// 1989), and Jv by a difference of two forward passes, both of which are trained.
type contraction struct {
	weight float64
	seed   uint64
	tapes  []*nn.Tape // per worker, of the nudged input
	x, dy  [][]float32
	in     int
}

// nudge is how far inputs are moved, in their deviations: far enough for float32,
// and little beside the noise.
const nudge = .01

func newContraction(net *nn.Net, weight float64, seed uint64, workers int) *contraction {
	c := &contraction{weight: weight, seed: mix.Next(seed ^ 0xc0de), x: make([][]float32, workers), dy: make([][]float32, workers), in: net.Spec().In}
	for range workers {
		t := net.NewTape(1)
		t.NeedDX = false
		c.tapes = append(c.tapes, t)
	}
	return c
}

// as has the worker's tape do what another does at layers that differ in training.
func (c *contraction) as(w int, t *nn.Tape) {
	c.tapes[w].Mode, c.tapes[w].Seed, c.tapes[w].Cond = t.Mode, t.Seed, t.Cond
}

// example adds the gradient of the penalty, times scale, to the worker's tape,
// as far as it comes by way of the nudged input, and to dy, that of the output y.
// It returns the penalty.
func (c *contraction) example(w int, e *Example, y, dy []float32, step, i int, scale float64) float64 {
	n := max(e.Channels, 1)
	x := grow(c.x[w], len(e.X))
	copy(x, e.X)
	rng := e.draw(c.seed, step, i)
	for at := 0; at < len(x); at += c.in {
		for k := range n { // the signals come first
			x[at+k] += float32(nudge * rng.NormFloat64())
		}
	}
	z := c.tapes[w].Forward(x)
	dz := grow(c.dy[w], len(z))
	columns := float64(len(z) / n)
	k := float32(2 * c.weight * scale / (nudge * nudge * columns))
	sum := 0.0
	for j, v := range z {
		d := v - y[j]
		sum += float64(d) * float64(d)
		dz[j] = k * d
		dy[j] -= k * d
	}
	c.tapes[w].Backward(dz)
	c.x[w], c.dy[w] = x, dz
	return c.weight * sum / (nudge * nudge * columns)
}

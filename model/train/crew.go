package train

import (
	"math"
	"sync"
	"sync/atomic"

	"github.com/quell-stream/quell/model/nn"
)

// crew computes the gradients of a batch on several goroutines. Each example's
// gradient is kept by itself and the sum is taken in the order of the
// examples, so the result does not depend on who computed what.
type crew struct {
	net   *nn.Net
	batch Batcher
	huber float64
	tapes []*nn.Tape
	ex    []Example
	dy    [][]float32
	slots []slot

	step int
	next atomic.Int64
	jobs chan int // index of the worker
	done sync.WaitGroup
	wg   sync.WaitGroup
}

// slot is the outcome of one example.
type slot struct {
	loss  float64
	grads [][]float32
}

func newCrew(net *nn.Net, b Batcher, huber float64, batch, workers int) *crew {
	c := &crew{net: net, batch: b, huber: huber, slots: make([]slot, batch), jobs: make(chan int, workers),
		ex: make([]Example, workers), dy: make([][]float32, workers), tapes: make([]*nn.Tape, workers)}
	for i := range c.slots {
		for _, p := range net.Params() {
			c.slots[i].grads = append(c.slots[i].grads, make([]float32, len(p.Data)))
		}
	}
	for i := range c.tapes {
		c.tapes[i] = net.NewTape(1)
		c.tapes[i].NeedDX = false
	}
	for range workers {
		c.wg.Go(func() {
			for w := range c.jobs {
				for i := int(c.next.Add(1)) - 1; i < len(c.slots); i = int(c.next.Add(1)) - 1 {
					c.example(w, i)
				}
				c.done.Done()
			}
		})
	}
	return c
}

// close ends the goroutines and waits for them.
func (c *crew) close() {
	close(c.jobs)
	c.wg.Wait()
}

// run fills grads with the gradient of the mean loss of a step's batch, and
// returns that loss.
func (c *crew) run(step int, grads [][]float32) float64 {
	c.step = step
	c.next.Store(0)
	c.done.Add(len(c.tapes))
	for w := range c.tapes {
		c.jobs <- w
	}
	c.done.Wait()
	loss := 0.0
	for i := range c.slots {
		loss += c.slots[i].loss
	}
	for p, g := range grads {
		copy(g, c.slots[0].grads[p])
		for i := 1; i < len(c.slots); i++ {
			for j, v := range c.slots[i].grads[p] {
				g[j] += v
			}
		}
	}
	return loss / float64(len(c.slots))
}

// example computes loss and gradient of one example on worker w.
func (c *crew) example(w, i int) {
	ex, tape := &c.ex[w], c.tapes[w]
	c.batch.Example(ex, c.step, i)
	tape.ZeroGrads()
	y := tape.Forward(ex.X)
	c.dy[w] = grow(c.dy[w], len(y))
	// Dividing by the batch here makes the sum over the slots the mean.
	c.slots[i].loss = squaredError(c.dy[w], y, ex.Y, ex.W, c.huber, 1/float64(len(c.slots)))
	tape.Backward(c.dy[w])
	for p, g := range tape.Grads() {
		copy(c.slots[i].grads[p], g)
	}
}

// squaredError returns the loss Σ ρ(√w·(y-target))/n and sets dy to its gradient
// times scale, where ρ(r) is r² up to huber and goes on as a straight line
// (Huber 1964, eq. 2); without end if huber is 0. A nil w weights all alike.
func squaredError(dy, y, target, w []float32, huber, scale float64) float64 {
	if len(y) != len(target) {
		panic("train: the net's output and the target differ in length")
	}
	if len(y) == 0 {
		return 0
	}
	n := float64(len(y))
	k := float32(2 * scale / n)
	most := float32(huber * huber)
	sum := 0.0
	for i, v := range y {
		e, wi := v-target[i], float32(1)
		if w != nil {
			wi = w[i]
		}
		r2 := wi * e * e
		if most > 0 && r2 > most {
			r := float32(math.Sqrt(float64(r2)))
			wi *= float32(huber) / r
			r2 = float32(huber) * (2*r - float32(huber))
		}
		dy[i] = k * wi * e
		sum += float64(r2)
	}
	return sum / n
}

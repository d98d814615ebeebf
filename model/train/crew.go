package train

import (
	"sync"
	"sync/atomic"

	"github.com/quell-stream/quell/internal/mix"
	"github.com/quell-stream/quell/model/nn"
)

// crewShards is into how many parts a batch is cut at most. The examples of a
// part add up in one place, in order, and then so do the parts, so the result
// does not depend on who computed what, nor on how many did.
const crewShards = 8

// crew computes the gradients of a batch on several goroutines.
type crew struct {
	net    *nn.Net
	batch  Batcher
	loss   Loss
	seed   uint64
	size   int // examples per batch
	losses []float64
	shards []*nn.Gradient
	tapes  []*nn.Tape
	ex     []Example
	dy     [][]float32

	contract *contraction // nil without the penalty
	sparse   *sparsity    // nil without the penalty

	step int
	next atomic.Int64
	jobs chan int // index of the worker
	done sync.WaitGroup
	wg   sync.WaitGroup
}

func newCrew(net *nn.Net, b Batcher, cfg *FitConfig) *crew {
	batch, workers := cfg.Batch, cfg.Workers
	c := &crew{net: net, batch: b, loss: cfg.Loss, seed: mix.Next(cfg.Seed ^ 0xd809), size: batch, losses: make([]float64, batch), jobs: make(chan int, workers),
		ex: make([]Example, workers), dy: make([][]float32, workers), tapes: make([]*nn.Tape, workers)}
	for range min(batch, crewShards) {
		c.shards = append(c.shards, net.NewGradient())
	}
	for i := range c.tapes {
		c.tapes[i] = net.NewTape(1)
		c.tapes[i].NeedDX, c.tapes[i].Mode = false, nn.Training
	}
	if cfg.Contract > 0 {
		c.contract = newContraction(net, cfg.Contract, cfg.Seed, workers)
	}
	if cfg.Sparse > 0 {
		c.sparse = newSparsity(net, cfg.Sparse, len(c.shards), workers)
	}
	for range workers {
		c.wg.Go(func() {
			for w := range c.jobs {
				for i := int(c.next.Add(1)) - 1; i < len(c.shards); i = int(c.next.Add(1)) - 1 {
					c.shard(w, i)
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
	if c.sparse != nil {
		c.sparse.take(c.net)
	}
	c.done.Add(len(c.tapes))
	for w := range c.tapes {
		c.jobs <- w
	}
	c.done.Wait()
	loss := 0.0
	for _, v := range c.losses {
		loss += v
	}
	sum := c.shards[0]
	for _, g := range c.shards[1:] {
		sum.Add(g)
	}
	sum.Params(grads)
	c.net.Track(sum)
	if c.sparse != nil {
		c.sparse.give(grads)
	}
	return loss / float64(c.size)
}

// shard computes loss and gradient of one part of the batch on worker w.
func (c *crew) shard(w, i int) {
	g := c.shards[i]
	g.Zero()
	c.tapes[w].SetGradient(g)
	if c.contract != nil {
		c.contract.tapes[w].SetGradient(g)
	}
	if c.sparse != nil {
		c.sparse.begin(w, i)
	}
	for j := i * c.size / len(c.shards); j < (i+1)*c.size/len(c.shards); j++ {
		c.example(w, j)
	}
}

// example computes loss and gradient of one example on worker w.
func (c *crew) example(w, i int) {
	ex, tape := &c.ex[w], c.tapes[w]
	c.batch.Example(ex, c.step, i)
	tape.Cond = ex.Cond
	tape.Seed, _ = seeds(c.seed^uint64(i), c.step, 0)
	y := tape.Forward(ex.X)
	c.dy[w] = grow(c.dy[w], len(y))
	// Dividing by the batch here makes the sum over the examples the mean.
	scale := 1 / float64(c.size)
	c.losses[i] = c.loss.Gradient(c.dy[w], y, ex, scale)
	if c.contract != nil {
		c.contract.as(w, tape)
		c.contract.example(w, ex, y, c.dy[w], c.step, i, scale)
	}
	if c.sparse != nil {
		c.sparse.example(w, ex, scale)
	}
	tape.Backward(c.dy[w])
}

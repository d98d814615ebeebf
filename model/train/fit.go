// Package train trains networks: optimiser, schedule, a data-parallel training
// loop whose result does not depend on the number of workers, and the recipes
// made of them: the base model, supervised training, fine-tuning without clean
// truth, and the sentinel.
package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"

	"github.com/quell-stream/quell/model/nn"
)

// Batcher provides training data. Example fills e with example i of a step. It
// is called from several goroutines at once and must depend on nothing but
// step and i.
type Batcher interface {
	Example(e *Example, step, i int)
}

// FitConfig says how to train.
type FitConfig struct {
	Steps    int      // number of updates
	Batch    int      // examples per update, default 8
	Cycle    OneCycle // Steps is filled in
	Schedule Schedule // in place of Cycle, if set
	Decay    float64  // weight decay, default 0
	Loss     Loss     // default SquaredError{}
	Clip     float64  // largest norm of the gradient, default 1, negative for none
	Workers  int      // goroutines, default GOMAXPROCS; does not change the result
	Seed     uint64   // of what Dropout and Contract draw

	EMA      float64 // as in Recipe
	Dropout  float64 // as in Recipe
	Contract float64 // as in Recipe
	Sparse   float64 // as in Recipe

	// Penalty, if set, adds the gradient of what is asked of the weights themselves.
	Penalty func(params, grads [][]float32)

	// Validate, if set, returns the loss of a network on held-out data. It is
	// called after every Every updates (default Steps/10) and after the last.
	// The best network is kept. After Patience calls (0: never) without a new
	// best, training stops.
	Validate func(*nn.Net) float64
	Every    int
	Patience int

	Progress func(Progress) // called after every update, if set

	// Next, if set, is called before every update, while nobody asks for examples:
	// it may change what they are cut from. Where it returns false or an error,
	// training ends as it does after Steps updates; the error is returned.
	Next func() (bool, error)

	// Resume continues from a snapshot of a run with the same data and config;
	// the result is that of the uninterrupted run. Checkpoint, if set, is called
	// after every CheckpointEvery updates (default Every) and where ctx ends the
	// training; its error ends it too.
	Resume          *Snapshot
	Checkpoint      func(*Snapshot) error
	CheckpointEvery int
}

// Progress tells how training goes.
type Progress struct {
	Step, Steps int
	Loss        float64 // weighted mean squared error of this batch
	Norm        float64 // norm of the gradient before clipping
	Rate        float64 // learning rate
	Validation  float64 // latest, NaN before the first
	Best        float64 // best validation so far, NaN before the first
}

// FitReport says how training went.
type FitReport struct {
	Steps   int     // updates made
	Loss    float64 // exponential mean of the batch losses
	Best    float64 // best validation loss, NaN without validation
	BestAt  int     // update after which it was reached
	Stopped bool    // early, for want of improvement
}

// Fit trains net in place on batches of b; nobody else may use net meanwhile.
// With validation, net ends as the best one seen. If ctx is cancelled, Fit
// returns its cause after the update in progress, and net is as of that update.
func Fit(ctx context.Context, net *nn.Net, b Batcher, cfg FitConfig) (FitReport, error) {
	if err := cfg.defaults(); err != nil {
		return FitReport{}, err
	}
	if cfg.Sparse > 0 {
		if _, _, err := encoder(net.Spec()); err != nil {
			return FitReport{}, err
		}
	}
	f := newFitter(net, b, cfg)
	defer f.crew.close()
	if cfg.Resume != nil {
		if err := f.restore(cfg.Resume); err != nil {
			return FitReport{}, err
		}
	}
	for f.step < cfg.Steps && !f.stopped {
		if err := context.Cause(ctx); err != nil {
			err = fmt.Errorf("train: stopped at step %d of %d: %w", f.step, cfg.Steps, err)
			if cfg.Checkpoint != nil && f.step > 0 {
				err = errors.Join(err, cfg.Checkpoint(f.snapshot()))
			}
			return f.report(), err
		}
		if cfg.Next != nil {
			more, err := cfg.Next()
			if err != nil {
				return f.report(), err
			}
			if !more {
				if f.step%cfg.Every != 0 {
					f.judge()
				}
				break
			}
		}
		f.update()
		if f.step%cfg.Every == 0 || f.step == cfg.Steps {
			f.judge()
		}
		if cfg.Progress != nil {
			cfg.Progress(f.progress())
		}
		if cfg.Checkpoint != nil && f.step%cfg.CheckpointEvery == 0 && f.step < cfg.Steps {
			if err := cfg.Checkpoint(f.snapshot()); err != nil {
				return f.report(), fmt.Errorf("train: checkpoint at step %d: %w", f.step, err)
			}
		}
	}
	f.finish()
	return f.report(), nil
}

func (c *FitConfig) defaults() error {
	if c.Steps < 1 {
		return errors.New("train: steps must be at least 1")
	}
	if c.Batch == 0 {
		c.Batch = 8
	}
	if c.Loss == nil {
		c.Loss = SquaredError{}
	}
	if c.Clip == 0 {
		c.Clip = 1
	}
	if c.Workers < 1 {
		c.Workers = runtime.GOMAXPROCS(0)
	}
	c.Workers = min(c.Workers, c.Batch)
	if c.Every < 1 {
		c.Every = max(c.Steps/10, 1)
	}
	if c.CheckpointEvery < 1 {
		c.CheckpointEvery = c.Every
	}
	c.Cycle.Steps = c.Steps
	if c.Schedule == nil {
		c.Schedule = c.Cycle
	}
	return nil
}

// fitter is a training run.
type fitter struct {
	net    *nn.Net
	cfg    FitConfig
	crew   *crew
	adam   *Adam
	params [][]float32
	values [][]float32 // params, and then the running means of batchnorm layers
	grads  [][]float32

	step       int
	loss, norm float64
	rate       float64
	mean       float64 // exponential mean of the loss
	validation float64
	bestLoss   float64
	best       [][]float32
	bestAt     int
	bad        int // validations since the best
	stopped    bool

	average *average // nil without EMA
	drop    *dropout // nil without Dropout
}

func newFitter(net *nn.Net, b Batcher, cfg FitConfig) *fitter {
	f := &fitter{net: net, cfg: cfg, values: values(net), validation: math.NaN(), bestLoss: math.NaN()}
	for _, p := range net.Params() {
		f.params = append(f.params, p.Data)
		f.grads = append(f.grads, make([]float32, len(p.Data)))
	}
	f.adam = NewAdam(f.params)
	f.adam.Decay = cfg.Decay
	f.crew = newCrew(net, b, &f.cfg)
	if cfg.EMA > 0 {
		f.average = newAverage(net, cfg.EMA)
	}
	if cfg.Dropout > 0 {
		f.drop = newDropout(net, cfg.Dropout, cfg.Seed)
	}
	return f
}

func (f *fitter) update() {
	if f.drop != nil {
		f.drop.apply(f.step, f.params)
		f.net.Pack()
	}
	f.loss = f.crew.run(f.step, f.grads)
	if f.drop != nil {
		f.drop.undo(f.params, f.grads)
	}
	if f.cfg.Penalty != nil {
		f.cfg.Penalty(f.params, f.grads)
	}
	f.norm = clip(f.grads, f.cfg.Clip)
	var beta1 float64
	f.rate, beta1 = f.cfg.Schedule.At(f.step)
	f.adam.Step(f.params, f.grads, f.rate, beta1)
	f.net.Pack()
	if f.average != nil {
		f.average.add(f.step, f.values)
	}
	if f.step == 0 {
		f.mean = f.loss
	}
	f.mean += .02 * (f.loss - f.mean)
	f.step++
}

// judge validates, if that is asked for.
func (f *fitter) judge() {
	if f.cfg.Validate == nil {
		return
	}
	net, all := f.net, f.values
	if f.average != nil {
		net, all = f.average.net(), f.average.sum
	}
	f.validation = f.cfg.Validate(net)
	// NaN compares false both ways: a first value counts, a broken one doesn't.
	if math.IsNaN(f.validation) || f.validation >= f.bestLoss {
		f.bad++
		f.stopped = f.cfg.Patience > 0 && f.bad >= f.cfg.Patience
		return
	}
	f.bestLoss, f.bestAt, f.bad = f.validation, f.step, 0
	if f.best == nil {
		f.best = cloneAll(all)
	}
	for i, v := range all {
		copy(f.best[i], v)
	}
}

// finish leaves the best weights in the net, or the averaged ones.
func (f *fitter) finish() {
	end := f.best
	if end == nil && f.average != nil {
		end = f.average.sum
	}
	if end == nil {
		return
	}
	for i, v := range f.values {
		copy(v, end[i])
	}
	f.net.Pack()
}

func (f *fitter) progress() Progress {
	return Progress{Step: f.step, Steps: f.cfg.Steps, Loss: f.loss, Norm: f.norm, Rate: f.rate,
		Validation: f.validation, Best: f.bestLoss}
}

func (f *fitter) report() FitReport {
	return FitReport{Steps: f.step, Loss: f.mean, Best: f.bestLoss, BestAt: f.bestAt, Stopped: f.stopped}
}

package bench

import (
	"context"
	"errors"
	"fmt"

	"github.com/quell-stream/quell/model/nn"
	"github.com/quell-stream/quell/model/train"
)

// Train is training: an operation is one step of train.Fit over batch windows
// of noise (forward, squared error, backward, Adam). Its FLOPs are three times
// those of the forward pass. The network itself is left as it is.
func Train(name string, net *nn.Net, batch, workers int) Case {
	s := net.Spec()
	workers = min(workers, batch)
	return Case{
		Name: name, Units: []Unit{{"steps", 1}, {"windows", float64(batch)}}, Workers: workers,
		FLOPs: 3 * 2 * MACs(s, window(s)) * float64(batch),
		Make:  func() (Op, error) { return newStepper(net.Clone(), batch, workers), nil },
	}
}

// stepper runs train.Fit and stops it between two steps, by not returning from
// its report of progress.
type stepper struct {
	grant  chan int // how many steps to take
	done   chan struct{}
	ended  chan struct{}
	cancel context.CancelCauseFunc
	left   int
}

var errEnough = errors.New("bench: enough steps")

func newStepper(net *nn.Net, batch, workers int) *stepper {
	ctx, cancel := context.WithCancelCause(context.Background())
	s := &stepper{grant: make(chan int), done: make(chan struct{}), ended: make(chan struct{}), cancel: cancel}
	go func() {
		defer close(s.ended)
		s.wait(ctx)
		if ctx.Err() != nil {
			return
		}
		_, err := train.Fit(ctx, net, newWindows(net.Spec(), batch), train.FitConfig{
			Steps: 1 << 30, Batch: batch, Workers: workers, Cycle: train.OneCycle{Peak: 1e-4},
			Progress: func(train.Progress) {
				if s.left--; s.left == 0 {
					s.done <- struct{}{}
					s.wait(ctx)
				}
			},
		})
		if !errors.Is(err, errEnough) {
			panic(fmt.Sprint("bench: training ended by itself: ", err))
		}
	}()
	return s
}

func (s *stepper) wait(ctx context.Context) {
	select {
	case s.left = <-s.grant:
	case <-ctx.Done():
	}
}

// Run takes n steps, n > 0.
func (s *stepper) Run(n int) {
	s.grant <- n
	<-s.done
}

// Close ends the training and waits for its goroutines.
func (s *stepper) Close() {
	s.cancel(errEnough)
	<-s.ended
}

// windows is a batch that is the same at each step.
type windows []train.Example

func newWindows(s nn.Spec, batch int) windows {
	t := window(s)
	n := s.OutLen(t) * s.OutChannels()
	w := make(windows, batch)
	for i := range w {
		w[i] = train.Example{X: noise(t*s.In, uint64(100+i)), Y: noise(n, uint64(200+i)), W: make([]float32, n)}
		for j := range w[i].W {
			w[i].W[j] = 1
		}
	}
	return w
}

// Example implements train.Batcher. What it lends is only read.
func (w windows) Example(e *train.Example, _, i int) { *e = w[i] }

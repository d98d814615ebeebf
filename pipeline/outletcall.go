package pipeline

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/quell-stream/quell/sink"
)

// heedFor is how long a write may take to come back once its context has ended.
const heedFor = time.Second

// errLeft is the error of a write that does not come back, such as one to a file on a
// server that is away or to a pipe that nobody reads.
var errLeft = errors.New("a write does not end when it is told to")

// call has the sink write. A write that does not heed the end of its context is left
// behind: its items count as not written, what they are in is not used again before it
// comes back, and until then nothing else is written. patience is that of the attempt.
func (o *outlet) call(ctx context.Context, items []sink.Item, patience time.Duration) error {
	if o.late != nil {
		select {
		case <-o.late:
			o.late = nil
		case <-ctx.Done():
			return errLeft
		}
	}
	done := make(chan error, 1)
	go func() { done <- o.cfg.Sink.Write(ctx, items) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	heed := time.NewTimer(heedFor)
	defer heed.Stop()
	select {
	case err := <-done:
		return err
	case <-heed.C:
	}
	var held []*batch
	if patience != fromSpool && len(items) > 0 { // else they are the spool's
		held, o.left = slices.Clone(o.writing), true
		for _, b := range held {
			b.held.Add(1)
		}
	}
	late := make(chan struct{})
	go func() {
		<-done
		for _, b := range held {
			b.release()
		}
		close(late)
	}()
	o.late = late
	return errLeft
}

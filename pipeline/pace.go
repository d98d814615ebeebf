package pipeline

import (
	"context"
	"time"
)

// A checkpoint holds the worker up while it writes the states of all series that had
// samples to memory. Many series that each send once a second are all in every
// checkpoint, so that with a fixed time between checkpoints the worker would do little
// else, and one message in a hundred would wait for it. The time between them therefore
// grows with what they cost, within bounds: how much is computed again after a kill
// depends on it, and no value does.
const (
	pointShare = 200     // of the worker's time, one part may go into checkpoints
	mostPauses = 10      // the longest time between two, in times the shortest
	mostOpen   = 1 << 17 // deliveries that may wait for one
	// mostHeld is how many deliveries may wait while a checkpoint is under way, each for
	// some 50 bytes: a disk that is full or hangs must not have them grow for ever.
	mostHeld = 4 * mostOpen
)

// pointDue says whether it is time for a checkpoint.
func (w *worker) pointDue(now time.Time) bool {
	least := w.rest()
	pause := max(least, min(pointShare*w.pointCost, mostPauses*w.cfg.Checkpoint))
	if len(w.open) >= mostOpen {
		pause = least
	}
	return now.Sub(w.lastPoint) >= pause
}

// input returns where chunks come from, unless too many deliveries wait for a checkpoint that is
// under way, and what is ready when that matters no more, since the worker is to stop.
func (w *worker) input(ctx context.Context, chunks <-chan *chunk) (in <-chan *chunk, gone <-chan struct{}) {
	if len(w.open) < mostHeld || !w.com.busy() || ctx.Err() != nil {
		return chunks, nil
	}
	return nil, ctx.Done()
}

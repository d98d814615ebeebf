package pipeline

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/quell-stream/quell/ingest"
)

// chunk is what the reader collected while the worker was busy: its batch size
// follows the load, and nothing waits for a batch to fill.
type chunk struct {
	deliveries []ingest.Delivery
	samples    []ingest.Sample
	err        error
}

// What bounds a chunk: deliveries, and bytes of payloads beside the last one's. A stream
// that has fallen behind is worked on in chunks of this size. They are large since the
// samples of one series in a chunk are computed in one go: what a series keeps comes into
// the cache once for all of them, and the net takes several columns at a time.
const (
	maxChunk      = 4096
	maxChunkBytes = 4 << 20
)

// read fills chunks while the worker is busy with the one before. It ends after
// the source's first error, which a cancel is too, or when quit is closed.
func read(ctx context.Context, src ingest.Source, out, free chan *chunk, quit <-chan struct{}) {
	defer close(out)
	// With something in hand, only what is ready now is worth taking.
	poll, cancel := context.WithDeadline(ctx, time.Unix(0, 0))
	defer cancel()
	// A source gives what it has even when its context is over, and a file has something
	// up to its end: of what is ready after a cancel one chunk is taken.
	over := false
	for {
		var c *chunk
		select {
		case c = <-free:
		case <-quit:
			return
		}
		c.deliveries, c.samples, c.err = c.deliveries[:0], c.samples[:0], nil
		if err := ctx.Err(); err != nil {
			if over {
				c.err = err
			}
			over = true
		}
		for bytes := 0; c.err == nil && len(c.deliveries) < maxChunk && bytes < maxChunkBytes; {
			when := ctx
			if len(c.deliveries) > 0 {
				when = poll
			}
			d, err := src.Next(when)
			if err != nil {
				if when == poll && ctx.Err() == nil && !errors.Is(err, io.EOF) && errors.Is(err, context.DeadlineExceeded) {
					break
				}
				c.err = err
				break
			}
			from := len(c.samples)
			bytes += len(d.Payload)
			c.samples = append(c.samples, d.Samples...)
			d.Samples = c.samples[from:len(c.samples):len(c.samples)]
			c.deliveries = append(c.deliveries, d)
			if d.Assignment != nil {
				break // it needs an answer before anything else comes
			}
		}
		last := c.err != nil
		// Even after a cancel what was read is handed over: the worker decides.
		select {
		case out <- c:
		case <-quit:
			return
		}
		if last {
			return
		}
	}
}

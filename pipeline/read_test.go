package pipeline

import (
	"context"
	"errors"
	"testing"

	"github.com/quell-stream/quell/ingest"
)

// endless is a source that always has something, whatever its context.
type endless struct {
	ingest.Source
	given int
}

func (s *endless) Next(context.Context) (ingest.Delivery, error) {
	s.given++
	return ingest.Delivery{}, nil
}

// TestReadEnds: after a cancel a source that has more and more ready is read for one chunk
// at most, and none of that is dropped.
func TestReadEnds(t *testing.T) {
	src := &endless{}
	ctx, cancel := context.WithCancel(t.Context())
	out, free := make(chan *chunk), make(chan *chunk, 1)
	go read(ctx, src, out, free, nil)
	free <- &chunk{}
	c := <-out
	got := len(c.deliveries)
	if got != maxChunk || c.err != nil {
		t.Fatalf("%d deliveries, %v", got, c.err)
	}
	cancel()
	for c.err == nil {
		free <- c
		c = <-out
		got += len(c.deliveries)
	}
	if _, more := <-out; more || !errors.Is(c.err, context.Canceled) {
		t.Errorf("it ended with %v, more to come: %v", c.err, more)
	}
	if got != src.given || got > 2*maxChunk {
		t.Errorf("%d deliveries of %d that the source gave were handed over, want %d at most", got, src.given, 2*maxChunk)
	}
}

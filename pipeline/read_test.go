package pipeline

import (
	"context"
	"testing"

	"github.com/quell-stream/quell/ingest"
)

// fat is a source whose messages are large, and always there.
type fat struct {
	ingest.Source
	payload []byte
}

func (f *fat) Next(context.Context) (ingest.Delivery, error) {
	return ingest.Delivery{Message: ingest.Message{Payload: f.payload}}, nil
}

// TestChunkIsBoundedInBytes: messages that can't be read stay in memory whole until
// their dead letters are written, so that their number alone bounds nothing.
func TestChunkIsBoundedInBytes(t *testing.T) {
	for _, size := range []int{100, 1 << 20, 8 << 20} {
		chunks, free, quit := make(chan *chunk), make(chan *chunk, 1), make(chan struct{})
		free <- new(chunk)
		ctx, cancel := context.WithCancel(t.Context())
		go read(ctx, &fat{payload: make([]byte, size)}, chunks, free, quit)
		c := <-chunks
		n := len(c.deliveries)
		if want := min(maxChunk, max(1, maxChunkBytes/size)); n != want {
			t.Errorf("%d messages of %d bytes in a chunk, want %d", n, size, want)
		}
		cancel()
		close(quit)
		for range chunks { // until the reader has ended
		}
	}
}

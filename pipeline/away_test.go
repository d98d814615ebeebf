package pipeline

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/quell-stream/quell/sink"
)

// TestOptionalSinkAway: an optional sink that never comes back does not hold up the
// end, which is one without an error.
func TestOptionalSinkAway(t *testing.T) {
	src := &memSource{log: disorder(300), finished: map[int64]bool{}}
	p := testPipeline(t, t.TempDir(), src, newSink(1), newSink(2))
	p.cfg.Drain = 50 * time.Millisecond
	away := &lost{memSink: newSink(3)}
	p.outlets[0].cfg.Required, p.outlets[0].cfg.Sink = false, away
	ended := make(chan error, 1)
	go func() { ended <- p.Run(t.Context()) }()
	select {
	case err := <-ended:
		if err != nil || len(src.finished) != len(src.log) {
			t.Errorf("%v, %d of %d deliveries are finished", err, len(src.finished), len(src.log))
		}
	case <-time.After(time.Minute):
		t.Fatal("it does not end")
	}
}

// lost is there when it is asked, and refuses all it is given.
type lost struct{ *memSink }

func (*lost) Write(_ context.Context, items []sink.Item) error {
	if len(items) == 0 {
		return nil
	}
	return errors.New("connection refused")
}

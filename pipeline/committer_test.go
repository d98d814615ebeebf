package pipeline

import (
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/quell-stream/quell/pipeline/state"
)

// TestOneCheckpointAtATime: while a checkpoint waits for its sinks no other one is to
// be taken, since each holds the states of all series that changed.
func TestOneCheckpointAtATime(t *testing.T) {
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	store, _, err := state.Open(t.TempDir(), log)
	if err != nil {
		t.Fatal(err)
	}
	c := newCommitter(store, log, prometheus.NewCounter(prometheus.CounterOpts{Name: "n"}))
	c.start(t.Context())
	if c.busy() {
		t.Fatal("busy with nothing")
	}
	if err := c.put(t.Context(), &point{after: 1, full: true}, false); err != nil {
		t.Fatal(err)
	}
	for len(c.queue) > 0 { // until it has been taken, and waits for batch 1
		time.Sleep(time.Millisecond)
	}
	if !c.busy() {
		t.Error("a checkpoint waits, and another one may be taken")
	}
	c.durable(1)
	for deadline := time.Now().Add(10 * time.Second); c.busy(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the checkpoint is not done with after 10 s")
		}
	}
	if err := c.close(); err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
}

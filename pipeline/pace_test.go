package pipeline

import (
	"testing"
	"time"

	"github.com/quell-stream/quell/ingest"
)

func TestPointDue(t *testing.T) {
	start := time.Unix(1000, 0)
	for _, c := range []struct {
		cost  time.Duration
		open  int
		after time.Duration
		want  bool
	}{
		{0, 1, 999 * time.Millisecond, false},
		{0, 1, time.Second, true},
		{time.Millisecond, 1, time.Second, true},
		{20 * time.Millisecond, 1, 3900 * time.Millisecond, false},
		{20 * time.Millisecond, 1, 4 * time.Second, true},
		{time.Second, 1, 9 * time.Second, false},
		{time.Second, 1, 10 * time.Second, true}, // the longest there is
		{time.Second, mostOpen, time.Second, true},
		{time.Second, mostOpen, 999 * time.Millisecond, false},
	} {
		w := &worker{cfg: StreamConfig{Checkpoint: time.Second}, lastPoint: start, pointCost: c.cost, open: make([]ingest.Ack, c.open)}
		if got := w.pointDue(start.Add(c.after)); got != c.want {
			t.Errorf("%s after a checkpoint that cost %s, with %d deliveries open: due %v", c.after, c.cost, c.open, got)
		}
	}
}

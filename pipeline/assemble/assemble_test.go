package assemble

import (
	"testing"
	"time"

	"github.com/quell-stream/quell/pipeline/config"
)

// TestWindowAsTheFileSays: a lateness of zero is none rather than the default, and
// allowed_lateness counts with late: revise only.
func TestWindowAsTheFileSays(t *testing.T) {
	for _, c := range []struct {
		in      config.Window
		late    time.Duration
		allowed time.Duration
	}{
		{config.Window{Late: "drop", AllowedLateness: time.Minute}, 1, 0},
		{config.Window{Late: "revise", Lateness: time.Second, AllowedLateness: time.Minute}, time.Second, time.Minute},
	} {
		w := windowOf(&config.Stream{Window: c.in}).Defaults()
		if w.Lateness != c.late || w.AllowedLateness != c.allowed {
			t.Errorf("%+v: lateness %v, allowed %v; want %v and %v", c.in, w.Lateness, w.AllowedLateness, c.late, c.allowed)
		}
	}
}

package assemble_test

import (
	"testing"

	"github.com/quell-stream/quell/model/replay"
	"github.com/quell-stream/quell/pipeline/adapt"
	"github.com/quell-stream/quell/pipeline/config"
)

// TestReplayBytesAreCheckedAlike: what a check of the configuration passes is what a
// run takes.
func TestReplayBytesAreCheckedAlike(t *testing.T) {
	c := adapt.Config{}.Defaults()
	if c.Window != config.ReplayWindow {
		t.Fatalf("adapt has windows of %d slots, config checks for %d", c.Window, config.ReplayWindow)
	}
	for _, channels := range []int{1, 3, 40} {
		for _, less := range []int{0, 1} {
			c := adapt.Config{Mode: adapt.Auto, Channels: channels, ReplayBytes: replay.LeastBytes(config.ReplayWindow, channels) - less}
			a, err := adapt.New(c)
			if (err != nil) != (less > 0) {
				t.Errorf("%d channels, %d bytes less: %v", channels, less, err)
			}
			if err == nil {
				if err := a.Close(); err != nil {
					t.Error(err)
				}
			}
		}
	}
}

package state

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestPace: who writes pauses as long as it worked, but not for little, and not for long
// where it was kept from working itself.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p Pace
		p.Rest()
		for _, c := range []struct{ worked, paused time.Duration }{
			{spell - 1, 0}, {1, spell}, {spell + 5, spell + 5}, {time.Second, 3 * spell}, {spell / 2, 0},
		} {
			time.Sleep(c.worked)
			begun := time.Now()
			if p.Rest(); time.Since(begun) != c.paused {
				t.Errorf("after %s it pauses %s, want %s", c.worked, time.Since(begun), c.paused)
			}
		}
	})
}

package main

import (
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

func TestPercentFor(t *testing.T) {
	for live, want := range map[uint64]int{0: 400, 1 << 20: 400, 16 << 20: 200, 64 << 20: 50, 1 << 30: 25, 1 << 40: 25} {
		for halved := range mostHalved + 1 {
			if got := percentFor(live, halved); got != want>>halved {
				t.Errorf("%d bytes, halved %d times: %d %%, want %d", live, halved, got, want>>halved)
			}
		}
	}
}

// TestHalve: collections that cost next to nothing come more often, dear ones less often.
func TestHalve(t *testing.T) {
	for _, c := range []struct {
		halved, want int
		share        float64
	}{
		{0, 1, .001}, {1, 2, .009}, {2, 2, .001}, {1, 1, .015}, {2, 1, .03}, {1, 0, .5}, {0, 0, .5},
	} {
		if got := halve(c.halved, 7*c.share, 7); got != c.want {
			t.Errorf("halved %d times, at %g of the processors: %d times, want %d", c.halved, c.share, got, c.want)
		}
	}
	if got := halve(1, 0, 0); got != 1 {
		t.Errorf("where nothing is known: halved %d times, want as before", got)
	}
}

// TestTidy: each collection says when the next one is due, until the end.
func TestTidy(t *testing.T) {
	t.Setenv("GOGC", "")
	was := debug.SetGCPercent(100)
	defer debug.SetGCPercent(was)
	percent := func() int {
		p := debug.SetGCPercent(100)
		debug.SetGCPercent(p)
		return p
	}
	end := tidy()
	room := make([]byte, 256<<20) // in use
	for deadline := time.Now().Add(10 * time.Second); percent() > leastPercent && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		runtime.GC()
	}
	if got := percent(); got > leastPercent || got < leastPercent>>mostHalved {
		t.Errorf("with 256 MiB in use the heap may grow by %d %%, want %d or what is left when that is halved", got, leastPercent)
	}
	runtime.KeepAlive(room)
	end()
	if got := percent(); got != 100 {
		t.Errorf("afterwards %d %%, want 100", got)
	}
	t.Setenv("GOGC", "70")
	tidy()()
	if got := percent(); got != 100 {
		t.Errorf("with GOGC set: %d %%, want it untouched", got)
	}
}

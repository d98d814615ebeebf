package main

import (
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

func TestPercentFor(t *testing.T) {
	for live, want := range map[uint64]int{0: 400, 1 << 20: 400, 16 << 20: 200, 64 << 20: 50, 1 << 30: 25, 1 << 40: 25} {
		if got := percentFor(live); got != want {
			t.Errorf("%d bytes: %d %%, want %d", live, got, want)
		}
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
	for deadline := time.Now().Add(10 * time.Second); percent() != leastPercent && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		runtime.GC()
	}
	if got := percent(); got != leastPercent {
		t.Errorf("with 256 MiB in use the heap may grow by %d %%, want %d", got, leastPercent)
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

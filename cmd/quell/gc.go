package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
)

// The heap of a running pipeline may grow between two collections by leastRoom, or by
// leastPercent of what is in use if that is more. Go's default is as much again as is
// in use: with ten thousand series half a gigabyte that nobody uses. Nearly all of it
// are numbers, which the collector need not look through, and in steady state hardly
// any garbage is made, so that collecting more often costs little; of a small heap it
// would cost much, hence the room in bytes.
const (
	leastRoom    = 32 << 20
	leastPercent = 25
	mostPercent  = 400
)

// tidy has the collector keep the heap small until end is called, unless GOGC says
// otherwise.
func tidy() (end func()) {
	if os.Getenv("GOGC") != "" {
		return func() {}
	}
	k := new(keeper)
	before := debug.SetGCPercent(mostPercent)
	k.watch()
	return func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.ended = true
		debug.SetGCPercent(before)
	}
}

// keeper sets after each collection when the next one is due.
type keeper struct {
	mu    sync.Mutex
	ended bool
}

func (k *keeper) watch() {
	// What nobody refers to is cleaned up after by the next collection.
	runtime.AddCleanup(new(token), (*keeper).collected, k)
}

func (k *keeper) collected() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.ended {
		debug.SetGCPercent(percentFor(liveBytes()))
		k.watch()
	}
}

// token is what a collection finds unused. It has a pointer: a smaller thing might
// share its memory with others that are in use.
type token struct{ _ *token }

func liveBytes() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(s)
	if s[0].Value.Kind() != metrics.KindUint64 {
		return 0
	}
	return s[0].Value.Uint64()
}

// percentFor returns by how much a heap of so many bytes may grow.
func percentFor(live uint64) int {
	return int(min(max(leastPercent, 100*leastRoom/max(live, 1)), mostPercent))
}

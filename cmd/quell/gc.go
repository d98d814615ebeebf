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
// would cost much, hence the room in bytes. Where collections take less than cheap of the
// processors the room is halved, twice at most, and where they take more than dear, as in
// a burst, it is doubled again.
const (
	leastRoom    = 32 << 20
	leastPercent = 25
	mostPercent  = 400

	cheap, dear = .01, .02
	mostHalved  = 2
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
	mu     sync.Mutex
	ended  bool
	halved int     // how often the room is
	spent  float64 // processor time on collections up to the latest one, s
	had    float64 // and what there was of it, s
}

func (k *keeper) watch() {
	// What nobody refers to is cleaned up after by the next collection.
	runtime.AddCleanup(new(token), (*keeper).collected, k)
}

func (k *keeper) collected() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.ended {
		live, spent, had := collections()
		k.halved = halve(k.halved, spent-k.spent, had-k.had)
		k.spent, k.had = spent, had
		debug.SetGCPercent(percentFor(live, k.halved))
		k.watch()
	}
}

// halve returns how often the room is to be halved that was halved so often, where
// collections took some of the processor time that there was, both since the one before.
func halve(halved int, spent, had float64) int {
	switch {
	case spent > dear*had:
		return max(halved-1, 0)
	case spent < cheap*had:
		return min(halved+1, mostHalved)
	}
	return halved
}

// token is what a collection finds unused. It has a pointer: a smaller thing might
// share its memory with others that are in use.
type token struct{ _ *token }

// collections returns the bytes in use as of the latest collection, the processor time
// that collections took until then, but for what nobody else wanted, and all that there
// was, in seconds.
func collections() (live uint64, spent, had float64) {
	s := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/cpu/classes/gc/total:cpu-seconds"},
		{Name: "/cpu/classes/gc/mark/idle:cpu-seconds"}, {Name: "/cpu/classes/total:cpu-seconds"}}
	metrics.Read(s)
	for i := range s {
		if s[i].Value.Kind() == metrics.KindBad { // Go has dropped it
			return 0, 0, 0
		}
	}
	return s[0].Value.Uint64(), s[1].Value.Float64() - s[2].Value.Float64(), s[3].Value.Float64()
}

// percentFor returns by how much a heap of so many bytes may grow.
func percentFor(live uint64, halved int) int {
	return int(min(max(leastPercent, 100*leastRoom/max(live, 1)), mostPercent)) >> halved
}

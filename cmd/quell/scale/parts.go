package scale

import (
	"cmp"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
)

// owners says whose memory it is that a function has asked for, by a part of its name: the
// first of them that is among those that were being called counts.
var owners = [...]struct{ function, owner string }{
	{"pipeline.(*laneGuard).ready", "second run of the net"},
	{"pipeline.(*laneGuard).push", "second run of the net"},
	{"model/nonlocal.", "earlier cycles"},
	{"guard.(*mixer).", "guard: what is mixed in"},
	{"guard.newReadings", "guard: readings"},
	{"guard.(*readings).", "guard: readings"},
	{"noise.NewColour", "colour"},
	{"guard.(*Colour).", "colour"},
	{"guard.NewColour", "colour"},
	{"guard.(*channel).", "guard: filters"},
	{"model/guard.", "guard: the rest"},
	{"drift/monitor.", "monitor"},
	{"drift.", "monitor"},
	{"pipeline.(*watch).", "monitor"},
	{"pipeline.newWatch", "monitor"},
	{"pipeline.(*history).", "history of the input"},
	{"pipeline.(*queue).", "grid, scale, what waits"},
	{"quell/window.", "grid, scale, what waits"},
	{"model/nn.", "context of the net"},
}

// rest is whose memory is that no other owner has.
const rest = "the rest"

// partsOf tells in words what each owner has of the memory of so many series more than
// it had, in KiB a series, the largest first.
func partsOf(has, had map[string]int64, series int) string {
	kib := func(owner string) float64 { return float64(has[owner]-had[owner]) / float64(series) / 1024 }
	names := slices.SortedFunc(maps.Keys(has), func(a, b string) int {
		return cmp.Or(cmp.Compare(kib(b), kib(a)), cmp.Compare(a, b))
	})
	var words []string
	for _, name := range names {
		if v := kib(name); v >= .1 {
			words = append(words, fmt.Sprintf("%s %.1f", name, v))
		}
	}
	return strings.Join(words, ", ")
}

// exact has the heap's profile count every allocation until restore is called.
func exact() (restore func()) {
	was := runtime.MemProfileRate
	runtime.MemProfileRate = 1
	for range 16 { // it takes hold with the next sample at the rate before
		runtime.KeepAlive(make([]byte, 1<<20)) // too large for a stack
	}
	return func() { runtime.MemProfileRate = was }
}

// owned returns the bytes in use by owner, as of the latest collection.
func owned() map[string]int64 {
	records := make([]runtime.MemProfileRecord, 1024)
	for {
		n, ok := runtime.MemProfile(records, false)
		if ok {
			records = records[:n]
			break
		}
		records = make([]runtime.MemProfileRecord, 2*n)
	}
	out := make(map[string]int64)
	for i := range records {
		out[ownerOf(records[i].Stack())] += records[i].InUseBytes()
	}
	return out
}

// ownerOf returns the owner of what was made with a stack.
func ownerOf(stack []uintptr) string {
	var names []string
	for frames := runtime.CallersFrames(stack); ; {
		f, more := frames.Next()
		names = append(names, f.Function)
		if !more {
			break
		}
	}
	for _, o := range owners {
		for _, name := range names {
			if strings.Contains(name, o.function) {
				return o.owner
			}
		}
	}
	return rest
}

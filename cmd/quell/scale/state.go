package scale

import (
	"context"
	"fmt"
	"runtime"

	"github.com/quell-stream/quell/drift/monitor"
	"github.com/quell-stream/quell/internal/scoreboard"
	"github.com/quell-stream/quell/model/train"
)

// The ages, in samples, at which a series is weighed: young, while its guard gathers
// evidence on every sample, and later, when it does on one in four.
var ages = [...]int{20, 600, 5000}

// state weighs series by what the heap grows by, and times them, at three ages.
func (o *Options) state(_ context.Context, so *scoreboard.Options) ([]scoreboard.Row, error) {
	series, at := 256, ages[:] // so many that what they share is hardly seen
	if so.Quick {
		series, at = 16, ages[:2]
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer exact()()
	r, err := newRig(series, false)
	if err != nil {
		return nil, err
	}
	defer r.eng.Close()
	before, had := heap(), owned() // the model is there once, however many series there are
	kib := func(n int64) float64 { return float64(n) / float64(series) / 1024 }
	var rows []scoreboard.Row
	for _, age := range at {
		if err := r.step(age - r.slot); err != nil {
			return nil, err
		}
		weight, has := kib(heap()-before), owned()
		micros, err := r.micros()
		if err != nil {
			return nil, err
		}
		rows = append(rows,
			scoreboard.Row{Name: fmt.Sprintf("memory per series of one channel after %d samples, KiB", age), Got: weight, Note: partsOf(has, had, series)},
			scoreboard.Row{Name: fmt.Sprintf("checkpoint per series of one channel after %d samples, KiB", age), Got: kib(r.eng.StateBytes())},
			scoreboard.Row{Name: fmt.Sprintf("engine after %d samples, µs of processor time a sample", age), Got: micros})
	}
	if !so.Quick {
		last := &rows[len(rows)-3]
		last.Anchor, last.Must, last.Aim = "context of 32 channels 31.5", scoreboard.AtMost(64), scoreboard.AtMost(40)
	}
	fit, err := sentinelMillis()
	return append(rows, scoreboard.Row{Name: "fit of a monitor's sentinel, ms of processor time", Got: fit, Note: "once per series, at its sample 1,024"}), err
}

// micros returns what a sample takes, the best of some slots.
func (r *rig) micros() (float64, error) {
	best := 1e12
	for range 16 {
		began := threadTime()
		if err := r.step(4); err != nil {
			return 0, err
		}
		best = min(best, (threadTime()-began).Seconds()*1e6/float64(4*len(r.names)))
	}
	return best, nil
}

// sentinelMillis times the fit of a sentinel on what a series of one channel has sent.
func sentinelMillis() (float64, error) {
	const slots, windowSlots, hop = 1024, 32, 8 // see pipeline.EngineConfig.SentinelSlots and pipeline/watch.go
	r, err := newRig(1, true)
	if err != nil {
		return 0, err
	}
	defer r.eng.Close()
	raw := make([]float64, slots)
	for k := range raw {
		raw[k] = r.fleet.Value(0, k)
	}
	mean, dev := monitor.Scaling(raw, 1)
	windows := monitor.Windows(raw, mean, dev, windowSlots, hop)
	best := 1e12
	for seed := range uint64(5) {
		began := threadTime()
		if _, err := train.Sentinel(windows, 1, seed); err != nil {
			return 0, err
		}
		best = min(best, (threadTime()-began).Seconds()*1e3)
	}
	return best, nil
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

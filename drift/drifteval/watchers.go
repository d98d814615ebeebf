package drifteval

import (
	"math"
	"slices"

	"github.com/quell-stream/quell/drift"
	"github.com/quell-stream/quell/drift/monitor"
)

// watcher is a detector as the studies run it.
type watcher struct {
	name string
	// own is set for Quell's own detector, which bounds are asked of.
	own bool
	// make returns a detector that has learnt nothing yet, and how many values it
	// learns from.
	make func(s *stream, seed uint64) (d drift.Detector, learns int)
}

// asked is the rate of false alarms that the studies ask for.
const asked = monitor.Rate(1e-6)

func monitored() watcher {
	return watcher{"monitor", true, func(s *stream, seed uint64) (drift.Detector, int) {
		n := s.calibration()
		return monitor.NewDetector(asked, n, seed), n
	}}
}

// classic is a detector of package drift with its defaults. It sees what it is
// given about the mean and in units of the deviation, the truth that a user would
// have to estimate.
func classic(name string) watcher {
	return watcher{name, false, func(*stream, uint64) (drift.Detector, int) {
		d, err := drift.New(name, nil)
		if err != nil { // the names are the package's own
			panic("drifteval: " + err.Error())
		}
		return d, 0
	}}
}

// anchors are what the monitor's detector is compared with in the same run.
func anchors() []watcher { return []watcher{classic("ADWIN"), classic("PageHinkley")} }

// quantile returns the q-quantile of whole delays, +Inf where it was not reached;
// missed ones count as infinite. It sorts x.
func quantile(x []int, missed int, q float64) float64 {
	slices.Sort(x)
	n := len(x) + missed
	if n == 0 {
		return math.NaN()
	}
	k := max(int(math.Ceil(q*float64(n))), 1) - 1
	if k >= len(x) {
		return math.Inf(1)
	}
	return float64(x[k])
}

package pipeline

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/quell-stream/quell/window"
)

// TestFateCounters: the counters go on from what a state holds, and neither fall nor jump
// where a partition goes and comes back; what waits is a gauge.
func TestFateCounters(t *testing.T) {
	m := NewMetrics(prometheus.NewRegistry())
	f := func(raw, pending int64) (f window.Fates) {
		f[window.Raw], f[window.Pending] = raw, pending
		return f
	}
	want := func(when string, raw, pending float64) {
		t.Helper()
		if got := number(m.samples.WithLabelValues("s", "raw")); got != raw {
			t.Errorf("%s: %g raw, want %g", when, got, raw)
		}
		if got := number(m.pending.WithLabelValues("s")); got != pending {
			t.Errorf("%s: %g pending, want %g", when, got, pending)
		}
	}
	m.ended("s", f(5, 0))
	want("before a state is restored", 0, 0)
	m.held("s", f(1000, 3))
	want("restored", 1000, 3)
	m.ended("s", f(1010, 2))
	want("worked", 1010, 2)
	m.held("s", f(10, 1)) // a partition went
	want("given up", 1010, 1)
	m.ended("s", f(15, 0))
	want("worked on the rest", 1015, 0)
	m.held("s", f(1015, 4)) // it came back
	want("came back", 1015, 4)
	m.ended("s", f(1016, 0))
	want("worked on both", 1016, 0)
	m.forgetStream("s")
	m.held("s", f(2, 0))
	want("begun anew under the same name", 2, 0)
}

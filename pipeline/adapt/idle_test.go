package adapt

import (
	"slices"
	"testing"

	"github.com/quell-stream/quell/pipeline"
)

// With Idle after each push what a run decides comes at the same slot each time,
// and all of it before Idle returns.
func TestIdle(t *testing.T) {
	m := general(t)
	var runs [2][]string
	for i := range runs {
		a := open(t, Config{Model: m, Steps: 5, CPUShare: 1})
		s := newSensor(a, "x", 1)
		s.feed(20*256, slow, "normal")
		a.Idle(func(pipeline.Decision) { t.Error("a decision without a drift") })
		for range 20 {
			s.feed(256, pulses, "regime")
			a.Idle(func(d pipeline.Decision) {
				what := "switch"
				if d.Event != nil {
					what = d.Event.Kind + d.Event.Why
				}
				runs[i] = append(runs[i], what)
			})
		}
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
		a.Idle(func(pipeline.Decision) { t.Error("a decision after Close") })
	}
	if len(runs[0]) < 2 || !slices.Equal(runs[0], runs[1]) {
		t.Errorf("decisions %q and %q", runs[0], runs[1])
	}
}

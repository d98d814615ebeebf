package adapt

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

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

// In step the verdicts are the same whether slots come in one go or by twenty, for
// fine-tunes and for the bank, and no decision waits for a reader.
func TestInStep(t *testing.T) {
	knowsSlow, knowsPulses := trained(t, "slow", 150, slow), trained(t, "pulses", 150, pulses)
	poor := func(i int) float64 { return 30 + 3*math.Sin(float64(i)/3) }
	run := func(by int) []string {
		a := open(t, Config{Model: knowsSlow, Steps: 40, CPUShare: 1, Seed: 5, InStep: true, Cooldown: 256})
		defer a.Close()
		s := newSensor(a, "x", 1)
		var said []string
		feed := func(n int, x signal, state string) {
			for ; n > 0; n -= by {
				s.feed(min(by, n), x, state)
				a.Idle(func(d pipeline.Decision) {
					if d.Event != nil {
						said = append(said, d.Event.Kind+": "+d.Event.Why)
						return
					}
					said = append(said, d.Switch.Kind+": "+d.Switch.Why)
					a.Serving("x", d.Switch.Model)
				})
			}
		}
		feed(20*256+37, slow, "normal")
		keep(t, a, "x", knowsSlow, 0, slow)
		keep(t, a, "x", knowsPulses, 1, pulses)
		for range 2 {
			feed(120, pulses, "normal")
			feed(20*256, pulses, "regime")
			feed(120, slow, "normal")
			feed(5*256, slow, "regime")
			feed(256, slow, "normal")
			feed(40*256, poor, "noise")
			feed(20*256, slow, "normal")
		}
		return said
	}
	want := run(20)
	has := func(s string) bool {
		return slices.ContainsFunc(want, func(w string) bool { return strings.Contains(w, s) })
	}
	if !has("seen before is back") || !has("finetune.started") || !has("model.promoted: estimated error") {
		t.Errorf("too little is decided: %q", want)
	}
	if diff := cmp.Diff(want, run(1<<20)); diff != "" {
		t.Errorf("in one go: %s", diff)
	}
}

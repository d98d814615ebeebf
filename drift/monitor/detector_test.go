package monitor_test

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/quell-stream/quell/drift"
	"github.com/quell-stream/quell/drift/drifttest"
	"github.com/quell-stream/quell/drift/monitor"
)

func TestDetectorConformance(t *testing.T) {
	drifttest.Run(t, func() drift.Detector { return monitor.NewDetector(1e-5, 300, 7) })
}

func TestParseDetector(t *testing.T) {
	for _, params := range []map[string]string{nil, {"False_Alarms": "1/1e6"}, {"false_alarms": "1/day", "calibration": " 500 ", "Rate_Hz": "1"}} {
		if _, err := monitor.ParseDetector(params); err != nil {
			t.Errorf("%v: %v", params, err)
		}
	}
	for text, params := range map[string]map[string]string{
		"allowed are false_alarms, calibration, rate_hz": {"delta": "1"},
		"rate_hz must be":               {"rate_hz": "-1"},
		"needs the rate of the samples": {"false_alarms": "1/day"},
		"whole number":                  {"calibration": "many"},
		"100 to 16384":                  {"calibration": "7"},
		"must look like":                {"false_alarms": "often"},
	} {
		if _, err := monitor.ParseDetector(params); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%v: %v, want an error with %q", params, err, text)
		}
	}
}

// TestDetectorRestores cuts a run at many places, while it learns and beyond:
// what was restored goes on bit for bit, and keeps to its memory.
func TestDetectorRestores(t *testing.T) {
	for _, learns := range []int{500, 10_000} {
		r := rand.New(rand.NewPCG(5, uint64(learns)))
		next := func(i int) float64 {
			x := 1e6 + r.NormFloat64()
			if i > learns+500 {
				x += 2
			}
			return x
		}
		whole := monitor.NewDetector(1e-6, learns, 3)
		parts := monitor.NewDetector(1e-6, learns, 3)
		drifts := 0
		for i := range 2*learns + 2000 {
			x := next(i)
			if i%331 == 0 {
				snap := parts.AppendState(nil)
				if len(snap) > 32<<10 {
					t.Fatalf("learning from %d, value %d: the state takes %d bytes", learns, i, len(snap))
				}
				parts = monitor.NewDetector(0, 0, 0)
				if rest, err := parts.RestoreState(append(snap, 9)); err != nil || len(rest) != 1 {
					t.Fatalf("learning from %d, value %d: rest %v, %v", learns, i, rest, err)
				}
			}
			want := whole.Update(x)
			if got := parts.Update(x); got != want {
				t.Fatalf("learning from %d, value %d: restored %v, want %v", learns, i, got, want)
			}
			if want == drift.Drift {
				drifts++
			}
		}
		if drifts != 1 {
			t.Errorf("learning from %d: %d drifts, want 1", learns, drifts)
		}
		if !bytes.Equal(whole.AppendState(nil), parts.AppendState(nil)) {
			t.Errorf("learning from %d: other bytes in the end", learns)
		}
	}
}

package monitor_test

import (
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
	for _, params := range []map[string]string{nil, {"False_Alarms": "1/1e6"}, {"false_alarms": "1/day", "calibration": " 500 "}} {
		if _, err := monitor.ParseDetector(params, 1); err != nil {
			t.Errorf("%v: %v", params, err)
		}
	}
	for text, params := range map[string]map[string]string{
		"allowed are false_alarms, calibration": {"delta": "1"},
		"whole number":                          {"calibration": "many"},
		"100 to 4096":                           {"calibration": "7"},
		"must look like":                        {"false_alarms": "often"},
	} {
		if _, err := monitor.ParseDetector(params, 1); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%v: %v, want an error with %q", params, err, text)
		}
	}
}

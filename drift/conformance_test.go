package drift_test

import (
	"testing"

	"github.com/quell-stream/quell/drift"
	"github.com/quell-stream/quell/drift/drifttest"
)

func TestConformance(t *testing.T) {
	for _, c := range []struct {
		label, name string
		params      map[string]string
	}{
		{"ADWIN", "ADWIN", nil},
		{"ADWIN every update", "ADWIN", map[string]string{"clock": "1", "max_buckets": "3", "delta": "0.05"}},
		{"ADWIN smallest", "ADWIN", map[string]string{"max_buckets": "1", "min_window_length": "1", "grace_period": "0"}},
		{"PageHinkley", "PageHinkley", nil},
		{"PageHinkley up", "PageHinkley", map[string]string{"mode": "up", "threshold": "15", "delta": "0.1", "alpha": "1"}},
	} {
		t.Run(c.label, func(t *testing.T) {
			drifttest.Run(t, func() drift.Detector {
				d, err := drift.New(c.name, c.params)
				if err != nil {
					t.Fatal(err)
				}
				return d
			})
		})
	}
}

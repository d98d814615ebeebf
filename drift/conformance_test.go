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
		{"PageHinkleyNoMin", "PageHinkleyNoMin", nil},
		{"KSWIN", "KSWIN", nil},
		{"KSWIN from a set", "KSWIN", map[string]string{"window_size": "400", "stat_size": "20", "seed": "-7"}},
		{"CUSUM", "CUSUM", nil},
		{"CUSUM both", "CUSUM", map[string]string{"mode": "both", "delta": "0.5"}},
		{"GMA", "GMA", nil},
		{"GMA both", "GMA", map[string]string{"mode": "both", "alpha": "0.9", "lambda": "1.5"}},
		{"ECDD", "ECDD", map[string]string{"limit": "2"}},
		{"HDDM_A", "HDDM_A", map[string]string{"low": "-4", "high": "4"}},
		{"HDDM_A cut off", "HDDM_A", map[string]string{"two_sided_test": "true"}},
		{"HDDM_W", "HDDM_W", map[string]string{"low": "-4", "high": "4"}},
		{"HDDM_W two-sided", "HDDM_W", map[string]string{"low": "-4", "high": "4", "two_sided_test": "true", "lambda_val": "0.02"}},
		{"DDM", "DDM", map[string]string{"limit": "1"}},
		{"EDDM", "EDDM", map[string]string{"limit": "1"}},
		{"FHDDM", "FHDDM", map[string]string{"limit": "1"}},
		{"FHDDM stacked", "FHDDM", map[string]string{"limit": "1", "short_window_size": "25"}},
		{"BOCD", "BOCD", map[string]string{"max_runs": "64"}},
		{"BOCD restarting", "BOCD", map[string]string{"restart": "true", "max_runs": "20"}},
		{"LocalLevel", "LocalLevel", nil},
		{"LocalLevel soon", "LocalLevel", map[string]string{"calibration": "64", "window": "16", "open": "5", "close": "2"}},
		{"KS", "KS", map[string]string{"reference_size": "30", "window_size": "30", "clock": "15"}},
		{"KS unequal", "KS", map[string]string{"reference_size": "40", "window_size": "30"}},
		{"CVM", "CVM", map[string]string{"reference_size": "30", "window_size": "30", "clock": "15"}},
		{"AndersonDarling", "AndersonDarling", map[string]string{"reference_size": "30", "window_size": "30", "clock": "15"}},
		{"MannWhitney", "MannWhitney", map[string]string{"reference_size": "30", "window_size": "30", "clock": "15"}},
		{"Welch", "Welch", map[string]string{"reference_size": "30", "window_size": "30", "clock": "15"}},
		{"Kuiper", "Kuiper", map[string]string{"reference_size": "30", "window_size": "30", "clock": "15"}},
		{"Kuiper's own", "Kuiper", map[string]string{"reference_size": "30", "window_size": "30", "statistic": "kuiper", "clock": "1"}},
		{"MMD", "MMD", map[string]string{"reference_size": "30", "window_size": "30", "clock": "15"}},
		{"Energy", "Energy", map[string]string{"reference_size": "30", "window_size": "30", "clock": "15"}},
		{"EMD", "EMD", map[string]string{"reference_size": "30", "window_size": "30", "clock": "15"}},
		{"PSI", "PSI", map[string]string{"reference_size": "30", "window_size": "30", "clock": "15"}},
		{"PSI pooled", "PSI", map[string]string{"reference_size": "30", "window_size": "30", "clock": "15", "binning": "pooled", "num_bins": "5"}},
		{"JS", "JS", map[string]string{"reference_size": "30", "window_size": "30", "clock": "15"}},
		{"Hellinger", "Hellinger", map[string]string{"reference_size": "30", "window_size": "30", "clock": "15"}},
		{"Bhattacharyya", "Bhattacharyya", map[string]string{"reference_size": "30", "window_size": "30", "clock": "15", "binning": "quantile"}},
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

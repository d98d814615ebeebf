package drift

import (
	"fmt"
	"strings"
	"testing"
)

func ExampleNew() {
	d, err := New("pagehinkley", map[string]string{"threshold": "8", "mode": "up"})
	if err != nil {
		fmt.Println(err)
		return
	}
	for i := range 200 {
		x := float64(i%3) - 1 // mean 0
		if i >= 100 {
			x++ // mean 1
		}
		if d.Update(x) == Drift {
			fmt.Println("drift at", i)
			break
		}
	}
	// Output: drift at 104
}

func TestNewSaysWhatIsAllowed(t *testing.T) {
	for _, c := range []struct {
		name   string
		params map[string]string
		want   []string
	}{
		{"adwn", nil, []string{`"adwn"`, `did you mean "ADWIN"?`, "ADWIN, PageHinkley"}},
		{"nothing like it", nil, []string{"allowed are ADWIN, PageHinkley"}},
		{"ADWIN", map[string]string{"detla": "1"}, []string{`"detla"`, `did you mean "delta"?`, "delta, clock, max_buckets, min_window_length, grace_period"}},
		{"ADWIN", map[string]string{"delta": "x"}, []string{"ADWIN: delta must be a number", `"x"`}},
		{"ADWIN", map[string]string{"delta": "NaN"}, []string{"delta must lie between 0 and 1"}},
		{"ADWIN", map[string]string{"delta": "2"}, []string{"delta must lie between 0 and 1, got 2"}},
		{"ADWIN", map[string]string{"clock": "1.5"}, []string{"clock must be a whole number"}},
		{"ADWIN", map[string]string{"clock": "0"}, []string{"clock must be at least 1"}},
		{"ADWIN", map[string]string{"max_buckets": "0"}, []string{"max_buckets"}},
		{"ADWIN", map[string]string{"min_window_length": "0"}, []string{"min_window_length"}},
		{"ADWIN", map[string]string{"grace_period": "-1"}, []string{"grace_period"}},
		{"ADWIN", map[string]string{"Clock": "1", "clock": "2"}, []string{`"clock" is given twice`}},
		{"cusm", nil, []string{`did you mean "CUSUM"?`}},
		{"CUSUM", map[string]string{"lambda": "-1"}, []string{"CUSUM: lambda must be a number from 0, got -1"}},
		{"CUSUM", map[string]string{"reference": "Inf"}, []string{"reference must be a finite number"}},
		{"CUSUM", map[string]string{"lambda": "1", "lambda_": "2"}, []string{`"lambda" is given twice`}},
		{"GMA", map[string]string{"alpha": "1.5"}, []string{"alpha must lie from 0 to 1"}},
		{"GMA", map[string]string{"mode": "left"}, []string{"mode must be up, down or both"}},
		{"KSWIN", map[string]string{"stat_size": "60"}, []string{"stat_size must lie from 1 to half of window_size, got 60 of 100"}},
		{"KSWIN", map[string]string{"window_size": "1000000"}, []string{"window_size must lie from 2 to 10000"}},
		{"ECDD", map[string]string{"average_run_length": "200"}, []string{"ECDD_WT: average_run_length must be 100, 400 or 1000"}},
		{"HDDM_A", map[string]string{"drift_confidence": "0.1"}, []string{"drift_confidence must not exceed warning_confidence"}},
		{"HDDM_A", map[string]string{"two_sided_test": "perhaps"}, []string{"two_sided_test must be true or false"}},
		{"HDDM_W", map[string]string{"low": "1"}, []string{"low must be below high"}},
		{"DDM", map[string]string{"drift_threshold": "1"}, []string{"drift_threshold must not be below warning_threshold"}},
		{"DDM", map[string]string{"warning_threshold": "NaN"}, []string{"warning_threshold must be a number from 0"}},
		{"EDDM", map[string]string{"alpha": "0.8"}, []string{"alpha must not be below beta"}},
		{"FHDDM", map[string]string{"short_window_size": "101"}, []string{"short_window_size must not exceed sliding_window_size"}},
		{"BOCD", map[string]string{"data_var": "0"}, []string{"data_var must be a positive number"}},
		{"BOCD", map[string]string{"max_runs": "1"}, []string{"max_runs must lie from 2 to 4096"}},
		{"KS", map[string]string{"window_size": "20"}, []string{"window_size must lie from 21 to 10000"}},
		{"KS", map[string]string{"threshold": "1"}, []string{`KS has no parameter "threshold"`}},
		{"MMD", map[string]string{"reference_size": "2000"}, []string{"reference_size must lie from 21 to 1000"}},
		{"MMD", map[string]string{"sigma": "0"}, []string{"sigma must be a positive number"}},
		{"AndersonDarling", map[string]string{"alpha": "0.0001"}, []string{"alpha must be at least 0.001"}},
		{"PSI", map[string]string{"binning": "equal"}, []string{"binning must be quantile or pooled"}},
		{"Kuiper", map[string]string{"statistic": "v"}, []string{"statistic must be ks or kuiper"}},
		{"PageHinkley", map[string]string{"mode": "sideways"}, []string{"mode must be up, down or both", `"sideways"`}},
		{"PageHinkley", map[string]string{"alpha": "1.01"}, []string{"alpha"}},
		{"PageHinkley", map[string]string{"threshold": "0"}, []string{"threshold"}},
		{"PageHinkley", map[string]string{"delta": "Inf"}, []string{"delta must be a finite number"}},
		{"PageHinkley", map[string]string{"min_instances": "-3"}, []string{"min_instances"}},
	} {
		d, err := New(c.name, c.params)
		if err == nil || d != nil {
			t.Errorf("New(%q, %v) = %v, want an error", c.name, c.params, d)
			continue
		}
		for _, w := range c.want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("New(%q, %v): %q lacks %q", c.name, c.params, err, w)
			}
		}
	}
}

func TestNewTakesAnyCase(t *testing.T) {
	for _, name := range []string{"adwin", "ADWIN", "Adwin", "PageHinkley", "page_hinkley", "page-hinkley", "PAGEHINKLEY", "cusum"} {
		if _, err := New(name, map[string]string{"DELTA": " 0.01 "}); err != nil {
			t.Errorf("New(%q): %v", name, err)
		}
	}
}

func TestMemoryIsBounded(t *testing.T) {
	a := NewADWIN(ADWINConfig{Delta: 0.5, Clock: 1 << 30, MaxBuckets: 1, MinWindowLength: 1})
	for i := range 1 << 20 {
		a.Update(float64(i & 1))
	}
	if n := len(a.AppendState(nil)); n > 4096 {
		t.Errorf("a window of %v samples takes %d bytes, want at most 4096", a.width, n)
	}
	if a.width != 1<<20 {
		t.Errorf("width = %v, want %v", a.width, 1<<20)
	}
	d := NewBOCD(DefaultBOCD())
	for i := range 2000 {
		d.Update(float64(i & 1))
	}
	if n := len(d.AppendState(nil)); n > 32<<10 {
		t.Errorf("%d runs take %d bytes, want at most 32 KiB", len(d.runs), n)
	}
}

func TestRestoreRefusesForeignState(t *testing.T) {
	states := make(map[string][]byte)
	for _, name := range Names() {
		d := build(t, name, nil)
		for i := range 300 {
			d.Update(float64(i & 1))
		}
		states[name] = d.AppendState(nil)
	}
	for _, name := range Names() {
		d := build(t, name, nil)
		for other, state := range states {
			_, err := d.RestoreState(state)
			if same := name == other; (err == nil) != same {
				t.Errorf("%s took a state of %s: %v", name, other, err)
			}
		}
	}
}

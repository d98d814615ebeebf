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
	for _, name := range []string{"adwin", "ADWIN", "Adwin", "PageHinkley", "page_hinkley", "page-hinkley", "PAGEHINKLEY"} {
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
}

func TestRestoreRefusesForeignState(t *testing.T) {
	a, p := NewADWIN(DefaultADWIN()), NewPageHinkley(DefaultPageHinkley())
	for i := range 100 {
		a.Update(float64(i))
		p.Update(float64(i))
	}
	if _, err := a.RestoreState(p.AppendState(nil)); err == nil {
		t.Error("ADWIN took a state of PageHinkley")
	}
	if _, err := p.RestoreState(a.AppendState(nil)); err == nil {
		t.Error("PageHinkley took a state of ADWIN")
	}
}

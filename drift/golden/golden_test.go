package golden_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/quell-stream/quell/drift/golden"
)

// Example compares all detectors with the cases that lie in the repository.
func Example() {
	cases, err := golden.Load("../testdata/river", "../testdata/river")
	if err != nil {
		fmt.Println(err)
		return
	}
	wrong := 0
	for _, c := range cases {
		if bad, err := c.Run(); err != nil || len(bad) > 0 {
			wrong++
		}
	}
	fmt.Println(len(cases) > 0, wrong)
	// Output: true 0
}

// TestDifferencesAreSeen changes what is expected, one thing at a time.
func TestDifferencesAreSeen(t *testing.T) {
	stream := strings.Repeat("0\n", 400) + strings.Repeat("5\n", 400)
	base := map[string]any{
		"stream": "step", "params": map[string]any{"delta": 0.002}, "drift": []int{415},
		"checkpoints": []map[string]any{{"i": 9, "drift": false, "width": 10, "total": 0, "variance": 0, "estimation": 0}},
	}
	for name, c := range map[string]struct {
		change func(m, point map[string]any)
		want   string
	}{
		"nothing":    {func(_, _ map[string]any) {}, ""},
		"drift":      {func(m, _ map[string]any) { m["drift"] = []int{3} }, "drifts at"},
		"integer":    {func(_, p map[string]any) { p["width"] = 10 + 1e-9 }, "width"},
		"float":      {func(_, p map[string]any) { p["total"] = 1e-6 }, "total"},
		"state":      {func(_, p map[string]any) { p["drift"] = true }, "drift false"},
		"non-finite": {func(_, p map[string]any) { p["total"] = nil }, "non-finite"},
		"warnings":   {func(m, _ map[string]any) { m["warning_onset"] = []int{5} }, "warnings"},
		"unreached":  {func(_, p map[string]any) { p["i"] = 5000 }, "0 of 1 checkpoints"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := copyOf(t, "../testdata/river")
			m := map[string]any{}
			roundTrip(t, base, &m)
			c.change(m, m["checkpoints"].([]any)[0].(map[string]any))
			write(t, filepath.Join(dir, "step.csv"), []byte(stream))
			b, err := json.Marshal(map[string]any{"cases": []any{m}})
			if err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(dir, "ADWIN.json"), b)
			cases, err := golden.Load(dir, dir)
			if err != nil {
				t.Fatal(err)
			}
			bad, err := cases[0].Run()
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(bad, "; "); (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
				t.Errorf("differences %q, want one with %q", got, c.want)
			}
		})
	}
}

func TestLoadSaysWhatIsMissing(t *testing.T) {
	if _, err := golden.Load(t.TempDir(), t.TempDir()); err == nil || !strings.Contains(err.Error(), "ADWIN") {
		t.Errorf("an empty folder: %v", err)
	}
	dir := copyOf(t, "../testdata/river")
	write(t, filepath.Join(dir, "KSWIN.json"), []byte(`{"cases":[]}`))
	if _, err := golden.Load(dir, dir); err == nil || !strings.Contains(err.Error(), "KSWIN: there are no cases") {
		t.Errorf("a detector without cases: %v", err)
	}
}

func roundTrip(t *testing.T, from any, to any) {
	t.Helper()
	b, err := json.Marshal(from)
	if err == nil {
		err = json.Unmarshal(b, to)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// copyOf copies the files of a folder, so that some can be replaced.
func copyOf(t *testing.T, from string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return dir
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

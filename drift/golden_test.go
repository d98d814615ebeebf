package drift

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/quell-stream/quell/internal/sharedtest"
)

type golden struct {
	Cases []goldenCase `json:"cases"`
}

type goldenCase struct {
	Stream      string           `json:"stream"`
	X           []float64        `json:"x"` // in place of a stream
	Params      map[string]any   `json:"params"`
	Drift       []int            `json:"drift"`
	Warning     []int            `json:"warning_onset"`
	Checkpoints []map[string]any `json:"checkpoints"`
}

func readMaybeGzip(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if b, err = os.ReadFile(path + ".gz"); err == nil {
			var z *gzip.Reader
			if z, err = gzip.NewReader(bytes.NewReader(b)); err == nil {
				b, err = io.ReadAll(z)
			}
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func readStream(t *testing.T, path string) []float64 {
	t.Helper()
	var xs []float64
	sc := bufio.NewScanner(bytes.NewReader(readMaybeGzip(t, path)))
	for sc.Scan() {
		x, err := strconv.ParseFloat(strings.TrimSpace(sc.Text()), 64)
		if err != nil {
			t.Fatal(err)
		}
		xs = append(xs, x)
	}
	return xs
}

// stringParams writes JSON values the way a command line would.
func stringParams(t *testing.T, in map[string]any) map[string]string {
	t.Helper()
	out := make(map[string]string)
	for k, v := range in {
		switch v := v.(type) {
		case float64:
			if out[k] = strconv.FormatFloat(v, 'g', -1, 64); v == math.Trunc(v) {
				out[k] = strconv.FormatFloat(v, 'f', -1, 64)
			}
		case string:
			out[k] = v
		case bool:
			out[k] = strconv.FormatBool(v)
		default:
			t.Fatalf("parameter %s is a %T", k, v)
		}
	}
	return out
}

func replay(t *testing.T, detector string, c goldenCase, xs []float64) {
	t.Helper()
	d, err := New(detector, stringParams(t, c.Params))
	if err != nil {
		t.Fatal(err)
	}
	next := 0
	var alarms, onsets []int
	last := Stable
	vars := make(map[string]float64)
	for i, x := range xs {
		state := d.Update(x)
		if state == Drift {
			alarms = append(alarms, i)
		}
		if state == Warning && last != Warning {
			onsets = append(onsets, i)
		}
		last = state
		if next == len(c.Checkpoints) || int(c.Checkpoints[next]["i"].(float64)) != i {
			continue
		}
		point := c.Checkpoints[next]
		next++
		clear(vars)
		d.Vars(func(name string, v float64) { vars[name] = v })
		if want := point["drift"].(bool); (state == Drift) != want {
			t.Errorf("sample %d: drift %v, want %v", i, state == Drift, want)
		}
		for name, want := range point {
			if name == "i" || name == "drift" {
				continue
			}
			got, ok := vars[name]
			if !ok {
				t.Fatalf("there is no variable %q", name)
			}
			w, finite := want.(float64)
			if !finite {
				if !math.IsInf(got, 0) && !math.IsNaN(got) {
					t.Errorf("sample %d: %s = %v, want a non-finite number", i, name, got)
				}
				continue
			}
			tol := max(1e-12, 1e-9*math.Abs(w))
			switch {
			case slices.Contains(integers, name):
				tol = 0
			case name == "variance" && strings.HasPrefix(c.Stream, "large_offset"):
				tol = 1e-6 * math.Abs(w)
			}
			if !(math.Abs(got-w) <= tol) {
				t.Errorf("sample %d: %s = %.17g, want %.17g", i, name, got, w)
			}
		}
	}
	if next != len(c.Checkpoints) {
		t.Errorf("%d of %d checkpoints seen", next, len(c.Checkpoints))
	}
	if c.X == nil && !slices.Equal(alarms, c.Drift) {
		t.Errorf("drifts at %v, want %v", alarms, c.Drift)
	}
	if len(c.Warning) > 0 && !slices.Equal(onsets, c.Warning) {
		t.Errorf("warnings from %v, want from %v", onsets, c.Warning)
	}
}

var integers = []string{"n", "width", "window_len", "n_errors", "n_one", "n_min", "n_max", "map_run_length"}

// goldenFile returns the file of a detector: Frouros's bear its name.
func goldenFile(t *testing.T, dir, detector string) string {
	t.Helper()
	for _, suffix := range []string{".json", "_frouros.json"} {
		path := filepath.Join(dir, detector+suffix)
		for _, p := range []string{path, path + ".gz"} {
			if _, err := os.Stat(p); err == nil {
				return path
			}
		}
	}
	return ""
}

func runGolden(t *testing.T, expected, streams string) {
	cache := make(map[string][]float64)
	for _, name := range Names() {
		path := goldenFile(t, expected, name)
		if path == "" {
			if isTwoWindow(t, name) || name == "LocalLevel" { // our own
				continue
			}
			t.Fatalf("%s: no file in %s", name, expected)
		}
		var g golden
		if err := json.Unmarshal(readMaybeGzip(t, path), &g); err != nil {
			t.Fatal(err)
		}
		if len(g.Cases) == 0 {
			t.Fatalf("%s: no cases", name)
		}
		for _, c := range g.Cases {
			xs := c.X
			if xs == nil {
				if cache[c.Stream] == nil {
					cache[c.Stream] = readStream(t, filepath.Join(streams, c.Stream+".csv"))
				}
				xs = cache[c.Stream]
			}
			params, err := json.Marshal(c.Params)
			if err != nil {
				t.Fatal(err)
			}
			t.Run(name+"/"+c.Stream+string(params), func(t *testing.T) { replay(t, name, c, xs) })
		}
	}
}

func isTwoWindow(t *testing.T, name string) bool {
	t.Helper()
	d, err := New(name, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, ok := d.(*TwoWindow)
	return ok
}

func TestRiverParity(t *testing.T) {
	runGolden(t, "testdata/river", "testdata/river")
	runTwoWindow(t, "testdata/river/batch_frouros.json")
}

func TestRiverParityFull(t *testing.T) {
	dir := sharedtest.Path(t, "golden/drift")
	runGolden(t, filepath.Join(dir, "expected"), filepath.Join(dir, "streams"))
	runTwoWindow(t, filepath.Join(dir, "expected", "batch_frouros.json"))
}

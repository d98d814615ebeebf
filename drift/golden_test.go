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
	Params      map[string]any   `json:"params"`
	Drift       []int            `json:"drift"`
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
			out[k] = strconv.FormatFloat(v, 'g', -1, 64)
		case string:
			out[k] = v
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
	var alarms []int
	vars := make(map[string]float64)
	for i, x := range xs {
		state := d.Update(x)
		if state == Drift {
			alarms = append(alarms, i)
		}
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
			case name == "width" || name == "n":
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
	if !slices.Equal(alarms, c.Drift) {
		t.Errorf("drifts at %v, want %v", alarms, c.Drift)
	}
}

func runGolden(t *testing.T, expected, streams string) {
	cache := make(map[string][]float64)
	for _, name := range Names() {
		var g golden
		if err := json.Unmarshal(readMaybeGzip(t, filepath.Join(expected, name+".json")), &g); err != nil {
			t.Fatal(err)
		}
		if len(g.Cases) == 0 {
			t.Fatalf("%s: no cases", name)
		}
		for _, c := range g.Cases {
			if cache[c.Stream] == nil {
				cache[c.Stream] = readStream(t, filepath.Join(streams, c.Stream+".csv"))
			}
			params, err := json.Marshal(c.Params)
			if err != nil {
				t.Fatal(err)
			}
			t.Run(name+"/"+c.Stream+string(params), func(t *testing.T) { replay(t, name, c, cache[c.Stream]) })
		}
	}
}

func TestRiverParity(t *testing.T) {
	runGolden(t, "testdata/river", "testdata/river")
}

func TestRiverParityFull(t *testing.T) {
	dir := sharedtest.Path(t, "golden/drift")
	runGolden(t, filepath.Join(dir, "expected"), filepath.Join(dir, "streams"))
}

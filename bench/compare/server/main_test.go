package main

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/quell-stream/quell/bench"
)

// goldenFolder is a folder with the exported networks, and inputs and outputs
// that PyTorch and NumPy made.
func goldenFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for from, names := range map[string][]string{
		"../../../model/onnx/testdata/golden": {"A.onnx", "B.onnx"},
		"../../../model/nn/testdata/golden":   {"x.npy", "y_A.npy", "y_B.npy"},
	} {
		for _, name := range names {
			b, err := os.ReadFile(filepath.Join(filepath.FromSlash(from), name))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	return dir
}

// TestForward holds the evaluation in float64, which quell bench compares with,
// to outputs that were computed elsewhere.
func TestForward(t *testing.T) {
	golden := goldenFolder(t)
	for _, name := range []string{"A", "B"} {
		net, err := load(golden, name)
		if err != nil {
			t.Fatal(err)
		}
		pairs, err := pairs(golden, name)
		if err != nil {
			t.Fatal(err)
		}
		for i, p := range pairs {
			for j, got := range bench.Forward(net, p.X) {
				if d := math.Abs(got - p.Want[j]); !(d <= 1e-12*max(1, math.Abs(p.Want[j]))) {
					t.Fatalf("%s, window %d, value %d: %v, want %v", name, i, j, got, p.Want[j])
				}
			}
		}
	}
}

func TestServer(t *testing.T) {
	var out bytes.Buffer
	err := run(options{golden: goldenFolder(t), workers: 1, only: []string{"peak", "tile", "A.b1", "B.stream.h1"}},
		strings.NewReader("A.b1 3\nB.stream.h1 5\nB.b1 1\nA.b1\nA.b1 0\n"), &out)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 6 {
		t.Fatalf("%d lines, want a head and an answer to each of five:\n%s", len(lines), out.String())
	}
	var h head
	if err := json.Unmarshal([]byte(lines[0]), &h); err != nil {
		t.Fatal(err)
	}
	if h.Subjects["A.b1"].FLOPs != 2_064_384 || h.Subjects["tile"].FLOPs != 2*252*32*96 || h.Subjects["B.stream.h1"].FLOPs != 37_376 {
		t.Errorf("subjects %+v", h.Subjects)
	}
	if _, there := h.Subjects["B.b1"]; there {
		t.Error("B.b1 is there; it was not wanted")
	}
	_, measured := h.Subjects["peak"]
	if _, absent := h.Absent["peak"]; measured == absent {
		t.Errorf("the peak is neither there nor absent, or both: %+v", h)
	}
	for _, k := range []string{"A.whole", "A.streamed", "B.whole", "B.streamed"} {
		if e := h.Errors[k]; !(e > 0 && e <= 1e-5) {
			t.Errorf("%s: error %v, want at most 1e-5", k, e)
		}
	}
	for name, n := range h.Allocs {
		if n != 0 {
			t.Errorf("%s allocates %d times", name, n)
		}
	}
	for _, l := range lines[1:3] {
		if ns, err := strconv.Atoi(l); err != nil || ns < 1000 {
			t.Errorf("answer %q, want nanoseconds", l)
		}
	}
	for _, l := range lines[3:] {
		if !strings.HasPrefix(l, "! ") {
			t.Errorf("answer %q, want a reason why not", l)
		}
	}
}

func TestServerMemory(t *testing.T) {
	if _, err := os.Stat("/proc/self/statm"); err != nil {
		t.Skip(err) // Linux only
	}
	var out bytes.Buffer
	if err := run(options{golden: goldenFolder(t), memory: true}, nil, &out); err != nil {
		t.Fatal(err)
	}
	if n, err := strconv.Atoi(strings.TrimSpace(out.String())); err != nil || n < 1<<20 || n > 1<<30 {
		t.Errorf("%q bytes resident", out.String())
	}
}

func TestLoadRefuses(t *testing.T) {
	if _, err := load(t.TempDir(), "A"); err == nil {
		t.Error("a folder without networks will do")
	}
	for name, b := range map[string]string{"empty": "", "text": "no numbers at all", "cut": "\x93NUMPY\x01\x00\xff\xff{"} {
		path := filepath.Join(t.TempDir(), "x.npy")
		if err := os.WriteFile(path, []byte(b), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := readNPY(path); err == nil {
			t.Errorf("an array that is %s will do", name)
		}
	}
}

package onnx_test

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/quell-stream/quell/model/nn"
	"github.com/quell-stream/quell/model/onnx"
)

// foreignCase is one of testdata/foreign, see foreign.py there.
type foreignCase struct {
	Name    string
	Shape   []int     // of the input
	X       []float64 // the input
	Y       []float64 // what ONNX Runtime makes of it
	Out     []int     // the shape of that
	Layers  string    // the layers that the graph should become
	Refused []string  // parts of the error, where it should not be read
}

func foreignCases(t testing.TB) []foreignCase {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "foreign", "cases.json"))
	if err != nil {
		t.Fatal(err)
	}
	var cases []foreignCase
	if err := json.Unmarshal(b, &cases); err != nil {
		t.Fatal(err)
	}
	return cases
}

// ops lists the operations of layers.
func ops(layers []nn.LayerSpec) string {
	var s []string
	for _, l := range layers {
		s = append(s, string(l.Op))
	}
	return strings.Join(s, " ")
}

// timeFirst says whether a shape of a channels-last file has time before the
// channels.
func timeFirst(name string, shape []int) bool {
	return strings.HasPrefix(name, "channels_last") && len(shape) == 3
}

// Graphs in the forms that exporters write give the layers that they should,
// and these the values of ONNX Runtime.
func TestForeign(t *testing.T) {
	for _, c := range foreignCases(t) {
		if c.Refused != nil {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			n, err := onnx.Open(filepath.Join("testdata", "foreign", c.Name+".onnx"))
			if err != nil {
				t.Fatal(err)
			}
			if got := ops(n.Spec.Layers); got != c.Layers {
				t.Errorf("layers %s, want %s", got, c.Layers)
			}
			net, err := n.Build()
			if err != nil {
				t.Fatal(err)
			}
			size := len(c.X) / c.Shape[0]
			outSize := len(c.Y) / c.Out[0]
			in, out := n.Spec.In, n.Spec.OutChannels()
			run := net.NewRunner(size / in)
			for i := range c.Shape[0] {
				x, want := c.X[i*size:][:size], c.Y[i*outSize:][:outSize]
				if !timeFirst(c.Name, c.Shape) {
					x = transposed(x, in)
				}
				if c.Name != "channels_last" {
					want = transposed(want, out)
				}
				got := run.Run(nil, narrow(x))
				if len(got) != len(want) {
					t.Fatalf("%d values, want %d", len(got), len(want))
				}
				peak := 1.
				for _, w := range want {
					peak = max(peak, math.Abs(w))
				}
				for k, w := range want {
					if math.Abs(float64(got[k])-w) > 1e-5*peak {
						t.Fatalf("value %d is %g, want %g", k, got[k], w)
					}
				}
			}
		})
	}
}

// transposed turns [C,T] into [T,C].
func transposed(x []float64, c int) []float64 {
	t := len(x) / c
	y := make([]float64, len(x))
	for i := range c {
		for k := range t {
			y[k*c+i] = x[i*t+k]
		}
	}
	return y
}

func narrow(x []float64) []float32 {
	y := make([]float32, len(x))
	for i, v := range x {
		y[i] = float32(v)
	}
	return y
}

// What a network cannot express is refused, with what and where.
func TestForeignRefused(t *testing.T) {
	for _, c := range foreignCases(t) {
		if c.Refused == nil {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			n, err := onnx.Open(filepath.Join("testdata", "foreign", c.Name+".onnx"))
			var unsupported *onnx.UnsupportedError
			if !errors.As(err, &unsupported) {
				t.Fatalf("got %+v and error %v, want an UnsupportedError", n, err)
			}
			for _, want := range c.Refused {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q, want it to tell of %q", err, want)
				}
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("the error has several lines: %q", err)
			}
		})
	}
}

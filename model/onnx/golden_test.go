package onnx_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/quell-stream/quell/model/nn"
	"github.com/quell-stream/quell/model/onnx"
)

// readNPY reads a [N,C,T] array of float32 or float64 of model/nn's golden files.
func readNPY(t testing.TB, name string) (v []float64, shape [3]int) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "nn", "testdata", "golden", name))
	if err != nil {
		t.Fatal(err)
	}
	n := 10 + int(binary.LittleEndian.Uint16(b[8:]))
	header, data := string(b[10:n]), b[n:]
	at := strings.Index(header, "'shape': (")
	if _, err := fmt.Sscanf(header[at:], "'shape': (%d, %d, %d)", &shape[0], &shape[1], &shape[2]); err != nil {
		t.Fatal(name, err)
	}
	wide := strings.Contains(header, "<f8")
	for range shape[0] * shape[1] * shape[2] {
		if wide {
			v, data = append(v, math.Float64frombits(binary.LittleEndian.Uint64(data))), data[8:]
		} else {
			v, data = append(v, float64(math.Float32frombits(binary.LittleEndian.Uint32(data)))), data[4:]
		}
	}
	return v, shape
}

// open reads a golden file and builds its network.
func open(t testing.TB, name string) (*onnx.Net, *nn.Net) {
	t.Helper()
	n, err := onnx.Open(filepath.Join("testdata", "golden", name))
	if err != nil {
		t.Fatal(err)
	}
	net, err := n.Build()
	if err != nil {
		t.Fatal(err)
	}
	return n, net
}

// The files were made from the networks of PyTorch, see the README of
// model/nn/testdata/golden, with convolutions in one dimension and in two.
func TestGolden(t *testing.T) {
	x, shape := readNPY(t, "x.npy")
	channels, columns := shape[1], shape[2]
	for _, name := range []string{"A", "A_2d", "B", "B_2d"} {
		t.Run(name, func(t *testing.T) {
			_, net := open(t, name+".onnx")
			want, _ := readNPY(t, "y_"+name[:1]+".npy")
			run := net.NewRunner(columns)
			peak, worst := 1., 0.
			for i := range shape[0] {
				in := make([]float32, channels*columns)
				for c := range channels {
					for k := range columns {
						in[k*channels+c] = float32(x[(i*channels+c)*columns+k])
					}
				}
				out := run.Run(nil, in)
				if len(out) != len(in) {
					t.Fatalf("%d values, want %d", len(out), len(in))
				}
				for c := range channels {
					for k := range columns {
						w := want[(i*channels+c)*columns+k]
						peak = max(peak, math.Abs(w))
						worst = max(worst, math.Abs(float64(out[k*channels+c])-w))
					}
				}
			}
			t.Logf("largest error %.2g of %.3g", worst, peak)
			if worst > 1e-5*peak {
				t.Errorf("largest error %g, want at most %g", worst, 1e-5*peak)
			}
		})
	}
}

// What cannot be read is named, all of it.
func TestGoldenUnsupported(t *testing.T) {
	for name, want := range map[string][]string{
		"A_int8":      {"QuantizeLinear", "DequantizeLinear", "export the float model", `"l0.bias_DequantizeLinear" and 15 more`},
		"B_int8":      {"QuantizeLinear", "DequantizeLinear"},
		"B_stream_h1": {"7 inputs", "7 outputs", "Concat"},
	} {
		_, err := onnx.Open(filepath.Join("testdata", "golden", name+".onnx"))
		var unsupported *onnx.UnsupportedError
		if !errors.As(err, &unsupported) {
			t.Errorf("%s: error %v, want an UnsupportedError", name, err)
			continue
		}
		for _, s := range append(want, name+".onnx") {
			if !strings.Contains(err.Error(), s) {
				t.Errorf("%s: %q does not tell of %q", name, err, s)
			}
		}
		if strings.Contains(err.Error(), "\n") || len(err.Error()) > 1500 {
			t.Errorf("%s: the error is no line to read: %q", name, err)
		}
	}
}

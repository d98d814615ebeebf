package main

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/quell-stream/quell/bench"
	"github.com/quell-stream/quell/model/nn"
	"github.com/quell-stream/quell/model/onnx"
)

// load returns the golden network A or B from the file that was exported for
// everybody.
func load(folder, name string) (*nn.Net, error) {
	n, err := onnx.Open(filepath.Join(folder, name+".onnx"))
	if err != nil {
		return nil, err
	}
	return n.Build()
}

// pairs returns the golden inputs and outputs of a network.
func pairs(folder, name string) ([]bench.Pair, error) {
	x, shape, err := readNPY(filepath.Join(folder, "x.npy"))
	if err != nil {
		return nil, err
	}
	path := filepath.Join(folder, "y_"+name+".npy")
	y, other, err := readNPY(path)
	if err != nil {
		return nil, err
	}
	if shape != other {
		return nil, fmt.Errorf("%s has shape %v, the inputs have %v", path, other, shape)
	}
	var out []bench.Pair
	c, t := shape[1], shape[2]
	for i := range shape[0] {
		p := bench.Pair{X: make([]float32, c*t), Want: make([]float64, c*t)}
		for j := range c * t {
			at := i*c*t + j%c*t + j/c // the file has the channels first
			p.X[j], p.Want[j] = float32(x[at]), y[at]
		}
		out = append(out, p)
	}
	return out, nil
}

// readNPY reads an array of three dimensions of float32 or float64.
func readNPY(path string) (v []float64, shape [3]int, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, shape, err
	}
	bad := fmt.Errorf("%s: not an array of three dimensions of f4 or f8", path)
	if len(b) < 10 || string(b[:6]) != "\x93NUMPY" {
		return nil, shape, bad
	}
	n := 10 + int(binary.LittleEndian.Uint16(b[8:]))
	if n > len(b) {
		return nil, shape, bad
	}
	header, data := string(b[10:n]), b[n:]
	_, after, ok := strings.Cut(header, "'shape': (")
	if _, err := fmt.Sscanf(after, "%d, %d, %d)", &shape[0], &shape[1], &shape[2]); !ok || err != nil {
		return nil, shape, bad
	}
	count := shape[0] * shape[1] * shape[2]
	switch {
	case strings.Contains(header, "<f8") && len(data) == 8*count:
		for i := range count {
			v = append(v, math.Float64frombits(binary.LittleEndian.Uint64(data[8*i:])))
		}
	case strings.Contains(header, "<f4") && len(data) == 4*count:
		for i := range count {
			v = append(v, float64(math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))))
		}
	default:
		return nil, shape, bad
	}
	return v, shape, nil
}

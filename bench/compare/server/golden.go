package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/quell-stream/quell/bench"
	"github.com/quell-stream/quell/model/nn"
)

// load returns the golden network A or B from the file that was exported for
// everybody. It is the one place to change once there is an importer.
func load(folder, name string) (*nn.Net, error) {
	spec, layers := bench.ModelA(), []string{"l0", "l1", "l2", "l3", "l4"}
	if name == "B" {
		spec, layers = bench.ModelB(), []string{"in", "b0", "b1", "b2", "b3", "b4", "b5", "out"}
	}
	net, err := nn.New(spec, 1)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(folder, name+".safetensors")
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if err := setParams(net, b, layers); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return net, nil
}

// setParams sets the parameters from a safetensors file, in which the layers
// that have some bear the given names.
func setParams(net *nn.Net, b []byte, layers []string) error {
	if len(b) < 8 || binary.LittleEndian.Uint64(b) > uint64(len(b)-8) {
		return fmt.Errorf("not a safetensors file")
	}
	size := binary.LittleEndian.Uint64(b)
	var tensors map[string]struct {
		Type    string `json:"dtype"`
		Shape   []int  `json:"shape"`
		Offsets [2]int `json:"data_offsets"`
	}
	if err := json.Unmarshal(b[8:8+size], &tensors); err != nil {
		return err
	}
	data := b[8+size:]
	for i, p := range net.Params() {
		name := layers[i/2] + p.Name[strings.LastIndex(p.Name, "."):]
		t, ok := tensors[name]
		lo, hi := t.Offsets[0], t.Offsets[1]
		if !ok || t.Type != "F32" || !slices.Equal(t.Shape, p.Shape) || lo < 0 || hi > len(data) || hi-lo != 4*len(p.Data) {
			return fmt.Errorf("tensor %s is %s of shape %v, want F32 of shape %v", name, t.Type, t.Shape, p.Shape)
		}
		floats32(p.Data, data[lo:hi])
	}
	net.Pack()
	return nil
}

func floats32(dst []float32, b []byte) {
	for i := range dst {
		dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
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

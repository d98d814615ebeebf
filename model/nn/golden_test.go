package nn

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The files of testdata/golden were made by PyTorch; its README says how the
// two networks look. Inputs and outputs are channel-first there.

func readGolden(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "golden", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// readNPY reads a [N,C,T] array of float32 or float64 as float64.
func readNPY(t *testing.T, name string) (v []float64, shape [3]int) {
	t.Helper()
	b := readGolden(t, name)
	n := 10 + int(binary.LittleEndian.Uint16(b[8:]))
	header, data := string(b[10:n]), b[n:]
	at := strings.Index(header, "'shape': (")
	if _, err := fmt.Sscanf(header[at:], "'shape': (%d, %d, %d)", &shape[0], &shape[1], &shape[2]); err != nil {
		t.Fatal(name, err)
	}
	wide := strings.Contains(header, "<f8")
	for range shape[0] * shape[1] * shape[2] {
		if wide {
			v = append(v, math.Float64frombits(binary.LittleEndian.Uint64(data)))
			data = data[8:]
		} else {
			v = append(v, float64(math.Float32frombits(binary.LittleEndian.Uint32(data))))
			data = data[4:]
		}
	}
	return v, shape
}

// loadGolden sets the parameters from a safetensors file; prefixes are its
// names of the layers with weights, in order.
func loadGolden(t *testing.T, n *Net, name string, prefixes []string) {
	t.Helper()
	b := readGolden(t, name)
	size := binary.LittleEndian.Uint64(b)
	var header map[string]struct {
		Shape       []int  `json:"shape"`
		DataOffsets [2]int `json:"data_offsets"`
	}
	if err := json.Unmarshal(b[8:8+size], &header); err != nil {
		t.Fatal(err)
	}
	data := b[8+size:]
	for i, p := range n.Params() {
		tensor := prefixes[i/2] + p.Name[strings.LastIndex(p.Name, "."):]
		h, ok := header[tensor]
		if !ok || fmt.Sprint(h.Shape) != fmt.Sprint(p.Shape) {
			t.Fatalf("%s: %s has shape %v, want that of %s, %v", name, tensor, h.Shape, p.Name, p.Shape)
		}
		for j := range p.Data {
			p.Data[j] = math.Float32frombits(binary.LittleEndian.Uint32(data[h.DataOffsets[0]+4*j:]))
		}
	}
	n.Pack()
}

func channelsLast(x []float64, c int) []float64 {
	t := len(x) / c
	y := make([]float64, len(x))
	for i := range c {
		for j := range t {
			y[j*c+i] = x[i*t+j]
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

// eachTier runs a test under every kernel tier that this machine has.
func eachTier(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	was := KernelTier()
	defer func() {
		if err := SetKernelTier(was); err != nil {
			t.Fatal(err)
		}
	}()
	for _, tier := range KernelTiers() {
		if err := SetKernelTier(tier); err != nil {
			t.Fatal(err)
		}
		t.Run("tier="+tier, f)
	}
}

func TestGolden(t *testing.T) {
	for _, m := range []struct {
		name     string
		spec     Spec
		prefixes []string
	}{
		{"A", modelA(), []string{"l0", "l1", "l2", "l3", "l4"}},
		{"B", modelB(), []string{"in", "b0", "b1", "b2", "b3", "b4", "b5", "out"}},
	} {
		t.Run(m.name, func(t *testing.T) {
			eachTier(t, func(t *testing.T) {
				n := mustNew(t, m.spec, 1)
				loadGolden(t, n, m.name+".safetensors", m.prefixes)
				var meta map[string]json.RawMessage
				if err := json.Unmarshal(readGolden(t, "meta.json"), &meta); err != nil {
					t.Fatal(err)
				}
				var want struct{ Macs, Params int }
				if err := json.Unmarshal(meta[m.name], &want); err != nil {
					t.Fatal(err)
				}
				if got := n.NumParams(); got != want.Params {
					t.Errorf("%d parameters, want %d", got, want.Params)
				}
				if got := int(macs(n, 256)); got != want.Macs {
					t.Errorf("%d MACs, want %d", got, want.Macs)
				}
				xs, shape := readNPY(t, "x.npy")
				ys, _ := readNPY(t, "y_"+m.name+".npy")
				size := shape[1] * shape[2]
				r, tape := n.NewRunner(256), n.NewTape(256)
				s, err := n.NewStream()
				if err != nil {
					t.Fatal(err)
				}
				for i := range shape[0] {
					x := narrow(channelsLast(xs[i*size:][:size], 4))
					y := channelsLast(ys[i*size:][:size], 4)
					close32(t, "whole window", r.Run(nil, x), y, 1e-5)
					close32(t, "training", tape.Forward(x), y, 1e-5)
					chunk := []int{1, 7, 256}[i%3]
					s.Reset()
					close32(t, fmt.Sprintf("streamed by %d", chunk), stream(s, x, 4, chunk), y, 1e-5)
				}
			})
		})
	}
	t.Run("vector0", func(t *testing.T) {
		// The same first window as text, so that the binary files can be
		// checked by eye.
		var v map[string][][]float64
		if err := json.Unmarshal(readGolden(t, "vector0.json"), &v); err != nil {
			t.Fatal(err)
		}
		for key, file := range map[string]string{"x": "x.npy", "yA": "y_A.npy", "yB": "y_B.npy"} {
			want, shape := readNPY(t, file)
			for c := range v[key] {
				for i, got := range v[key][c] {
					if w := want[c*shape[2]+i]; math.Abs(got-w) > 1e-6*max(1, math.Abs(w)) {
						t.Fatalf("%s[%d][%d]: %v in vector0.json, %v in %s", key, c, i, got, w, file)
					}
				}
			}
		}
	})
}

// stream pushes x in chunks and returns a copy of all that comes out.
func stream(s *Stream, x []float32, in, chunk int) []float32 {
	var y []float32
	for len(x) > 0 {
		k := min(chunk*in, len(x))
		y = append(y, s.Push(x[:k])...)
		x = x[k:]
	}
	return append(y, s.Finish()...)
}

package model

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quell-stream/quell/model/nn"
	"github.com/quell-stream/quell/model/onnx"
	"github.com/quell-stream/quell/model/safetensors"
)

// golden returns the architectures of the golden networks, see the README of
// nn/testdata/golden.
func golden(name string) func(channels int) nn.Spec {
	pad := [2]int{3, 3}
	conv := func(op nn.Op, out, stride, outputPad int) nn.LayerSpec {
		return nn.LayerSpec{Op: op, Out: out, Kernel: 7, Stride: stride, Pad: pad, OutputPad: outputPad}
	}
	relu := nn.LayerSpec{Op: nn.ReLU}
	return func(c int) nn.Spec {
		if name == "A" {
			return nn.Spec{In: c, Layers: []nn.LayerSpec{conv(nn.Conv, 16, 2, 0), relu, conv(nn.Conv, 32, 2, 0), relu,
				conv(nn.Conv, 32, 1, 0), relu, conv(nn.ConvT, 16, 2, 1), relu, conv(nn.ConvT, c, 2, 1)}}
		}
		layers := []nn.LayerSpec{{Op: nn.Conv, Out: 32}}
		for d := 1; d <= 32; d *= 2 {
			layers = append(layers, nn.LayerSpec{Op: nn.Residual, Layers: []nn.LayerSpec{
				{Op: nn.Conv, Out: 32, Kernel: 3, Dilation: d, Pad: [2]int{d, d}}, relu}})
		}
		return nn.Spec{In: c, Layers: append(layers, nn.LayerSpec{Op: nn.Conv, Out: c})}
	}
}

func read(t *testing.T, elem ...string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(elem...))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The golden networks come in as ONNX and as weights, and are the same.
func TestImportGolden(t *testing.T) {
	for name, kind := range map[string]Kind{"A": DAE, "B": TCN} {
		t.Run(name, func(t *testing.T) {
			a, err := FromONNX(read(t, "onnx", "testdata", "golden", name+".onnx"), ImportConfig{Default: name})
			if err != nil {
				t.Fatal(err)
			}
			weights := read(t, "nn", "testdata", "golden", name+".safetensors")
			b, err := FromSafetensors(weights, ImportConfig{Name: "other", Arch: golden(name)})
			if err != nil {
				t.Fatal(err)
			}
			h := a.Header()
			want := Header{Format: FormatVersion, Name: name, Kind: kind, Spec: h.Spec, Inputs: []Input{Signal}, Channels: 4,
				Scaler: Scaler{Kind: ScaleNone}, Lookahead: h.Spec.Lookahead(), Provenance: Provenance{Data: "imported from ONNX"}}
			if d := cmp.Diff(want, h); d != "" {
				t.Errorf("header (-want +got):\n%s", d)
			}
			want.Name, want.Spec, want.Provenance.Data = "other", golden(name)(4), "imported from safetensors"
			if d := cmp.Diff(want, b.Header()); d != "" {
				t.Errorf("header (-want +got):\n%s", d)
			}
			if d := cmp.Diff(a.Net().Params(), b.Net().Params()); d != "" {
				t.Errorf("weights (-onnx +safetensors):\n%s", d)
			}
			if _, err := FromSafetensors(weights, ImportConfig{}); !errors.Is(err, ErrNoArch) {
				t.Errorf("without an architecture: error %v, want ErrNoArch", err)
			}
		})
	}
}

// What is exported comes back as the same model, byte for byte.
func TestExportImport(t *testing.T) {
	models := []*Model{richModel(t)}
	for _, l := range BaseVariants() {
		m, err := Base(l)
		if err != nil {
			t.Fatal(err)
		}
		models = append(models, m)
	}
	dense := nn.Spec{In: 2, Window: 8, Layers: []nn.LayerSpec{{Op: nn.Dense, Out: 3, Steps: 1, Zero: true}, {Op: nn.Tanh}, {Op: nn.Dense, Out: 2, Steps: 8}}}
	for name, s := range map[string]nn.Spec{"dae": nn.DAE(2, 2, []int{4, 6}, 5, 3), "dense": dense} {
		net, err := nn.New(s, 5)
		if err != nil {
			t.Fatal(err)
		}
		m, err := New(Header{Name: name, Kind: DAE, Inputs: []Input{Signal}, Channels: 2, Residual: true,
			Scaler: Scaler{Kind: ScaleFixed, Mean: []float64{1, 2}, Dev: []float64{.1, .3}, Sigma: []float64{0, 1}}, Card: "# Ü\n"}, net)
		if err != nil {
			t.Fatal(err)
		}
		models = append(models, m)
	}
	for _, m := range models {
		want, err := m.Encode()
		if err != nil {
			t.Fatal(err)
		}
		for _, format := range []struct {
			name string
			to   func() ([]byte, error)
			from func([]byte, ImportConfig) (*Model, error)
		}{{"onnx", m.ONNX, FromONNX}, {"safetensors", m.Safetensors, FromSafetensors}} {
			b, err := format.to()
			if err != nil {
				t.Fatal(err)
			}
			got, err := format.from(b, ImportConfig{Default: "unused"})
			if err != nil {
				t.Fatalf("%s as %s: %v", m.Name(), format.name, err)
			}
			if b, err := got.Encode(); err != nil || !bytes.Equal(b, want) {
				t.Errorf("%s as %s comes back as %s, error %v", m.Name(), format.name, got.Name(), err)
			}
			renamed, err := format.from(b, ImportConfig{Name: "mine"})
			if err != nil || !strings.HasPrefix(renamed.Name(), "mine@") {
				t.Errorf("%s as %s: renamed to %v, error %v", m.Name(), format.name, renamed, err)
			}
		}
	}
}

// A graph that is not what its metadata say is refused.
func TestImportOther(t *testing.T) {
	m, err := Base(anyVariant(t))
	if err != nil {
		t.Fatal(err)
	}
	b, err := m.ONNX()
	if err != nil {
		t.Fatal(err)
	}
	n, err := onnx.Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	n.Spec.Layers = n.Spec.Layers[:1]
	n.Params = n.Params[:2]
	if b, err = n.Encode(); err != nil {
		t.Fatal(err)
	}
	if _, err := FromONNX(b, ImportConfig{}); err == nil || !strings.Contains(err.Error(), "not the network that the metadata") {
		t.Errorf("error %v", err)
	}
	n.Meta["quell"] = `{"format":1,"name":"x","other":1}`
	if b, err = n.Encode(); err != nil {
		t.Fatal(err)
	}
	if _, err := FromONNX(b, ImportConfig{}); err == nil || !strings.Contains(err.Error(), `metadata "quell"`) {
		t.Errorf("error %v", err)
	}
}

func anyVariant(t *testing.T) int {
	t.Helper()
	v := BaseVariants()
	if len(v) == 0 {
		t.Fatal("there are no base models")
	}
	return v[0]
}

func TestImportErrors(t *testing.T) {
	for name, c := range map[string]struct {
		spec nn.Spec
		cfg  ImportConfig
		want string
	}{
		"channels": {nn.Spec{In: 2, Layers: []nn.LayerSpec{{Op: nn.Conv, Out: 3}}}, ImportConfig{}, "turns 2 channels into 3"},
		"length":   {nn.Spec{In: 1, Layers: []nn.LayerSpec{{Op: nn.Conv, Out: 1, Kernel: 3}}}, ImportConfig{}, "turns 1048576 samples into 1048574"},
		"rate":     {nn.Spec{In: 1, Layers: []nn.LayerSpec{{Op: nn.Conv, Out: 1, Stride: 2}}}, ImportConfig{}, "turns 1048576 samples into 524288"},
		"name":     {nn.Spec{In: 1, Layers: []nn.LayerSpec{{Op: nn.Conv, Out: 1}}}, ImportConfig{Name: "a b"}, `name "a b"`},
	} {
		t.Run(name, func(t *testing.T) {
			net, err := nn.New(c.spec, 1)
			if err != nil {
				t.Fatal(err)
			}
			b, err := onnx.Encode(c.spec, net.Params())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := FromONNX(b, c.cfg); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
	if _, err := FromONNX([]byte("nothing"), ImportConfig{}); !errors.Is(err, onnx.ErrCorrupt) {
		t.Errorf("error %v, want onnx.ErrCorrupt", err)
	}
	if _, err := FromSafetensors([]byte("nothing"), ImportConfig{}); !errors.Is(err, safetensors.ErrCorrupt) {
		t.Errorf("error %v, want safetensors.ErrCorrupt", err)
	}
}

// weightsOf returns a file of layers that are called as names says, each weight
// and bias with the number of its layer in it.
func weightsOf(t *testing.T, s nn.Spec, names []string, sorted bool) []byte {
	t.Helper()
	net, err := nn.New(s, 1)
	if err != nil {
		t.Fatal(err)
	}
	f := safetensors.File{}
	for i, p := range net.Params() {
		data := slices.Repeat([]float32{float32(i / 2)}, len(p.Data))
		name := names[i/2] + p.Name[strings.LastIndexByte(p.Name, '.'):]
		shape := p.Shape
		if len(shape) == 3 && i == 0 { // a convolution in two dimensions
			shape = []int{shape[0], shape[1], 1, shape[2]}
		}
		f.Tensors = append(f.Tensors, safetensors.Tensor{Name: name, Shape: shape, Data: data})
	}
	if sorted {
		slices.SortFunc(f.Tensors, func(a, b safetensors.Tensor) int { return strings.Compare(a.Name, b.Name) })
	}
	b, err := f.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Layers of one shape keep their order, as far as the file has it.
func TestMatchTensors(t *testing.T) {
	const layers = 12
	arch := func(c int) nn.Spec {
		return nn.Spec{In: c, Layers: slices.Repeat([]nn.LayerSpec{{Op: nn.Conv, Out: c, Kernel: 3, Pad: [2]int{1, 1}}}, layers)}
	}
	named := func(format string) (names []string) {
		for i := range layers {
			names = append(names, fmt.Sprintf(format, i))
		}
		return names
	}
	words := strings.Fields("in enc mid a b c d e f g h out")
	for name, c := range map[string]struct {
		names  []string
		sorted bool
		want   string // of the error; "" for none
	}{
		"own names":       {named("layers.%d"), true, ""},
		"numbers":         {named("conv%d"), true, ""},
		"numbers within":  {named("body.%d.conv"), true, ""},
		"as written":      {words, false, ""},
		"sorted by words": {words, true, "does not say which comes first"},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := FromSafetensors(weightsOf(t, arch(2), c.names, c.sorted), ImportConfig{Arch: arch})
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Fatalf("error %v, want one with %q", err, c.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			for i, p := range m.Net().Params() {
				if p.Data[0] != float32(i/2) {
					t.Errorf("%s is that of layer %g", p.Name, p.Data[0])
				}
			}
		})
	}

	b := weightsOf(t, arch(2), named("conv%d"), true)
	_, err := FromSafetensors(b, ImportConfig{Arch: func(c int) nn.Spec {
		s := arch(c)
		s.Layers = append(s.Layers[:10:10], nn.LayerSpec{Op: nn.Conv, Out: c, NoBias: true})
		return s
	}})
	for _, want := range []string{"the file has besides conv10 (weight [2 2 3] bias [2]), conv11 (", "the network wants besides layers.10 (weight [2 2 1])"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

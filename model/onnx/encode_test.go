package onnx_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quell-stream/quell/internal/sharedtest"
	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/nn"
	"github.com/quell-stream/quell/model/onnx"
)

// plain returns layers without what does not change the network: defaults that
// are spelled out, and weights that start at zero.
func plain(layers []nn.LayerSpec) []nn.LayerSpec {
	layers = slices.Clone(layers)
	for i := range layers {
		l := &layers[i]
		l.Zero = false
		if l.Kernel <= 1 {
			l.Kernel, l.Dilation = 0, 0
		}
		if l.Dilation == 1 {
			l.Dilation = 0
		}
		if l.Stride == 1 {
			l.Stride = 0
		}
		if l.Layers != nil {
			l.Layers = plain(l.Layers)
		}
	}
	return layers
}

// randomSpec draws a network of all operations. Not every one is valid.
func randomSpec(rng *rand.Rand) nn.Spec {
	s := nn.Spec{In: 1 + rng.IntN(3)}
	if rng.IntN(3) == 0 {
		s.Window = 8 * (1 + rng.IntN(3))
	}
	c, dense := s.In, false
	var body func(n, depth int, inside bool) []nn.LayerSpec
	body = func(n, depth int, inside bool) (layers []nn.LayerSpec) {
		first := c
		for i := range n {
			l := nn.LayerSpec{}
			switch k := rng.IntN(10); {
			case k < 4:
				l = nn.LayerSpec{Op: nn.Conv, Out: 1 + rng.IntN(5), Kernel: 1 + rng.IntN(4), Dilation: 1 + rng.IntN(3), NoBias: rng.IntN(4) == 0}
				span := (l.Kernel - 1) * l.Dilation
				if l.Pad[0] = rng.IntN(span + 1); inside || rng.IntN(2) == 0 {
					l.Pad[1] = span - l.Pad[0]
				}
				if !inside {
					l.Stride = 1 + rng.IntN(3)
				}
				if inside && i == n-1 {
					l.Out = first
				}
				c = l.Out
			case k == 4 && !inside:
				l = nn.LayerSpec{Op: nn.ConvT, Out: 1 + rng.IntN(4), Kernel: 2 + rng.IntN(4), Stride: 1 + rng.IntN(3), Pad: [2]int{rng.IntN(2), rng.IntN(2)}}
				l.OutputPad = rng.IntN(l.Stride)
				c = l.Out
			case k == 5 && s.Window > 0 && !inside:
				l = nn.LayerSpec{Op: nn.Dense, Out: 1 + rng.IntN(3), Steps: 1 + rng.IntN(9), NoBias: rng.IntN(3) == 0}
				c, dense = l.Out, true
			case k == 6 && depth < 2:
				l = nn.LayerSpec{Op: nn.Residual, Layers: body(1+rng.IntN(3), depth+1, true)}
			default:
				l.Op = []nn.Op{nn.ReLU, nn.GELU, nn.Sigmoid, nn.Tanh, nn.LayerNorm}[rng.IntN(5)]
			}
			layers = append(layers, l)
		}
		return layers
	}
	s.Layers = body(1+rng.IntN(7), 0, false)
	if !dense {
		s.Window = 0
	}
	return s
}

// specs returns n valid random networks.
func specs(t testing.TB, n int) []nn.Spec {
	rng := rand.New(rand.NewPCG(11, 4))
	var list []nn.Spec
	used := map[nn.Op]int{}
	var count func([]nn.LayerSpec)
	count = func(layers []nn.LayerSpec) {
		for _, l := range layers {
			used[l.Op]++
			count(l.Layers)
		}
	}
	for len(list) < n {
		if s := randomSpec(rng); s.Validate() == nil && s.OutLen(24) > 0 {
			list = append(list, s)
			count(s.Layers)
		}
	}
	for _, op := range []nn.Op{nn.Conv, nn.ConvT, nn.Dense, nn.Residual, nn.ReLU, nn.GELU, nn.Sigmoid, nn.Tanh, nn.LayerNorm} {
		if used[op] == 0 {
			t.Fatalf("no network has a layer %s", op)
		}
	}
	return list
}

func mustNew(t testing.TB, s nn.Spec, seed uint64) *nn.Net {
	t.Helper()
	net, err := nn.New(s, seed)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range net.Params() { // biases, and what starts at zero
		rng := rand.New(rand.NewPCG(seed, uint64(len(p.Data))))
		for i := range p.Data {
			if p.Data[i] == 0 {
				p.Data[i] = float32(rng.NormFloat64() / 4)
			}
		}
	}
	net.Pack()
	return net
}

// What is written is read as what it was, bit for bit.
func TestRoundTrip(t *testing.T) {
	nets := []*nn.Net{}
	for i, s := range specs(t, 300) {
		nets = append(nets, mustNew(t, s, uint64(i)))
	}
	for _, l := range model.BaseVariants() {
		m, err := model.Base(l)
		if err != nil {
			t.Fatal(err)
		}
		nets = append(nets, m.Net())
	}
	meta := map[string]string{"quell": "{\"a\": 1}", "": "empty", "z": ""}
	for _, net := range nets {
		in := &onnx.Net{Spec: net.Spec(), Params: net.Params(), Meta: meta}
		b, err := in.Encode()
		if err != nil {
			t.Fatal(err)
		}
		out, err := onnx.Decode(b)
		if err != nil {
			t.Fatalf("%+v: %v", in.Spec, err)
		}
		want := in.Spec
		want.Layers = plain(want.Layers)
		if d := cmp.Diff(want, out.Spec); d != "" {
			t.Fatalf("spec (-want +got):\n%s", d)
		}
		if d := cmp.Diff(in.Params, out.Params); d != "" {
			t.Fatalf("parameters of %+v (-want +got):\n%s", in.Spec, d)
		}
		if d := cmp.Diff(meta, out.Meta); d != "" {
			t.Fatalf("metadata (-want +got):\n%s", d)
		}
		again, err := in.Encode()
		if err != nil || !bytes.Equal(b, again) {
			t.Fatalf("the same network gives other bytes, or error %v", err)
		}
	}
}

func TestEncodeErrors(t *testing.T) {
	spec := nn.Spec{In: 1, Layers: []nn.LayerSpec{{Op: nn.Conv, Out: 2, Kernel: 3}}}
	good := func() []nn.Param { return mustNew(t, spec, 1).Clone().Params() }
	for name, c := range map[string]struct {
		spec   nn.Spec
		params func() []nn.Param
		want   string
	}{
		"spec":       {nn.Spec{In: 1}, good, "no layers"},
		"missing":    {spec, func() []nn.Param { return good()[:1] }, "1 parameters; the spec has 2"},
		"shape":      {spec, func() []nn.Param { p := good(); p[0].Shape = []int{2, 3, 1}; return p }, "shape [2 3 1]"},
		"batchnorm":  {nn.Spec{In: 1, Layers: []nn.LayerSpec{{Op: nn.BatchNorm}}}, good, "layers[0]: batchnorm is not written as ONNX: fold the network first"},
		"film":       {nn.Spec{In: 1, Cond: 1, Layers: []nn.LayerSpec{{Op: nn.FiLM}}}, good, "layers[0]: film is not written as ONNX: give the network its condition first"},
		"short":      {spec, func() []nn.Param { p := good(); p[1].Data = p[1].Data[:1]; return p }, "and 1 values"},
		"not finite": {spec, func() []nn.Param { p := good(); p[0].Data[4] = float32(math.NaN()); return p }, "layers.0.weight has a weight that is not finite"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := onnx.Encode(c.spec, c.params())
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

// Layer normalisation of another epsilon, or over time, is refused, as is one
// whose gain has another size.
func TestLayerNormRefused(t *testing.T) {
	net := mustNew(t, nn.Spec{In: 3, Layers: []nn.LayerSpec{{Op: nn.LayerNorm}}}, 1)
	good, err := onnx.Encode(net.Spec(), net.Params())
	if err != nil {
		t.Fatal(err)
	}
	bits := func(v float32) []byte { return binary.LittleEndian.AppendUint32(nil, math.Float32bits(v)) }
	for name, c := range map[string]struct {
		old, new []byte
		want     string
	}{
		"epsilon": {bits(1e-5), bits(1e-3), "epsilon is 0.001; supported is 1e-05"},
		"axis": {[]byte("\x0a\x04axis\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), []byte("\x0a\x04axis\x18\x81\x80\x80\x80\x80\x80\x80\x80\x80\x00"),
			"supported is one over channels in the last place"},
		"not transposed": {[]byte("perm\x40\x00\x40\x02\x40\x01"), []byte("perm\x40\x00\x40\x01\x40\x02"), "supported is one over channels in the last place"},
		"not finite":     {bits(net.Params()[1].Data[1]), bits(float32(math.Inf(1))), "its constants must be 3 finite values each"},
	} {
		if bytes.Count(good, c.old) == 0 {
			t.Fatalf("%s: nothing to replace", name)
		}
		_, err := onnx.Decode(bytes.Replace(good, c.old, c.new, 1))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
	}
}

// ONNX Runtime computes the same of what is written, and onnx.checker finds
// nothing wrong with it.
func TestParity(t *testing.T) {
	python := sharedtest.Python(t, "onnx", "onnxruntime", "numpy")
	dir := t.TempDir()
	nets := map[string]*nn.Net{}
	for _, name := range []string{"A", "B"} {
		_, nets[name] = open(t, name+".onnx")
	}
	for _, l := range model.BaseVariants() {
		m, err := model.Base(l)
		if err != nil {
			t.Fatal(err)
		}
		nets[fmt.Sprintf("base%d", l)] = m.Net()
	}
	for i, s := range specs(t, 40) {
		nets[fmt.Sprintf("random%02d", i)] = mustNew(t, s, uint64(i))
	}
	const batch = 2
	for name, net := range nets {
		s := net.Spec()
		b, err := onnx.Encode(s, net.Params())
		if err != nil {
			t.Fatal(err)
		}
		columns := 24
		if strings.HasPrefix(name, "base") || len(name) == 1 {
			columns = 256
		}
		if s.Window > 0 {
			columns = s.Window
		}
		rng := rand.New(rand.NewPCG(3, 9))
		run := net.NewRunner(columns)
		var x, y []byte
		for range batch {
			in := make([]float32, columns*s.In)
			for i := range in {
				in[i] = float32(rng.NormFloat64())
			}
			x = appendChannelFirst(x, in, s.In)
			y = appendChannelFirst(y, run.Run(nil, in), s.OutChannels())
		}
		shapes, err := json.Marshal(map[string][]int{"x": {batch, s.In, columns}, "y": {batch, s.OutChannels(), s.OutLen(columns)}})
		if err != nil {
			t.Fatal(err)
		}
		for ext, data := range map[string][]byte{".onnx": b, ".x": x, ".y": y, ".json": shapes} {
			if err := os.WriteFile(filepath.Join(dir, name+ext), data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	out, err := exec.Command(python, filepath.Join("testdata", "parity.py"), dir).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	seen, most := 0, 0.
	for line := range strings.Lines(string(out)) {
		var name string
		var worst float64
		if _, err := fmt.Sscan(line, &name, &worst); err != nil || nets[name] == nil {
			t.Fatalf("parity.py says %q", line)
		}
		seen++
		most = max(most, worst)
		if !(worst <= 1e-4) {
			t.Errorf("%s: largest error %g, want at most 1e-4", name, worst)
		}
	}
	t.Logf("largest error %.2g of %d networks", most, seen)
	if seen != len(nets) {
		t.Errorf("parity.py checked %d networks of %d", seen, len(nets))
	}
}

// appendChannelFirst appends [T,C] as [C,T], little-endian.
func appendChannelFirst(dst []byte, x []float32, c int) []byte {
	for i := range c {
		for k := i; k < len(x); k += c {
			dst = binary.LittleEndian.AppendUint32(dst, math.Float32bits(x[k]))
		}
	}
	return dst
}

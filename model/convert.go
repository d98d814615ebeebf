package model

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/quell-stream/quell/model/nn"
	"github.com/quell-stream/quell/model/onnx"
	"github.com/quell-stream/quell/model/safetensors"
)

// headerKey is where the header stands, as JSON, in the metadata of files of
// other formats.
const headerKey = "quell"

// ImportConfig says what a file of another format does not.
type ImportConfig struct {
	// Name replaces the name of the model, unless it is empty.
	Name string
	// Default is its name where the file has none; "imported" if empty.
	Default string
	// Arch returns the network of so many channels in and out. FromSafetensors
	// needs it where the file was not exported from here; nil without one.
	Arch func(channels int) nn.Spec
}

// OpenAny reads a model from a file: with FromONNX if its name ends in .onnx,
// after which the model is called where the file has no header, else with Open.
func OpenAny(path string) (*Model, error) {
	if !strings.EqualFold(filepath.Ext(path), ".onnx") {
		return Open(path)
	}
	b, err := ReadFile(path)
	if err != nil {
		return nil, err
	}
	m, err := FromONNX(b, ImportConfig{Default: NameOf(path)})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	return m, nil
}

// ReadFile reads a file that is to be imported, unless it is longer than any
// model may be.
func ReadFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	if len(b) > maxFile {
		return nil, fmt.Errorf("model: %s has more than %d bytes", filepath.Base(path), maxFile)
	}
	return b, nil
}

// NameOf makes a name for a model of the name of its file.
func NameOf(path string) string {
	name := strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
	name = strings.Map(func(r rune) rune {
		if validName("x"+string(r)) != nil {
			return '-'
		}
		return r
	}, name)
	name = strings.TrimLeft(name, ".")
	if name == "" {
		return "imported"
	}
	return name[:min(len(name), 64)]
}

// ONNX returns the network as an ONNX model (see onnx.Encode), with the header
// in its metadata, so that FromONNX gives the same model again. What lies
// around the network, such as scaling, is only in the header.
func (m *Model) ONNX() ([]byte, error) {
	own, err := m.exportHeader()
	if err != nil {
		return nil, fmt.Errorf("model: export %s: %w", m.name, err)
	}
	n := onnx.Net{Spec: m.net.Spec(), Params: m.net.Params(), Meta: map[string]string{headerKey: string(own)}}
	b, err := n.Encode()
	if err != nil {
		return nil, fmt.Errorf("model: export %s: %w", m.name, err)
	}
	return b, nil
}

// Safetensors returns the weights as a safetensors file, under the names of
// nn.Param, with the header in its metadata, so that FromSafetensors gives the
// same model again.
func (m *Model) Safetensors() ([]byte, error) {
	own, err := m.exportHeader()
	if err != nil {
		return nil, fmt.Errorf("model: export %s: %w", m.name, err)
	}
	f := safetensors.File{Meta: map[string]string{headerKey: string(own)}}
	for _, p := range m.net.Params() {
		f.Tensors = append(f.Tensors, safetensors.Tensor{Name: p.Name, Shape: p.Shape, Data: p.Data})
	}
	b, err := f.Encode()
	if err != nil {
		return nil, fmt.Errorf("model: export %s: %w", m.name, err)
	}
	return b, nil
}

// exportHeader returns the header for other formats, in which int8 models would
// be others: they are refused.
func (m *Model) exportHeader() ([]byte, error) {
	if m.quantized != nil {
		return nil, errors.New("int8 models are not exported: name the float32 model")
	}
	return json.Marshal(m.header)
}

// FromONNX makes a model of an ONNX file. One that Model.ONNX made has its
// header again. Any other runs on raw values of all its channels at once (of
// each by itself where it has one), returns the clean signal, and is a dae if it
// has strides or a dense layer, else a tcn.
//
// The error wraps onnx.ErrCorrupt or an *onnx.UnsupportedError, or says why the
// network is none that denoises: it must make as many channels and columns as
// it gets.
func FromONNX(b []byte, cfg ImportConfig) (*Model, error) {
	n, err := onnx.Decode(b)
	if err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	h, own, err := importHeader(n.Meta, cfg)
	if err != nil {
		return nil, err
	}
	if own && !sameNet(h.Spec, n.Spec) {
		return nil, fmt.Errorf("model: %q: the graph is not the network that the metadata %q describes; without them it is imported for itself", h.Name, headerKey)
	}
	if !own {
		h.Spec = n.Spec
		h.Provenance.Data = "imported from ONNX"
		if n.Producer != "" {
			h.Provenance.Data += " by " + clip(n.Producer)
		}
	}
	n.Spec = h.Spec
	return imported(h, own, func() (*nn.Net, error) { return n.Build() })
}

// FromSafetensors makes a model of a safetensors file. One that Model.Safetensors
// made has its header again. For any other cfg.Arch gives the network, as many
// channels as the tensors have, and the model is one as FromONNX makes it.
//
// Tensors are matched by their names if these are those of nn.Param. Otherwise
// each layer takes the next weight of its shape, with the bias beside it (as in
// conv1.weight, conv1.bias), in the order of the file. In a file that is sorted
// by name, as most are, numbers count as such (conv10 after conv9), and layers
// of one shape whose names differ in more than numbers are refused: their order
// is lost.
//
// The error wraps safetensors.ErrCorrupt, or names the tensors of both sides
// that do not fit.
func FromSafetensors(b []byte, cfg ImportConfig) (*Model, error) {
	f, err := safetensors.Decode(b)
	if err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	h, own, err := importHeader(f.Meta, cfg)
	if err != nil {
		return nil, err
	}
	if !own {
		if cfg.Arch == nil {
			return nil, fmt.Errorf("model: %w", ErrNoArch)
		}
		if h.Spec, err = archOf(f, cfg.Arch); err != nil {
			return nil, fmt.Errorf("model: %w", err)
		}
		h.Provenance.Data = "imported from safetensors"
	}
	return imported(h, own, func() (*nn.Net, error) {
		values := 0
		for _, t := range f.Tensors {
			values += len(t.Data)
		}
		if n := h.Spec.LeastWeights(); n > int64(values)+spare {
			return nil, fmt.Errorf("the network has %d weights or more; the file has %d values", n, values)
		}
		net, err := nn.New(h.Spec, 0)
		if err != nil {
			return nil, err
		}
		match, err := matchTensors(net.Params(), f.Tensors)
		if err != nil {
			return nil, err
		}
		for i, p := range net.Params() {
			copy(p.Data, f.Tensors[match[i]].Data)
		}
		net.Pack()
		return net, nil
	})
}

// ErrNoArch is wrapped by the error of FromSafetensors for a file that does not
// say which network its tensors are of.
var ErrNoArch = errors.New("the file holds tensors only, and no architecture was given")

// importHeader returns the header in a file's metadata; own is false, and the
// header what little is known, where it has none.
func importHeader(meta map[string]string, cfg ImportConfig) (h Header, own bool, err error) {
	text, own := meta[headerKey]
	if own {
		if err := strict([]byte(text), &h); err != nil {
			return h, true, fmt.Errorf("model: metadata %q: %w", headerKey, err)
		}
	} else if h.Name = cfg.Default; h.Name == "" {
		h.Name = "imported"
	}
	if cfg.Name != "" {
		h.Name = cfg.Name
	}
	if own {
		if err := h.Validate(); err != nil {
			return h, true, fmt.Errorf("model: metadata %q: %w", headerKey, err)
		}
	}
	return h, own, nil
}

// imported makes the model of a header and the network that build makes; of
// files that are not our own it completes the header.
func imported(h Header, own bool, build func() (*nn.Net, error)) (*Model, error) {
	if !own {
		if err := denoises(h.Spec); err != nil {
			return nil, fmt.Errorf("model: %q: %w", h.Name, err)
		}
		h.Kind, h.Inputs, h.Scaler = TCN, []Input{Signal}, Scaler{Kind: ScaleNone}
		if windowed(h.Spec.Layers) {
			h.Kind = DAE
		}
		if h.Spec.In > 1 {
			h.Channels = h.Spec.In
		}
		h.Format = FormatVersion
		if err := h.Validate(); err != nil {
			return nil, fmt.Errorf("model: %q: %w", h.Name, err)
		}
	}
	net, err := build()
	if err != nil {
		return nil, fmt.Errorf("model: %q: %w", h.Name, err)
	}
	return New(h, net)
}

// windowed says whether layers have strides or see a whole window.
func windowed(layers []nn.LayerSpec) bool {
	return slices.ContainsFunc(layers, func(l nn.LayerSpec) bool { return l.Stride > 1 || l.Op == nn.Dense || windowed(l.Layers) })
}

// denoises says whether what comes out of a network can be the clean signal of
// what goes in.
func denoises(s nn.Spec) error {
	if err := s.Validate(); err != nil {
		return err
	}
	if out := s.OutChannels(); out != s.In {
		return fmt.Errorf("the network turns %d channels into %d; a model needs as many out as in", s.In, out)
	}
	t := s.Window
	if t == 0 { // a length that leaves no stride a remainder
		hop := s.Stride()
		t = (1<<20 + hop - 1) / hop * hop
	}
	if n := s.OutLen(t); n != t {
		return fmt.Errorf("the network turns %d samples into %d; a model needs as many out as in, so pad its convolutions", t, n)
	}
	return nil
}

// sameNet says whether two specs describe one network: with defaults spelled
// out or not, however its weights begin and whatever was dropped in training.
func sameNet(a, b nn.Spec) bool {
	a.Layers, b.Layers = plainLayers(a.Layers), plainLayers(b.Layers)
	return reflect.DeepEqual(a, b)
}

func plainLayers(layers []nn.LayerSpec) []nn.LayerSpec {
	out := slices.DeleteFunc(slices.Clone(layers), func(l nn.LayerSpec) bool { return l.Op == nn.Dropout })
	for i := range out {
		l := &out[i]
		l.Zero, l.Groups, l.Taps = false, 0, nn.AllTaps // weights tell, and there a zero is a zero
		l.Kernel, l.Stride, l.Dilation = max(l.Kernel, 1), max(l.Stride, 1), max(l.Dilation, 1)
		if l.Kernel == 1 {
			l.Dilation = 1
		}
		l.Layers = plainLayers(l.Layers)
	}
	return out
}

// spare is by how many weights a network may be larger than its file for it to
// be built, so that the error can say what is missing. A small file cannot ask
// for more.
const spare = 1 << 20

// archOf finds the number of channels for which an architecture has the tensors
// of a file: it is the size of some axis.
func archOf(f *safetensors.File, arch func(int) nn.Spec) (nn.Spec, error) {
	var sizes []int
	values := int64(0)
	for _, t := range f.Tensors {
		values += int64(len(t.Data))
		for _, d := range t.Shape {
			if d > 0 && d <= 1<<14 && !slices.Contains(sizes, d) && len(sizes) < 64 {
				sizes = append(sizes, d)
			}
		}
	}
	slices.Sort(sizes)
	var best error
	least := 0
	for _, c := range sizes {
		s := arch(c)
		if err := s.Validate(); err != nil {
			if best == nil {
				best = err
			}
			continue
		}
		if n := s.LeastWeights(); n > values+spare {
			if best == nil {
				best = fmt.Errorf("the architecture has %d weights or more; the file has %d values", n, values)
			}
			continue
		}
		net, err := nn.New(s, 0)
		if err != nil {
			return s, err
		}
		_, err = matchTensors(net.Params(), f.Tensors)
		if err == nil {
			return s, nil
		}
		var m *mismatch
		if !errors.As(err, &m) {
			return s, err // the right shapes in an order that is lost
		}
		if n := len(m.file) + len(m.net); least == 0 || n < least {
			best, least = err, n
		}
	}
	if best == nil {
		best = errors.New("the file has no tensors")
	}
	return nn.Spec{}, best
}

// mismatch says which tensors of a file and which layers of a network are left
// over when they are matched.
type mismatch struct{ file, net []string }

func (m *mismatch) Error() string {
	return fmt.Sprintf("the tensors are not those of the network: the file has besides %s; the network wants besides %s", list(m.file), list(m.net))
}

func list(s []string) string {
	const most = 8
	switch {
	case len(s) == 0:
		return "nothing"
	case len(s) > most:
		return strings.Join(s[:most], ", ") + fmt.Sprintf(" and %d more", len(s)-most)
	}
	return strings.Join(s, ", ")
}

// layerTensors are the tensors of one layer, by their places in a list.
type layerTensors struct {
	prefix       string
	weight, bias int // -1: none
	shapes       string
}

// byLayer puts tensors together that are of one layer: PREFIX.weight and
// PREFIX.bias. Others are a layer by themselves, of a shape that fits nothing.
func byLayer(n int, at func(i int) (name string, shape []int)) []layerTensors {
	var layers []layerTensors
	place := map[string]int{}
	shapes := make([]string, n)
	for i := range n {
		name, shape := at(i)
		shapes[i] = shapeOf(shape)
		prefix, kind := cutLast(name)
		if kind != "weight" && kind != "bias" {
			layers = append(layers, layerTensors{name, i, -1, "other " + shapes[i]})
			continue
		}
		k, ok := place[prefix]
		if !ok {
			k = len(layers)
			place[prefix] = k
			layers = append(layers, layerTensors{prefix: prefix, weight: -1, bias: -1})
		}
		if kind == "weight" {
			layers[k].weight = i
		} else {
			layers[k].bias = i
		}
	}
	for k := range layers {
		l := &layers[k]
		if l.shapes == "" {
			var parts []string
			if l.weight >= 0 {
				parts = append(parts, "weight "+shapes[l.weight])
			}
			if l.bias >= 0 {
				parts = append(parts, "bias "+shapes[l.bias])
			}
			l.shapes = strings.Join(parts, " ")
		}
	}
	return layers
}

func cutLast(name string) (prefix, kind string) {
	i := strings.LastIndexByte(name, '.')
	if i < 0 {
		return "", name
	}
	return name[:i], name[i+1:]
}

// shapeOf prints a shape; a convolution over [N,C,1,T] or [N,C,T,1] counts as
// one over [N,C,T].
func shapeOf(shape []int) string {
	if len(shape) == 4 {
		if k := slices.Index(shape[2:], 1); k >= 0 {
			shape = slices.Delete(slices.Clone(shape), 2+k, 3+k)
		}
	}
	return fmt.Sprint(shape)
}

// matchTensors returns for each parameter the place of its tensor.
func matchTensors(params []nn.Param, tensors []safetensors.Tensor) ([]int, error) {
	want := byLayer(len(params), func(i int) (string, []int) { return params[i].Name, params[i].Shape })
	have := byLayer(len(tensors), func(i int) (string, []int) { return tensors[i].Name, tensors[i].Shape })
	named := len(want) == len(have)
	for _, w := range want {
		named = named && slices.ContainsFunc(have, func(l layerTensors) bool { return l.prefix == w.prefix })
	}
	sorted := slices.IsSortedFunc(tensors, func(a, b safetensors.Tensor) int { return strings.Compare(a.Name, b.Name) })
	if sorted {
		slices.SortStableFunc(have, func(a, b layerTensors) int { return naturally(a.prefix, b.prefix) })
	}
	match := make([]int, len(params))
	used := make([]bool, len(have))
	m := &mismatch{}
	first := map[string]string{} // prefix of the first layer of the file taken, by shapes
	var lost error
	for _, w := range want {
		k := slices.IndexFunc(have, func(l layerTensors) bool {
			return l.shapes == w.shapes && (!named || l.prefix == w.prefix)
		})
		for k >= 0 && used[k] {
			next := slices.IndexFunc(have[k+1:], func(l layerTensors) bool { return l.shapes == w.shapes })
			if next < 0 {
				k = -1
			} else {
				k += 1 + next
			}
		}
		if k < 0 {
			m.net = append(m.net, clip(w.prefix)+" ("+w.shapes+")")
			continue
		}
		used[k] = true
		h := have[k]
		match[w.weight] = h.weight
		if w.bias >= 0 {
			match[w.bias] = h.bias
		}
		if f, ok := first[w.shapes]; !ok {
			first[w.shapes] = h.prefix
		} else if sorted && !named && withoutNumbers(f) != withoutNumbers(h.prefix) && lost == nil {
			lost = fmt.Errorf("the file is sorted by name, and %s and %s have one shape, so that it does not say which comes first: rename them to what the network calls them, such as %s.weight", clip(f), clip(h.prefix), want[0].prefix)
		}
	}
	for k, h := range have {
		if !used[k] {
			m.file = append(m.file, clip(h.prefix)+" ("+h.shapes+")")
		}
	}
	if len(m.file)+len(m.net) > 0 {
		return nil, m
	}
	return match, lost
}

// naturally compares names with the numbers in them as numbers.
func naturally(a, b string) int {
	for a != "" && b != "" {
		x, y := digits(a), digits(b)
		if x > 0 && y > 0 {
			p, q := strings.TrimLeft(a[:x], "0"), strings.TrimLeft(b[:y], "0")
			if len(p) != len(q) {
				return len(p) - len(q)
			}
			if c := strings.Compare(p, q); c != 0 {
				return c
			}
			a, b = a[x:], b[y:]
			continue
		}
		if a[0] != b[0] {
			return int(a[0]) - int(b[0])
		}
		a, b = a[1:], b[1:]
	}
	return len(a) - len(b)
}

// digits returns the length of the number that a name begins with.
func digits(s string) int {
	n := strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' })
	if n < 0 {
		return len(s)
	}
	return n
}

func withoutNumbers(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return -1
		}
		return r
	}, s)
}

// clip prints a name out of a file: on one line, and not at any length.
func clip(s string) string {
	const most = 60
	if len(s) > most {
		s = s[:most] + "…"
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '·'
		}
		return r
	}, s)
}

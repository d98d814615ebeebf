package model

import (
	"errors"
	"fmt"
	"slices"

	"github.com/quell-stream/quell/model/nn"
)

// Int8 says that a model has 8-bit weights, and how the layers that have them
// read their signals: a byte q stands for scale·(q - zero). See nn.Quantized.
type Int8 struct {
	Inputs      map[string]Int8Input `json:"inputs"`                // by the path of the layer, such as "layers.1.layers.0"
	Calibration string               `json:"calibration,omitempty"` // what the ranges of the signals were found with
}

// Int8Input is how the bytes are read that a layer gets.
type Int8Input struct {
	Scale float32 `json:"scale"`
	Zero  uint8   `json:"zero"`
}

// ErrInt8 is wrapped by the error of Model.Trainable.
var ErrInt8 = errors.New("int8 models cannot be fine-tuned: name the float32 model")

// Trainable returns nil if the model's weights can be trained on. Those of an
// int8 model cannot: the error wraps ErrInt8.
func (m *Model) Trainable() error {
	if m.quantized != nil {
		return fmt.Errorf("model: %s: %w", m.name, ErrInt8)
	}
	return nil
}

// Quantize makes a model of 8-bit weights of one of float32, with the same name
// and header but for Header.Int8 and the parent. The ranges of its signals are
// found by running it over recordings, each slot-major for as many channels as
// one net serves (one, for a per-channel model), scaled as the model's header
// says, and like what it will see, noise included; calibration tells people
// what they are. X, Level and Colour must be finite. It is an error if the model has
// 8-bit weights already, or if there is nothing to run it over.
func Quantize(m *Model, recordings [][]Column, calibration string) (*Model, error) {
	fail := func(err error) (*Model, error) { return nil, fmt.Errorf("model: quantize %s: %w", m.name, err) }
	if m.quantized != nil {
		return fail(errors.New("its weights have 8 bits already"))
	}
	per := m.header.perNet()
	var xs [][]float32
	for i, cols := range recordings {
		if len(cols)%per != 0 {
			return fail(fmt.Errorf("recording %d has %d columns, no multiple of the %d channels", i, len(cols), per))
		}
		x := NewFeatures(m.header.Inputs, per).Append(nil, cols, per, 0)
		window := m.header.Spec.Window * m.header.Spec.In
		if m.header.Spec.Streamable() == nil {
			xs = append(xs, x)
			continue
		}
		for ; len(x) >= window; x = x[window:] {
			xs = append(xs, x[:window])
		}
	}
	q, err := nn.Quantize(m.net, xs)
	if err != nil {
		return fail(err)
	}
	h := m.header.clone()
	h.Provenance.Parent = m.name
	h.Int8 = &Int8{Inputs: map[string]Int8Input{}, Calibration: calibration}
	for _, l := range q.Layers() {
		if l.Float == nil {
			h.Int8.Inputs[l.Name] = Int8Input{l.InScale, l.InZero}
		}
	}
	return finish(h, q.Net(), q)
}

func (v *Int8) clone() *Int8 {
	if v == nil {
		return nil
	}
	c := *v
	c.Inputs = make(map[string]Int8Input, len(v.Inputs))
	for k, in := range v.Inputs {
		c.Inputs[k] = in
	}
	return &c
}

// tensor is one array of the file, by reference.
type tensor struct {
	name  string
	shape []int
	f     []float32 // F32, or
	i     []int8    // I8
}

func (t *tensor) bytes() int64 { return 4*int64(len(t.f)) + int64(len(t.i)) }

func (t *tensor) dtype() string {
	if t.i != nil {
		return "I8"
	}
	return "F32"
}

// scaleSuffix names the tensor with the scales of a layer's 8-bit weights.
const scaleSuffix = ".weight_scale"

// tensors lists what the file holds, in its order. Those of an int8 model come
// with the floats first, so that they are aligned.
func (m *Model) tensors() []tensor {
	if m.quantized == nil {
		var ts []tensor
		for _, p := range m.net.Params() {
			ts = append(ts, tensor{name: p.Name, shape: p.Shape, f: p.Data})
		}
		return ts
	}
	return int8Tensors(m.quantized.Layers())
}

func int8Tensors(layers []nn.QuantizedLayer) []tensor {
	var ts []tensor
	for _, l := range layers {
		if l.Float != nil {
			ts = append(ts, tensor{name: l.Name + ".weight", shape: l.Shape, f: l.Float})
		} else {
			ts = append(ts, tensor{name: l.Name + scaleSuffix, shape: []int{len(l.Scale)}, f: l.Scale})
		}
		if l.Bias != nil {
			ts = append(ts, tensor{name: l.Name + ".bias", shape: []int{len(l.Bias)}, f: l.Bias})
		}
	}
	for _, l := range layers {
		if l.Float == nil {
			ts = append(ts, tensor{name: l.Name + ".weight", shape: l.Shape, i: l.Weight})
		}
	}
	return ts
}

// emptyLayers returns the layers with weights of a network, with room for the
// numbers of its file.
func emptyLayers(net *nn.Net, v *Int8) ([]nn.QuantizedLayer, error) {
	var layers []nn.QuantizedLayer
	known := 0
	for _, p := range net.Params() {
		name, isBias := cutSuffix(p.Name)
		if isBias {
			layers[len(layers)-1].Bias = make([]float32, len(p.Data))
			continue
		}
		l := nn.QuantizedLayer{Name: name, Shape: slices.Clone(p.Shape)}
		if in, ok := v.Inputs[name]; ok {
			known++
			l.InScale, l.InZero = in.Scale, in.Zero
			l.Weight, l.Scale = make([]int8, len(p.Data)), make([]float32, net.Outputs(len(layers)))
		} else {
			l.Float = make([]float32, len(p.Data))
		}
		layers = append(layers, l)
	}
	if known != len(v.Inputs) {
		return nil, fmt.Errorf("int8: inputs of %d layers, of which the network has %d", len(v.Inputs), known)
	}
	return layers, nil
}

// cutSuffix returns the layer of a parameter.
func cutSuffix(name string) (layer string, bias bool) {
	const w, b = ".weight", ".bias"
	if n := len(name) - len(b); name[n:] == b {
		return name[:n], true
	}
	return name[:len(name)-len(w)], false
}

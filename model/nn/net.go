package nn

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// Param is one tensor of a network, with the name and the layout that PyTorch
// gives it: the weight of a convolution is [out,in,k], that of a transposed
// convolution [in,out,k], that of a dense layer [out*steps,in*t] with the
// channel before the time step in both, a bias [out]. Weight (the gain) and bias
// of a normalisation are [c]; those of a film layer [2*c,cond] and [2*c], first
// of the scales, then of the shifts. The name is the path of the layer, such as
// "layers.3.layers.1.bias".
type Param struct {
	Name  string
	Shape []int
	Data  []float32 // row-major
}

// Net is a network with weights. Any number of runners, streams and tapes may
// use it at once, from any goroutine, as long as nobody changes its parameters
// or calls Pack meanwhile.
type Net struct {
	spec   Spec
	params []Param
	fused  *plan // for inference
	shop   *shop // of its compact streams, nil where there are none
	plain  *plan // for training
	packed []packed
	index  [][2]int  // per packed: its weight and bias (-1 without) in params
	masks  [][]int32 // per packed: what of its weight is held at zero

	vectors []vectors
	buffers []Param
}

// Init says how first weights are drawn: from N(0, gain/fan), where fan is the
// number of inputs of one output value, which for a transposed convolution is
// in·kernel/stride.
type Init int

// The ways to draw first weights.
const (
	// He takes the gain 2 of a ReLU for all layers (He et al., "Delving Deep into
	// Rectifiers", 2015, eq. 10). Behind a layer without an activation that doubles
	// the variance.
	He Init = iota
	// UnitVariance takes what keeps the variance of a layer's sums at that of the
	// sums before: 1/E f(z)² with z ~ N(0, 1) behind the activation f, so 2 behind a
	// ReLU and 1 behind no activation (LeCun et al., "Efficient BackProp", 1998,
	// eq. 16).
	UnitVariance
)

// New builds the network of a spec, with weights drawn by He. Biases and layers
// marked Zero are zero, and so is all of film layers, which then change nothing;
// gains are 1. The same seed gives the same bits. The error is that of
// Spec.Validate.
func New(s Spec, seed uint64) (*Net, error) { return NewInit(s, seed, He) }

// NewInit is New with a choice of how the weights are drawn.
func NewInit(s Spec, seed uint64, init Init) (*Net, error) {
	if err := s.Validate(); err != nil {
		return nil, fmt.Errorf("nn: %w", err)
	}
	s.Layers = cloneLayers(s.Layers)
	n := &Net{spec: s, fused: newPlan(s, true), plain: newPlan(s, false)}
	if s.Streamable() == nil {
		n.fused.rhythm = newRhythm(n.fused)
	}
	if n.fused.compactable() {
		n.shop = newShop(n.fused)
	}
	rng := rand.New(rand.NewPCG(seed, 0x5155454c4c))
	names := paramNames("layers", s.Layers)
	gains := make([]float64, len(n.plain.sigs))
	gains[0] = init.gain(actNone)
	for i := range n.plain.ops {
		o := &n.plain.ops[i]
		gains[o.out] = init.gain(o.act)
		if o.param < 0 && o.vec < 0 {
			continue
		}
		name, in := names[0], n.plain.sigs[o.in].c
		names = names[1:]
		if o.vec >= 0 {
			n.addVectors(name, o, in)
			continue
		}
		weight, bias := newParams(name, o, in)
		mask := o.layer.mask(in)
		if !o.layer.Zero {
			draw(weight.Data, gains[o.in]/(fan(o, in)*(1-float64(len(mask))/float64(len(weight.Data)))), rng)
		}
		at := [2]int{len(n.params), -1}
		n.params = append(n.params, weight)
		if !o.layer.NoBias {
			at[1] = len(n.params)
			n.params = append(n.params, bias)
		}
		n.index = append(n.index, at)
		n.packed = append(n.packed, newPacked(o, in))
		n.masks = append(n.masks, mask)
	}
	n.Pack()
	return n, nil
}

func cloneLayers(layers []LayerSpec) []LayerSpec {
	layers = slices.Clone(layers)
	for i := range layers {
		layers[i].Layers = cloneLayers(layers[i].Layers)
	}
	return layers
}

// paramNames returns the paths of the layers with weights, in order.
func paramNames(path string, layers []LayerSpec) []string {
	var names []string
	for i, l := range layers {
		at := fmt.Sprintf("%s.%d", path, i)
		switch l.Op {
		case Conv, ConvT, Dense, LayerNorm, BatchNorm, FiLM:
			names = append(names, at)
		case Residual:
			names = append(names, paramNames(at+".layers", l.Layers)...)
		}
	}
	return names
}

func newParams(name string, o *op, in int) (weight, bias Param) {
	l := o.layer
	shape, size := []int{l.Out, in, l.kernel()}, l.Out
	switch l.Op {
	case ConvT:
		shape = []int{in, l.Out, l.kernel()}
	case Dense:
		shape, size = []int{o.shape.Out, o.shape.SegLen}, o.shape.Out
	}
	n := 1
	for _, d := range shape {
		n *= d
	}
	return Param{Name: name + ".weight", Shape: shape, Data: make([]float32, n)},
		Param{Name: name + ".bias", Shape: []int{size}, Data: make([]float32, size)}
}

func fan(o *op, in int) float64 {
	switch o.layer.Op {
	case ConvT:
		return max(1, float64(in*o.layer.kernel())/float64(o.layer.stride()))
	case Dense:
		return float64(o.shape.SegLen)
	}
	return float64(in * o.layer.kernel())
}

// gain returns the gain of a layer that reads what an activation makes.
func (n Init) gain(a activation) float64 {
	if n == UnitVariance {
		return 1 / meanSquares[a]
	}
	return 2
}

// meanSquares are E f(z)² of the activations f, z ~ N(0, 1).
var meanSquares = [...]float64{actNone: 1, actReLU: .5, actGELU: .425221, actSigmoid: .293379, actTanh: .394294}

func draw(w []float32, variance float64, rng *rand.Rand) {
	dev := math.Sqrt(variance)
	for i := range w {
		w[i] = float32(dev * rng.NormFloat64())
	}
}

// Spec returns the description the network was built from. It must not be
// changed.
func (n *Net) Spec() Spec { return n.spec }

// Params returns the parameters in the order of the layers, weight before
// bias. Data are the live values: after changing them call Pack. The slice
// itself must not be changed.
func (n *Net) Params() []Param { return n.params }

// NumParams returns the number of values in all parameters, without those that
// are held at zero.
func (n *Net) NumParams() int {
	sum := 0
	for _, p := range n.params {
		sum += len(p.Data)
	}
	for _, m := range n.masks {
		sum -= len(m)
	}
	return sum
}

// Pack makes changed parameters take effect: it sets what is held at zero to
// zero and lays them out for the kernels. It must not run while the network is in use. New and Clone call it.
func (n *Net) Pack() { n.lay(true) }

// lay is Pack; without back the weights of the backward pass stay as they were.
func (n *Net) lay(back bool) {
	for i := range n.plain.ops {
		o := &n.plain.ops[i]
		if o.param < 0 {
			continue
		}
		at := n.index[o.param]
		clearAt(n.params[at[0]].Data, n.masks[o.param])
		var b []float32
		if at[1] >= 0 {
			b = n.params[at[1]].Data
		}
		n.packed[o.param].pack(o, n.plain.sigs[o.in].c, n.params[at[0]].Data, b, back)
	}
	for i := range n.vectors {
		n.vectors[i].pack(n)
	}
}

// SetWeights sets all parameters, one after the other in the order of Params, and
// makes them take effect for runners and streams; for a Tape call Pack. So one
// network can stand in for many of its spec, whose weights are all that is kept of
// them. It panics where there are not as many values.
func (n *Net) SetWeights(w []float32) {
	for _, p := range n.params {
		if len(w) < len(p.Data) {
			panic("nn: SetWeights: not as many values as the parameters have")
		}
		w = w[copy(p.Data, w):]
	}
	if len(w) > 0 {
		panic("nn: SetWeights: more values than the parameters have")
	}
	n.lay(false)
}

// Clone returns a network of the same spec and its own copy of the parameters.
func (n *Net) Clone() *Net {
	c := *n
	if n.shop != nil {
		c.shop = newShop(c.fused)
	}
	c.params, c.buffers = cloneParams(n.params), cloneParams(n.buffers)
	c.vectors = slices.Clone(n.vectors)
	for i := range c.vectors {
		v := &c.vectors[i]
		v.scale, v.shift = slices.Clone(v.scale), slices.Clone(v.shift)
	}
	c.packed = nil
	for i := range n.plain.ops {
		if o := &n.plain.ops[i]; o.param >= 0 {
			c.packed = append(c.packed, newPacked(o, n.plain.sigs[o.in].c))
		}
	}
	c.Pack()
	return &c
}

func cloneParams(params []Param) []Param {
	params = slices.Clone(params)
	for i := range params {
		params[i].Shape = slices.Clone(params[i].Shape)
		params[i].Data = slices.Clone(params[i].Data)
	}
	return params
}

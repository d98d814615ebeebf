package onnx

import (
	"fmt"
	"slices"

	"github.com/quell-stream/quell/model/nn"
)

// maxWeights bounds the weights of a network, over all layers: several may be
// made of one tensor of a file.
const maxWeights = 1 << 26

// maxLayers bounds the layers of a network: measuring its receptive field takes
// time that grows with their square.
const maxLayers = 1 << 9

// finish makes a network of the step that the output is.
func (im *importer) finish(in *signal, v value) (*Net, error) {
	im.node = nil
	s := v.sig
	switch {
	case s == nil:
		im.refuse(nil, "the output does not depend on the input")
		return nil, im.unsupported()
	case s.pad != [2]int{}:
		im.refuse(nil, "the output is what Pad node %s pads; padding is supported before a Conv only", s.padded)
		return nil, im.unsupported()
	case s.axes[0] != axisBatch:
		im.refuse(nil, "an output of %s; want the batch first", s.shape())
		return nil, im.unsupported()
	}
	if s.index(axisFlat) >= 0 {
		// Flat values that nobody has given a shape have that of the input where
		// they are as many, and are one channel where it is one.
		if r := s.view.root(); !r.set {
			if t := in.t; t.sym == 0 && int64(r.n) == int64(in.c)*t.n {
				r.c, r.t = in.c, int(t.n)
			} else if in.c == 1 {
				r.c, r.t = 1, r.n
			}
		}
	}
	// Each layer is made of a step of its own.
	if im.steps > maxLayers {
		im.refuse(nil, "more than %d layers", maxLayers)
		return nil, im.unsupported()
	}
	net := &Net{Spec: nn.Spec{In: in.c}}
	var err error
	if net.Spec.Layers, err = im.chain(s.at, in.at, 0); err != nil {
		im.problems = append(im.problems, problem{text: err.Error()})
		return nil, im.unsupported()
	}
	if hasDense(net.Spec.Layers) {
		net.Spec.Window = int(in.t.n)
	}
	if err := net.Spec.Validate(); err != nil {
		im.refuse(nil, "%s", oneLine(err))
		return nil, im.unsupported()
	}
	total := 0
	shapes := paramShapes(net.Spec)
	for i, p := range im.params(s.at, in.at) {
		shapes[i].Data = p
		if total += len(p); total > maxWeights {
			im.refuse(nil, "more than %d weights", maxWeights)
			return nil, im.unsupported()
		}
		if !finite(p) {
			im.refuse(nil, "folding its constants makes a weight that is not finite")
			return nil, im.unsupported()
		}
	}
	net.Params = shapes
	return net, fits(net.Params, shapes)
}

func hasDense(layers []nn.LayerSpec) bool {
	return slices.ContainsFunc(layers, func(l nn.LayerSpec) bool { return l.Op == nn.Dense || hasDense(l.Layers) })
}

// chain returns the layers that make the step at of the step from. Each step on
// the way is between the two, so that none is walked twice.
func (im *importer) chain(at, from *step, depth int) ([]nn.LayerSpec, error) {
	if depth > 16 {
		return nil, fmt.Errorf("more than 16 residual blocks within each other")
	}
	var layers []nn.LayerSpec
	for at != from {
		if at.id < from.id || at.kind == stepInput {
			return nil, fmt.Errorf("the branch into %s begins before the value that it is added to", from.node)
		}
		if at.kind == stepLayer {
			layers = append(layers, at.spec())
			at = at.in
			continue
		}
		skip, err := im.skip(at)
		if err != nil {
			return nil, err
		}
		if skip.id < from.id {
			return nil, fmt.Errorf("the skip into node %s and another one cross", at.node)
		}
		body, err := im.chain(at.body(skip), skip, depth+1)
		if err != nil {
			return nil, err
		}
		layers = append(layers, nn.LayerSpec{Op: nn.Residual, Layers: body})
		at = skip
	}
	slices.Reverse(layers)
	return layers, nil
}

// skip returns which of the two that a stepAdd adds is what the other was made
// of, and notes it in the step.
func (im *importer) skip(st *step) (*step, error) {
	for _, pair := range [][2]*step{{st.in, st.res}, {st.res, st.in}} {
		if im.dependsOn(pair[0], pair[1]) {
			st.skip = pair[1]
			return st.skip, nil
		}
	}
	return nil, fmt.Errorf("what node %s adds are two branches of which neither is made of the other; supported is x + f(x)", st.node)
}

func (st *step) body(skip *step) *step {
	if st.res == skip {
		return st.in
	}
	return st.res
}

func (im *importer) dependsOn(st, other *step) bool {
	// A step that this search has seen has its number.
	if im.seen == nil {
		im.seen = make([]int, im.steps)
	}
	im.searches++
	stack := []*step{st}
	for len(stack) > 0 {
		s := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if s == other {
			return true
		}
		if s == nil || s.id < other.id || im.seen[s.id] == im.searches {
			continue
		}
		im.seen[s.id] = im.searches
		stack = append(stack, s.in, s.res)
	}
	return false
}

// params returns the weights and biases in the order of the layers.
func (im *importer) params(at, from *step) [][]float32 {
	var all [][]float32
	for at != from {
		if at.kind == stepAdd {
			body := im.params(at.body(at.skip), at.skip)
			slices.Reverse(body)
			all = append(all, body...)
			at = at.skip
			continue
		}
		if at.w != nil {
			w, b := at.weights()
			if b != nil {
				all = append(all, b)
			}
			all = append(all, w)
		}
		at = at.in
	}
	slices.Reverse(all)
	return all
}

// spec returns the layer of a step.
func (st *step) spec() nn.LayerSpec {
	l := st.layer
	if l.Op == nn.Dense {
		v := st.to.root()
		l.Out, l.Steps = v.c, v.t
	}
	return l
}

// weights returns the weight and bias of a step; those of a dense layer with
// the channel before the time step.
func (st *step) weights() (w, b []float32) {
	w, b = st.w, st.b
	if st.layer.Op != nn.Dense {
		return w, b
	}
	from, to := st.from.root(), st.to.root()
	if from.timeMajor {
		x := make([]float32, len(w))
		for o := range to.n {
			row := w[o*from.n:][:from.n]
			for i, v := range row {
				x[o*from.n+i%from.c*from.t+i/from.c] = v
			}
		}
		w = x
	}
	if to.timeMajor {
		x := make([]float32, len(w))
		for o := range to.n {
			copy(x[(o%to.c*to.t+o/to.c)*from.n:], w[o*from.n:][:from.n])
		}
		w = x
		if b != nil {
			y := make([]float32, len(b))
			for o, v := range b {
				y[o%to.c*to.t+o/to.c] = v
			}
			b = y
		}
	}
	return w, b
}

// paramShapes returns the parameters of a valid spec without data, with the
// names and shapes of nn.
func paramShapes(s nn.Spec) []nn.Param {
	p := &shaper{c: s.In, t: s.Window}
	p.layers("layers", s.Layers)
	return p.params
}

type shaper struct {
	c, t   int
	params []nn.Param
}

func (p *shaper) layers(path string, layers []nn.LayerSpec) {
	for i, l := range layers {
		at := fmt.Sprintf("%s.%d", path, i)
		size := l.Out
		var shape []int
		switch l.Op {
		case nn.Conv:
			shape = []int{l.Out, p.c, max(l.Kernel, 1)}
		case nn.ConvT:
			shape = []int{p.c, l.Out, max(l.Kernel, 1)}
		case nn.Dense:
			size = l.Out * l.Steps
			shape = []int{size, p.c * p.t}
		case nn.LayerNorm:
			shape = []int{p.c}
			p.params = append(p.params, nn.Param{Name: at + ".weight", Shape: shape}, nn.Param{Name: at + ".bias", Shape: shape})
			continue
		case nn.Residual:
			p.layers(at+".layers", l.Layers)
		}
		if shape == nil {
			continue
		}
		p.params = append(p.params, nn.Param{Name: at + ".weight", Shape: shape})
		if !l.NoBias {
			p.params = append(p.params, nn.Param{Name: at + ".bias", Shape: []int{size}})
		}
		p.t = nn.Spec{In: p.c, Layers: []nn.LayerSpec{l}}.OutLen(p.t)
		p.c = l.Out
	}
}

// fits returns nil if parameters have the shapes of others, and the values for
// them.
func fits(got, want []nn.Param) error {
	if len(got) != len(want) {
		return fmt.Errorf("onnx: %d parameters; the spec has %d", len(got), len(want))
	}
	for i, p := range got {
		n := 1
		for _, d := range want[i].Shape {
			n *= d
		}
		if !slices.Equal(p.Shape, want[i].Shape) || len(p.Data) != n {
			return fmt.Errorf("onnx: parameter %s has shape %v and %d values; the spec wants %s of %v", p.Name, p.Shape, len(p.Data), want[i].Name, want[i].Shape)
		}
	}
	return nil
}

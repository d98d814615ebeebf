package onnx

import (
	"fmt"
	"slices"

	"github.com/quell-stream/quell/model/nn"
)

// step is one operation of the network to be, made of the nodes of the graph.
// Steps form a directed graph in which each knows what it reads; folding makes
// a new step and leaves the old one to whoever else reads it. They are turned
// into a chain of layers at the end, see chain.
type step struct {
	id      int // in the order of making: that of reading comes before
	kind    stepKind
	in, res *step // res is what stepAdd adds to in
	skip    *step // which of the two the other is made of, once chain knows
	node    string

	layer nn.LayerSpec // stepLayer
	w, b  []float32    // row-major as nn.Param; b is nil for no bias

	from, to *view // of a dense layer: the order of what it reads and makes
}

type stepKind uint8

const (
	stepInput stepKind = iota
	stepLayer          // convolutions, dense, activations
	stepAdd
)

// axis says what an axis of a signal's tensor means.
type axis uint8

const (
	axisBatch   axis = iota
	axisChannel      // C
	axisTime         // T
	axisUnit         // length 1
	axisFlat         // channels and time in one
)

// signal is a tensor that depends on the input: the output of a step, and how
// its values are laid out.
type signal struct {
	at     *step
	axes   []axis
	c      int
	t      dim
	pad    [2]int // zero columns around it that no step has made yet
	padded string // the node that asked for them
	view   *view  // with axisFlat: what is flattened
	shared bool   // somebody else reads it, or did on the way from its step
}

// view says how C and T are laid out along a flat axis of n elements. A dense
// layer makes n values that mean nothing until they are reshaped, so that views
// of values that must agree are joined.
type view struct {
	parent    *view
	n, c, t   int
	set       bool
	timeMajor bool // element [c][t] at t*C+c, else at c*T+t
}

func (v *view) root() *view {
	for v.parent != nil {
		v = v.parent
	}
	return v
}

// join makes two views of as many values one.
func (v *view) join(w *view) error {
	v, w = v.root(), w.root()
	switch {
	case v == w:
	case v.n != w.n:
		return fmt.Errorf("adds %d values to %d", w.n, v.n)
	case !v.set:
		v.parent = w
	case !w.set:
		w.parent = v
	case v.c != w.c || v.t != w.t || v.timeMajor != w.timeMajor:
		return fmt.Errorf("adds values of [%d,%d] to such of [%d,%d]", w.c, w.t, v.c, v.t)
	default:
		w.parent = v
	}
	return nil
}

// size is the number of elements along an axis.
func (s *signal) size(a axis) dim {
	switch a {
	case axisBatch:
		return dim{sym: symBatch}
	case axisChannel:
		return fixed(int64(s.c))
	case axisTime:
		return dim{s.t.sym, s.t.n + int64(s.pad[0]+s.pad[1])}
	case axisFlat:
		return fixed(int64(s.view.root().n))
	}
	return fixed(1)
}

func (s *signal) shape() string {
	var names []string
	for _, a := range s.axes {
		names = append(names, s.size(a).String())
	}
	return fmt.Sprint(names)
}

// with returns the signal of another step in the same layout.
func (s *signal) with(at *step) *signal {
	out := *s
	out.at, out.shared = at, false
	return &out
}

// laid returns the signal in another layout.
func (s *signal) laid(axes ...axis) *signal {
	out := *s
	out.axes = axes
	return &out
}

// index returns the place of an axis, -1 if there is none.
func (s *signal) index(a axis) int { return slices.Index(s.axes, a) }

// value is what a name of the graph stands for: a signal, a constant, or
// neither where what makes it was refused.
type value struct {
	sig *signal
	con *tensor
}

func (v value) bad() bool { return v.sig == nil && v.con == nil }

// importer turns the nodes of a graph into steps.
type importer struct {
	g        *graphProto
	values   map[string]value
	tensors  map[string]*tensorProto
	maker    map[string]int   // node by the name of an output
	readers  map[string][]int // nodes by the name of an input
	gelu     map[int]string   // the last node of a GELU, and the name of its input
	steps    int
	seen     []int // see dependsOn
	searches int
	syms     int
	batch    dim
	expanded int
	problems []problem
	node     *node // at work
}

// maxExpanded bounds the values that are made of those of the file, such as the
// weights of grouped convolutions and of scales, over all nodes.
const maxExpanded = 1 << 25

func (im *importer) refuse(n *node, format string, args ...any) {
	p := problem{text: fmt.Sprintf(format, args...)}
	if n != nil {
		p.node = label(n)
	}
	im.problems = append(im.problems, p)
}

func (im *importer) unsupported() error {
	if len(im.problems) == 0 {
		return nil
	}
	return &UnsupportedError{im.problems}
}

// label names a node: by its name, or where it has none by what it makes.
func label(n *node) string {
	switch {
	case n.name != "":
		return quote(n.name)
	case len(n.out) > 0:
		return "of " + quote(n.out[0])
	}
	return "without a name"
}

func importGraph(m *modelProto) (*Net, error) {
	im := &importer{g: m.graph, values: map[string]value{}, tensors: map[string]*tensorProto{},
		maker: map[string]int{}, readers: map[string][]int{}, syms: symTime, batch: dim{sym: symBatch}}
	im.checkOpsets(m.opsets)
	if err := im.index(); err != nil {
		return nil, err
	}
	in, out := im.ends()
	im.findGELU()
	order := im.needed(out)
	for _, k := range order {
		im.checkOp(m.graph.nodes[k])
	}
	for _, k := range order {
		if err := im.lower(k); err != nil {
			return nil, err
		}
	}
	if err := im.unsupported(); err != nil {
		return nil, err
	}
	return im.finish(in, im.values[out])
}

func (im *importer) checkOpsets(sets []opset) {
	for _, o := range sets {
		if o.domain != "" && o.domain != "ai.onnx" {
			continue // its operators are refused by name
		}
		if o.version < 9 || o.version > 22 {
			im.refuse(nil, "operator set %d; supported are 9 to 22", o.version)
		}
		return
	}
	im.refuse(nil, "the file does not say which operator set it uses; supported are 9 to 22")
}

// index notes which node makes and reads each name, and checks that names are
// used as they may.
func (im *importer) index() error {
	for _, t := range im.g.tensors {
		if im.tensors[t.name] != nil {
			return fmt.Errorf("two initializers have the name %s", quote(t.name))
		}
		im.tensors[t.name] = t
	}
	known := map[string]bool{"": true}
	for name := range im.tensors {
		known[name] = true
	}
	for _, v := range im.g.inputs {
		known[v.name] = true
	}
	for k, n := range im.g.nodes {
		for _, name := range n.in {
			// Sparse initializers are not read; what uses them is told.
			if !known[name] && im.g.sparse == 0 {
				return fmt.Errorf("node %s reads %s, which nothing before it makes", label(n), quote(name))
			}
			im.readers[name] = append(im.readers[name], k)
		}
		for _, name := range n.out {
			if name != "" && known[name] {
				return fmt.Errorf("node %s makes %s, which is there already", label(n), quote(name))
			}
			known[name] = true
			if name != "" {
				im.maker[name] = k
			}
		}
	}
	return nil
}

// ends finds the one input and output of the network and sets the value of the
// input.
func (im *importer) ends() (in *signal, out string) {
	var inputs []valueInfo
	for _, v := range im.g.inputs {
		if im.tensors[v.name] == nil { // old files list initializers among the inputs
			inputs = append(inputs, v)
		}
	}
	if len(inputs) != 1 {
		im.refuse(nil, "%d inputs; a network here has one, without state of its own: streaming is done here", len(inputs))
	}
	for i, v := range inputs {
		s, err := im.input(v)
		switch {
		case err != nil:
			im.refuse(nil, "input %s: %v", quote(v.name), err)
		case i == 0:
			in = s
			in.shared = len(im.readers[v.name]) > 1
		}
		im.values[v.name] = value{sig: s}
	}
	if len(im.g.outputs) != 1 {
		im.refuse(nil, "%d outputs; a network here has one", len(im.g.outputs))
	}
	if len(im.g.outputs) > 0 {
		out = im.g.outputs[0].name
	}
	return in, out
}

// input gives meaning to the axes of the input.
func (im *importer) input(v valueInfo) (*signal, error) {
	if !v.rank {
		return nil, fmt.Errorf("the file does not say what shape it has")
	}
	s := &signal{at: im.newStep(&step{kind: stepInput})}
	channel, time := 1, len(v.dims)-1
	switch len(v.dims) {
	case 2:
		s.axes, channel = []axis{axisBatch, axisTime}, -1
	case 3:
		s.axes = []axis{axisBatch, axisChannel, axisTime}
		if im.transposedFirst(v.name) {
			s.axes, channel, time = []axis{axisBatch, axisTime, axisChannel}, 2, 1
		}
	case 4:
		s.axes = []axis{axisBatch, axisChannel, axisUnit, axisTime}
		if v.dims[2] != 1 {
			if v.dims[3] != 1 {
				return nil, fmt.Errorf("shape %v; of four axes the third must be 1", v.dims)
			}
			s.axes, time = []axis{axisBatch, axisChannel, axisTime, axisUnit}, 2
		}
	default:
		return nil, fmt.Errorf("shape %v; want [N,C,T] or [N,C,1,T]", v.dims)
	}
	s.c = 1
	if channel > 0 {
		if v.dims[channel] < 0 {
			return nil, fmt.Errorf("the number of channels is left open; it must be fixed")
		}
		if v.dims[channel] > 1<<14 {
			return nil, fmt.Errorf("%d channels; at most %d", v.dims[channel], 1<<14)
		}
		s.c = int(v.dims[channel])
	}
	s.t = dim{sym: symTime}
	if n := v.dims[time]; n > 1<<24 {
		return nil, fmt.Errorf("%d columns; at most %d", n, 1<<24)
	} else if n > 0 {
		s.t = fixed(n)
	}
	if v.dims[0] > 0 {
		im.batch = fixed(v.dims[0])
	}
	return s, nil
}

// transposedFirst says whether all that reads an input of three axes swaps the
// last two: then it is [N,T,C], unless it does so to have the channels normalised.
func (im *importer) transposedFirst(name string) bool {
	for _, k := range im.readers[name] {
		if k < 0 { // the output
			return false
		}
		n := im.g.nodes[k]
		a := n.attr("perm")
		if n.op != "Transpose" || a == nil || !slices.Equal(a.ints, []int64{0, 2, 1}) {
			return false
		}
		for _, r := range im.readers[n.out[0]] {
			if r >= 0 && im.g.nodes[r].op == "LayerNormalization" {
				return false
			}
		}
	}
	return len(im.readers[name]) > 0
}

// transposedLater says the same of what is made of a name element by element.
func (im *importer) transposedLater(name string) bool {
	for range maxRank {
		readers := im.readers[name]
		if len(readers) != 1 || readers[0] < 0 || len(im.g.nodes[readers[0]].out) == 0 {
			break
		}
		switch n := im.g.nodes[readers[0]]; n.op {
		case "Add", "Sub", "Mul", "Div", "Neg", "Relu", "Sigmoid", "Tanh", "Gelu", "Dropout", "Identity", "Cast":
			name = n.out[0]
			continue
		}
		break
	}
	return im.transposedFirst(name)
}

// needed returns the nodes that the output depends on, in their order.
func (im *importer) needed(out string) []int {
	seen := make([]bool, len(im.g.nodes))
	stack := []string{out}
	for len(stack) > 0 {
		name := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		k, ok := im.maker[name]
		if !ok || seen[k] {
			continue
		}
		seen[k] = true
		if x, ok := im.gelu[k]; ok {
			stack = append(stack, x)
			continue
		}
		stack = append(stack, im.g.nodes[k].in...)
	}
	var order []int
	for k, ok := range seen {
		if ok {
			order = append(order, k)
		}
	}
	// Of nodes that are not needed nothing is known, so they don't count as
	// readers either.
	for name, nodes := range im.readers {
		im.readers[name] = slices.DeleteFunc(nodes, func(k int) bool { return !seen[k] })
	}
	for k, x := range im.gelu {
		if seen[k] {
			for _, name := range im.g.nodes[k].in {
				im.readers[name] = slices.DeleteFunc(im.readers[name], func(r int) bool { return r == k })
			}
			im.readers[x] = append(im.readers[x], k)
		}
	}
	im.readers[out] = append(im.readers[out], -1)
	return order
}

func (im *importer) newStep(s *step) *step {
	s.id = im.steps
	im.steps++
	if im.node != nil {
		s.node = label(im.node)
	}
	return s
}

// newSym makes up a symbol for a length.
func (im *importer) newSym() dim {
	im.syms++
	return dim{sym: im.syms}
}

// lower computes the values of a node's outputs. What is not supported is
// noted; the error is about files that are broken.
func (im *importer) lower(k int) error {
	n := im.g.nodes[k]
	im.node = n
	if len(n.out) == 0 {
		return fmt.Errorf("node %s makes nothing", label(n))
	}
	im.values[n.out[0]] = value{}
	var v value
	if x, ok := im.gelu[k]; ok {
		in, err := im.value(x)
		if err != nil {
			return err
		}
		if in.sig != nil {
			v.sig = im.activation(in.sig, nn.GELU)
		}
	} else if op, ok := operators[n.op]; ok && standard(n.domain) {
		args := make([]value, len(n.in))
		for i, name := range n.in {
			if name == "" {
				continue
			}
			var err error
			if args[i], err = im.value(name); err != nil {
				return err
			}
			if args[i].bad() {
				return nil // refused already, with what it comes from
			}
		}
		if len(args) < op.least {
			return fmt.Errorf("node %s: %s with %d inputs", label(n), n.op, len(args))
		}
		var err error
		if v, err = op.lower(im, n, args); err != nil {
			im.refuse(n, "%s: %v", n.op, err)
		}
	}
	if v.sig != nil {
		s := *v.sig
		s.shared = s.shared || len(im.readers[n.out[0]]) > 1
		v.sig = &s
	}
	im.values[n.out[0]] = v
	return nil
}

// value returns what a name stands for.
func (im *importer) value(name string) (value, error) {
	if v, ok := im.values[name]; ok {
		return v, nil
	}
	p := im.tensors[name]
	if p == nil {
		if _, made := im.maker[name]; !made {
			im.refuse(im.node, "%s: its input %s has no values, or sparse ones", im.node.op, quote(name))
		} else {
			im.refuse(im.node, "%s: it needs more than the first output of another node", im.node.op)
		}
		return value{}, nil
	}
	t, err := decodeTensor(p)
	if err != nil {
		if unreadable(p) {
			im.refuse(nil, "%v", err)
			im.values[name] = value{}
			return value{}, nil
		}
		return value{}, err
	}
	v := value{con: t}
	im.values[name] = v
	return v, nil
}

// unreadable says whether a tensor may be intact, but is of a kind that is not
// read.
func unreadable(p *tensorProto) bool {
	switch p.typ {
	case typeFloat, typeDouble, typeFloat16, typeBFloat16, typeInt64, typeInt32:
		return p.external
	}
	return true
}

func (n *node) attr(name string) *attribute {
	for i := range n.attrs {
		if n.attrs[i].name == name {
			return &n.attrs[i]
		}
	}
	return nil
}

func (n *node) int(name string, def int64) int64 {
	if a := n.attr(name); a != nil {
		return a.i
	}
	return def
}

func (n *node) ints(name string) ([]int64, bool) {
	if a := n.attr(name); a != nil {
		return a.ints, true
	}
	return nil, false
}

func (n *node) float(name string, def float32) float32 {
	if a := n.attr(name); a != nil {
		return a.f
	}
	return def
}

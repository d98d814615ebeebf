package onnx

import (
	"errors"
	"fmt"
	"slices"

	"github.com/quell-stream/quell/model/nn"
)

func (im *importer) dropout(n *node, in []value) (value, error) {
	if len(in) > 2 && !in[2].bad() && (in[2].con == nil || !slices.Equal(in[2].con.i, []dim{fixed(0)})) {
		return value{}, errors.New("supported is the form for inference")
	}
	return in[0], nil
}

func (im *importer) cast(n *node, in []value) (value, error) {
	to := n.int("to", 0)
	isFloat := to == typeFloat || to == typeFloat16 || to == typeDouble || to == typeBFloat16
	isInt := to == typeInt64 || to == typeInt32
	c := in[0].con
	switch {
	case c == nil && isFloat, c != nil && c.f != nil && isFloat, c != nil && c.f == nil && isInt:
		return in[0], nil
	case c != nil && c.f == nil && isFloat && len(c.i) == 1 && c.i[0].sym == 0:
		return value{con: &tensor{name: c.name, dims: c.dims, f: []float32{float32(c.i[0].n)}}}, nil
	}
	return value{}, fmt.Errorf("to type %s", typeName(to))
}

func (im *importer) constant(n *node, _ []value) (value, error) {
	for _, a := range n.attrs {
		switch a.name {
		case "value":
			if a.t == nil {
				return value{}, errors.New("without a value")
			}
			t, err := decodeTensor(a.t)
			if err != nil {
				return value{}, err
			}
			if t.name == "" {
				t.name = n.name
			}
			return value{con: t}, nil
		case "value_float":
			return value{con: &tensor{name: n.name, f: []float32{a.f}}}, nil
		case "value_floats":
			return value{con: &tensor{name: n.name, dims: []int{len(a.floats)}, f: slices.Clone(a.floats)}}, nil
		case "value_int":
			return value{con: &tensor{name: n.name, i: []dim{fixed(a.i)}}}, nil
		case "value_ints":
			if len(a.ints) > maxShape {
				return value{}, fmt.Errorf("%d integers; at most %d", len(a.ints), maxShape)
			}
			t := &tensor{name: n.name, dims: []int{len(a.ints)}, i: []dim{}}
			for _, v := range a.ints {
				t.i = append(t.i, fixed(v))
			}
			return value{con: t}, nil
		}
	}
	return value{}, errors.New("without a value")
}

func (im *importer) shapeOp(n *node, in []value) (value, error) {
	var dims []dim
	if s := in[0].sig; s != nil {
		for _, a := range s.axes {
			d := s.size(a)
			if a == axisBatch {
				d = im.batch
			}
			dims = append(dims, d)
		}
	} else {
		for _, d := range in[0].con.dims {
			dims = append(dims, fixed(int64(d)))
		}
	}
	rank := int64(len(dims))
	at := func(name string, def int64) int64 {
		v := n.int(name, def)
		if v < 0 {
			v += rank
		}
		return min(max(v, 0), rank)
	}
	lo, hi := at("start", 0), at("end", rank)
	dims = dims[lo:max(lo, hi)]
	return value{con: &tensor{dims: []int{len(dims)}, i: slices.Clone(dims)}}, nil
}

// gather picks from a list of integers, as exporters do with shapes.
func (im *importer) gather(n *node, in []value) (value, error) {
	if in[0].con == nil || in[1].con == nil || in[0].con.f != nil || len(in[0].con.dims) != 1 || n.int("axis", 0) != 0 {
		return value{}, errors.New("supported of shapes only")
	}
	list, err := in[1].con.numbers()
	if err != nil {
		return value{}, err
	}
	out := &tensor{name: in[0].con.name, dims: in[1].con.dims, i: []dim{}}
	for _, k := range list {
		i, err := axisAt(k, len(in[0].con.i))
		if err != nil {
			return value{}, err
		}
		out.i = append(out.i, in[0].con.i[i])
	}
	return value{con: out}, nil
}

// concat joins lists of integers, as exporters do with shapes.
func (im *importer) concat(n *node, in []value) (value, error) {
	out := &tensor{i: []dim{}}
	for _, v := range in {
		if v.con == nil || v.con.f != nil || len(v.con.dims) != 1 || n.int("axis", 0) != 0 {
			return value{}, errors.New("supported of shapes only")
		}
		out.i = append(out.i, v.con.i...)
		if len(out.i) > maxShape {
			return value{}, fmt.Errorf("more than %d integers", maxShape)
		}
	}
	out.dims = []int{len(out.i)}
	return value{con: out}, nil
}

func (im *importer) constantOfShape(n *node, in []value) (value, error) {
	if in[0].con == nil || in[0].con.f != nil || len(in[0].con.i) != 1 || in[0].con.i[0].sym != 0 {
		return value{}, errors.New("supported for a list of fixed length only")
	}
	size := in[0].con.i[0].n
	a := n.attr("value")
	if size < 0 || size > maxShape || a == nil || a.t == nil {
		return value{}, errors.New("supported for a short list of integers only")
	}
	t, err := decodeTensor(a.t)
	if err != nil || len(t.i) != 1 {
		return value{}, errors.New("supported for a short list of integers only")
	}
	return value{con: &tensor{dims: []int{int(size)}, i: slices.Repeat(t.i, int(size))}}, nil
}

func (im *importer) transpose(n *node, in []value) (value, error) {
	rank := 0
	if in[0].sig != nil {
		rank = len(in[0].sig.axes)
	} else {
		rank = len(in[0].con.dims)
	}
	var perm []int
	list, ok := n.ints("perm")
	if !ok {
		for i := range rank {
			perm = append(perm, rank-1-i)
		}
	}
	for _, a := range list {
		i, err := axisAt(a, rank)
		if err != nil || slices.Contains(perm, i) {
			return value{}, fmt.Errorf("perm is %v", list)
		}
		perm = append(perm, i)
	}
	if len(perm) != rank {
		return value{}, fmt.Errorf("perm is %v for %d axes", list, rank)
	}
	if c := in[0].con; c != nil {
		if err := im.expand(c.size()); err != nil {
			return value{}, err
		}
		return value{con: c.transposed(perm)}, nil
	}
	s := *in[0].sig
	s.axes = nil
	for _, p := range perm {
		s.axes = append(s.axes, in[0].sig.axes[p])
	}
	return value{sig: &s}, nil
}

// axesArg reads the axes of Squeeze and Unsqueeze: an attribute before operator
// set 13, then an input.
func axesArg(n *node, in []value) ([]int64, error) {
	if len(in) > 1 && !in[1].bad() {
		if in[1].con == nil {
			return nil, errors.New("its axes are computed from the input")
		}
		return in[1].con.numbers()
	}
	list, _ := n.ints("axes")
	return list, nil
}

func (im *importer) squeeze(n *node, in []value) (value, error) {
	list, err := axesArg(n, in)
	if err != nil {
		return value{}, err
	}
	rank := 0
	unit := func(i int) bool { return in[0].con.dims[i] == 1 }
	if s := in[0].sig; s != nil {
		rank = len(s.axes)
		unit = func(i int) bool {
			a := s.axes[i]
			return a == axisUnit || a == axisChannel && s.c == 1 || a == axisTime && s.size(axisTime) == fixed(1)
		}
	} else {
		rank = len(in[0].con.dims)
	}
	drop := make([]bool, rank)
	for _, a := range list {
		i, err := axisAt(a, rank)
		if err != nil {
			return value{}, err
		}
		if !unit(i) {
			return value{}, fmt.Errorf("axis %d is not 1", a)
		}
		drop[i] = true
	}
	if len(list) == 0 {
		if s := in[0].sig; s != nil && im.batch == fixed(1) {
			return value{}, errors.New("without axes, where the batch is 1 too")
		}
		for i := range drop {
			drop[i] = unit(i)
		}
	}
	if c := in[0].con; c != nil {
		dims := []int{}
		for i, d := range c.dims {
			if !drop[i] {
				dims = append(dims, d)
			}
		}
		return value{con: c.reshaped(dims)}, nil
	}
	s := *in[0].sig
	s.axes = nil
	for i, a := range in[0].sig.axes {
		if !drop[i] {
			s.axes = append(s.axes, a)
		}
	}
	return value{sig: &s}, nil
}

func (im *importer) unsqueeze(n *node, in []value) (value, error) {
	list, err := axesArg(n, in)
	if err != nil {
		return value{}, err
	}
	rank := len(list)
	if s := in[0].sig; s != nil {
		rank += len(s.axes)
	} else {
		rank += len(in[0].con.dims)
	}
	if rank > maxRank || len(list) == 0 {
		return value{}, fmt.Errorf("to %d axes", rank)
	}
	added := make([]bool, rank)
	for _, a := range list {
		i, err := axisAt(a, rank)
		if err != nil || added[i] {
			return value{}, fmt.Errorf("axes are %v", list)
		}
		added[i] = true
	}
	if c := in[0].con; c != nil {
		var dims []int
		k := 0
		for _, one := range added {
			if one {
				dims = append(dims, 1)
				continue
			}
			dims = append(dims, c.dims[k])
			k++
		}
		return value{con: c.reshaped(dims)}, nil
	}
	s := *in[0].sig
	s.axes = nil
	k := 0
	for _, one := range added {
		if one {
			s.axes = append(s.axes, axisUnit)
			continue
		}
		s.axes = append(s.axes, in[0].sig.axes[k])
		k++
	}
	return value{sig: &s}, nil
}

func (im *importer) flattenOp(n *node, in []value) (value, error) {
	if err := signalAnd(in); err != nil {
		return value{}, err
	}
	if n.int("axis", 1) != 1 {
		return value{}, fmt.Errorf("axis=%d; supported is 1", n.int("axis", 1))
	}
	s, err := im.flat(in[0].sig)
	return value{sig: s}, err
}

// flat returns a signal as [N, C·T].
func (im *importer) flat(s *signal) (*signal, error) {
	if err := unpadded(s); err != nil {
		return nil, err
	}
	if s.axes[0] != axisBatch {
		return nil, fmt.Errorf("of a signal of %s; want the batch first", s.shape())
	}
	if s.index(axisFlat) >= 0 {
		return s.laid(axisBatch, axisFlat), nil
	}
	if s.t.sym != 0 {
		return nil, errOpen
	}
	if int64(s.c)*s.t.n > maxFile {
		return nil, fmt.Errorf("%s are too many values", s.shape())
	}
	v := &view{n: s.c * int(s.t.n), c: s.c, t: int(s.t.n), set: true}
	c, t := s.index(axisChannel), s.index(axisTime)
	v.timeMajor = c >= 0 && t >= 0 && t < c && v.c > 1 && v.t > 1
	out := s.laid(axisBatch, axisFlat)
	out.view = v
	return out, nil
}

func (im *importer) reshape(n *node, in []value) (value, error) {
	if in[1].con == nil || in[1].con.f != nil {
		return value{}, errors.New("its shape is not constant")
	}
	want := in[1].con.i
	if len(want) > maxRank {
		return value{}, fmt.Errorf("to %d axes", len(want))
	}
	if c := in[0].con; c != nil {
		return reshapeConstant(c, want)
	}
	s := in[0].sig
	if err := unpadded(s); err != nil {
		return value{}, err
	}
	if s.axes[0] != axisBatch || len(want) < 2 {
		return value{}, fmt.Errorf("of a signal of %s to %v", s.shape(), want)
	}
	if !im.isBatch(want[0]) {
		return value{}, fmt.Errorf("of a signal of %s to %v; the first axis must stay the batch", s.shape(), want)
	}
	// 0 keeps the size of the axis at its place.
	want = slices.Clone(want[1:])
	open := -1
	for i, d := range want {
		if d == fixed(0) && n.int("allowzero", 0) == 0 && i+1 < len(s.axes) {
			want[i] = s.size(s.axes[i+1])
		}
		if want[i] == fixed(-1) {
			if open >= 0 || in[1].con.i[0] == fixed(-1) {
				return value{}, fmt.Errorf("to %v", in[1].con.i)
			}
			open = i
		}
	}
	out, err := im.reshaped(n, s, want, open)
	return value{sig: out}, err
}

func (im *importer) isBatch(d dim) bool {
	return d == im.batch || d == dim{sym: symBatch} || d == fixed(0) || d == fixed(-1) || d == fixed(1) && im.batch.sym != 0
}

// reshaped lays a signal out with the sizes want behind the batch, of which
// that at open is what is left over.
func (im *importer) reshaped(n *node, s *signal, want []dim, open int) (*signal, error) {
	fail := func() (*signal, error) {
		return nil, fmt.Errorf("of a signal of %s to %v behind the batch", s.shape(), want)
	}
	flatIn := s.index(axisFlat) >= 0
	total := int64(-1)
	switch {
	case flatIn:
		total = int64(s.view.root().n)
	case s.t.sym == 0:
		total = int64(s.c) * s.t.n
	}
	if open >= 0 && total >= 0 {
		rest := int64(1)
		for i, d := range want {
			if i != open {
				if d.sym != 0 || d.n < 1 || d.n > total {
					return fail()
				}
				rest *= d.n
				if rest > total {
					return fail()
				}
			}
		}
		if total%rest != 0 {
			return fail()
		}
		want[open] = fixed(total / rest)
		open = -1
	}
	if len(want) == 1 && total >= 0 {
		if want[0] != fixed(total) {
			return fail()
		}
		return im.flat(s)
	}
	if flatIn {
		return im.unflat(n, s, want)
	}
	// The same values in the same order: only axes of length 1 come or go.
	var order []axis
	for _, a := range s.axes[1:] {
		if a == axisChannel || a == axisTime {
			order = append(order, a)
		}
	}
	if len(order) == 1 { // [N,T]
		order = []axis{axisChannel, axisTime}
	}
	sizes := [2]dim{s.size(order[0]), s.size(order[1])}
	fits := func(i int, d dim) bool { return want[i] == d || i == open }
	ones := func(skip ...int) bool {
		for i, d := range want {
			if !slices.Contains(skip, i) && d != fixed(1) {
				return false
			}
		}
		return true
	}
	for i := range want {
		for j := len(want) - 1; j > i; j-- {
			if fits(i, sizes[0]) && fits(j, sizes[1]) && ones(i, j) {
				axes := slices.Repeat([]axis{axisUnit}, len(want)+1)
				axes[0], axes[i+1], axes[j+1] = axisBatch, order[0], order[1]
				return s.laid(axes...), nil
			}
		}
	}
	if len(want) == 1 && s.c == 1 && fits(0, s.t) {
		return s.laid(axisBatch, axisTime), nil
	}
	return fail()
}

// unflat gives the values of a flat axis their channels and columns.
func (im *importer) unflat(n *node, s *signal, want []dim) (*signal, error) {
	v := s.view.root()
	var at []int // of the axes that are not 1
	for i, d := range want {
		if d.sym != 0 || d.n < 1 || d.n > int64(v.n) {
			return nil, fmt.Errorf("of a signal of %s to %v behind the batch", s.shape(), want)
		}
		if d.n > 1 {
			at = append(at, i)
		}
	}
	axes := slices.Repeat([]axis{axisUnit}, len(want)+1)
	axes[0] = axisBatch
	ci, ti := 0, len(want)-1
	timeMajor := false
	switch {
	case len(at) > 2:
		return nil, fmt.Errorf("of a signal of %s to %v behind the batch", s.shape(), want)
	case len(at) == 2:
		ci, ti = at[0], at[1]
		// [N,T,C] if it says so already, or if what follows swaps the two.
		timeMajor = v.set && v.timeMajor || !v.set && len(want) == 2 && im.transposedLater(n.out[0])
	case len(at) == 1 && at[0] == ci && len(want) > 1:
		if len(want) > 1 && v.set && v.c == 1 && v.t > 1 {
			ci, ti = ti, ci
		}
	case len(at) == 1 && at[0] != ti:
		ti = at[0]
	}
	if timeMajor {
		ci, ti = ti, ci
	}
	if ci == ti {
		return nil, fmt.Errorf("of a signal of %s to %v behind the batch", s.shape(), want)
	}
	c, t := int(want[ci].n), int(want[ti].n)
	if c*t != v.n {
		return nil, fmt.Errorf("of a signal of %s to %v behind the batch", s.shape(), want)
	}
	if v.set && (v.c != c || v.t != t || v.timeMajor != timeMajor && c > 1 && t > 1) {
		return nil, fmt.Errorf("of values that are [%d,%d] to %v behind the batch", v.c, v.t, want)
	}
	if !v.set {
		v.c, v.t, v.timeMajor, v.set = c, t, timeMajor && c > 1 && t > 1, true
	}
	axes[ci+1], axes[ti+1] = axisChannel, axisTime
	out := s.laid(axes...)
	out.c, out.t, out.view = c, fixed(int64(t)), nil
	return out, nil
}

func reshapeConstant(c *tensor, want []dim) (value, error) {
	rest, open := 1, -1
	dims := make([]int, len(want))
	for i, d := range want {
		switch {
		case d == fixed(-1) && open < 0:
			open = i
			continue
		case d == fixed(0) && i < len(c.dims):
			dims[i] = c.dims[i]
		case d.sym == 0 && d.n > 0 && d.n <= maxFile:
			dims[i] = int(d.n)
		default:
			return value{}, fmt.Errorf("of a constant of %v to %v", c.dims, want)
		}
		if rest *= dims[i]; rest > maxFile {
			return value{}, fmt.Errorf("of a constant of %v to %v", c.dims, want)
		}
	}
	if open >= 0 && rest > 0 {
		dims[open] = c.size() / rest
		rest *= dims[open]
	}
	if rest != c.size() {
		return value{}, fmt.Errorf("of a constant of %v to %v", c.dims, want)
	}
	return value{con: c.reshaped(dims)}, nil
}

// gemm reads a linear layer over the flattened window.
func (im *importer) gemm(n *node, in []value) (value, error) {
	if err := signalAnd(in, "weight", "bias"); err != nil {
		return value{}, err
	}
	if n.int("transA", 0) != 0 {
		return value{}, errors.New("transA=1")
	}
	w := in[1].con
	if w == nil || len(w.dims) != 2 || w.f == nil {
		return value{}, errors.New("its weights are no matrix of floating point values")
	}
	if n.int("transB", 0) == 0 {
		if err := im.expand(w.size()); err != nil {
			return value{}, err
		}
		w = w.transposed([]int{1, 0})
	}
	if a := n.float("alpha", 1); a != 1 {
		var err error
		if w, err = im.mapped(w, func(v float32) float32 { return a * v }); err != nil {
			return value{}, err
		}
	}
	var b []float32
	if len(in) > 2 && in[2].con != nil {
		c := in[2].con
		lead := len(c.dims) - 1
		for i, d := range c.dims {
			if i < lead && d != 1 || i == lead && d != 1 && d != w.dims[0] {
				return value{}, fmt.Errorf("a bias of %v for %d outputs", c.dims, w.dims[0])
			}
		}
		if len(c.f) == 0 || !finite(c.f) {
			return value{}, fmt.Errorf("the bias %s must be finite values", quote(c.name))
		}
		b = make([]float32, w.dims[0])
		for i := range b {
			b[i] = n.float("beta", 1) * c.f[i%len(c.f)]
		}
	}
	s := in[0].sig
	if len(s.axes) != 2 {
		return value{}, fmt.Errorf("over a signal of %s; want [N, C·T]", s.shape())
	}
	return im.linear(s, w, b)
}

func (im *importer) matMul(_ *node, in []value) (value, error) {
	if in[0].sig == nil {
		return value{}, errors.New("its first input is constant; supported is a signal times a constant matrix")
	}
	w := in[1].con
	if w == nil {
		return value{}, errors.New("a product of two signals; supported is one with a constant matrix")
	}
	if len(w.dims) != 2 || w.f == nil {
		return value{}, errors.New("its weights are no matrix of floating point values")
	}
	if err := im.expand(w.size()); err != nil {
		return value{}, err
	}
	return im.linear(in[0].sig, w.transposed([]int{1, 0}), nil)
}

// linear applies a matrix [out, in] along the last axis: channels, which is a
// convolution of one tap, or the whole window.
func (im *importer) linear(s *signal, w *tensor, b []float32) (value, error) {
	if !finite(w.f) {
		return value{}, fmt.Errorf("the weight %s has a value that is not finite", quote(w.name))
	}
	if err := unpadded(s); err != nil {
		return value{}, err
	}
	if len(w.f) == 0 {
		return value{}, fmt.Errorf("its weights have shape %v", w.dims)
	}
	last := s.axes[len(s.axes)-1]
	if d := s.size(last); d.sym == 0 && d.n != int64(w.dims[1]) {
		return value{}, fmt.Errorf("%d columns of weights over a signal of %s", w.dims[1], s.shape())
	}
	if last == axisChannel && s.index(axisTime) >= 0 {
		return value{sig: im.made(s, nn.Conv, taps{kernel: 1, stride: 1, dilation: 1}, w.dims[0], s.t, w.f, b)}, nil
	}
	for _, a := range s.axes[1 : len(s.axes)-1] {
		if a != axisUnit && !(a == axisChannel && s.c == 1) {
			return value{}, fmt.Errorf("along the last axis of a signal of %s; supported is the whole window (flattened before), or channels", s.shape())
		}
	}
	if last == axisUnit {
		return value{}, fmt.Errorf("along the last axis of a signal of %s", s.shape())
	}
	f, err := im.flat(s)
	if err != nil {
		return value{}, err
	}
	made := &view{n: w.dims[0], c: w.dims[0], t: 1}
	out := f.with(im.newStep(&step{kind: stepLayer, in: s.at, layer: nn.LayerSpec{Op: nn.Dense, NoBias: b == nil}, w: w.f, b: b, from: f.view, to: made}))
	out.axes = slices.Clone(s.axes)
	for i := range out.axes[1:] {
		out.axes[i+1] = axisUnit
	}
	out.axes[len(out.axes)-1] = axisFlat
	out.view = made
	return value{sig: out}, nil
}

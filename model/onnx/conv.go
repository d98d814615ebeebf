package onnx

import (
	"errors"
	"fmt"
	"slices"

	"github.com/quell-stream/quell/model/nn"
)

// taps is what a convolution does along time.
type taps struct {
	kernel, stride, dilation int
	pad                      [2]int
	outputPad                int
	row                      int // the one tap along the unit axis that meets the signal
	unit                     int // its place in the kernel's shape, -1 without such an axis
}

// convIn returns a signal laid out for a convolution over rank spatial axes,
// and the place of time among them.
func convIn(s *signal, rank int) (*signal, int, error) {
	s = labelled(s)
	if len(s.axes) == rank+2 && s.axes[0] == axisBatch && s.axes[1] == axisChannel {
		if k := s.index(axisTime); k >= 2 && rank <= 2 {
			return s, k - 2, nil
		}
	}
	return nil, 0, fmt.Errorf("over a signal of %s; supported are [N,C,T] and [N,C,1,T]", s.shape())
}

// axisInts reads an attribute of one number per spatial axis.
func axisInts(n *node, name string, rank int, def int64) ([]int64, error) {
	v, ok := n.ints(name)
	if !ok {
		return slices.Repeat([]int64{def}, rank), nil
	}
	if len(v) != rank {
		return nil, fmt.Errorf("%s has %d numbers; want %d", name, len(v), rank)
	}
	for _, x := range v {
		if x < 0 || x > 1<<20 {
			return nil, fmt.Errorf("%s is %v", name, v)
		}
	}
	return v, nil
}

// geometry reads what a convolution, or a transposed one, does along time, and
// checks that it leaves the unit axis alone.
func (im *importer) geometry(n *node, s *signal, at int, kernel []int, transposed bool) (taps, error) {
	rank := len(kernel)
	g := taps{kernel: kernel[at], unit: -1}
	fail := func(err error) (taps, error) { return g, err }
	shape, err := axisInts(n, "kernel_shape", rank, 0)
	if err != nil {
		return fail(err)
	}
	for i, k := range shape {
		if k != 0 && int(k) != kernel[i] || kernel[i] < 1 || kernel[i] > 1<<20 {
			return fail(fmt.Errorf("kernel_shape is %v, but the weights have %v", shape, kernel))
		}
	}
	strides, err := axisInts(n, "strides", rank, 1)
	if err != nil {
		return fail(err)
	}
	dilations, err := axisInts(n, "dilations", rank, 1)
	if err != nil {
		return fail(err)
	}
	pads, err := axisInts(n, "pads", 2*rank, 0)
	if err != nil {
		return fail(err)
	}
	outputPads, err := axisInts(n, "output_padding", rank, 0)
	if err != nil {
		return fail(err)
	}
	if slices.Min(strides) < 1 || slices.Min(dilations) < 1 {
		return fail(errors.New("a stride or dilation of 0"))
	}
	outputs, sized := n.ints("output_shape")
	if sized && len(outputs) != rank {
		return fail(fmt.Errorf("output_shape has %d numbers; want %d", len(outputs), rank))
	}
	auto := "NOTSET"
	if a := n.attr("auto_pad"); a != nil && len(a.s) > 0 {
		auto = string(a.s)
	}
	for i := range rank {
		span := int64(kernel[i]-1)*dilations[i] + 1
		t := fixed(1)
		if i == at {
			t = s.size(axisTime)
		}
		switch {
		case auto == "VALID":
			pads[i], pads[i+rank] = 0, 0
		case auto != "NOTSET" && auto != "SAME_UPPER" && auto != "SAME_LOWER":
			return fail(fmt.Errorf("auto_pad=%s", quote(auto)))
		case auto != "NOTSET" || sized:
			var total int64
			switch {
			case transposed && !sized: // as long as the input times the stride
				total = span - strides[i] + outputPads[i]
			case transposed:
				if t.sym != 0 {
					return fail(fmt.Errorf("output_shape: %w", errOpen))
				}
				total = (t.n-1)*strides[i] + outputPads[i] + span - outputs[i]
			case strides[i] == 1:
				total = span - 1
			case t.sym != 0:
				return fail(fmt.Errorf("auto_pad=%s with a stride: %w", auto, errOpen))
			default:
				total = max(0, (t.n+strides[i]-1)/strides[i]*strides[i]-strides[i]+span-t.n)
			}
			if total < 0 || total > 1<<20 {
				return fail(fmt.Errorf("it would take %d columns of padding", total))
			}
			pads[i], pads[i+rank] = total/2, total-total/2
			if auto != "SAME_UPPER" {
				pads[i], pads[i+rank] = total-total/2, total/2
			}
		}
		if i == at {
			g.stride, g.dilation, g.outputPad = int(strides[i]), int(dilations[i]), int(outputPads[i])
			g.pad = [2]int{int(pads[i]), int(pads[i+rank])}
			continue
		}
		// Along an axis of length 1 that stays 1, one tap meets the signal.
		g.unit = i
		if transposed {
			// The one output at p = pads[i] of the uncropped ones comes from the tap there.
			if span+outputPads[i]-pads[i]-pads[i+rank] != 1 {
				return fail(fmt.Errorf("it changes the length of the axis that is 1"))
			}
		} else if (1+pads[i]+pads[i+rank]-span)/strides[i] != 0 || 1+pads[i]+pads[i+rank] < span {
			return fail(fmt.Errorf("it changes the length of the axis that is 1"))
		}
		g.row = -1
		if pads[i]%dilations[i] == 0 && pads[i]/dilations[i] < int64(kernel[i]) {
			g.row = int(pads[i] / dilations[i])
		}
	}
	return g, nil
}

// weights reads the weight [a,b,k…] and the bias of a convolution, and leaves of
// the taps along a unit axis the one that counts.
func (im *importer) weights(in []value, g taps, outs int) (w, b []float32, err error) {
	if !finite(in[1].con.f) {
		return nil, nil, fmt.Errorf("the weight %s has a value that is not finite", quote(in[1].con.name))
	}
	w = in[1].con.f
	if g.unit >= 0 {
		dims := in[1].con.dims
		rows := dims[2+g.unit]
		if rows > 1 {
			if err := im.expand(len(w) / rows); err != nil {
				return nil, nil, err
			}
			inner := 1 // taps per row where rows come first, else 1
			if g.unit == 0 {
				inner = dims[3]
			}
			one := make([]float32, 0, len(w)/rows)
			for i := 0; i < len(w); i += rows * inner {
				for j := range inner {
					v := float32(0)
					if g.row >= 0 {
						v = w[i+g.row*inner+j]
					}
					one = append(one, v)
				}
			}
			w = one
		}
	}
	if len(in) < 3 || in[2].con == nil {
		return w, nil, nil
	}
	if c := in[2].con; len(c.f) != outs || !finite(c.f) {
		return nil, nil, fmt.Errorf("the bias %s must be %d finite values", quote(c.name), outs)
	}
	return w, in[2].con.f, nil
}

// kernelOf returns the shape of a weight beyond its two channel axes.
func kernelOf(in []value) ([]int, error) {
	c := in[1].con
	if c == nil || c.f == nil {
		return nil, errors.New("its weights are no floating point values")
	}
	if len(c.dims) != 3 && len(c.dims) != 4 {
		return nil, fmt.Errorf("over %d axes; supported are 1-D, and 2-D with a height of 1", max(len(c.dims)-2, 0))
	}
	if len(c.f) == 0 || max(c.dims[0], c.dims[1]) > 1<<14 {
		return nil, fmt.Errorf("its weights have shape %v", c.dims)
	}
	return slices.Clone(c.dims[2:]), nil
}

func (im *importer) conv(n *node, in []value) (value, error) {
	if err := signalAnd(in, "weight", "bias"); err != nil {
		return value{}, err
	}
	kernel, err := kernelOf(in)
	if err != nil {
		return value{}, err
	}
	s, at, err := convIn(in[0].sig, len(kernel))
	if err != nil {
		return value{}, err
	}
	g, err := im.geometry(n, s, at, kernel, false)
	if err != nil {
		return value{}, err
	}
	dims := in[1].con.dims
	outs, per := dims[0], dims[1]
	groups := int(n.int("group", 1))
	if groups < 1 || groups > s.c || per*groups != s.c || outs%groups != 0 {
		return value{}, fmt.Errorf("weights of %v in %d groups over %d channels", dims, groups, s.c)
	}
	w, b, err := im.weights(in, g, outs)
	if err != nil {
		return value{}, err
	}
	if groups > 1 { // the weights between groups are zero
		if err := im.expand(outs * s.c * g.kernel); err != nil {
			return value{}, err
		}
		dense := make([]float32, outs*s.c*g.kernel)
		for o := range outs {
			from := w[o*per*g.kernel:][:per*g.kernel]
			copy(dense[(o*s.c+o/(outs/groups)*per)*g.kernel:], from)
		}
		w = dense
	}
	g.pad[0] += s.pad[0]
	g.pad[1] += s.pad[1]
	t := s.t
	switch span := (g.kernel-1)*g.dilation + 1; {
	case t.sym != 0 && g.stride > 1:
		t = im.newSym()
	default:
		t.n += int64(g.pad[0] + g.pad[1] - span)
		if t.sym == 0 && t.n < 0 {
			return value{}, fmt.Errorf("its kernel spans %d columns, more than there are", span)
		}
		t.n = t.n/int64(g.stride) + 1
	}
	return value{sig: im.made(s, nn.Conv, g, outs, t, w, b)}, nil
}

func (im *importer) convT(n *node, in []value) (value, error) {
	if err := signalAnd(in, "weight", "bias"); err != nil {
		return value{}, err
	}
	if err := unpadded(in[0].sig); err != nil {
		return value{}, err
	}
	kernel, err := kernelOf(in)
	if err != nil {
		return value{}, err
	}
	s, at, err := convIn(in[0].sig, len(kernel))
	if err != nil {
		return value{}, err
	}
	g, err := im.geometry(n, s, at, kernel, true)
	if err != nil {
		return value{}, err
	}
	dims := in[1].con.dims
	groups := int(n.int("group", 1))
	if groups < 1 || groups > s.c || dims[0] != s.c || s.c%groups != 0 {
		return value{}, fmt.Errorf("weights of %v in %d groups over %d channels", dims, groups, s.c)
	}
	per := dims[1]
	outs := per * groups
	w, b, err := im.weights(in, g, outs)
	if err != nil {
		return value{}, err
	}
	if groups > 1 {
		if err := im.expand(outs * s.c * g.kernel); err != nil {
			return value{}, err
		}
		dense := make([]float32, outs*s.c*g.kernel)
		for i := range s.c {
			from := w[i*per*g.kernel:][:per*g.kernel]
			copy(dense[(i*outs+i/(s.c/groups)*per)*g.kernel:], from)
		}
		w = dense
	}
	t := s.t
	switch span := (g.kernel-1)*g.dilation + 1; {
	case t.sym != 0 && g.stride > 1:
		t = im.newSym()
	default:
		t.n = (t.n-1)*int64(g.stride) + int64(span+g.outputPad-g.pad[0]-g.pad[1])
		if t.sym == 0 && t.n < 1 {
			return value{}, errors.New("its pads leave no columns")
		}
	}
	return value{sig: im.made(s, nn.ConvT, g, outs, t, w, b)}, nil
}

// made returns the signal that a convolution makes of s.
func (im *importer) made(s *signal, op nn.Op, g taps, outs int, t dim, w, b []float32) *signal {
	l := nn.LayerSpec{Op: op, Out: outs, Pad: g.pad, OutputPad: g.outputPad, NoBias: b == nil}
	// What is the default is left out, as in a spec written by hand.
	if g.kernel > 1 {
		l.Kernel = g.kernel
		if g.dilation > 1 {
			l.Dilation = g.dilation
		}
	}
	if g.stride > 1 {
		l.Stride = g.stride
	}
	out := s.with(im.newStep(&step{kind: stepLayer, in: s.at, layer: l, w: w, b: b}))
	out.c, out.t, out.pad = outs, t, [2]int{}
	return out
}

// padOp notes constant zeros before and after the signal for the convolution
// that follows.
func (im *importer) padOp(n *node, in []value) (value, error) {
	if err := signalAnd(in, "pads", "constant_value", "axes"); err != nil {
		return value{}, err
	}
	s := in[0].sig
	if a := n.attr("mode"); a != nil && string(a.s) != "constant" {
		return value{}, fmt.Errorf("mode=%s; supported is constant, with zeros", quote(string(a.s)))
	}
	fill := float64(n.float("value", 0))
	if len(in) > 2 && in[2].con != nil {
		var ok bool
		if fill, ok = in[2].con.scalar(); !ok {
			return value{}, errors.New("its constant_value is not one floating point value")
		}
	}
	if fill != 0 {
		return value{}, fmt.Errorf("pads with %g; supported are zeros", fill)
	}
	pads, ok := n.ints("pads")
	if len(in) > 1 && in[1].con != nil {
		var err error
		if pads, err = in[1].con.numbers(); err != nil {
			return value{}, err
		}
	} else if !ok {
		return value{}, errors.New("it has no pads")
	}
	axes, err := axesOf(s, in, 3)
	if err != nil {
		return value{}, err
	}
	if len(pads) != 2*len(axes) {
		return value{}, fmt.Errorf("%d pads for %d axes", len(pads), len(axes))
	}
	out := *s
	for i, k := range axes {
		before, after := pads[i], pads[i+len(axes)]
		if before == 0 && after == 0 {
			continue
		}
		if s.axes[k] != axisTime {
			return value{}, fmt.Errorf("pads axis %d of a signal of %s; supported is time", k, s.shape())
		}
		if min(before, after) < -1<<20 || max(before, after) > 1<<20 {
			return value{}, fmt.Errorf("pads of %d and %d columns", before, after)
		}
		cropped, err := im.crop(&out, int(max(0, -before)), int(max(0, -after)))
		if err != nil {
			return value{}, err
		}
		out = *cropped
		out.pad[0] += int(max(0, before))
		out.pad[1] += int(max(0, after))
		if max(out.pad[0], out.pad[1]) > 1<<20 {
			return value{}, fmt.Errorf("pads of %d and %d columns", out.pad[0], out.pad[1])
		}
		out.padded = label(n)
	}
	return value{sig: &out}, nil
}

// axesOf reads the axes that an optional input names; without it they are all.
func axesOf(s *signal, in []value, k int) ([]int, error) {
	var axes []int
	if len(in) <= k || in[k].con == nil {
		for i := range s.axes {
			axes = append(axes, i)
		}
		return axes, nil
	}
	list, err := in[k].con.numbers()
	if err != nil {
		return nil, err
	}
	for _, a := range list {
		i, err := axisAt(a, len(s.axes))
		if err != nil {
			return nil, err
		}
		if slices.Contains(axes, i) {
			return nil, fmt.Errorf("axis %d is given twice", a)
		}
		axes = append(axes, i)
	}
	return axes, nil
}

func axisAt(a int64, rank int) (int, error) {
	if a < 0 {
		a += int64(rank)
	}
	if a < 0 || a >= int64(rank) {
		return 0, fmt.Errorf("axis %d of %d", a, rank)
	}
	return int(a), nil
}

// numbers returns the values of a constant of integers that are not symbolic.
func (t *tensor) numbers() ([]int64, error) {
	if t.f != nil {
		return nil, fmt.Errorf("the constant %s has no integers", quote(t.name))
	}
	out := make([]int64, len(t.i))
	for i, d := range t.i {
		if d.sym != 0 {
			return nil, errOpen
		}
		out[i] = d.n
	}
	return out, nil
}

// slice crops columns, if what made them can leave them out.
func (im *importer) slice(n *node, in []value) (value, error) {
	arg := func(k int, name string) ([]dim, bool, error) {
		if len(in) > k && !in[k].bad() {
			if in[k].con == nil || in[k].con.f != nil {
				return nil, false, fmt.Errorf("its %s are not constant integers", name)
			}
			return in[k].con.i, true, nil
		}
		list, ok := n.ints(name)
		var out []dim
		for _, v := range list {
			out = append(out, fixed(v))
		}
		return out, ok, nil
	}
	starts, ok, err := arg(1, "starts")
	if err != nil || !ok {
		return value{}, cmpErr(err, "it has no starts")
	}
	ends, ok, err := arg(2, "ends")
	if err != nil || !ok {
		return value{}, cmpErr(err, "it has no ends")
	}
	axes, given, err := arg(3, "axes")
	if err != nil {
		return value{}, err
	}
	steps, _, err := arg(4, "steps")
	if err != nil {
		return value{}, err
	}
	if !given {
		for i := range starts {
			axes = append(axes, fixed(int64(i)))
		}
	}
	if len(starts) != len(ends) || len(axes) != len(starts) || len(steps) != 0 && len(steps) != len(starts) {
		return value{}, errors.New("its starts, ends, axes and steps differ in number")
	}
	if in[0].con != nil {
		return sliceConstant(in[0].con, starts, ends, axes, steps)
	}
	for _, d := range steps {
		if d != fixed(1) {
			return value{}, fmt.Errorf("a step of %s; supported is 1", d)
		}
	}
	s := in[0].sig
	for i := range starts {
		if axes[i].sym != 0 {
			return value{}, errOpen
		}
		k, err := axisAt(axes[i].n, len(s.axes))
		if err != nil {
			return value{}, err
		}
		size := s.size(s.axes[k])
		left, ok1 := cropped(starts[i], size, false)
		right, ok2 := cropped(ends[i], size, true)
		if !ok1 || !ok2 {
			return value{}, errOpen
		}
		if left == 0 && right == 0 {
			continue
		}
		if s.axes[k] != axisTime {
			return value{}, fmt.Errorf("of axis %d of a signal of %s; supported is time", k, s.shape())
		}
		if size.sym == 0 && left+right >= size.n || left+right > 1<<20 {
			return value{}, fmt.Errorf("crops %d of %s columns", left+right, size)
		}
		if s, err = im.crop(s, int(left), int(right)); err != nil {
			return value{}, err
		}
	}
	return value{sig: s}, nil
}

func cmpErr(err error, text string) error {
	if err != nil {
		return err
	}
	return errors.New(text)
}

// cropped returns how many elements the start of a slice leaves out at the
// beginning, or its end at the end, of an axis.
func cropped(at, size dim, end bool) (n int64, ok bool) {
	at.n = min(max(at.n, -1<<40), 1<<40)
	switch {
	case at.sym == 0 && at.n < 0: // counts from the end
		n, ok = -at.n, true
		if !end {
			if size.sym != 0 {
				return 0, false
			}
			n = max(0, size.n-n)
		}
	case at.sym == size.sym && (at.sym == 0 || end): // both counted from the start
		n, ok = size.n-at.n, true
		if !end {
			n = at.n
		}
	case at.sym == 0 && at.n >= 1<<31-1: // to the end, however long
		return 0, end
	case at.sym == 0 && !end:
		n, ok = at.n, at.n >= 0
	}
	return max(0, n), ok
}

// sliceConstant takes some of a constant along one axis, forwards or backwards,
// as exporters do with lists of pads.
func sliceConstant(t *tensor, starts, ends, axes, steps []dim) (value, error) {
	fail := func() (value, error) {
		return value{}, errors.New("of a constant; supported is one along one axis of integers, with a step of 1 or -1")
	}
	if t.f != nil || len(t.dims) == 0 || len(starts) != 1 || starts[0].sym != 0 || ends[0].sym != 0 || axes[0].sym != 0 {
		return fail()
	}
	k, err := axisAt(axes[0].n, len(t.dims))
	if err != nil {
		return value{}, err
	}
	n := int64(t.dims[k])
	step := int64(1)
	if len(steps) > 0 {
		step = steps[0].n
	}
	// As in Python: negative places count from the end, and all are held within
	// the axis; backwards the end may lie before it.
	at := func(v, low, high int64) int64 {
		if v < 0 && v >= -n {
			v += n
		}
		return min(max(v, low), high)
	}
	var places []int
	switch step {
	case 1:
		for i := at(starts[0].n, 0, n); i < at(ends[0].n, 0, n); i++ {
			places = append(places, int(i))
		}
	case -1:
		for i := at(starts[0].n, -1, n-1); i > at(ends[0].n, -1, n-1); i-- {
			places = append(places, int(i))
		}
	default:
		return fail()
	}
	inner := 1
	for _, d := range t.dims[k+1:] {
		inner *= d
	}
	out := &tensor{name: t.name, dims: slices.Clone(t.dims), i: []dim{}}
	out.dims[k] = len(places)
	for outer := 0; outer < len(t.i); outer += int(n) * inner {
		for _, p := range places {
			out.i = append(out.i, t.i[outer+p*inner:][:inner]...)
		}
	}
	return value{con: out}, nil
}

// crop returns a signal without its first left and last right columns: they are
// taken off the padding of the convolution that makes them.
func (im *importer) crop(s *signal, left, right int) (*signal, error) {
	if left == 0 && right == 0 {
		return s, nil
	}
	out := *s
	for side, k := range []int{left, right} {
		off := min(k, out.pad[side])
		out.pad[side] -= off
		k -= off
		out.t.n -= int64(k)
		if side == 0 {
			left = k
		} else {
			right = k
		}
	}
	at, err := im.cropStep(s.at, left, right)
	if err != nil {
		return nil, err
	}
	out.at = at
	return &out, nil
}

func (im *importer) cropStep(st *step, left, right int) (*step, error) {
	if left == 0 && right == 0 {
		return st, nil
	}
	var acts []*step // column by column, so that they don't care
	for st.kind == stepLayer && (st.w == nil || st.layer.Op == nn.LayerNorm) {
		acts = append(acts, st)
		st = st.in
	}
	if st.kind != stepLayer || st.layer.Op == nn.Dense {
		return nil, fmt.Errorf("crops %d and %d columns of what no convolution makes", left, right)
	}
	out := *st
	pad := [2]int{left, right}
	for side := range pad {
		if st.layer.Op == nn.ConvT {
			out.layer.Pad[side] += pad[side]
			continue
		}
		if k := pad[side] * max(st.layer.Stride, 1); k > st.layer.Pad[side] {
			return nil, fmt.Errorf("crops %d and %d columns; supported is up to the padding before the Conv, %v", left, right, st.layer.Pad)
		}
		out.layer.Pad[side] -= pad[side] * max(st.layer.Stride, 1)
	}
	at := im.newStep(&out)
	for _, a := range slices.Backward(acts) {
		b := *a
		b.in = at
		at = im.newStep(&b)
	}
	return at, nil
}

package nn

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// The operations of which random networks are made: those that 8 bits can do, and
// all that can stream.
var (
	byteOps = []Op{Conv, Conv, Conv, ConvT, ReLU, GELU, Sigmoid, Tanh, Dropout, Residual}
	allOps  = append([]Op{BatchNorm, FiLM, LayerNorm}, byteOps...)
)

// genSpec draws a valid network: any mix of convolutions in both directions,
// activations, normalisations and residual blocks, with strides, dilations and
// uneven pads.
func genSpec(t *rapid.T) Spec { return genSpecOf(t, allOps) }

func genSpecOf(t *rapid.T, ops []Op) Spec {
	s := Spec{In: rapid.IntRange(1, 3).Draw(t, "in"), Cond: 2}
	c := s.In
	for range rapid.IntRange(1, 5).Draw(t, "layers") {
		l := genLayer(t, ops, c, 0)
		s.Layers = append(s.Layers, l)
		c = s.OutChannels()
	}
	if !s.Has(FiLM) {
		s.Cond = 0
	}
	s.Layers = notDropoutAlone(s.Layers)
	if err := s.Validate(); err != nil {
		t.Fatalf("generator: %v", err)
	}
	return s
}

func genLayer(t *rapid.T, ops []Op, c, depth int) LayerSpec {
	draw := func(name string, low, high int) int { return rapid.IntRange(low, high).Draw(t, name) }
	some := ops
	if depth == 5 {
		some = ops[:len(ops)-1] // no deeper
	}
	l := LayerSpec{Op: rapid.SampledFrom(some).Draw(t, "op")}
	switch l.Op {
	case Conv:
		l.Out, l.Kernel, l.Dilation = draw("out", 1, 6), draw("kernel", 1, 5), draw("dilation", 1, 4)
		l.NoBias = rapid.Bool().Draw(t, "no bias")
		if depth > 0 {
			l.Out = c
			left := draw("left", 0, l.span()-1)
			l.Pad = [2]int{left, l.span() - 1 - left}
			genMask(t, &l, c)
			break
		}
		l.Stride = draw("stride", 1, 3)
		l.Pad = [2]int{draw("left", 0, l.span()+1), draw("right", 0, l.span()+1)}
	case ConvT:
		l.Out, l.Kernel, l.Dilation = draw("out", 1, 6), draw("kernel", 1, 5), draw("dilation", 1, 2)
		l.NoBias = rapid.Bool().Draw(t, "no bias")
		if depth > 0 {
			l.Out = c
			l.Pad[0] = draw("left", 0, l.span()-1)
			l.Pad[1] = l.span() - 1 - l.Pad[0]
			break
		}
		l.Stride = draw("stride", 1, 3)
		l.OutputPad = draw("output pad", 0, l.Stride-1)
		l.Pad[0] = draw("left", 0, l.span())
		for l.Pad[1] = draw("right", 0, l.span()); l.Pad[1] > 0; l.Pad[1]-- {
			if (Spec{In: c, Layers: []LayerSpec{l}}).Validate() == nil {
				break
			}
		}
		for l.Pad[0] > 0 && (Spec{In: c, Layers: []LayerSpec{l}}).Validate() != nil {
			l.Pad[0]--
		}
		if (Spec{In: c, Layers: []LayerSpec{l}}).Validate() != nil {
			l.Kernel = max(l.Kernel, l.Stride) // a kernel below the stride leaves columns nobody feeds
		}
	case LayerNorm:
		if c == 1 {
			l.Op = BatchNorm
		}
	case Dropout:
		l.Rate, l.Spatial = rapid.Float64Range(.1, .9).Draw(t, "rate"), rapid.Bool().Draw(t, "spatial")
	case Residual:
		for range draw("body", 1, 3) {
			l.Layers = append(l.Layers, genLayer(t, ops, c, depth+1))
		}
		l.Layers = notDropoutAlone(l.Layers)
	}
	return l
}

// genMask draws restrictions of a layer where it can have any.
func genMask(t *rapid.T, l *LayerSpec, c int) {
	if !rapid.Bool().Draw(t, "mask") {
		return
	}
	free := *l
	if l.Groups = rapid.IntRange(1, 3).Draw(t, "groups"); (Spec{In: c, Layers: []LayerSpec{*l}}).Validate() != nil {
		*l = free
	}
	free = *l
	if l.Taps = rapid.SampledFrom([]Taps{SidedTaps, BlindTaps}).Draw(t, "taps"); (Spec{In: c, Layers: []LayerSpec{*l}}).Validate() != nil {
		*l = free
	}
}

func notDropoutAlone(layers []LayerSpec) []LayerSpec {
	if slices.ContainsFunc(layers, func(l LayerSpec) bool { return l.Op != Dropout }) {
		return layers
	}
	return append(layers, LayerSpec{Op: Tanh})
}

func genNet(t *rapid.T) (*Net, *rand.Rand) { return genParams(t, genSpec(t)) }

func genParams(t *rapid.T, s Spec) (*Net, *rand.Rand) {
	rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
	n, err := New(s, 1)
	if err != nil {
		t.Fatal(err)
	}
	randomize(n, rng)
	return n, rng
}

func sameBits(t interface {
	Helper()
	Fatalf(string, ...any)
}, what string, got, want []float32) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: got %d values, want %d", what, len(got), len(want))
	}
	for i := range got {
		if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
			t.Fatalf("%s: value %d of %d is %v, want %v", what, i, len(got), got[i], want[i])
		}
	}
}

func TestRunnerMatchesReference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, rng := genNet(t)
		x := noise(rng, rapid.IntRange(0, 40).Draw(t, "T")*n.Spec().In)
		got := n.NewRunner(8).Run(nil, x)
		var want []float64
		if len(x) > 0 {
			want = newReference(n).run(n.Spec(), widen(x))
		}
		if len(got) != len(want) {
			t.Fatalf("got %d values, want %d", len(got), len(want))
		}
		peak := 1.0
		for _, v := range want {
			peak = max(peak, math.Abs(v))
		}
		for i := range got {
			if math.Abs(float64(got[i])-want[i]) > 1e-5*peak {
				t.Fatalf("value %d: got %v, want %v", i, got[i], want[i])
			}
		}
	})
}

// TestStreamEqualsRunner is the promise that the stream equals the batch:
// every way to run the network gives the same bits, whatever the cuts.
func TestStreamEqualsRunner(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, rng := genNet(t)
		in := n.Spec().In
		cols := rapid.IntRange(0, 120).Draw(t, "T")
		x := noise(rng, cols*in)
		want := n.NewRunner(max(cols, 1)).Run(nil, x)
		sameBits(t, "small runner", n.NewRunner(1).Run(nil, x), want)
		sameBits(t, "tape", n.NewTape(cols).Forward(x), want)

		s, err := n.NewStream()
		if err != nil {
			t.Fatal(err)
		}
		for pass := range 2 { // the second one after Reset
			var got []float32
			for at := 0; at < cols; {
				k := min(rapid.IntRange(0, 50).Draw(t, "chunk"), cols-at)
				got = append(got, s.Push(x[at*in:(at+k)*in])...)
				at += k
				if a, b := s.Position(); a != int64(at) || b != int64(len(got)/n.Spec().OutChannels()) {
					t.Fatalf("Position() = %d, %d after %d in and %d values out", a, b, at, len(got))
				}
			}
			got = append(got, s.Finish()...)
			sameBits(t, "stream", got, want)
			if rest := s.Finish(); pass == 0 && len(rest) > 0 {
				t.Fatalf("second Finish returned %d values", len(rest))
			}
			s.Reset()
		}
	})
}

func TestWarm(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { checkWarm(t, genSpec(t)) })
	rapid.Check(t, func(t *rapid.T) {
		// The transposed convolution delays what comes after it by more than
		// the receptive field.
		checkWarm(t, Spec{In: 1, Layers: []LayerSpec{
			{Op: ConvT, Out: 2, Pad: [2]int{20, 0}},
			{Op: Conv, Out: 1, Pad: [2]int{rapid.IntRange(0, 30).Draw(t, "left"), 0}},
			{Op: Conv, Out: 1, Kernel: 3, Pad: [2]int{1, 1}},
		}})
	})
}

func checkWarm(t *rapid.T, spec Spec) {
	n, rng := genParams(t, spec)
	in := n.Spec().In
	s, _ := n.NewStream()
	cols := 3*s.HistoryLen() + rapid.IntRange(0, 40).Draw(t, "more")
	x := noise(rng, cols*in)
	cut := rapid.IntRange(0, cols).Draw(t, "cut")
	first := slices.Clone(s.Push(x[:cut*in]))
	history := x[max(0, cut-s.HistoryLen()-rapid.IntRange(0, 3).Draw(t, "surplus"))*in : cut*in]

	w, _ := n.NewStream()
	w.Push(noise(rng, 5*in)) // Warm forgets this
	w.Warm(history, int64(cut))
	a, b := s.Position()
	if c, d := w.Position(); a != c || b != d {
		t.Fatalf("Position() = %d, %d after Warm, want %d, %d", c, d, a, b)
	}
	c, _ := n.NewStream()
	c.Push(noise(rng, 7*in))
	c.CopyFrom(s)
	c.Finish() // of the copy only
	c.CopyFrom(s)

	for at := cut; at < cols; {
		k := min(rapid.IntRange(1, 40).Draw(t, "chunk"), cols-at)
		want := s.Push(x[at*in : (at+k)*in])
		sameBits(t, "warmed", w.Push(x[at*in:(at+k)*in]), want)
		sameBits(t, "copied", c.Push(x[at*in:(at+k)*in]), want)
		first = append(first, want...)
		at += k
	}
	want := s.Finish()
	sameBits(t, "warmed, end", w.Finish(), want)
	sameBits(t, "copied, end", c.Finish(), want)
	sameBits(t, "all", append(first, want...), n.NewRunner(cols).Run(nil, x))
}

// TestEmptySignals has signals inside that stay empty for a while or for good,
// although the padding after them alone would make columns.
func TestEmptySignals(t *testing.T) {
	spec := Spec{In: 1, Layers: []LayerSpec{
		{Op: Conv, Out: 2, Kernel: 5}, {Op: Conv, Out: 2, Pad: [2]int{3, 2}}, {Op: GELU}, {Op: ConvT, Out: 1, Kernel: 2, Stride: 2},
	}}
	rng := rand.New(rand.NewPCG(1, 1))
	n := mustNew(t, spec, 1)
	randomize(n, rng)
	s, err := n.NewStream()
	if err != nil {
		t.Fatal(err)
	}
	for cols := range 12 {
		x := noise(rng, cols)
		y := n.NewRunner(cols).Run(nil, x)
		if want := max(0, cols-4+5) * 2; cols < 5 && len(y) != 0 || cols >= 5 && len(y) != want {
			t.Errorf("%d columns in, %d out, want none below 5 and %d from there", cols, len(y), want)
		}
		sameBits(t, "tape", n.NewTape(1).Forward(x), y)
		for _, chunk := range []int{1, 3, 100} {
			s.Reset()
			sameBits(t, "stream", stream(s, x, 1, chunk), y)
		}
	}
}

// TestLookahead checks that outputs come no later than Lookahead promises, and
// depend on nothing outside the receptive field.
func TestLookahead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, rng := genNet(t)
		spec := n.Spec()
		in, ahead, field := spec.In, spec.Lookahead(), spec.ReceptiveField()
		out := n.fused.sigs[n.fused.output()]
		cols := 2*field + ahead + 10*spec.Stride()
		x := noise(rng, cols*in)
		s, _ := n.NewStream()
		for at := range cols {
			s.Push(x[at*in : (at+1)*in])
			_, got := s.Position()
			// Output o stands for input column o*num/den.
			for o := got; o*int64(out.num)/int64(out.den)+int64(ahead) <= int64(at); o++ {
				t.Fatalf("output %d is late after %d columns", o, at+1)
			}
		}
		y := n.NewRunner(cols).Run(nil, x)
		at := rapid.IntRange(0, cols-1).Draw(t, "changed column")
		for c := range in {
			x[at*in+c] += 1
		}
		z := n.NewRunner(cols).Run(nil, x)
		co := spec.OutChannels()
		low, high := math.MaxInt, -1
		for i := range y {
			if y[i] != z[i] {
				low, high = min(low, i/co), max(high, i/co)
			}
		}
		if high < 0 {
			return
		}
		first, last := low*out.num/out.den, high*out.num/out.den
		if first < at-ahead {
			t.Fatalf("column %d changed output %d (column %d), look-ahead is %d", at, low, first, ahead)
		}
		// The last output's field begins no later than the column, the first
		// one's ends no earlier.
		if last-first > field-1+spec.Stride() {
			t.Fatalf("column %d changed the outputs of columns %d to %d, receptive field is %d", at, first, last, field)
		}
	})
}

// TestTapeGradients compares Backward with central differences of the float64
// reference, in random directions of all parameters and of the input.
func TestTapeGradients(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, rng := genNet(t)
		x := noise(rng, rapid.IntRange(1, 25).Draw(t, "T")*n.Spec().In)
		checkGradients(t, n, x, rng)
	})
}

type fataler interface {
	Helper()
	Fatalf(string, ...any)
}

// checkGradients checks the directional derivative along one random direction
// per parameter, and along the input, of the sum of the outputs under random
// weights.
func checkGradients(t fataler, n *Net, x []float32, rng *rand.Rand) {
	t.Helper()
	checkTapeGradients(t, n, n.NewTape(1), newReference(n), x, rng)
}

// checkTapeGradients does so for a tape in any mode, which may have to grow.
func checkTapeGradients(t fataler, n *Net, tape *Tape, ref *reference, x []float32, rng *rand.Rand) {
	t.Helper()
	spec := n.Spec()
	y := tape.Forward(x)
	if len(y) == 0 {
		return
	}
	dy := noise(rng, len(y))
	loss := func(r *reference, x []float64) float64 {
		sum := 0.0
		for i, v := range r.run(spec, x) {
			sum += v * float64(dy[i])
		}
		return sum
	}
	// A second pair must add to the first, and leftovers of a longer window
	// must not show.
	if spec.Window == 0 {
		long := tape.Forward(noise(rng, (3+spec.In)*len(x)))
		tape.Backward(noise(rng, len(long)))
	}
	tape.Forward(x)
	tape.ZeroGrads()
	dx := slices.Clone(tape.Backward(dy))
	tape.Forward(x)
	sameBits(t, "dx again", tape.Backward(dy), dx)

	x64 := widen(x)
	check := func(what string, v []float64, grad []float32, mask []int32, times float64) {
		t.Helper()
		dir := make([]float64, len(v))
		for i := range dir {
			dir[i] = rng.NormFloat64()
		}
		for _, i := range mask {
			dir[i] = 0
		}
		want, norm := 0.0, 0.0
		for i := range dir {
			want += dir[i] * float64(grad[i]) / times
			norm += math.Pow(float64(grad[i])/times, 2)
		}
		// Where a ReLU lies within eps of its kink the difference is wrong; a
		// smaller step must then agree.
		var got float64
		for _, eps := range []float64{1e-5, 1e-7} {
			at := slices.Clone(v)
			for i := range v {
				v[i] = at[i] + eps*dir[i]
			}
			up := loss(ref, x64)
			for i := range v {
				v[i] = at[i] - eps*dir[i]
			}
			down := loss(ref, x64)
			copy(v, at)
			got = (up - down) / (2 * eps)
			if math.Abs(got-want) <= 1e-4*(1+math.Sqrt(norm)) {
				return
			}
		}
		t.Fatalf("%s: derivative is %v, the gradient says %v (norm %v)", what, got, want, math.Sqrt(norm))
	}
	masks := make([][]int32, len(n.params))
	for i, at := range n.index {
		masks[at[0]] = n.masks[i]
	}
	check("x", x64, dx, nil, 1)
	for i, p := range n.Params() {
		check(p.Name, ref.params[p.Name], tape.Grads()[i], masks[i], 2)
	}
}

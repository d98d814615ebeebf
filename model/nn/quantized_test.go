package nn

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/quell-stream/quell/model/internal/kernel"
)

// reference8 computes a Quantized layer by layer, straight from the definition:
// signals are rounded where a layer of 8-bit weights reads them, sums are of
// integers, what follows is rounded operation by operation.
type reference8 struct {
	layers map[string]QuantizedLayer
}

func newReference8(q *Quantized) *reference8 {
	r := &reference8{map[string]QuantizedLayer{}}
	for _, l := range q.Layers() {
		r.layers[l.Name] = l
	}
	return r
}

func (r *reference8) run(path string, layers []LayerSpec, x [][]float32) [][]float32 {
	for i, l := range layers {
		at := fmt.Sprintf("%s.%d", path, i)
		switch l.Op {
		case Residual:
			y := r.run(at+".layers", l.Layers, x)
			for t := range y {
				for c := range y[t] {
					y[t][c] += x[t][c]
				}
			}
			x = y
		case Dropout:
		case Conv, ConvT, Dense:
			x = r.weigh(l, r.layers[at], x)
		default:
			var y [][]float32
			for _, col := range x {
				z := make([]float32, len(col))
				switch l.Op {
				case ReLU:
					kernel.ReLU(z, col)
				case GELU:
					kernel.GELURounded(z, col)
				case Sigmoid:
					kernel.Sigmoid(z, col)
				case Tanh:
					kernel.Tanh(z, col)
				}
				y = append(y, z)
			}
			x = y
		}
	}
	return x
}

// weigh computes a layer with weights.
func (r *reference8) weigh(l LayerSpec, q QuantizedLayer, x [][]float32) [][]float32 {
	if len(x) == 0 {
		return nil
	}
	in, out := len(x[0]), l.Out
	n := int(l.outLen(int64(len(x))))
	y := make([][]float32, n)
	for t := range y {
		y[t] = make([]float32, out)
		for o := range out {
			row := o // of the scales and the bias
			sum, acc := int64(0), float32(0)
			if l.Op == Dense {
				row = o*l.Steps + t
			}
			if q.Bias != nil {
				acc = q.Bias[row]
			}
			term := func(from, c, at int) {
				if from < 0 || from >= len(x) {
					return
				}
				v := x[from][c]
				if q.Float != nil {
					acc += float32(v * q.Float[at])
					return
				}
				b := math.RoundToEven(float64(float32(v*(1/q.InScale))) + float64(q.InZero))
				sum += (int64(min(max(b, 0), 255)) - int64(q.InZero)) * int64(q.Weight[at])
			}
			switch l.Op {
			case Conv:
				for k := range l.kernel() {
					for c := range in {
						term(t*l.stride()-l.Pad[0]+k*l.dilation(), c, (o*in+c)*l.kernel()+k)
					}
				}
			case ConvT:
				for from := range x {
					for k := range l.kernel() {
						if from*l.stride()-l.Pad[0]+k*l.dilation() == t {
							for c := range in {
								term(from, c, (c*out+o)*l.kernel()+k)
							}
						}
					}
				}
			case Dense:
				for from := range x {
					for c := range in {
						term(from, c, row*in*len(x)+c*len(x)+from)
					}
				}
			}
			if q.Float == nil {
				bias := acc
				acc = float32(float32(sum)*(q.InScale*q.Scale[row])) + bias
			}
			y[t][o] = acc
		}
	}
	return y
}

func (r *reference8) whole(s Spec, x []float32) []float32 {
	var cols [][]float32
	for len(x) > 0 {
		cols = append(cols, x[:s.In])
		x = x[s.In:]
	}
	if len(cols) == 0 {
		return nil
	}
	var flat []float32
	for _, col := range r.run("layers", s.Layers, cols) {
		flat = append(flat, col...)
	}
	return flat
}

func genQuantized(t *rapid.T) (*Quantized, *rand.Rand) { return quantizedOf(t, genSpecOf(t, byteOps)) }

func quantizedOf(t *rapid.T, s Spec) (*Quantized, *rand.Rand) {
	n, rng := genParams(t, s)
	q, err := Quantize(n, [][]float32{noise(rng, 30*n.spec.In), noise(rng, 3*n.spec.In)})
	if err != nil {
		t.Fatal(err)
	}
	return q, rng
}

// sameValues compares exactly, but for the sign of a zero.
func sameValues(t interface {
	Helper()
	Fatalf(string, ...any)
}, what string, got, want []float32) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: got %d values, want %d", what, len(got), len(want))
	}
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("%s: value %d of %d is %v, want exactly %v", what, i, len(got), got[i], want[i])
		}
	}
}

// TestQuantizedMatchesReference checks every value exactly, on every tier.
func TestQuantizedMatchesReference(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			q, rng := genQuantized(t)
			x := noise(rng, rapid.IntRange(0, 40).Draw(t, "T")*q.Spec().In)
			sameValues(t, "runner", q.NewRunner(8).Run(nil, x), newReference8(q).whole(q.Spec(), x))
		})
	})
}

// TestQuantizedShapes does so for the nets that are used, and for dense layers
// in both places.
func TestQuantizedShapes(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(1, 8))
		for name, s := range map[string]Spec{
			"A": modelA(), "B": modelB(), "tcn": TCN(6, 1, 32, 5, []int{1, 2, 4, 8, 16, 32}, 8), "dae": DAE(2, 2, []int{4, 6, 8}, 7, 2),
			"dense": {In: 3, Window: 8, Layers: []LayerSpec{{Op: Dense, Out: 5, Steps: 4}, {Op: GELU}, {Op: Dense, Out: 7, Steps: 3}, {Op: ReLU},
				{Op: Conv, Out: 2, Kernel: 3, Pad: [2]int{1, 1}}}},
			"wide": {In: 2, Layers: []LayerSpec{{Op: Conv, Out: 130, Kernel: 2}, {Op: Sigmoid}, {Op: Conv, Out: 67, Kernel: 3, Dilation: 2}, {Op: Tanh}, {Op: Conv, Out: 3}}},
		} {
			n := mustNew(t, s, 3)
			randomize(n, rng)
			cols := 70
			if s.Window > 0 {
				cols = s.Window
			}
			q, err := Quantize(n, [][]float32{noise(rng, cols*s.In), noise(rng, cols*s.In)})
			if err != nil {
				t.Fatal(err)
			}
			x := noise(rng, cols*s.In)
			sameValues(t, name, q.NewRunner(cols).Run(nil, x), newReference8(q).whole(s, x))
			// The same from its layers, as a file would have them.
			again, err := NewQuantized(q.Spec(), q.Layers())
			if err != nil {
				t.Fatal(err)
			}
			sameBits(t, name, again.NewRunner(1).Run(nil, x), q.NewRunner(cols).Run(nil, x))
		}
	})
}

// TestQuantizedStream is the promise that the stream equals the batch, with
// everything that a stream can do, and on every tier the same bits.
func TestQuantizedStream(t *testing.T) {
	t.Run("any", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) { checkQuantizedStream(t, genSpecOf(t, byteOps)) })
	})
	// A trunk of which the rhythm keeps nothing: it begins anew with each beat.
	t.Run("nothing kept", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			checkQuantizedStream(t, Spec{In: 1, Layers: []LayerSpec{{Op: Conv, Out: 2, Pad: [2]int{1, 0}}, {Op: Residual, Layers: []LayerSpec{{Op: Conv, Out: 2}}}}})
		})
	})
	// A short trunk that is read as bytes past the end of its floats.
	t.Run("short", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			checkQuantizedStream(t, Spec{In: 1, Layers: []LayerSpec{
				{Op: Conv, Out: 1, Stride: 2, Pad: [2]int{1, 0}},
				{Op: Conv, Out: 1, Stride: 2, Pad: [2]int{2, 0}},
				{Op: Residual, Layers: []LayerSpec{{Op: ConvT, Out: 1, Kernel: 2, Pad: [2]int{0, 1}}}},
			}})
		})
	})
	// Long dilations, where most of a trunk is forgotten.
	t.Run("long", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			s := TCN(2, 1, 3, rapid.IntRange(2, 5).Draw(t, "taps"), []int{1, 8, 23, 40}, rapid.IntRange(-1, 70).Draw(t, "look-ahead"))
			if rapid.Bool().Draw(t, "strided") {
				s.Layers = append(s.Layers, LayerSpec{Op: Conv, Out: 2, Kernel: 4, Stride: 3})
				s.Layers = slices.Insert(s.Layers, 3, LayerSpec{Op: ConvT, Out: 3, Kernel: 2, Stride: 2})
			}
			checkQuantizedStream(t, s)
		})
	})
}

func checkQuantizedStream(t *rapid.T, spec Spec) {
	q, rng := quantizedOf(t, spec)
	in := q.Spec().In
	s, err := q.NewStream()
	if err != nil {
		t.Fatal(err)
	}
	cols := 3*s.HistoryLen() + rapid.IntRange(0, 60).Draw(t, "more")
	x := noise(rng, cols*in)
	want := q.NewRunner(cols).Run(nil, x)
	sameBits(t, "small runner", q.NewRunner(1).Run(nil, x), want)
	was := kernel.Active()
	for _, tier := range kernel.Tiers() {
		if err := kernel.Use(tier); err != nil {
			t.Fatal(err)
		}
		sameBits(t, string(tier), q.NewRunner(cols).Run(nil, x), want)
	}
	if err := kernel.Use(was); err != nil {
		t.Fatal(err)
	}
	chunk := func() int { return rapid.IntRange(0, 50).Draw(t, "chunk") }
	var got []float32
	cut := rapid.IntRange(0, cols).Draw(t, "cut")
	for at := 0; at < cut; {
		k := min(chunk(), cut-at)
		got = append(got, s.Push(x[at*in:(at+k)*in])...)
		at += k
	}
	w, _ := q.NewStream()
	w.Push(noise(rng, 5*in)) // Warm forgets this
	w.Warm(x[max(0, cut-s.HistoryLen())*in:cut*in], int64(cut))
	c, _ := q.NewStream()
	c.Push(noise(rng, 7*in))
	c.CopyFrom(s)
	c.Finish() // of the copy only
	c.CopyFrom(s)
	batch, ys := q.Net().NewBatch(), make([][]float32, 1)
	b, _ := q.NewStream()
	b.CopyFrom(s)
	for at := cut; at < cols; {
		k := min(chunk(), cols-at)
		piece := x[at*in : (at+k)*in]
		y := s.Push(piece)
		sameBits(t, "warmed", w.Push(piece), y)
		sameBits(t, "copied", c.Push(piece), y)
		batch.Push(ys, []*Stream{b}, [][]float32{piece})
		sameBits(t, "in a batch", ys[0], y)
		got = append(got, y...)
		at += k
	}
	y := s.Finish()
	sameBits(t, "warmed, end", w.Finish(), y)
	sameBits(t, "copied, end", c.Finish(), y)
	sameBits(t, "stream", append(got, y...), want)
	s.Reset()
	sameBits(t, "after Reset", stream(s, x, in, 16), want)
}

// TestQuantizeError bounds what rounding adds, against the output's own power.
func TestQuantizeError(t *testing.T) {
	for name, s := range map[string]Spec{"A": modelA(), "B": modelB(), "tcn": TCN(6, 1, 32, 5, []int{1, 2, 4, 8, 16, 32}, 8)} {
		rng := rand.New(rand.NewPCG(2, 8))
		n := mustNew(t, s, 3)
		if name == "tcn" {
			randomize(n, rng)
		}
		q, err := Quantize(n, [][]float32{noise(rng, 4000*s.In)})
		if err != nil {
			t.Fatal(err)
		}
		x := noise(rng, 4000*s.In)
		e := outputError(n, q, [][]float32{x})
		power := 0.0
		y := n.NewRunner(1).Run(nil, x)
		for _, v := range y {
			power += float64(v) * float64(v) / float64(len(y))
		}
		t.Logf("%s: error %.1f dB below the output", name, 10*math.Log10(power/e))
		if e > 1e-3*power { // 30 dB
			t.Errorf("%s: an error of %.2g for an output of %.2g", name, e, power)
		}
	}
}

func TestQuantizeBadInput(t *testing.T) {
	n := mustNew(t, modelA(), 1)
	dense := mustNew(t, Spec{In: 1, Window: 4, Layers: []LayerSpec{{Op: Dense, Out: 1, Steps: 2}}}, 1)
	x := make([]float32, 12)
	x[5] = float32(math.NaN())
	for _, tc := range []struct {
		net  *Net
		x    [][]float32
		want string
	}{
		{n, nil, "no columns"}, {n, [][]float32{{}, {}}, "no columns"}, {n, [][]float32{make([]float32, 6)}, "recording 0 has 6 values"},
		{n, [][]float32{make([]float32, 4), x}, "recording 1 has a value that is not finite"}, {dense, [][]float32{make([]float32, 5)}, "windows of 4"},
	} {
		if _, err := Quantize(tc.net, tc.x); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("got %v, want %q", err, tc.want)
		}
	}
	// Weights may be finite and what they make not.
	huge := mustNew(t, Spec{In: 1, Layers: []LayerSpec{{Op: Conv, Out: 1}, {Op: Conv, Out: 1}, {Op: Conv, Out: 1}}}, 1)
	for _, p := range huge.Params() {
		for i := range p.Data {
			p.Data[i] = 1e30
		}
	}
	huge.Pack()
	if _, err := Quantize(huge, [][]float32{{1, 2, 3}}); err == nil || !strings.Contains(err.Error(), "not finite") {
		t.Errorf("got %v, want that values are not finite", err)
	}
	// A silent network can be made, of silence.
	silent := mustNew(t, TCN(1, 1, 4, 3, []int{1, 2}, 1), 1)
	q, err := Quantize(silent, [][]float32{make([]float32, 20)})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range q.NewRunner(20).Run(nil, make([]float32, 20)) {
		if v != 0 {
			t.Errorf("silence came out as %v", v)
		}
	}
}

func TestNewQuantizedBadLayers(t *testing.T) {
	n := mustNew(t, Spec{In: 2, Layers: []LayerSpec{{Op: Conv, Out: 3}, {Op: ReLU}, {Op: ConvT, Out: 2, Kernel: 2, Stride: 2}}}, 1)
	good, err := Quantize(n, [][]float32{noise(rand.New(rand.NewPCG(1, 1)), 100)})
	if err != nil {
		t.Fatal(err)
	}
	nan := float32(math.NaN())
	for want, edit := range map[string]func(l []QuantizedLayer) []QuantizedLayer{
		"1 layers with weights; the network has 2":        func(l []QuantizedLayer) []QuantizedLayer { return l[:1] },
		"a layer of that name is not next; want layers.0": func(l []QuantizedLayer) []QuantizedLayer { l[0].Name = "layers.1"; return l },
		"weight of shape [3 2]; want [3 2 1]":             func(l []QuantizedLayer) []QuantizedLayer { l[0].Shape = []int{3, 2}; return l },
		"2 values of bias; want 3":                        func(l []QuantizedLayer) []QuantizedLayer { l[0].Bias = l[0].Bias[:2]; return l },
		"layers.0: a bias is not finite":                  func(l []QuantizedLayer) []QuantizedLayer { l[0].Bias[0] = nan; return l },
		"layers.0: a weight is not finite":                func(l []QuantizedLayer) []QuantizedLayer { l[0].Float[1] = nan; return l },
		"weights both of 8 bits and of single precision":  func(l []QuantizedLayer) []QuantizedLayer { l[0].Scale = []float32{1, 1, 1}; return l },
		"layers.0: 5 weights; want 6":                     func(l []QuantizedLayer) []QuantizedLayer { l[0].Float = l[0].Float[:5]; return l },
		"layers.2: 11 weights; want 12":                   func(l []QuantizedLayer) []QuantizedLayer { l[1].Weight = l[1].Weight[:11]; return l },
		"layers.2: a weight is -128":                      func(l []QuantizedLayer) []QuantizedLayer { l[1].Weight[3] = -128; return l },
		"layers.2: 3 scales; want 2":                      func(l []QuantizedLayer) []QuantizedLayer { l[1].Scale = append(l[1].Scale, 1); return l },
		"layers.2: a weight scale is 0":                   func(l []QuantizedLayer) []QuantizedLayer { l[1].Scale[1] = 0; return l },
		"layers.2: a weight scale is NaN":                 func(l []QuantizedLayer) []QuantizedLayer { l[1].Scale[1] = nan; return l },
		"layers.2: a weight scale is 1e+29":               func(l []QuantizedLayer) []QuantizedLayer { l[1].Scale[1], l[1].InScale = 1e29, 1e5; return l },
		"layers.2: the scale of its input is -1":          func(l []QuantizedLayer) []QuantizedLayer { l[1].InScale = -1; return l },
		"layers.2: the scale of its input is +Inf":        func(l []QuantizedLayer) []QuantizedLayer { l[1].InScale = float32(math.Inf(1)); return l },
		"layers.2: the scale of its input is 0":           func(l []QuantizedLayer) []QuantizedLayer { l[1].InScale = 0; return l },
		"layers.0: 0 weights; want 6":                     func(l []QuantizedLayer) []QuantizedLayer { l[0].Float = nil; return l },
	} {
		var l []QuantizedLayer
		for _, x := range good.Layers() {
			l = append(l, x.clone())
		}
		if _, err := NewQuantized(good.Spec(), edit(l)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	big := Spec{In: 1, Layers: []LayerSpec{{Op: Conv, Out: 128}, {Op: Conv, Out: 1, Kernel: 600}}}
	n = mustNew(t, big, 1)
	q, err := Quantize(n, [][]float32{noise(rand.New(rand.NewPCG(1, 1)), 1000)})
	if err != nil {
		t.Fatal(err)
	}
	if q.Layers()[1].Float == nil {
		t.Error("a layer whose sums might not fit 32 bits was made one of 8 bits")
	}
	l := slices.Clone(q.Layers())
	l[1].Weight, l[1].Scale, l[1].InScale, l[1].Float = make([]int8, 128*600), []float32{1}, 1, nil
	if _, err := NewQuantized(big, l); err == nil || !strings.Contains(err.Error(), "sums of 76800 terms") {
		t.Errorf("got %v", err)
	}
	if _, err := NewQuantized(Spec{}, nil); err == nil {
		t.Error("an empty spec went through")
	}
}

// TestQuantizedIsItsOwn checks that nothing is shared with what it was made of.
func TestQuantizedIsItsOwn(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 8))
	n := mustNew(t, modelA(), 1)
	q, err := Quantize(n, [][]float32{noise(rng, 400)})
	if err != nil {
		t.Fatal(err)
	}
	x := noise(rng, 64*4)
	want := q.NewRunner(64).Run(nil, x)
	randomize(n, rng)
	sameBits(t, "after the network has changed", q.NewRunner(64).Run(nil, x), want)
	a, _ := q.NewStream()
	b, _ := q.Net().NewStream()
	defer func() {
		if recover() == nil {
			t.Error("a stream of the wide network was copied from one of the bytes")
		}
	}()
	b.CopyFrom(a)
}

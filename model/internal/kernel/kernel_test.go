package kernel

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

const guard = 16

// guarded returns n random values with NaN guard words around them: a kernel
// that uses them spoils its result, one that writes them is found by intact. One
// that only reads them is found by TestFences.
func guarded(rng *rand.Rand, n int) (v, all []float32) {
	all = make([]float32, n+2*guard)
	for i := range all {
		all[i] = float32(math.NaN())
	}
	v = all[guard : guard+n : guard+n]
	for i := range v {
		v[i] = float32(rng.NormFloat64())
	}
	return v, all
}

func intact(t *testing.T, what string, all []float32) {
	t.Helper()
	for i, v := range all {
		if nan := v != v; nan != (i < guard || i >= len(all)-guard) {
			t.Fatalf("%s: word %d of %d is %v", what, i-guard, len(all)-2*guard, v)
		}
	}
}

// eachTier runs a test under every tier that this machine has.
func eachTier(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	was := Active()
	defer func() {
		if err := Use(was); err != nil {
			t.Fatal(err)
		}
	}()
	for _, tier := range Tiers() {
		if err := Use(tier); err != nil {
			t.Fatal(err)
		}
		t.Run("tier="+string(tier), f)
	}
}

// madd is the step of a sum in the tier that is in use: of the generic one the
// product is rounded, of the others it isn't.
func madd(sum, a, b float32) float32 {
	if Active() == Generic {
		return sum + float32(a*b)
	}
	return float32(math.FMA(float64(a), float64(b), float64(sum)))
}

// layer is a convolution with guard words around everything.
type layer struct {
	s               Shape
	rows            int
	relu            bool
	x, w, bias, res []float32 // w [k][out]
	pw, pb, y       []float32
	guarded         [][]float32
}

func newLayer(rng *rand.Rand, s Shape, rows, variant int) *layer {
	l := &layer{s: s, rows: rows, relu: variant&1 > 0}
	get := func(n int) []float32 {
		v, all := guarded(rng, n)
		l.guarded = append(l.guarded, all)
		return v
	}
	k := s.Segments * s.SegLen
	l.x, l.w, l.y = get(s.Len(rows)), get(s.Weights()), get(rows*s.Out)
	l.pw = get(PackedLen(k, s.Out))
	Pack(l.pw, l.w, k, s.Out)
	if variant&2 > 0 {
		l.bias, l.pb = get(s.Out), get(Padded(s.Out))
		clear(l.pb[copy(l.pb, l.bias):])
	}
	if variant&4 > 0 {
		l.res = get(rows * s.Out)
	}
	return l
}

func (l *layer) String() string {
	return fmt.Sprintf("%+v rows %d relu %v bias %v res %v", l.s, l.rows, l.relu, l.bias != nil, l.res != nil)
}

func (l *layer) run(t *testing.T) {
	t.Helper()
	Conv(l.y, l.s.Out, l.x, l.s, l.pw, l.pb, l.relu, l.res, l.s.Out, l.rows)
	for _, all := range l.guarded {
		intact(t, l.String(), all)
	}
}

// want is the value of one output in the defined order.
func (l *layer) want(r, o int) float32 {
	var v float32
	if l.bias != nil {
		v = l.bias[o]
	}
	for seg := range l.s.Segments {
		for k := range l.s.SegLen {
			v = madd(v, l.x[r*l.s.RowStride+seg*l.s.SegStep+k], l.w[(seg*l.s.SegLen+k)*l.s.Out+o])
		}
	}
	if l.relu {
		v = max(0, v)
	}
	if l.res != nil {
		v += l.res[r*l.s.Out+o]
	}
	return v
}

// runRows computes the rows in an order of their own, by a table.
func (l *layer) runRows(t *testing.T) {
	t.Helper()
	c := NewConvOp(l.s, l.pw, l.pb, l.relu)
	// The pointers point at the last value of a row.
	table := Rows{XAt: -(l.s.Len(1) - 1), YAt: -(l.s.Out - 1), ResAt: -(l.s.Out - 1)}
	for i := range l.rows {
		r := (i*5 + 3) % l.rows
		if l.rows%5 == 0 {
			r = l.rows - 1 - i
		}
		table.X = append(table.X, &l.x[r*l.s.RowStride-table.XAt])
		table.Y = append(table.Y, &l.y[r*l.s.Out-table.YAt])
		if l.res != nil {
			table.Res = append(table.Res, &l.res[r*l.s.Out-table.ResAt])
		}
	}
	clear(l.y)
	c.RunRows(&table)
	for _, all := range l.guarded {
		intact(t, l.String(), all)
	}
}

func (l *layer) check(t *testing.T) {
	t.Helper()
	l.run(t)
	l.compare(t)
	l.runRows(t)
	l.compare(t)
}

func (l *layer) compare(t *testing.T) {
	t.Helper()
	for r := range l.rows {
		for o := range l.s.Out {
			if got, want := l.y[r*l.s.Out+o], l.want(r, o); got != want {
				t.Fatalf("%s: y[%d][%d] = %v, want exactly %v", l, r, o, got, want)
			}
		}
	}
}

// TestConv checks every value, bit for bit, against the order that Conv
// defines, so that it can depend neither on the tile nor on the call. Numbers
// of outputs, rows and values per segment go through all tiles and their rests.
func TestConv(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(1, 1))
		variant := 0
		next := func() int { variant++; return variant }
		for out := range 130 {
			s := Taps(1+out%5, out+1, 3, 1+out%2, 1+out%3)
			newLayer(rng, s, 1+out%14, next()).check(t)
		}
		for rows := range 50 {
			for _, out := range []int{1, 4, 8, 11, 16, 21, 32, 40} {
				newLayer(rng, Taps(3, out, 2, 1, 1+rows%2), rows, next()).check(t)
			}
		}
		for k := range 20 {
			for _, out := range []int{5, 16, 29} {
				newLayer(rng, Shape{RowStride: k/2 + 1, Segments: 1 + k%3, SegStep: k + 3, SegLen: k + 1, Out: out}, 13, next()).check(t)
			}
		}
		for v := range 8 {
			newLayer(rng, Taps(4, 32, 5, 1, 4), 25, v).check(t)
		}
	})
}

// TestConvError bounds the error of a long sum against double precision.
func TestConvError(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(2, 2))
		l := newLayer(rng, Taps(32, 32, 7, 1, 2), 20, 2)
		l.run(t)
		worst := 0.0
		for r := range l.rows {
			for o := range l.s.Out {
				want := float64(l.bias[o])
				for seg := range l.s.Segments {
					for k := range l.s.SegLen {
						want += float64(l.x[r*l.s.RowStride+seg*l.s.SegStep+k]) * float64(l.w[(seg*l.s.SegLen+k)*l.s.Out+o])
					}
				}
				worst = max(worst, math.Abs(float64(l.y[r*l.s.Out+o])-want))
			}
		}
		if worst > 3e-5 { // of 225 terms of size 1
			t.Errorf("error of %.2g, want at most 3e-5", worst)
		}
	})
}

// TestConvShort checks that no kernel reads past slices that are too short.
func TestConvShort(t *testing.T) {
	s := Taps(2, 5, 3, 1, 1)
	x, w, bias, y := make([]float32, s.Len(4)), make([]float32, PackedLen(6, 5)), make([]float32, Padded(5)), make([]float32, 20)
	for name, f := range map[string]func(){
		"x":    func() { Conv(y, 5, x[1:], s, w, bias, false, nil, 0, 4) },
		"y":    func() { Conv(y[1:], 5, x, s, w, bias, false, nil, 0, 4) },
		"w":    func() { Conv(y, 5, x, s, w[1:], bias, false, nil, 0, 4) },
		"bias": func() { Conv(y, 5, x, s, w, bias[:5], false, nil, 0, 4) },
		"res":  func() { Conv(y, 5, x, s, w, bias, false, make([]float32, 19), 5, 4) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("a short %s went through", name)
				}
			}()
			f()
		}()
	}
}

func TestConvStrides(t *testing.T) {
	// Rows of y and res may lie apart; what is between stays.
	rng := rand.New(rand.NewPCG(3, 3))
	for _, out := range []int{1, 5} {
		s := Taps(2, out, 3, 1, 1)
		const rows = 9
		x, _ := guarded(rng, s.Len(rows))
		w := make([]float32, PackedLen(6, out))
		plain, _ := guarded(rng, s.Weights())
		Pack(w, plain, 6, out)
		res, _ := guarded(rng, rows*(out+3))
		y := make([]float32, rows*(out+2))
		dense, packed := make([]float32, rows*out), make([]float32, 0, rows*out)
		for r := range rows {
			packed = append(packed, res[r*(out+3):][:out]...)
		}
		Conv(y, out+2, x, s, w, nil, true, res, out+3, rows)
		Conv(dense, out, x, s, w, nil, true, packed, out, rows)
		for i, v := range y {
			want := float32(0)
			if c := i % (out + 2); c < out {
				want = dense[i/(out+2)*out+c]
			}
			if v != want {
				t.Fatalf("out %d: y[%d] = %v, want %v", out, i, v, want)
			}
		}
	}
}

// TestOuter checks every value, bit for bit, against the order that Outer
// defines.
func TestOuter(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(4, 4))
		check := func(s Shape, rows int) {
			t.Helper()
			what := fmt.Sprintf("%+v rows %d", s, rows)
			x, allX := guarded(rng, s.Len(rows))
			dy, allY := guarded(rng, rows*s.Out)
			dw, allW := guarded(rng, s.Weights())
			want := slices.Clone(dw)
			Outer(dw, x, s, dy, s.Out, rows)
			for _, a := range [][]float32{allX, allY, allW} {
				intact(t, what, a)
			}
			for r := range rows {
				for seg := range s.Segments {
					for k := range s.SegLen {
						for o := range s.Out {
							at := (seg*s.SegLen+k)*s.Out + o
							want[at] = madd(want[at], x[r*s.RowStride+seg*s.SegStep+k], dy[r*s.Out+o])
						}
					}
				}
			}
			for i := range want {
				if dw[i] != want[i] {
					t.Fatalf("%s: dw[%d] = %v, want exactly %v", what, i, dw[i], want[i])
				}
			}
		}
		for out := range 130 {
			check(Taps(1+out%7, out+1, 3, 1+out%2, 1+out%3), out%7)
		}
		for k := range 40 {
			for _, out := range []int{3, 8, 16, 24, 32} {
				check(Shape{RowStride: k/2 + 1, Segments: 1 + k%3, SegStep: k + 3, SegLen: k + 1, Out: out}, 1+k%9)
			}
		}
	})
}

func TestSumRows(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(7, 7))
		for n := range 70 {
			rows := n % 11
			dst, allD := guarded(rng, n)
			x, allX := guarded(rng, rows*n)
			want := slices.Clone(dst)
			for r := range rows {
				for i := range want {
					want[i] += x[r*n+i]
				}
			}
			SumRows(dst, x, rows)
			intact(t, "SumRows", allD)
			intact(t, "SumRows", allX)
			if !slices.Equal(dst, want) {
				t.Fatalf("%d sums of %d rows: got %v, want %v", n, rows, dst, want)
			}
		}
	})
}

// TestAdam checks all tiers against the definition, bit for bit.
func TestAdam(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(8, 8))
		s := AdamStep{Beta1: .9, Beta2: .999, Keep: 1 - 1e-4, Size: 1e-2, Root: .3, Eps: 1e-8}
		for n := range 40 {
			var v, want [4][]float32
			var all [4][]float32
			for i := range v {
				v[i], all[i] = guarded(rng, n)
				if i == 3 {
					for j := range v[i] {
						v[i][j] *= v[i][j]
					}
				}
				want[i] = slices.Clone(v[i])
			}
			Adam(v[0], v[1], v[2], v[3], s)
			adamGeneric(want[0], want[1], want[2], want[3], &s)
			for i := range v {
				intact(t, "Adam", all[i])
				if !slices.Equal(v[i], want[i]) {
					t.Fatalf("%d values: argument %d is %v, want %v", n, i, v[i], want[i])
				}
			}
		}
	})
}

// TestElementwise covers all lengths, in place and not.
func TestElementwise(t *testing.T) { eachTier(t, testElementwise) }

func testElementwise(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	for n := range 131 {
		a, allA := guarded(rng, n)
		b, allB := guarded(rng, n)
		dst, allD := guarded(rng, n)
		check := func(what string, got []float32, want func(i int) float32) {
			t.Helper()
			for _, all := range [][]float32{allA, allB, allD} {
				intact(t, what, all)
			}
			for i := range got {
				if got[i] != want(i) {
					t.Fatalf("%s of %d: value %d is %v, want %v", what, n, i, got[i], want(i))
				}
			}
		}
		Add(dst, a, b)
		check("Add", dst, func(i int) float32 { return a[i] + b[i] })
		Mul(dst, a, b)
		check("Mul", dst, func(i int) float32 { return a[i] * b[i] })
		ReLU(dst, a)
		check("ReLU", dst, func(i int) float32 { return max(0, a[i]) })
		ReLUGrad(dst, b, a)
		check("ReLUGrad", dst, func(i int) float32 {
			if a[i] > 0 {
				return b[i]
			}
			return 0
		})
		GELU(dst, a)
		gelu := make([]float32, n)
		copy(gelu, dst)
		GELUGrad(dst, make([]float32, n), a)
		check("GELUGrad", dst, func(i int) float32 { return gelu[i] })
		old := make([]float32, n)
		copy(old, a)
		Add(a, a, b)
		check("Add in place", a, func(i int) float32 { return old[i] + b[i] })
		copy(a, old)
		GELU(a, a)
		check("GELU in place", a, func(i int) float32 { return gelu[i] })
		ReLU(b, b)
		check("ReLU in place", b, func(i int) float32 { return max(0, b[i]) })
	}
}

func TestReLUSpecial(t *testing.T) { eachTier(t, testReLUSpecial) }

func testReLUSpecial(t *testing.T) {
	inf := float32(math.Inf(1))
	for _, tc := range [][2]float32{{float32(math.Copysign(0, -1)), 0}, {-inf, 0}, {inf, inf}, {-1e-45, 0}, {1e-45, 1e-45}} {
		got := make([]float32, 9) // a vector and a rest
		ReLU(got, slices.Repeat([]float32{tc[0]}, 9))
		for i, v := range got {
			if math.Float32bits(v) != math.Float32bits(tc[1]) {
				t.Errorf("ReLU(%v) = %v at %d, want %v", tc[0], v, i, tc[1])
			}
		}
	}
}

// TestGELU measures the errors that gelu_generic.go states.
func TestGELU(t *testing.T) { eachTier(t, testGELU) }

func testGELU(t *testing.T) {
	var x []float32
	for i := -200000; i <= 200000; i++ {
		x = append(x, float32(i)/12500) // ±16
	}
	for _, v := range []float32{1e-45, 1e-30, 1e-6, 13.3, 100, 1e10, 3e38} {
		x = append(x, v, -v)
	}
	y, g := make([]float32, len(x)), make([]float32, len(x))
	GELUGrad(y, g, x)
	var worstPhi, worstY, worstG float64
	for i, v := range x {
		z := float64(v)
		phi := 0.5 * math.Erfc(-z/math.Sqrt2)
		density := math.Exp(-z*z/2) / math.Sqrt(2*math.Pi)
		p := g[i] - float32(v*float32(density)) // Φ back from the derivative
		if y[i] != 0 && math.Abs(float64(y[i])) < 1.2e-38 && math.Abs(z) > 1 {
			t.Fatalf("gelu(%v) = %v is denormal", v, y[i])
		}
		if z > -30 && z < 30 {
			worstPhi = max(worstPhi, math.Abs(float64(p)-phi))
		}
		worstY = max(worstY, math.Abs(float64(y[i])-z*phi)/max(1, math.Abs(z)))
		worstG = max(worstG, math.Abs(float64(g[i])-phi-z*density))
	}
	t.Logf("largest error: Φ %.2g, gelu %.2g (relative to max(1, |x|)), gelu' %.2g", worstPhi, worstY, worstG)
	if !(worstPhi < 5e-7 && worstY < 5e-7 && worstG < 5e-7) {
		t.Errorf("errors of Φ, gelu, gelu' are %.3g, %.3g, %.3g; want below 5e-7", worstPhi, worstY, worstG)
	}
}

// TestGELUBits checks that GELU has the same bits on every architecture: one
// result of the generic tier, one of all others.
func TestGELUBits(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		var x []float32
		for i := -20000; i <= 20000; i++ {
			x = append(x, float32(i)/1250) // ±16
		}
		y, g := make([]float32, len(x)), make([]float32, len(x))
		GELUGrad(y, g, x)
		h, want := fnv.New64a(), uint64(0x50a13d63ecc3a2d8)
		if Active() == Generic {
			want = 0x3345b53f0830cfe0
		}
		var b []byte
		for i := range y {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(y[i]))
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(g[i]))
		}
		h.Write(b) // never fails
		if got := h.Sum64(); got != want {
			t.Errorf("the results have the hash %#x, want %#x", got, want)
		}
	})
}

// TestSigmoidTanh measures the errors that sigmoid_generic.go states.
func TestSigmoidTanh(t *testing.T) {
	var x []float32
	for i := -100000; i <= 100000; i++ {
		x = append(x, float32(i)/1000) // ±100
	}
	for _, v := range []float32{0, 1e-45, 1e-30, 1e-6, 1e10, 3e38} {
		x = append(x, v, -v)
	}
	y, g := make([]float32, len(x)), make([]float32, len(x))
	for _, f := range []struct {
		name        string
		value       func(dst, x []float32)
		grad        func(dst, grad, x []float32)
		want, slope func(float64) float64
	}{
		{"sigmoid", Sigmoid, SigmoidGrad,
			func(x float64) float64 { return 1 / (1 + math.Exp(-x)) },
			func(x float64) float64 { e := math.Exp(-math.Abs(x)); return e / ((1 + e) * (1 + e)) }},
		{"tanh", Tanh, TanhGrad, math.Tanh,
			func(x float64) float64 { return 1 / (math.Cosh(x) * math.Cosh(x)) }},
	} {
		f.grad(y, g, x)
		again := make([]float32, len(x))
		f.value(again, x)
		var worst, worstGrad float64
		for i, v := range x {
			if math.Float32bits(again[i]) != math.Float32bits(y[i]) {
				t.Fatalf("%s(%v) is %v with its derivative and %v without", f.name, v, y[i], again[i])
			}
			worst = max(worst, math.Abs(float64(y[i])-f.want(float64(v))))
			worstGrad = max(worstGrad, math.Abs(float64(g[i])-f.slope(float64(v))))
		}
		t.Logf("%s: largest error %.2g, of the derivative %.2g", f.name, worst, worstGrad)
		if !(worst < 3e-7 && worstGrad < 3e-7) {
			t.Errorf("%s: errors of %.3g and %.3g, want below 3e-7", f.name, worst, worstGrad)
		}
	}
}

func TestPeak(t *testing.T) {
	if got, want := Peak(time.Millisecond) > 0, len(Tiers()) > 1; got != want {
		t.Errorf("a rate above 0: %v, want %v with the tiers %v", got, want, Tiers())
	}
}

// benchTiers runs a benchmark under every tier that this machine has.
func benchTiers(b *testing.B, f func(b *testing.B)) {
	was := Active()
	defer func() {
		if err := Use(was); err != nil {
			b.Fatal(err)
		}
	}()
	for _, tier := range Tiers() {
		if err := Use(tier); err != nil {
			b.Fatal(err)
		}
		b.Run("tier="+string(tier), f)
	}
}

func BenchmarkPeak(b *testing.B) {
	best := 0.0
	for b.Loop() {
		best = max(best, Peak(20*time.Millisecond))
	}
	b.ReportMetric(best, "GFLOP/s")
}

func BenchmarkConv(b *testing.B) { benchTiers(b, benchConv) }

func benchConv(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, tc := range []struct {
		name                   string
		in, out, taps, d, rows int
	}{
		{"in=32/out=32/taps=3/d=4", 32, 32, 3, 4, 252},
		{"in=32/out=32/taps=5/d=1", 32, 32, 5, 1, 252},
		{"in=32/out=32/taps=5/d=4/rows=1", 32, 32, 5, 4, 1},
		{"in=32/out=1/taps=1", 32, 1, 1, 1, 252},
		{"in=3/out=32/taps=1", 3, 32, 1, 1, 252},
	} {
		b.Run(tc.name, func(b *testing.B) {
			s := Taps(tc.in, tc.out, tc.taps, 1, tc.d)
			x, _ := guarded(rng, s.Len(tc.rows))
			w, _ := guarded(rng, PackedLen(s.Segments*s.SegLen, s.Out))
			bias, _ := guarded(rng, Padded(s.Out))
			y := make([]float32, tc.rows*s.Out)
			for b.Loop() {
				Conv(y, s.Out, x, s, w, bias, true, nil, 0, tc.rows)
			}
			b.ReportMetric(2*float64(tc.rows*s.Weights())*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
		})
	}
}

func BenchmarkOuter(b *testing.B) { benchTiers(b, benchOuter) }

func benchOuter(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	s := Taps(32, 32, 5, 1, 4)
	const rows = 512
	x, _ := guarded(rng, s.Len(rows))
	dy, _ := guarded(rng, rows*32)
	dw := make([]float32, s.Weights())
	for b.Loop() {
		clear(dw)
		Outer(dw, x, s, dy, 32, rows)
	}
	b.ReportMetric(2*float64(rows*s.Weights())*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
}

func BenchmarkGELU(b *testing.B) { benchTiers(b, benchGELU) }

func benchGELU(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	x, _ := guarded(rng, 8192)
	y, g := make([]float32, 8192), make([]float32, 8192)
	b.Run("value", func(b *testing.B) {
		for b.Loop() {
			GELU(y, x)
		}
		b.ReportMetric(b.Elapsed().Seconds()*1e9/8192/float64(b.N), "ns/value")
	})
	b.Run("grad", func(b *testing.B) {
		for b.Loop() {
			GELUGrad(y, g, x)
		}
		b.ReportMetric(b.Elapsed().Seconds()*1e9/8192/float64(b.N), "ns/value")
	})
}

package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

const guard = 16

// guarded returns n random values with NaN guard words around them: a kernel
// that reads them spoils its result, one that writes them is found by intact.
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

func shapes() []Shape {
	var s []Shape
	for _, out := range []int{1, 2, 3, 4, 7, 16, 32, 33} {
		for _, in := range []int{1, 3, 4, 9, 32} {
			for _, d := range []int{1, 2, 5} {
				s = append(s, Taps(in, out, 3, 1+d%2, d), Taps(in, out, 1, d, d))
			}
		}
	}
	return s
}

// TestConv checks values against float64, and that every row is the same bits
// in a call of its own as among others.
func TestConv(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, s := range shapes() {
		for _, rows := range []int{0, 1, 2, 3, 4, 5, 8, 13} {
			for variant := range 8 {
				relu, hasBias, hasRes := variant&1 > 0, variant&2 > 0, variant&4 > 0
				what := fmt.Sprintf("%+v rows %d relu %v bias %v res %v", s, rows, relu, hasBias, hasRes)
				x, allX := guarded(rng, s.Len(rows))
				w, allW := guarded(rng, s.Weights())
				y, allY := guarded(rng, rows*s.Out)
				var bias, res, allB, allR []float32
				if hasBias {
					bias, allB = guarded(rng, s.Out)
				}
				if hasRes {
					res, allR = guarded(rng, rows*s.Out)
				}
				Conv(y, s.Out, x, s, w, bias, relu, res, s.Out, rows)
				for _, a := range [][]float32{allX, allW, allY, allB, allR} {
					if a != nil {
						intact(t, what, a)
					}
				}
				one := make([]float32, s.Out)
				for r := range rows {
					var res1 []float32
					if hasRes {
						res1 = res[r*s.Out:]
					}
					Conv(one, s.Out, x[r*s.RowStride:], s, w, bias, relu, res1, s.Out, 1)
					for o := range s.Out {
						want := 0.0
						if hasBias {
							want = float64(bias[o])
						}
						for seg := range s.Segments {
							for k := range s.SegLen {
								want += float64(x[r*s.RowStride+seg*s.SegStep+k]) * float64(w[(seg*s.SegLen+k)*s.Out+o])
							}
						}
						if relu {
							want = max(0, want)
						}
						if hasRes {
							want += float64(res[r*s.Out+o])
						}
						if math.Abs(float64(y[r*s.Out+o])-want) > 2e-5 {
							t.Fatalf("%s: y[%d][%d] = %v, want %v", what, r, o, y[r*s.Out+o], want)
						}
						if math.Float32bits(one[o]) != math.Float32bits(y[r*s.Out+o]) {
							t.Fatalf("%s: y[%d][%d] is %v alone and %v among others", what, r, o, one[o], y[r*s.Out+o])
						}
					}
				}
			}
		}
	}
}

// TestConvOrder writes the defined order down once more, plainly.
func TestConvOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	for _, s := range shapes() {
		const rows = 7
		x, _ := guarded(rng, s.Len(rows))
		w, _ := guarded(rng, s.Weights())
		bias, _ := guarded(rng, s.Out)
		y := make([]float32, rows*s.Out)
		Conv(y, s.Out, x, s, w, bias, false, nil, 0, rows)
		for r := range rows {
			for o := range s.Out {
				v := bias[o]
				for seg := range s.Segments {
					for k := range s.SegLen {
						p := float32(x[r*s.RowStride+seg*s.SegStep+k] * w[(seg*s.SegLen+k)*s.Out+o])
						v += p
					}
				}
				if v != y[r*s.Out+o] {
					t.Fatalf("%+v: y[%d][%d] = %v, want exactly %v", s, r, o, y[r*s.Out+o], v)
				}
			}
		}
	}
}

func TestConvStrides(t *testing.T) {
	// Rows of y and res may lie apart; what is between stays.
	rng := rand.New(rand.NewPCG(3, 3))
	for _, out := range []int{1, 5} {
		s := Taps(2, out, 3, 1, 1)
		const rows = 9
		x, _ := guarded(rng, s.Len(rows))
		w, _ := guarded(rng, s.Weights())
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

func TestOuter(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	for _, s := range shapes() {
		for _, rows := range []int{0, 1, 3, 4, 5, 13} {
			what := fmt.Sprintf("%+v rows %d", s, rows)
			x, allX := guarded(rng, s.Len(rows))
			dy, allY := guarded(rng, rows*s.Out)
			dw, allW := guarded(rng, s.Weights())
			want := make([]float32, len(dw))
			copy(want, dw)
			Outer(dw, x, s, dy, s.Out, rows)
			for _, a := range [][]float32{allX, allY, allW} {
				intact(t, what, a)
			}
			for r := range rows {
				for seg := range s.Segments {
					for k := range s.SegLen {
						for o := range s.Out {
							p := float32(x[r*s.RowStride+seg*s.SegStep+k] * dy[r*s.Out+o])
							want[(seg*s.SegLen+k)*s.Out+o] += p
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
	}
}

func TestSumRows(t *testing.T) {
	dst := []float32{1, 2}
	SumRows(dst, []float32{1, 10, 2, 20, 3, 30}, 3)
	if dst[0] != 7 || dst[1] != 62 {
		t.Errorf("got %v, want [7 62]", dst)
	}
}

// TestElementwise covers all lengths, in place and not.
func TestElementwise(t *testing.T) {
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

func TestReLUSpecial(t *testing.T) {
	inf := float32(math.Inf(1))
	for _, tc := range [][2]float32{{float32(math.Copysign(0, -1)), 0}, {-inf, 0}, {inf, inf}, {-1e-45, 0}, {1e-45, 1e-45}} {
		got := []float32{0}
		ReLU(got, []float32{tc[0]})
		if math.Float32bits(got[0]) != math.Float32bits(tc[1]) {
			t.Errorf("ReLU(%v) = %v, want %v", tc[0], got[0], tc[1])
		}
	}
}

// TestGELU measures the errors that gelu_generic.go states.
func TestGELU(t *testing.T) {
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
		p, _ := cdf(v)
		if y[i] != 0 && math.Abs(float64(y[i])) < 1.2e-38 && math.Abs(z) > 1 {
			t.Fatalf("gelu(%v) = %v is denormal", v, y[i])
		}
		worstPhi = max(worstPhi, math.Abs(float64(p)-phi))
		worstY = max(worstY, math.Abs(float64(y[i])-z*phi)/max(1, math.Abs(z)))
		worstG = max(worstG, math.Abs(float64(g[i])-phi-z*density))
	}
	t.Logf("largest error: Φ %.2g, gelu %.2g (relative to max(1, |x|)), gelu' %.2g", worstPhi, worstY, worstG)
	if !(worstPhi < 5e-7 && worstY < 5e-7 && worstG < 5e-7) {
		t.Errorf("errors of Φ, gelu, gelu' are %.3g, %.3g, %.3g; want below 5e-7", worstPhi, worstY, worstG)
	}
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

func BenchmarkConv(b *testing.B) {
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
			w, _ := guarded(rng, s.Weights())
			bias, _ := guarded(rng, s.Out)
			y := make([]float32, tc.rows*s.Out)
			for b.Loop() {
				Conv(y, s.Out, x, s, w, bias, true, nil, 0, tc.rows)
			}
			b.ReportMetric(2*float64(tc.rows*s.Weights())*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
		})
	}
}

func BenchmarkOuter(b *testing.B) {
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

func BenchmarkGELU(b *testing.B) {
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

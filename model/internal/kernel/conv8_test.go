package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// guardedBytes returns n random bytes, where half are 0 or 255, between others:
// a kernel that lets them matter differs from what is wanted, one that writes
// them is found by comparing with the copy.
func guardedBytes(rng *rand.Rand, n int) (v, all, copied []uint8) {
	all = make([]uint8, n+2*guard)
	for i := range all {
		switch all[i] = uint8(rng.Uint32()); rng.Uint32() & 3 {
		case 0:
			all[i] = 0
		case 1:
			all[i] = 255
		}
	}
	return all[guard : guard+n : guard+n], all, slices.Clone(all)
}

// layer8 is an 8-bit convolution with guard words around what it reads and
// writes.
type layer8 struct {
	Conv8
	rows       int
	plain      []int8 // [k][out]
	x, q       []uint8
	res, y     []float32
	xAll, qAll []uint8
	xOld, qOld []uint8
	guarded    [][]float32
}

func newLayer8(rng *rand.Rand, s Shape, rows, variant int) *layer8 {
	l := &layer8{rows: rows}
	floats := func(n int) []float32 {
		v, all := guarded(rng, n)
		l.guarded = append(l.guarded, all)
		return v
	}
	l.Shape, l.ReLU = s, variant&1 > 0
	l.Round = NewRounding(float32(.5+4*rng.Float64()), uint8(rng.Uint32()))
	n := s.Len(rows)
	if s.SegLen%4 != 0 && n > 0 {
		n += Slack8
	}
	l.x, l.xAll, l.xOld = guardedBytes(rng, n)
	l.plain = make([]int8, s.Weights())
	for i := range l.plain {
		l.plain[i] = int8(rng.IntN(255) - 127)
		if rng.Uint32()&3 == 0 {
			l.plain[i] = 127
		}
	}
	l.W = make([]int8, PackedLen8(s))
	Pack8(l.W, l.plain, s)
	l.Start = make([]int32, Padded8(s.Out))
	l.Scale, l.Bias = floats(Padded8(s.Out)), floats(Padded8(s.Out))
	for o := range s.Out {
		l.Start[o] = int32(rng.IntN(1<<16) - 1<<15)
		l.Scale[o] = float32(math.Exp(rng.NormFloat64()) / 1000)
		l.Bias[o] *= 20
	}
	if variant&2 > 0 {
		l.res = floats(rows * s.Out)
		for i := range l.res {
			l.res[i] *= 100
		}
	}
	if variant&4 > 0 || variant&8 == 0 {
		l.y = floats(rows * s.Out)
	}
	if variant&8 > 0 {
		l.q, l.qAll, l.qOld = guardedBytes(rng, rows*s.Out)
	}
	return l
}

func (l *layer8) String() string {
	return fmt.Sprintf("%+v rows %d relu %v res %v y %v q %v", l.Shape, l.rows, l.ReLU, l.res != nil, l.y != nil, l.q != nil)
}

// want is the value of one output, and its byte, from the definition.
func (l *layer8) want(r, o int) (float32, uint8) {
	s := l.Shape
	sum := int64(l.Start[o])
	for seg := range s.Segments {
		for k := range s.SegLen {
			sum += int64(l.x[r*s.RowStride+seg*s.SegStep+k]) * int64(l.plain[(seg*s.SegLen+k)*s.Out+o])
		}
	}
	v := float32(float32(sum)*l.Scale[o]) + l.Bias[o]
	if l.ReLU {
		v = max(0, v)
	}
	if l.res != nil {
		v += l.res[r*s.Out+o]
	}
	zero := -float64(l.Round.low)
	b := math.RoundToEven(float64(float32(v*l.Round.inv)) + zero)
	return v, uint8(min(max(b, 0), 255))
}

func (l *layer8) check(t *testing.T) {
	t.Helper()
	op := l.Ready()
	op.Run(l.y, l.q, l.x, l.res, l.rows)
	for _, all := range l.guarded {
		intact(t, l.String(), all)
	}
	if !slices.Equal(l.xAll, l.xOld) {
		t.Fatalf("%s: x has changed", l)
	}
	for i, v := range l.qAll {
		if (i < guard || i >= len(l.qAll)-guard) && v != l.qOld[i] {
			t.Fatalf("%s: byte %d of %d was written", l, i-guard, len(l.q))
		}
	}
	for r := range l.rows {
		for o := range l.Shape.Out {
			v, b := l.want(r, o)
			if l.y != nil && math.Float32bits(l.y[r*l.Shape.Out+o]) != math.Float32bits(v) {
				t.Fatalf("%s: y[%d][%d] = %v, want exactly %v", l, r, o, l.y[r*l.Shape.Out+o], v)
			}
			if l.q != nil && l.q[r*l.Shape.Out+o] != b {
				t.Fatalf("%s: q[%d][%d] = %d, want %d for %v", l, r, o, l.q[r*l.Shape.Out+o], b, v)
			}
		}
	}
}

// eachTier8 is eachTier, and again as on a CPU without instructions for sums of
// products of bytes.
func eachTier8(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	eachTier(t, f)
	withoutDot(t, func() { eachTier(t, f) })
}

// TestConv8 checks every value, bit for bit, against the definition. Numbers of
// outputs, rows and values per segment go through all tiles and their rests.
func TestConv8(t *testing.T) {
	eachTier8(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(1, 8))
		variant := 0
		next := func() int { variant++; return variant }
		for out := range 130 {
			newLayer8(rng, Taps(1+out%7, out+1, 3, 1+out%2, 1+out%3), 1+out%14, next()).check(t)
		}
		for in := range 130 {
			newLayer8(rng, Taps(in+1, 1+in%40, 2, 1, 1+in%2), 1+in%5, next()).check(t)
		}
		for rows := range 50 {
			for _, out := range []int{1, 4, 8, 11, 16, 21, 32, 40} {
				newLayer8(rng, Taps(3, out, 2, 1, 1+rows%2), rows, next()).check(t)
			}
		}
		for k := range 40 {
			for _, out := range []int{5, 16, 29} {
				newLayer8(rng, Shape{RowStride: k/2 + 1, Segments: 1 + k%3, SegStep: k + 3, SegLen: k + 1, Out: out}, 13, next()).check(t)
			}
		}
		for v := range 16 {
			newLayer8(rng, Taps(4, 32, 5, 1, 4), 25, v).check(t)
		}
	})
}

// TestConv8Extremes fills everything with the largest values, where sums of
// pairs in 16 bits would saturate.
func TestConv8Extremes(t *testing.T) {
	eachTier8(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(2, 8))
		for _, w := range []int8{127, -127} {
			l := newLayer8(rng, Taps(32, 32, 64, 1, 1), 5, 12)
			for i := range l.x {
				l.x[i] = 255
			}
			for i := range l.plain {
				l.plain[i] = w
			}
			Pack8(l.W, l.plain, l.Shape)
			clear(l.Start)
			op := l.Ready()
			for i := range l.Scale {
				l.Scale[i], l.Bias[i] = 1, 0
			}
			op.Run(l.y, l.q, l.x, nil, l.rows)
			for i, v := range l.y {
				if want := float32(int32(w) * 255 * 32 * 64); v != want {
					t.Fatalf("w = %d: sum %d is %v, want %v", w, i, v, want)
				}
			}
		}
	})
}

// TestBytes rounds to the nearest, halves to even, and saturates.
func TestBytes(t *testing.T) {
	inf := float32(math.Inf(1))
	eachTier(t, func(t *testing.T) {
		r := NewRounding(.25, 100)
		for _, tc := range []struct {
			v    float32
			want uint8
		}{
			{0, 100}, {.25, 101}, {.125, 100}, {.375, 102}, {-.125, 100}, {-.375, 98}, {.1251, 101}, {-25, 0}, {-25.2, 0},
			{38.75, 255}, {38.7, 255}, {38.6, 254}, {39, 255}, {1e30, 255}, {-1e30, 0}, {inf, 255}, {-inf, 0}, {float32(math.NaN()), 0},
		} {
			got := make([]uint8, 19) // a vector and a rest
			r.Bytes(got, slices.Repeat([]float32{tc.v}, len(got)))
			for i, b := range got {
				if b != tc.want {
					t.Errorf("%v at %d becomes %d, want %d", tc.v, i, b, tc.want)
				}
			}
		}
		rng := rand.New(rand.NewPCG(3, 8))
		for n := range 131 {
			x, all := guarded(rng, n)
			q, qAll, old := guardedBytes(rng, n)
			for i := range x {
				x[i] *= 20
			}
			r.Bytes(q, x)
			intact(t, "Bytes", all)
			for i := range q {
				if want := uint8(min(max(math.RoundToEven(float64(x[i])*4+100), 0), 255)); q[i] != want {
					t.Fatalf("%d values: %v becomes %d, want %d", n, x[i], q[i], want)
				}
			}
			if !slices.Equal(qAll[:guard], old[:guard]) || !slices.Equal(qAll[guard+n:], old[guard+n:]) {
				t.Fatalf("%d values: bytes around them were written", n)
			}
		}
	})
}

// TestRounded checks that all tiers give the bits of the definition where that
// is asked for.
func TestRounded(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(4, 8))
		sameAs := func(what string, got, want []float32) {
			t.Helper()
			for i := range want {
				if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
					t.Fatalf("%s: value %d is %v, want exactly %v", what, i, got[i], want[i])
				}
			}
		}
		var x []float32
		for i := -80000; i <= 80000; i++ {
			x = append(x, float32(i)/5000) // ±16
		}
		x = append(x, 1e-45, -1e-45, 13.3, -13.3, 1e10, -1e10, 3e38, -3e38, float32(math.Copysign(0, -1)))
		got, want := make([]float32, len(x)), make([]float32, len(x))
		GELURounded(got, x)
		geluGeneric(want, x)
		sameAs("GELU", got, want)
		for out := range 70 {
			for rows := range 20 {
				l := newLayer(rng, Taps(1+out%5, out+1, 3, 1+out%2, 1+out%3), rows, out+rows)
				op := NewConvOp(l.s, l.pw, l.pb, l.relu)
				op.RunRounded(l.y, l.s.Out, l.x, l.res, l.s.Out, rows)
				for _, all := range l.guarded {
					intact(t, l.String(), all)
				}
				want := make([]float32, len(l.y))
				convGeneric(want, l.s.Out, l.x, l.s, l.pw, l.pb, l.relu, l.res, l.s.Out, rows)
				sameAs(l.String(), l.y, want)
			}
		}
	})
}

// TestConv8Short checks that no kernel reads past slices that are too short.
func TestConv8Short(t *testing.T) {
	s := Taps(2, 5, 3, 1, 1) // segments of six bytes
	c := Conv8{Shape: s, W: make([]int8, PackedLen8(s)), Start: make([]int32, Padded8(5)), Scale: make([]float32, Padded8(5)), Bias: make([]float32, Padded8(5))}
	x, y, q := make([]uint8, s.Len(4)+Slack8), make([]float32, 20), make([]uint8, 20)
	op := c.Ready()
	op.Run(y, q, x, nil, 4)
	for name, f := range map[string]func(){
		"x":     func() { op.Run(y, q, x[1:], nil, 4) },
		"y":     func() { op.Run(y[1:], q, x, nil, 4) },
		"q":     func() { op.Run(y, q[1:], x, nil, 4) },
		"res":   func() { op.Run(y, q, x, y[1:], 4) },
		"w":     func() { c := c; c.W = c.W[1:]; c.Ready() },
		"start": func() { c := c; c.Start = c.Start[1:]; c.Ready() },
		"scale": func() { c := c; c.Scale = c.Scale[:5]; c.Ready() },
		"bias":  func() { c := c; c.Bias = c.Bias[:5]; c.Ready() },
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

func BenchmarkConv8(b *testing.B) { benchTiers(b, benchConv8) }

func benchConv8(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, tc := range []struct {
		name                   string
		in, out, taps, d, rows int
		variant                int
	}{
		{"in=32/out=32/taps=3/d=4/y=q=res", 32, 32, 3, 4, 252, 15},
		{"in=32/out=32/taps=5/d=1/q", 32, 32, 5, 1, 252, 9},
		{"in=32/out=32/taps=5/d=4/rows=1", 32, 32, 5, 4, 1, 9},
		{"in=32/out=1/taps=1", 32, 1, 1, 1, 252, 4},
	} {
		b.Run(tc.name, func(b *testing.B) {
			l := newLayer8(rng, Taps(tc.in, tc.out, tc.taps, 1, tc.d), tc.rows, tc.variant)
			if l.q != nil && tc.variant&4 == 0 {
				l.y = nil
			}
			op := l.Ready()
			for b.Loop() {
				op.Run(l.y, l.q, l.x, l.res, l.rows)
			}
			b.ReportMetric(2*float64(tc.rows*l.Shape.Weights())*float64(b.N)/b.Elapsed().Seconds()/1e9, "GOP/s")
		})
	}
}

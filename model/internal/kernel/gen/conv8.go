package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The fields of kernel.conv8Args.
const (
	arg8X = 8 * iota
	arg8W
	arg8Start
	arg8Scale
	arg8Bias
	arg8Res
	arg8Y
	arg8Q
	arg8XRow
	arg8SegStep
	arg8Segs
	arg8Quads
	arg8Panel
	arg8Out
	arg8ReLU
	arg8Tiles
	arg8Mask
	arg8Made
	arg8Inv // and Low, High, Magic: four bytes each
)

const panel8 = 16 // outputs per panel: four weights each side by side

func conv8() {
	for _, height := range []int{12, 8, 4, 2, 1} {
		conv8VNNI(height, 2)
		conv8VNNI(height, 1)
	}
	for _, height := range []int{4, 2, 1} {
		conv8AVX2(height)
	}
	round := func(i isa) isa {
		i.name, i.rounded = "Round"+i.name, true
		return i
	}
	for _, height := range []int{8, 1} {
		convTile(tile{round(z512), height, 1, 1, false})
		convTile(tile{round(y512), height, 1, 1, false})
		convTile(tile{round(y2), height, 1, 1, false})
	}
	for _, height := range []int{4, 1} {
		convTile(tile{round(y2), height, 2, 2, false})
	}
	consts("gelu8_")
	gelu("geluRoundSIMD", round(y2), false)
	quantize8()
}

// tile8 is what the kernels of one instruction set share: height rows by vecs
// vectors whose sums stay in registers.
type tile8 struct {
	isa
	height, vecs int
	a            reg.GPVirtual
	acc          [][]reg.VecVirtual
}

func newTile8(name string, i isa, height, vecs int) *tile8 {
	TEXT(name, NOSPLIT, "func(a *byte)")
	t := &tile8{isa: i, height: height, vecs: vecs, a: Load(Param("a"), GP64()).(reg.GPVirtual)}
	for range height {
		var row []reg.VecVirtual
		for range vecs {
			row = append(row, i.vec())
		}
		t.acc = append(t.acc, row)
	}
	return t
}

// begin moves the arguments past the tile before, if there was one.
func (t *tile8) begin() {
	out, xRow := GP64(), GP64()
	forward := func(part string, times func(n reg.GPVirtual)) {
		MOVQ(Mem{Base: t.a, Disp: arg8Out}, out)
		MOVQ(Mem{Base: t.a, Disp: arg8XRow}, xRow)
		times(out)
		times(xRow)
		ADDQ(xRow, Mem{Base: t.a, Disp: arg8X})
		for _, at := range []int{arg8Q, arg8Y, arg8Res} {
			skip := fmt.Sprint(part, at)
			if at == arg8Y {
				SHLQ(U8(2), out) // from bytes to floats
			}
			CMPQ(Mem{Base: t.a, Disp: at}, I8(0))
			JE(LabelRef(skip))
			ADDQ(out, Mem{Base: t.a, Disp: at})
			Label(skip)
		}
	}
	made := field(t.a, arg8Made)
	TESTQ(made, made)
	JZ(LabelRef("tile"))
	forward("made", func(n reg.GPVirtual) { IMULQ(made, n) })
	JMP(LabelRef("tile"))
	Label("next")
	forward("next", func(n reg.GPVirtual) { IMUL3Q(I8(int8(t.height)), n, n) })
	Label("tile")
}

// each visits the sums.
func (t *tile8) each(f func(r, v int, sum reg.VecVirtual)) {
	for r, row := range t.acc {
		for v, sum := range row {
			f(r, v, sum)
		}
	}
}

// sums runs through the segments, four values of each row at a time; step adds
// what the u-th four of x and of w make.
func (t *tile8) sums(unroll int, step func(x rows, w reg.GPVirtual, u int)) {
	start := field(t.a, arg8Start)
	for v := range t.vecs {
		VMOVUPS(Mem{Base: start, Disp: v * t.bytes()}, t.acc[0][v])
		for r := 1; r < t.height; r++ {
			VMOVAPS(t.acc[0][v], t.acc[r][v])
		}
	}
	w, segs, count := field(t.a, arg8W), field(t.a, arg8Segs), GP64()
	x, seg := newRows(t.height, field(t.a, arg8XRow)), field(t.a, arg8X)
	const row = 4 * panel8
	Label("segment")
	x.set(seg)
	MOVQ(Mem{Base: t.a, Disp: arg8Quads}, count)
	SUBQ(I8(int8(unroll)), count)
	JL(LabelRef("rest"))
	Label("more")
	for u := range unroll {
		step(x, w, u)
	}
	ADDQ(I32(int32(unroll*row)), w)
	x.advance(4 * unroll)
	SUBQ(I8(int8(unroll)), count)
	JGE(LabelRef("more"))
	Label("rest")
	ADDQ(I8(int8(unroll)), count)
	JZ(LabelRef("ended"))
	Label("one")
	step(x, w, 0)
	ADDQ(I32(row), w)
	x.advance(4)
	DECQ(count)
	JNZ(LabelRef("one"))
	Label("ended")
	ADDQ(Mem{Base: t.a, Disp: arg8SegStep}, seg)
	DECQ(segs)
	JNZ(LabelRef("segment"))
}

// scaled turns the sums into values, with what follows them.
func (t *tile8) scaled(res func(m Mem, v int, sum reg.VecVirtual)) (floatRow reg.GPVirtual) {
	scale, bias := field(t.a, arg8Scale), field(t.a, arg8Bias)
	for v := range t.vecs {
		s, b := t.vec(), t.vec()
		VMOVUPS(Mem{Base: scale, Disp: v * t.bytes()}, s)
		VMOVUPS(Mem{Base: bias, Disp: v * t.bytes()}, b)
		for r := range t.height {
			sum := t.acc[r][v]
			VCVTDQ2PS(sum, sum)
			VMULPS(s, sum, sum)
			VADDPS(b, sum, sum)
		}
	}
	relu := field(t.a, arg8ReLU)
	TESTQ(relu, relu)
	JZ(LabelRef("linear"))
	zero := t.vec()
	t.zero(zero)
	t.each(func(_, _ int, sum reg.VecVirtual) { VMAXPS(zero, sum, sum) }) // of two zeros the first: never -0
	Label("linear")
	floatRow = field(t.a, arg8Out)
	SHLQ(U8(2), floatRow)
	p := field(t.a, arg8Res)
	TESTQ(p, p)
	JZ(LabelRef("added"))
	rs := newRows(t.height, floatRow)
	rs.set(p)
	t.each(func(r, v int, sum reg.VecVirtual) { res(rs.at(r, v*t.bytes()), v, sum) })
	Label("added")
	return floatRow
}

// stored stores the values where y is wanted, and turns them into bytes, one in
// each doubleword's low one, where q is.
func (t *tile8) stored(floatRow reg.GPVirtual, y func(m Mem, v int, sum reg.VecVirtual), q func(q rows)) {
	p := field(t.a, arg8Y)
	TESTQ(p, p)
	JZ(LabelRef("bytes"))
	ys := newRows(t.height, floatRow)
	ys.set(p)
	t.each(func(r, v int, sum reg.VecVirtual) { y(ys.at(r, v*t.bytes()), v, sum) })
	Label("bytes")
	p = field(t.a, arg8Q)
	TESTQ(p, p)
	JZ(LabelRef("ready"))
	round := newRounding(t.isa, t.a, arg8Inv)
	t.each(func(_, _ int, sum reg.VecVirtual) { round.bits(sum) })
	out := field(t.a, arg8Out)
	qs := newRows(t.height, out)
	qs.set(p)
	q(qs)
	Label("ready")
	DECQ(Mem{Base: t.a, Disp: arg8Tiles})
	JNZ(LabelRef("next"))
	MOVQ(I32(int32(t.height)), Mem{Base: t.a, Disp: arg8Made})
	VZEROUPPER()
	RET()
}

// rounding holds the four numbers of kernel.rounding.
type rounding struct{ inv, low, high, magic reg.VecVirtual }

func newRounding(i isa, a reg.GPVirtual, at int) rounding {
	r := rounding{i.vec(), i.vec(), i.vec(), i.vec()}
	for k, v := range []reg.VecVirtual{r.inv, r.low, r.high, r.magic} {
		VBROADCASTSS(Mem{Base: a, Disp: at + 4*k}, v)
	}
	return r
}

// bits leaves the byte of each value in the low one of its doubleword. NaN
// becomes the lowest.
func (r rounding) bits(v reg.VecVirtual) {
	VMULPS(r.inv, v, v)
	VMAXPS(r.low, v, v)
	VMINPS(r.high, v, v)
	VADDPS(r.magic, v, v)
}

// conv8VNNI writes the kernels that have an instruction for it.
func conv8VNNI(height, vecs int) {
	t := newTile8(fmt.Sprintf("conv8VNNITile%dx%d", height, vecs), z512, height, vecs)
	mask := K()
	KMOVW(Mem{Base: t.a, Disp: arg8Mask}, mask)
	var panel reg.GPVirtual
	if vecs > 1 {
		panel = field(t.a, arg8Panel)
	}
	t.begin()
	t.sums(4, func(x rows, w reg.GPVirtual, u int) {
		b := make([]reg.VecVirtual, vecs)
		for v := range b {
			m := Mem{Base: w, Disp: 4 * panel8 * u}
			if v > 0 {
				m.Index, m.Scale = panel, 1
			}
			b[v] = ZMM()
			VMOVUPS(m, b[v])
		}
		for r := range height {
			s := ZMM()
			VBROADCASTSS(x.at(r, 4*u), s)
			for v := range vecs {
				VPDPBUSD(b[v], s, t.acc[r][v])
			}
		}
	})
	last := vecs - 1
	floatRow := t.scaled(func(m Mem, v int, sum reg.VecVirtual) {
		if v < last {
			VADDPS(m, sum, sum)
			return
		}
		z := ZMM()
		VMOVUPS_Z(m, mask, z)
		VADDPS(z, sum, sum)
	})
	t.stored(floatRow, func(m Mem, v int, sum reg.VecVirtual) {
		if v < last {
			VMOVUPS(sum, m)
			return
		}
		VMOVUPS(sum, mask, m)
	}, func(q rows) {
		t.each(func(r, v int, sum reg.VecVirtual) {
			m := q.at(r, v*panel8)
			if v < last {
				VPMOVDB(sum, m)
				return
			}
			VPMOVDB(sum, mask, m)
		})
	})
}

// conv8AVX2 writes kernels of one panel without one: VPMADDUBSW saturates, so
// the bytes at even and at odd places are widened and multiplied by VPMADDWD,
// which is exact.
func conv8AVX2(height int) {
	t := newTile8(fmt.Sprintf("conv8AVX2Tile%dx2", height), y2, height, 2)
	even := YMM()
	VPCMPEQD(even, even, even)
	VPSRLW(U8(8), even, even) // the low byte of each word
	t.begin()
	t.sums(1, func(x rows, w reg.GPVirtual, u int) {
		var we, wo [2]reg.VecVirtual
		for v := range 2 {
			we[v], wo[v] = YMM(), YMM()
			VMOVDQU(Mem{Base: w, Disp: 4*panel8*u + 32*v}, wo[v])
			VPSLLW(U8(8), wo[v], we[v])
			VPSRAW(U8(8), we[v], we[v])
			VPSRAW(U8(8), wo[v], wo[v])
		}
		for r := range height {
			xe, xo := YMM(), YMM()
			VPBROADCASTD(x.at(r, 4*u), xo)
			VPAND(even, xo, xe)
			VPSRLW(U8(8), xo, xo)
			for v := range 2 {
				p := YMM()
				VPMADDWD(we[v], xe, p)
				VPADDD(p, t.acc[r][v], t.acc[r][v])
				VPMADDWD(wo[v], xo, p)
				VPADDD(p, t.acc[r][v], t.acc[r][v])
			}
		}
	})
	floatRow := t.scaled(func(m Mem, _ int, sum reg.VecVirtual) { VADDPS(m, sum, sum) })
	t.stored(floatRow, func(m Mem, _ int, sum reg.VecVirtual) { VMOVUPS(sum, m) }, func(q rows) {
		low := YMM()
		VPCMPEQD(low, low, low)
		VPSRLD(U8(24), low, low) // the low byte of each doubleword
		for r := range height {
			store16(t.acc[r][0], t.acc[r][1], low, q.at(r, 0))
		}
	})
}

// store16 stores the low bytes of two vectors of doublewords.
func store16(a, b, low reg.VecVirtual, m Mem) {
	VPAND(low, a, a)
	VPAND(low, b, b)
	VPACKUSDW(b, a, a) // a0-3 b0-3 a4-7 b4-7
	VPERMQ(U8(0xd8), a, a)
	hi := XMM()
	VEXTRACTI128(U8(1), a, hi)
	VPACKUSWB(hi, a.AsX(), hi)
	VMOVDQU(hi, m)
}

// quantize8 writes kernel.Rounding.Bytes for n values, a multiple of 16.
func quantize8() {
	TEXT("quantize8SIMD", NOSPLIT, "func(dst *byte, x *float32, n int, r *byte)")
	dst, x := Load(Param("dst"), GP64()), Load(Param("x"), GP64())
	n, r := Load(Param("n"), GP64()), Load(Param("r"), GP64()).(reg.GPVirtual)
	round := newRounding(y2, r, 0)
	low := YMM()
	VPCMPEQD(low, low, low)
	VPSRLD(U8(24), low, low)
	at := GP64()
	XORQ(at, at)
	Label("loop")
	a, b := YMM(), YMM()
	VMOVUPS(Mem{Base: x, Index: at, Scale: 4}, a)
	VMOVUPS(Mem{Base: x, Index: at, Scale: 4, Disp: 32}, b)
	round.bits(a)
	round.bits(b)
	store16(a, b, low, Mem{Base: dst, Index: at, Scale: 1})
	ADDQ(I8(16), at)
	CMPQ(at, n)
	JL(LabelRef("loop"))
	VZEROUPPER()
	RET()
}

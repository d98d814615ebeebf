package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// alike writes the kernels of non-local means, without fused multiply-adds: the same
// bits as their definitions. They take n values, n a multiple of 8.
func alike() {
	exchange()
	one := ones()
	weigh(one)
	exchangeWeigh(y2, one)
	exchangeWeigh(z512, one)
	distances(y2)
	distances(z512)
}

// ones is a vector of ones, as wide as any.
func ones() Mem {
	one := GLOBL("alike_one", RODATA|NOPTR)
	for lane := range 16 {
		DATA(4*lane, U32(0x3f800000))
	}
	return one
}

// broadcast loads an argument into all lanes.
func broadcast(name string) reg.VecVirtual {
	x, y := XMM(), YMM()
	Load(Param(name), x)
	VBROADCASTSS(x, y)
	return y
}

func exchange() {
	TEXT("exchangeSIMD", NOSPLIT, "func(d, a, b *float32, n int, x, y float32)")
	d, as, bs := Load(Param("d"), GP64()), Load(Param("a"), GP64()), Load(Param("b"), GP64())
	n := Load(Param("n"), GP64())
	x, y := broadcast("x"), broadcast("y")
	at := GP64()
	XORQ(at, at)
	Label("loop")
	p, q, sum := YMM(), YMM(), YMM()
	VSUBPS(Mem{Base: as, Index: at, Scale: 4}, x, p)
	VSUBPS(Mem{Base: bs, Index: at, Scale: 4}, y, q)
	VMULPS(p, p, p)
	VMULPS(q, q, q)
	VSUBPS(q, p, p)
	VADDPS(Mem{Base: d, Index: at, Scale: 4}, p, sum)
	VMOVUPS(sum, Mem{Base: d, Index: at, Scale: 4})
	ADDQ(I8(8), at)
	CMPQ(at, n)
	JL(LabelRef("loop"))
	VZEROUPPER()
	RET()
}

func weigh(one Mem) {
	TEXT("weighSIMD", NOSPLIT, "func(sums, d, y *float32, n int, base, scale float32)")
	sums, d, ys := Load(Param("sums"), GP64()), Load(Param("d"), GP64()), Load(Param("y"), GP64())
	n := Load(Param("n"), GP64())
	base, scale, zero := broadcast("base"), broadcast("scale"), YMM()
	VXORPS(zero, zero, zero)
	var s [4]reg.VecVirtual
	for i := range s {
		s[i] = YMM()
		VMOVUPS(Mem{Base: sums, Disp: 32 * i}, s[i])
	}
	at := GP64()
	XORQ(at, at)
	Label("loop")
	u, w, t := YMM(), YMM(), YMM()
	VMOVUPS(Mem{Base: d, Index: at, Scale: 4}, u)
	VSUBPS(base, u, u)
	VMULPS(scale, u, u)
	VMAXPS(zero, u, u)
	VMOVUPS(one, w)
	VMINPS(w, u, u) // beyond 1 the weight is 0, and what it is multiplied with stays a number
	VSUBPS(u, w, w)
	VMULPS(w, w, w)
	VMULPS(w, w, w)
	VADDPS(w, s[0], s[0])
	VMULPS(w, w, t)
	VADDPS(t, s[1], s[1])
	VMULPS(Mem{Base: ys, Index: at, Scale: 4}, w, t)
	VADDPS(t, s[2], s[2])
	VMULPS(u, w, t)
	VADDPS(t, s[3], s[3])
	ADDQ(I8(8), at)
	CMPQ(at, n)
	JL(LabelRef("loop"))
	for i := range s {
		VMOVUPS(s[i], Mem{Base: sums, Disp: 32 * i})
	}
	VZEROUPPER()
	RET()
}

// The fields of the arguments of exchangeWeigh.
const (
	bothSums, bothD, bothOf, bothN   = 0, 8, 16, 24
	bothAs, bothBs                   = 32, 56
	bothX, bothZ                     = 80, 92
	bothBase, bothBy, bothNegligible = 104, 108, 112
	swaps                            = 3
)

// exchangeWeigh is exchange, three times, and weigh in one pass, so that the sums are
// read and written once. A vector without any weight, as most are, is not summed up: what
// that takes is loaded where it is wanted, and all else lies in registers.
func exchangeWeigh(i isa, one Mem) {
	TEXT("exchangeWeigh"+i.name, NOSPLIT, "func(a *byte)")
	args := Load(Param("a"), GP64()).(reg.GPVirtual)
	d, ys, n := field(args, bothD), field(args, bothOf), field(args, bothN)
	var as, bs [swaps]reg.GPVirtual
	for k := range as {
		as[k], bs[k] = field(args, bothAs+8*k), field(args, bothBs+8*k)
	}
	var sums [4]reg.VecVirtual
	sumsAt := field(args, bothSums)
	for k := range sums {
		sums[k] = YMM()
		VMOVUPS(Mem{Base: sumsAt, Disp: 32 * k}, sums[k])
	}
	all := func(disp int) reg.VecVirtual {
		v := i.vec()
		VBROADCASTSS(Mem{Base: args, Disp: disp}, v)
		return v
	}
	var xs, zs [swaps]reg.VecVirtual
	for k := range xs {
		xs[k], zs[k] = all(bothX+4*k), all(bothZ+4*k)
	}
	at, negligible := GP64(), all(bothNegligible)
	XORQ(at, at)
	Label("loop")
	sum := i.vec()
	VMOVUPS(Mem{Base: d, Index: at, Scale: 4}, sum)
	for k := range as {
		p, q := i.vec(), i.vec()
		VSUBPS(Mem{Base: as[k], Index: at, Scale: 4}, xs[k], p)
		VSUBPS(Mem{Base: bs[k], Index: at, Scale: 4}, zs[k], q)
		VMULPS(p, p, p)
		VMULPS(q, q, q)
		VSUBPS(q, p, p)
		VADDPS(p, sum, sum)
	}
	VMOVUPS(sum, Mem{Base: d, Index: at, Scale: 4})
	i.none(sum, negligible, "next")
	zero, u, w := i.vec(), i.vec(), i.vec()
	i.zero(zero)
	VSUBPS(all(bothBase), sum, u)
	VMULPS(all(bothBy), u, u)
	VMAXPS(zero, u, u)
	VMOVUPS(one, w)
	VMINPS(w, u, u) // beyond 1 the weight is 0, and what it is multiplied with stays a number
	VSUBPS(u, w, w)
	VMULPS(w, w, w)
	VMULPS(w, w, w)
	t := i.vec()
	i.sum8(w, sums[0])
	VMULPS(w, w, t)
	i.sum8(t, sums[1])
	VMULPS(Mem{Base: ys, Index: at, Scale: 4}, w, t)
	i.sum8(t, sums[2])
	VMULPS(u, w, t)
	i.sum8(t, sums[3])
	Label("next")
	ADDQ(I8(i.width), at)
	CMPQ(at, n)
	JL(LabelRef("loop"))
	for k := range sums {
		VMOVUPS(sums[k], Mem{Base: sumsAt, Disp: 32 * k})
	}
	VZEROUPPER()
	RET()
}

// none jumps where all values of v are above those of limit.
func (i isa) none(v, limit reg.VecVirtual, to string) {
	const notAbove = 26 // or not ordered: NaN is not above
	if i.width == 16 {
		k := K()
		VCMPPS(U8(notAbove), limit, v, k)
		KORTESTW(k, k)
		JEQ(LabelRef(to))
		return
	}
	m, bits := YMM(), GP32()
	VCMPPS(U8(notAbove), limit, v, m)
	VMOVMSKPS(m, bits)
	TESTL(bits, bits)
	JEQ(LabelRef(to))
}

// sum8 adds v to eight sums, first its lower half.
func (i isa) sum8(v, sum reg.VecVirtual) {
	VADDPS(v.AsY(), sum, sum)
	if i.width == 16 {
		high := YMM()
		VEXTRACTF32X8(U8(1), v, high)
		VADDPS(high, sum, sum)
	}
}

// distances adds (x[k]-a[i+k])² to n sums, a multiple of the values of a vector, from the
// last of m values to the first; two vectors at a time where they are there.
func distances(i isa) {
	TEXT("distances"+i.name, NOSPLIT, "func(d, a, x *float32, n, m int)")
	d, as, xs := Load(Param("d"), GP64()), Load(Param("a"), GP64()), Load(Param("x"), GP64())
	n, m := Load(Param("n"), GP64()), Load(Param("m"), GP64())
	block := func(label string, vectors int, out string) {
		Label(label)
		CMPQ(n, I8(vectors*i.width))
		JL(LabelRef(out))
		sums := make([]reg.VecVirtual, vectors)
		for v := range sums {
			sums[v] = i.vec()
			VMOVUPS(Mem{Base: d, Disp: i.bytes() * v}, sums[v])
		}
		k := GP64()
		MOVQ(m, k)
		Label(label + "_values")
		x := i.vec()
		VBROADCASTSS(Mem{Base: xs, Index: k, Scale: 4, Disp: -4}, x)
		for v := range sums {
			e := i.vec()
			VSUBPS(Mem{Base: as, Index: k, Scale: 4, Disp: i.bytes()*v - 4}, x, e)
			VMULPS(e, e, e)
			VADDPS(e, sums[v], sums[v])
		}
		DECQ(k)
		JNE(LabelRef(label + "_values"))
		for v := range sums {
			VMOVUPS(sums[v], Mem{Base: d, Disp: i.bytes() * v})
		}
		ADDQ(I32(int32(i.bytes()*vectors)), d)
		ADDQ(I32(int32(i.bytes()*vectors)), as)
		SUBQ(I8(vectors*i.width), n)
		JMP(LabelRef(label))
	}
	block("two", 2, "one")
	block("one", 1, "done")
	Label("done")
	VZEROUPPER()
	RET()
}

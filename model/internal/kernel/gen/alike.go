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
	weigh()
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

func weigh() {
	one := GLOBL("alike_one", RODATA|NOPTR)
	for lane := range 8 {
		DATA(4*lane, U32(0x3f800000))
	}
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
	VSUBPS(u, w, w)
	VMAXPS(zero, w, w)
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

package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The kernels of this file take n values, n a multiple of 8, four of Adam.

func elementwise() {
	consts("gelu_")
	simple("relu", "x", "", func(x, _ reg.VecVirtual, z reg.VecVirtual) { VMAXPS(z, x, x) })
	simple("add", "p", "q", func(p, q, _ reg.VecVirtual) { VADDPS(q, p, p) })
	simple("mul", "p", "q", func(p, q, _ reg.VecVirtual) { VMULPS(q, p, p) })
	simple("reluGrad", "dy", "y", func(dy, y, z reg.VecVirtual) {
		VCMPPS(U8(14), z, y, y) // y > 0; NaN is not
		VANDPS(y, dy, dy)
	})
	gelu("geluSIMD", y2, false)
	gelu("geluGradSIMD", y2, true)
	adam()
}

// simple writes dst[i] = f(p[i], q[i]) for n values; two vectors at a time
// where they are there.
func simple(name, p, q string, f func(p, q, zero reg.VecVirtual)) {
	sig := "func(dst, " + p + " *float32, n int)"
	if q != "" {
		sig = "func(dst, " + p + ", " + q + " *float32, n int)"
	}
	TEXT(name+"SIMD", NOSPLIT, sig)
	dst, ps := Load(Param("dst"), GP64()), Load(Param(p), GP64())
	var qs reg.Register
	if q != "" {
		qs = Load(Param(q), GP64())
	}
	n := Load(Param("n"), GP64())
	zero := YMM()
	VXORPS(zero, zero, zero)
	at := GP64()
	XORQ(at, at)
	one := func(disp int) {
		a, b := YMM(), reg.VecVirtual(nil)
		VMOVUPS(Mem{Base: ps, Index: at, Scale: 4, Disp: disp}, a)
		if q != "" {
			b = YMM()
			VMOVUPS(Mem{Base: qs, Index: at, Scale: 4, Disp: disp}, b)
		}
		f(a, b, zero)
		VMOVUPS(a, Mem{Base: dst, Index: at, Scale: 4, Disp: disp})
	}
	SUBQ(I8(16), n)
	JL(LabelRef("rest"))
	Label("two")
	one(0)
	one(32)
	ADDQ(I8(16), at)
	SUBQ(I8(16), n)
	JGE(LabelRef("two"))
	Label("rest")
	ADDQ(I8(16), n)
	JZ(LabelRef("done"))
	one(0)
	Label("done")
	VZEROUPPER()
	RET()
}

// A constant of gelu_generic.go.
type constant struct {
	name string
	bits uint32
}

func constantsOfGELU() []constant {
	ln2 := math.Ln2
	f := func(v float64) uint32 { return math.Float32bits(float32(v)) }
	return []constant{
		{"sign", 1 << 31}, {"one", f(1)}, {"scale", f(-0.5 * math.Log2E)}, {"round", f(3 << 22)}, {"bias", 127},
		{"c1", f(ln2)}, {"c2", f(ln2 * ln2 / 2)}, {"c3", f(ln2 * ln2 * ln2 / 6)}, {"c4", f(ln2 * ln2 * ln2 * ln2 / 24)},
		{"c5", f(ln2 * ln2 * ln2 * ln2 * ln2 / 120)}, {"c6", f(ln2 * ln2 * ln2 * ln2 * ln2 * ln2 / 720)},
		{"p", f(0.3275911 * (math.Sqrt2 / 2))}, {"a1", f(0.254829592 / 2)}, {"a2", f(-0.284496736 / 2)},
		{"a3", f(1.421413741 / 2)}, {"a4", f(-1.453152027 / 2)}, {"a5", f(1.061405429 / 2)},
		{"density", f(0.3989422804014327)}, {"cut", f(160)},
	}
}

var constants = map[string]Mem{}

// consts writes the constants, broadcast to eight lanes.
func consts(prefix string) {
	for _, c := range constantsOfGELU() {
		constants[c.name] = GLOBL(prefix+c.name, RODATA|NOPTR)
		for lane := range 8 {
			DATA(4*lane, U32(c.bits))
		}
	}
}

// gelu writes GELU, and with grad GELUGrad, step for step as cdf of
// gelu_generic.go, with fused multiply-adds unless i rounds.
func gelu(name string, i isa, grad bool) {
	sig := "func(dst, x *float32, n int)"
	if grad {
		sig = "func(dst, grad, x *float32, n int)"
	}
	// horner computes p·by + add.
	horner := func(add Op, by, p reg.VecVirtual) {
		if i.rounded {
			VMULPS(by, p, p)
			VADDPS(add, p, p)
			return
		}
		VFMADD213PS(add, by, p)
	}
	TEXT(name, NOSPLIT, sig)
	dst, x := Load(Param("dst"), GP64()), Load(Param("x"), GP64())
	var gs reg.Register
	if grad {
		gs = Load(Param("grad"), GP64())
	}
	n := Load(Param("n"), GP64())
	c := func(name string) Mem { return constants[name] }
	one, round := YMM(), YMM()
	VMOVUPS(c("one"), one)
	VMOVUPS(c("round"), round)
	at := GP64()
	XORQ(at, at)
	Label("loop")
	v, u, xx := YMM(), YMM(), YMM()
	VMOVUPS(Mem{Base: x, Index: at, Scale: 4}, v)
	sign := YMM()
	VANDPS(c("sign"), v, sign)
	VXORPS(sign, v, u)
	VMULPS(v, v, xx)
	y, biased, f, p := YMM(), YMM(), YMM(), YMM()
	VMULPS(c("scale"), xx, y)
	VADDPS(round, y, biased)
	VSUBPS(round, biased, f) // n
	VSUBPS(f, y, f)
	VMOVUPS(c("c6"), p)
	for _, k := range []string{"c5", "c4", "c3", "c2", "c1"} {
		horner(c(k), f, p)
	}
	horner(one, f, p)
	VPADDD(c("bias"), biased, biased)
	VPSLLD(U8(23), biased, biased)
	VMULPS(biased, p, p) // exp(-x²/2)
	keep := YMM()
	VMOVUPS(c("cut"), keep)
	VCMPPS(U8(13), xx, keep, keep) // cut ≥ x²; no NaN comes here
	VANDPS(keep, p, p)
	t, q := YMM(), YMM()
	VMOVUPS(c("p"), t)
	horner(one, u, t)
	VDIVPS(t, one, t)
	VMOVUPS(c("a5"), q)
	for _, k := range []string{"a4", "a3", "a2", "a1"} {
		horner(c(k), t, q)
	}
	VMULPS(t, q, q)
	VMULPS(p, q, q) // Φ(-|x|)
	// 1-q for x ≥ 0, q for x < 0.
	base := YMM()
	VPSRAD(U8(31), v, base)
	VPANDN(one, base, base)
	VPXOR(sign, q, q) // -q for x < 0, so that base - q is the value
	VSUBPS(q, base, q)
	r := YMM()
	VMULPS(v, q, r)
	if grad {
		VMULPS(c("density"), v, v)
		VFMADD231PS(p, v, q)
		VMOVUPS(q, Mem{Base: gs, Index: at, Scale: 4})
	}
	VMOVUPS(r, Mem{Base: dst, Index: at, Scale: 4})
	ADDQ(I8(8), at)
	CMPQ(at, n)
	JL(LabelRef("loop"))
	VZEROUPPER()
	RET()
}

// adam writes kernel.Adam in double precision without fused multiply-adds: the
// same bits as the definition.
func adam() {
	TEXT("adamSIMD", NOSPLIT, "func(p, dp, m, v *float32, n int, c *float64)")
	p, dp := Load(Param("p"), GP64()), Load(Param("dp"), GP64())
	m, v := Load(Param("m"), GP64()), Load(Param("v"), GP64())
	n, c := Load(Param("n"), GP64()), Load(Param("c"), GP64())
	var k [8]reg.VecVirtual // beta1, 1-beta1, beta2, 1-beta2, keep, size, root, eps
	for i := range k {
		k[i] = YMM()
		VBROADCASTSD(Mem{Base: c, Disp: 8 * i}, k[i])
	}
	at := GP64()
	XORQ(at, at)
	Label("loop")
	load := func(from reg.Register) reg.VecVirtual {
		r := YMM()
		VCVTPS2PD(Mem{Base: from, Index: at, Scale: 4}, r)
		return r
	}
	store := func(r reg.VecVirtual, to reg.Register) {
		x := XMM()
		VCVTPD2PSY(r, x)
		VMOVUPS(x, Mem{Base: to, Index: at, Scale: 4})
	}
	gj, mj, vj, pj := load(dp), load(m), load(v), load(p)
	t := YMM()
	VMULPD(k[0], mj, mj)
	VMULPD(k[1], gj, t)
	VADDPD(t, mj, mj)
	VMULPD(k[2], vj, vj)
	VMULPD(k[3], gj, t)
	VMULPD(gj, t, t)
	VADDPD(t, vj, vj)
	store(mj, m)
	store(vj, v)
	VSQRTPD(vj, vj)
	VDIVPD(k[6], vj, vj)
	VADDPD(k[7], vj, vj)
	VMULPD(k[5], mj, mj)
	VDIVPD(vj, mj, mj)
	VMULPD(k[4], pj, pj)
	VSUBPD(mj, pj, pj)
	store(pj, p)
	ADDQ(I8(4), at)
	CMPQ(at, n)
	JL(LabelRef("loop"))
	VZEROUPPER()
	RET()
}

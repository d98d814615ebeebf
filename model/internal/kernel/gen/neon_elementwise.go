package main

import "fmt"

// The kernels of this file are those of elementwise.go: they take n values, n a
// multiple of 8, four of Adam.

func (a *arm64) elementwise() {
	a.geluTable("gelu")
	// The larger of two integers: zero where the sign bit is set, never -0.
	a.simple("relu", "x", "", func(x, _ int) { a.three(smax, x, x, 31) })
	a.simple("add", "p", "q", func(p, q int) { a.three(fadd, p, p, q) })
	a.simple("mul", "p", "q", func(p, q int) { a.three(fmul, p, p, q) })
	a.simple("reluGrad", "dy", "y", func(dy, y int) {
		a.fcmgtZero(y, y) // NaN is not
		a.op("VAND V%d.B16, V%d.B16, V%d.B16", y, dy, dy)
	})
	a.gelu("gelu", false, false)
	a.gelu("gelu", true, false)
	a.adam()
}

// simple writes dst[i] = f(p[i], q[i]). V31 is zero.
func (a *arm64) simple(name, p, q string, f func(p, q int)) {
	if q == "" {
		a.fn(name+"SIMD", fmt.Sprintf("(dst, %s *float32, n int)", p), 24)
	} else {
		a.fn(name+"SIMD", fmt.Sprintf("(dst, %s, %s *float32, n int)", p, q), 32)
	}
	a.op("MOVD dst+0(FP), R0")
	a.op("MOVD %s+8(FP), R1", p)
	if q == "" {
		a.op("MOVD n+16(FP), R3")
	} else {
		a.op("MOVD %s+16(FP), R2", q)
		a.op("MOVD n+24(FP), R3")
	}
	a.zero(31)
	a.label("loop")
	a.op("FLDPQ.P 32(R1), (F0, F1)")
	if q != "" {
		a.op("FLDPQ.P 32(R2), (F2, F3)")
	}
	f(0, 2)
	f(1, 3)
	a.op("FSTPQ.P (F0, F1), 32(R0)")
	a.op("SUBS $8, R3")
	a.op("BNE loop")
	a.op("RET")
}

// geluTable writes the constants, broadcast to four lanes.
func (a *arm64) geluTable(name string) {
	all := constantsOfGELU()
	a.WriteString("\n")
	for i, c := range all {
		fmt.Fprintf(a, "// %s\n", c.name)
		for lane := range 4 {
			fmt.Fprintf(a, "DATA %s<>+%d(SB)/4, $0x%08x\n", name, 16*i+4*lane, c.bits)
		}
	}
	fmt.Fprintf(a, "GLOBL %s<>(SB), RODATA|NOPTR, $%d\n", name, 16*len(all))
}

// gelu writes GELU, and with grad GELUGrad, step for step as the kernel for
// amd64: the same bits. Two vectors go through it at a time. Products are
// rounded before they are added if rounded is set.
func (a *arm64) gelu(table string, grad, rounded bool) {
	if rounded {
		a.fn("geluRoundSIMD", "(dst, x *float32, n int)", 24)
		a.op("MOVD dst+0(FP), R0")
		a.op("MOVD x+8(FP), R1")
		a.op("MOVD n+16(FP), R3")
	} else if grad {
		a.fn("geluGradSIMD", "(dst, grad, x *float32, n int)", 32)
		a.op("MOVD dst+0(FP), R0")
		a.op("MOVD grad+8(FP), R2")
		a.op("MOVD x+16(FP), R1")
		a.op("MOVD n+24(FP), R3")
	} else {
		a.fn("geluSIMD", "(dst, x *float32, n int)", 24)
		a.op("MOVD dst+0(FP), R0")
		a.op("MOVD x+8(FP), R1")
		a.op("MOVD n+16(FP), R3")
	}
	a.op("MOVD $%s<>(SB), R4", table)
	// constant loads a constant: as quick as a copy of a register, which a
	// multiply-add onto it needs anyway.
	constant := func(name string, to int) {
		for i, c := range constantsOfGELU() {
			if c.name == name {
				a.load(4, 16*i, to)
				return
			}
		}
		panic("no constant " + name)
	}
	const one, round, scale, cut, sign, bias = 0, 1, 2, 3, 4, 5
	for to, name := range []string{"one", "round", "scale", "cut", "sign", "bias"} {
		constant(name, to)
	}
	// Each of the two vectors has registers of its own.
	type regs struct{ v, sign, u, xx, biased, f, p, t, q, spare int }
	both := []*regs{{6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, {16, 17, 18, 19, 20, 21, 22, 23, 24, 25}}
	each := func(step func(r *regs)) {
		for _, r := range both {
			step(r)
		}
	}
	// madd adds x·y to sum; x may be changed.
	madd := func(sum, x, y int) {
		if rounded {
			a.three(fmul, x, x, y)
			a.three(fadd, sum, sum, x)
			return
		}
		a.op("VFMLA V%d.S4, V%d.S4, V%d.S4", x, y, sum)
	}
	// horner makes p ← c + p·x, one constant c after the other.
	horner := func(p func(r *regs) *int, x func(r *regs) int, names ...string) {
		for _, name := range names {
			each(func(r *regs) {
				constant(name, r.spare)
				madd(r.spare, *p(r), x(r))
				*p(r), r.spare = r.spare, *p(r)
			})
		}
	}
	and := func(d, n, m int) { a.op("VAND V%d.B16, V%d.B16, V%d.B16", n, m, d) }
	xor := func(d, n, m int) { a.op("VEOR V%d.B16, V%d.B16, V%d.B16", n, m, d) }

	a.label("loop")
	a.op("FLDPQ.P 32(R1), (F%d, F%d)", both[0].v, both[1].v)
	each(func(r *regs) {
		and(r.sign, r.v, sign)
		a.fabs(r.u, r.v)
		a.three(fmul, r.xx, r.v, r.v)
		a.three(fmul, r.f, r.xx, scale) // y
		a.three(fadd, r.biased, r.f, round)
		a.three(fsub, r.t, r.biased, round) // n
		a.three(fsub, r.f, r.f, r.t)
		constant("c6", r.p)
	})
	p := func(r *regs) *int { return &r.p }
	f := func(r *regs) int { return r.f }
	horner(p, f, "c5", "c4", "c3", "c2", "c1", "one")
	each(func(r *regs) {
		a.op("VADD V%d.S4, V%d.S4, V%d.S4", bias, r.biased, r.biased)
		a.op("VSHL $23, V%d.S4, V%d.S4", r.biased, r.biased)
		a.three(fmul, r.p, r.p, r.biased) // exp(-x²/2)
		a.three(fcmge, r.xx, cut, r.xx)
		and(r.p, r.p, r.xx)
		constant("one", r.t)
		constant("p", r.spare)
		madd(r.t, r.spare, r.u)
		a.three(fdiv, r.t, one, r.t)
		constant("a5", r.q)
	})
	q := func(r *regs) *int { return &r.q }
	t := func(r *regs) int { return r.t }
	horner(q, t, "a4", "a3", "a2", "a1")
	each(func(r *regs) {
		a.three(fmul, r.q, r.q, r.t)
		a.three(fmul, r.q, r.q, r.p) // Φ(-|x|)
		// 1-q for x ≥ 0, q for x < 0.
		a.cmgeZero(r.u, r.v)
		and(r.u, r.u, one)
		xor(r.q, r.q, r.sign) // -q for x < 0, so that u - q is the value
		a.three(fsub, r.q, r.u, r.q)
		a.three(fmul, r.u, r.v, r.q)
		if grad {
			constant("density", r.spare)
			a.three(fmul, r.v, r.v, r.spare)
			madd(r.q, r.v, r.p)
		}
	})
	if grad {
		a.op("FSTPQ.P (F%d, F%d), 32(R2)", both[0].q, both[1].q)
	}
	a.op("FSTPQ.P (F%d, F%d), 32(R0)", both[0].u, both[1].u)
	a.op("SUBS $8, R3")
	a.op("BNE loop")
	a.op("RET")
}

// adam writes kernel.Adam in double precision without fused multiply-adds: the
// same bits as the definition.
func (a *arm64) adam() {
	a.fn("adamSIMD", "(p, dp, m, v *float32, n int, c *float64)", 48)
	for i, name := range []string{"p", "dp", "m", "v", "n", "c"} {
		a.op("MOVD %s+%d(FP), R%d", name, 8*i, i)
	}
	const beta1, gain1, beta2, gain2, keep, size, root, eps = 0, 1, 2, 3, 4, 5, 6, 7
	for i := range 8 {
		a.op("VLD1R.P 8(R5), [V%d.D2]", i)
	}
	// The lower and the upper two values have registers of their own.
	type regs struct{ g, m, v, p, t int }
	both := []regs{{8, 9, 10, 11, 12}, {13, 14, 15, 16, 17}}
	const x = 18
	a.label("loop")
	load := func(base int, lower, upper int) {
		a.load(base, 0, x)
		a.widen(lower, x)
		a.widenHigh(upper, x)
	}
	load(0, both[0].p, both[1].p)
	load(1, both[0].g, both[1].g)
	load(2, both[0].m, both[1].m)
	load(3, both[0].v, both[1].v)
	for _, r := range both {
		a.three(fmulD, r.m, r.m, beta1)
		a.three(fmulD, r.t, r.g, gain1)
		a.three(faddD, r.m, r.m, r.t)
		a.three(fmulD, r.v, r.v, beta2)
		a.three(fmulD, r.t, r.g, gain2)
		a.three(fmulD, r.t, r.t, r.g)
		a.three(faddD, r.v, r.v, r.t)
	}
	store := func(base int, lower, upper int) {
		a.narrow(x, lower)
		a.narrowHigh(x, upper)
		a.op("FMOVQ.P F%d, 16(R%d)", x, base)
	}
	store(2, both[0].m, both[1].m)
	store(3, both[0].v, both[1].v)
	for _, r := range both {
		a.fsqrtD(r.v, r.v)
		a.three(fdivD, r.v, r.v, root)
		a.three(faddD, r.v, r.v, eps)
		a.three(fmulD, r.m, r.m, size)
		a.three(fdivD, r.m, r.m, r.v)
		a.three(fmulD, r.p, r.p, keep)
		a.three(fsubD, r.p, r.p, r.m)
	}
	store(0, both[0].p, both[1].p)
	a.op("ADD $16, R1")
	a.op("SUBS $4, R4")
	a.op("BNE loop")
	a.op("RET")
}

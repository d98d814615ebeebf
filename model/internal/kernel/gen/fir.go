package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// fir writes the kernels of linear filters in double precision, without fused
// multiply-adds: the same bits as their definitions.
func fir() {
	for _, i := range []isa{y2, z512} {
		firOutputs(i)
		firSpread(i)
		firProducts(i)
	}
}

// firAhead is how many vectors of outputs are summed up side by side, so that no sum
// waits for the one before.
const firAhead = 4

// firOutputs sums up n outputs, a multiple of the values of a vector, over k weights.
func firOutputs(i isa) {
	TEXT("fir"+i.name, NOSPLIT, "func(dst, w, x *float64, n, k int)")
	dst, ws, xs := Load(Param("dst"), GP64()), Load(Param("w"), GP64()), Load(Param("x"), GP64())
	n, taps := Load(Param("n"), GP64()), Load(Param("k"), GP64())
	width := i.width / 2
	block := func(label string, vectors int, out string) {
		Label(label)
		CMPQ(n, I8(vectors*width))
		JL(LabelRef(out))
		sums := make([]reg.VecVirtual, vectors)
		for v := range sums {
			sums[v] = i.vec()
			i.zero(sums[v])
		}
		at := GP64()
		XORQ(at, at)
		Label(label + "_taps")
		w := i.vec()
		VBROADCASTSD(Mem{Base: ws, Index: at, Scale: 8}, w)
		for v := range sums {
			p := i.vec()
			VMULPD(Mem{Base: xs, Index: at, Scale: 8, Disp: 8 * width * v}, w, p)
			VADDPD(p, sums[v], sums[v])
		}
		INCQ(at)
		CMPQ(at, taps)
		JL(LabelRef(label + "_taps"))
		for v := range sums {
			VMOVUPD(sums[v], Mem{Base: dst, Disp: 8 * width * v})
		}
		ADDQ(I32(8*vectors*width), dst)
		ADDQ(I32(8*vectors*width), xs)
		SUBQ(I8(vectors*width), n)
		JMP(LabelRef(label))
	}
	block("many", firAhead, "one")
	block("one", 1, "done")
	Label("done")
	VZEROUPPER()
	RET()
}

// firSpread adds w·x to n sums, a multiple of the values of a vector.
func firSpread(i isa) {
	TEXT("firSpread"+i.name, NOSPLIT, "func(sums, w *float64, n int, x float64)")
	sums, ws, n := Load(Param("sums"), GP64()), Load(Param("w"), GP64()), Load(Param("n"), GP64())
	low, x := XMM(), i.vec()
	Load(Param("x"), low)
	VBROADCASTSD(low, x)
	at := GP64()
	XORQ(at, at)
	Label("loop")
	p := i.vec()
	VMULPD(Mem{Base: ws, Index: at, Scale: 8}, x, p)
	addAndLoop(i, p, sums, at, n)
}

// addAndLoop adds p to the sums at a place, and goes on with the next ones, from the
// label loop, until there are n.
func addAndLoop(i isa, p reg.VecVirtual, sums, at, n reg.Register) {
	VADDPD(Mem{Base: sums, Index: at, Scale: 8}, p, p)
	VMOVUPD(p, Mem{Base: sums, Index: at, Scale: 8})
	ADDQ(I8(i.width/2), at)
	CMPQ(at, n)
	JL(LabelRef("loop"))
	VZEROUPPER()
	RET()
}

// firProducts adds w·x to n sums, a multiple of the values of a vector, value by value.
func firProducts(i isa) {
	TEXT("firProducts"+i.name, NOSPLIT, "func(sums, w, x *float64, n int)")
	sums, ws, xs, n := Load(Param("sums"), GP64()), Load(Param("w"), GP64()), Load(Param("x"), GP64()), Load(Param("n"), GP64())
	at := GP64()
	XORQ(at, at)
	Label("loop")
	p := i.vec()
	VMOVUPD(Mem{Base: ws, Index: at, Scale: 8}, p)
	VMULPD(Mem{Base: xs, Index: at, Scale: 8}, p, p)
	addAndLoop(i, p, sums, at, n)
}

package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
)

// gather writes the kernels that fetch what lies in many places.
func gather() {
	gatherColumns()
	prefetchLines()
}

// gatherColumns copies n values, a multiple of 8, from each of m places. There are so few
// instructions to a place that the processor waits for many of them at a time.
func gatherColumns() {
	TEXT("gatherAVX2", NOSPLIT, "func(dst *float32, from **float32, m, n int)")
	dst, from := Load(Param("dst"), GP64()), Load(Param("from"), GP64())
	m, n := Load(Param("m"), GP64()), Load(Param("n"), GP64())
	Label("place")
	p, at := GP64(), GP64()
	MOVQ(Mem{Base: from}, p)
	XORQ(at, at)
	Label("vector")
	v := YMM()
	VMOVUPS(Mem{Base: p, Index: at, Scale: 4}, v)
	VMOVUPS(v, Mem{Base: dst, Index: at, Scale: 4})
	ADDQ(I8(8), at)
	CMPQ(at, n)
	JL(LabelRef("vector"))
	LEAQ(Mem{Base: dst, Index: n, Scale: 4}, dst)
	ADDQ(I8(8), from)
	DECQ(m)
	JNE(LabelRef("place"))
	VZEROUPPER()
	RET()
}

// prefetchLines asks for the lines that n values at each of m places lie in.
func prefetchLines() {
	const line = 64
	TEXT("prefetchLines", NOSPLIT, "func(at **float32, m, n int)")
	places := Load(Param("at"), GP64())
	m, n := Load(Param("m"), GP64()), Load(Param("n"), GP64())
	Label("place")
	p, end := GP64(), GP64()
	MOVQ(Mem{Base: places}, p)
	LEAQ(Mem{Base: p, Index: n, Scale: 4}, end)
	ANDQ(I8(-line), p)
	Label("line")
	PREFETCHT0(Mem{Base: p})
	ADDQ(I8(line), p)
	CMPQ(p, end)
	JCS(LabelRef("line"))
	ADDQ(I8(8), places)
	DECQ(m)
	JNE(LabelRef("place"))
	RET()
}

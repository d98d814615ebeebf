package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The fields of kernel.outerArgs.
const (
	outX = 8 * iota
	outDY
	outDW
	outXRow
	outDYRow
	outDWRow
	outRows
	outTiles
	outMask // bits of the lanes of the last vector
	outLanes
)

func outer() {
	for _, height := range []int{12, 8, 4, 2, 1} {
		outerTile(z512, height, 2)
		outerTile(z512, height, 1)
	}
	for _, height := range []int{6, 4, 2, 1} {
		outerTile(y2, height, 2)
	}
	for _, height := range []int{8, 4, 2, 1} {
		outerTile(y2, height, 1)
	}
}

// outerTile writes a kernel for tiles of height weights by vecs vectors of
// outputs, the sums of which stay in registers over all rows. Of the last
// vector only the lanes of the mask are read and written; with AVX2, where that
// is slow, in kernels of one vector only.
func outerTile(i isa, height, vecs int) {
	name := fmt.Sprintf("outer%sTile%dx%d", i.name, height, vecs)
	TEXT(name, NOSPLIT, "func(a *byte)")
	a := Load(Param("a"), GP64()).(reg.GPVirtual)
	mask := K()
	var lanes reg.VecVirtual
	masked := func(v int) bool { return v == vecs-1 && (i.evex || vecs == 1) }
	if i.evex {
		KMOVW(Mem{Base: a, Disp: outMask}, mask)
	} else if vecs == 1 {
		lanes = i.vec()
		VMOVUPS(Mem{Base: field(a, outLanes)}, lanes)
	}
	load := func(m Mem, v int, to reg.VecVirtual) {
		switch {
		case !masked(v):
			VMOVUPS(m, to)
		case i.evex:
			VMOVUPS_Z(m, mask, to)
		default:
			VMASKMOVPS(m, lanes, to)
		}
	}
	x0, xRow, dyRow := field(a, outX), field(a, outXRow), field(a, outDYRow)
	dwRow, dw := field(a, outDWRow), field(a, outDW)
	tiles := field(a, outTiles)

	Label("tile")
	acc := make([][]reg.VecVirtual, height)
	ws := newRows(height, dwRow)
	ws.set(dw)
	for r := range acc {
		for v := range vecs {
			acc[r] = append(acc[r], i.vec())
			load(ws.at(r, v*i.bytes()), v, acc[r][v])
		}
	}
	x, dy, count := GP64(), field(a, outDY), field(a, outRows)
	MOVQ(x0, x)
	Label("row")
	b := make([]reg.VecVirtual, vecs)
	for v := range b {
		b[v] = i.vec()
		load(Mem{Base: dy, Disp: v * i.bytes()}, v, b[v])
	}
	for r := range height {
		if i.evex && vecs == 1 {
			VFMADD231PS_BCST(Mem{Base: x, Disp: 4 * r}, b[0], acc[r][0])
			continue
		}
		s := i.vec()
		VBROADCASTSS(Mem{Base: x, Disp: 4 * r}, s)
		for v := range vecs {
			VFMADD231PS(s, b[v], acc[r][v])
		}
	}
	ADDQ(xRow, x)
	ADDQ(dyRow, dy)
	DECQ(count)
	JNZ(LabelRef("row"))
	for r := range acc {
		for v := range vecs {
			m := ws.at(r, v*i.bytes())
			switch {
			case !masked(v):
				VMOVUPS(acc[r][v], m)
			case i.evex:
				VMOVUPS(acc[r][v], mask, m)
			default:
				VMASKMOVPS(acc[r][v], lanes, m)
			}
		}
	}
	ADDQ(I32(int32(4*height)), x0)
	t := GP64()
	IMUL3Q(I8(int8(height)), dwRow, t)
	ADDQ(t, dw)
	DECQ(tiles)
	JNZ(LabelRef("tile"))
	VZEROUPPER()
	RET()
}

package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The fields of kernel.convArgs.
const (
	argX = 8 * iota
	argW
	argBias
	argRes
	argY
	argXRow
	argSegStep
	argSegs
	argSegLen
	argPanel
	argYRow
	argResRow
	argReLU
	argTiles
	argMask
)

func conv() {
	for _, height := range []int{12, 8, 4, 2, 1} {
		convTile(z512, height, 2, 1)
		convTile(z512, height, 1, 1)
		convTile(y512, height, 1, 1)
		convTile(y2, height, 1, 1)
	}
	for _, height := range []int{6, 4, 2, 1} {
		convTile(y2, height, 2, 2)
	}
	for _, height := range []int{3, 2, 1} {
		convTile(y2, height, 4, 2)
	}
}

// convTile writes a kernel for tiles of height rows by vecs vectors, of which
// perPanel stand side by side in one panel of the weights. All the sums of a
// tile stay in registers.
func convTile(i isa, height, vecs, perPanel int) {
	name := fmt.Sprintf("conv%sTile%dx%d", i.name, height, vecs)
	TEXT(name, NOSPLIT, "func(a *byte)")
	a := Load(Param("a"), GP64()).(reg.GPVirtual)
	mask := K()
	if i.evex {
		KMOVW(Mem{Base: a, Disp: argMask}, mask)
	}
	xRow := field(a, argXRow)
	var panel reg.GPVirtual
	if vecs > perPanel {
		panel = field(a, argPanel)
	}
	acc := make([][]reg.VecVirtual, height)
	for r := range acc {
		for range vecs {
			acc[r] = append(acc[r], i.vec())
		}
	}

	Label("tile")
	// Every sum starts at the bias.
	bias := field(a, argBias)
	TESTQ(bias, bias)
	JZ(LabelRef("unbiased"))
	for v := range vecs {
		VMOVUPS(Mem{Base: bias, Disp: v * i.bytes()}, acc[0][v])
		for r := 1; r < height; r++ {
			VMOVAPS(acc[0][v], acc[r][v])
		}
	}
	JMP(LabelRef("started"))
	Label("unbiased")
	for r := range height {
		for v := range vecs {
			i.zero(acc[r][v])
		}
	}
	Label("started")

	w := field(a, argW)
	weight := func(v, disp int) Mem {
		m := Mem{Base: w, Disp: disp + v%perPanel*i.bytes()}
		if v >= perPanel {
			m.Index, m.Scale = panel, 1
		}
		return m
	}
	row := perPanel * i.bytes() // of a panel
	seg, segs := GP64(), field(a, argSegs)
	MOVQ(Mem{Base: a, Disp: argX}, seg)
	xs := newRows(height, xRow)
	count := GP64()

	step := func(u int) {
		b := make([]reg.VecVirtual, vecs)
		for v := range b {
			b[v] = i.vec()
			VMOVUPS(weight(v, u*row), b[v])
		}
		for r := range height {
			if i.evex && vecs == 1 {
				VFMADD231PS_BCST(xs.at(r, 4*u), b[0], acc[r][0])
				continue
			}
			s := i.vec()
			VBROADCASTSS(xs.at(r, 4*u), s)
			for v := range vecs {
				VFMADD231PS(s, b[v], acc[r][v])
			}
		}
	}

	Label("segment")
	xs.set(seg)
	MOVQ(Mem{Base: a, Disp: argSegLen}, count)
	SUBQ(I8(4), count)
	JL(LabelRef("rest"))
	Label("four")
	for u := range 4 {
		step(u)
	}
	ADDQ(I32(int32(4*row)), w)
	xs.advance(16)
	SUBQ(I8(4), count)
	JGE(LabelRef("four"))
	Label("rest")
	ADDQ(I8(4), count)
	JZ(LabelRef("ended"))
	Label("one")
	step(0)
	ADDQ(I32(int32(row)), w)
	xs.advance(4)
	DECQ(count)
	JNZ(LabelRef("one"))
	Label("ended")
	ADDQ(Mem{Base: a, Disp: argSegStep}, seg)
	DECQ(segs)
	JNZ(LabelRef("segment"))

	relu := field(a, argReLU)
	TESTQ(relu, relu)
	JZ(LabelRef("linear"))
	zero := i.vec()
	i.zero(zero)
	for r := range height {
		for v := range vecs {
			VMAXPS(zero, acc[r][v], acc[r][v]) // of two zeros the first: never -0
		}
	}
	Label("linear")
	res := field(a, argRes)
	TESTQ(res, res)
	JZ(LabelRef("store"))
	rs := newRows(height, field(a, argResRow))
	rs.set(res)
	for r := range height {
		for v := range vecs {
			m := rs.at(r, v*i.bytes())
			if i.evex && v == vecs-1 {
				t := i.vec()
				VMOVUPS_Z(m, mask, t)
				VADDPS(t, acc[r][v], acc[r][v])
			} else {
				VADDPS(m, acc[r][v], acc[r][v])
			}
		}
	}
	Label("store")
	y := field(a, argY)
	ys := newRows(height, field(a, argYRow))
	ys.set(y)
	for r := range height {
		for v := range vecs {
			m := ys.at(r, v*i.bytes())
			if i.evex && v == vecs-1 {
				VMOVUPS(acc[r][v], mask, m)
			} else {
				VMOVUPS(acc[r][v], m)
			}
		}
	}
	// The arguments move on to the rows that follow.
	t := GP64()
	IMUL3Q(I8(int8(height)), xRow, t)
	ADDQ(t, Mem{Base: a, Disp: argX})
	t = field(a, argYRow)
	IMUL3Q(I8(int8(height)), t, t)
	ADDQ(t, Mem{Base: a, Disp: argY})
	TESTQ(res, res)
	JZ(LabelRef("next"))
	t = field(a, argResRow)
	IMUL3Q(I8(int8(height)), t, t)
	ADDQ(t, Mem{Base: a, Disp: argRes})
	Label("next")
	DECQ(Mem{Base: a, Disp: argTiles})
	JNZ(LabelRef("tile"))
	VZEROUPPER()
	RET()
}

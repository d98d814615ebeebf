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
	argSegGap
	argSegs
	argSegLen
	argPanel
	argYRow
	argResRow
	argReLU
	argTiles
	argMask
	argXAt
	argYAt
	argResAt
	argMade
)

func conv() {
	for _, height := range []int{12, 8, 4, 2, 1} {
		convTile(tile{z512, height, 2, 1, false})
		convTile(tile{z512, height, 1, 1, false})
		convTile(tile{y512, height, 1, 1, false})
		convTile(tile{y2, height, 1, 1, false})
	}
	for _, height := range []int{6, 4, 2, 1} {
		convTile(tile{y2, height, 2, 2, false})
	}
	for _, height := range []int{3, 2, 1} {
		convTile(tile{y2, height, 4, 2, false})
	}
	for _, height := range []int{8, 4, 2, 1} {
		convTile(tile{z512, height, 2, 1, true})
		convTile(tile{z512, height, 1, 1, true})
		convTile(tile{y512, height, 1, 1, true})
		convTile(tile{y2, height, 1, 1, true})
	}
	for _, height := range []int{6, 4, 2, 1} {
		convTile(tile{y2, height, 2, 2, true})
	}
}

// tile is the shape of a kernel: height rows by vecs vectors, of which perPanel
// stand side by side in one panel of the weights. All the sums of a tile stay
// in registers. The rows lie a fixed step apart, or where tables say.
type tile struct {
	isa
	height, vecs, perPanel int
	tables                 bool
}

func (t tile) name() string {
	kind := "Tile"
	if t.tables {
		kind = "Rows"
	}
	return fmt.Sprintf("conv%s%s%dx%d", t.isa.name, kind, t.height, t.vecs)
}

// signal addresses the rows of x, y or res.
type signal struct {
	t     tile
	rows  rows            // a fixed step apart
	table []reg.GPVirtual // or one register each
	index reg.GPVirtual   // added to each of them
}

func (t tile) signal(a reg.GPVirtual, at, step int) *signal {
	s := &signal{t: t}
	if t.tables {
		table := field(a, at)
		for r := range t.height {
			p := GP64()
			MOVQ(Mem{Base: table, Disp: 8 * r}, p)
			s.table = append(s.table, p)
		}
		return s
	}
	s.rows = newRows(t.height, field(a, step))
	s.rows.set(field(a, at))
	return s
}

func (s *signal) at(row, disp int) Mem {
	if !s.t.tables {
		return s.rows.at(row, disp)
	}
	m := Mem{Base: s.table[row], Disp: disp}
	if s.index != nil {
		m.Index, m.Scale = s.index, 1
	}
	return m
}

func (s *signal) advance(bytes int) {
	if s.t.tables {
		ADDQ(I32(int32(bytes)), s.index)
		return
	}
	s.rows.advance(bytes)
}

// madd adds the product of p and q to sum.
func (i isa) madd(p, q, sum reg.VecVirtual) {
	if !i.rounded {
		VFMADD231PS(p, q, sum)
		return
	}
	m := i.vec()
	VMULPS(p, q, m)
	VADDPS(m, sum, sum)
}

func convTile(t tile) {
	i, height, vecs, perPanel := t.isa, t.height, t.vecs, t.perPanel
	TEXT(t.name(), NOSPLIT, "func(a *byte)")
	a := Load(Param("a"), GP64()).(reg.GPVirtual)
	mask := K()
	if i.evex {
		KMOVW(Mem{Base: a, Disp: argMask}, mask)
	}
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

	// forward moves the arguments past the rows of the tile before.
	forward := func(step func(n reg.GPVirtual)) {
		for _, f := range [][2]int{{argX, argXRow}, {argY, argYRow}, {argRes, argResRow}} {
			if f[0] == argRes {
				CMPQ(Mem{Base: a, Disp: argRes}, I8(0))
				JE(LabelRef("tile"))
			}
			n := field(a, f[1])
			step(n)
			ADDQ(n, Mem{Base: a, Disp: f[0]})
		}
	}
	made := field(a, argMade)
	TESTQ(made, made)
	JZ(LabelRef("tile"))
	forward(func(n reg.GPVirtual) { IMULQ(made, n) })
	JMP(LabelRef("tile"))
	Label("next")
	forward(func(n reg.GPVirtual) { IMUL3Q(I8(int8(height)), n, n) })

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
	count, segs := GP64(), field(a, argSegs)
	var xs *signal
	var seg, xRow reg.GPVirtual
	if t.tables {
		xs = t.signal(a, argX, 0)
		xs.index = field(a, argXAt)
	} else {
		xRow = field(a, argXRow)
		seg = field(a, argX)
		xs = &signal{t: t, rows: newRows(height, xRow)}
	}

	step := func(u int) {
		b := make([]reg.VecVirtual, vecs)
		for v := range b {
			b[v] = i.vec()
			VMOVUPS(weight(v, u*row), b[v])
		}
		for r := range height {
			if i.evex && vecs == 1 && !i.rounded {
				VFMADD231PS_BCST(xs.at(r, 4*u), b[0], acc[r][0])
				continue
			}
			s := i.vec()
			VBROADCASTSS(xs.at(r, 4*u), s)
			for v := range vecs {
				i.madd(s, b[v], acc[r][v])
			}
		}
	}

	Label("segment")
	if !t.tables {
		xs.rows.set(seg)
	}
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
	if t.tables {
		ADDQ(Mem{Base: a, Disp: argSegGap}, xs.index)
	} else {
		ADDQ(Mem{Base: a, Disp: argSegStep}, seg)
	}
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
	rs := t.signal(a, argRes, argResRow)
	if t.tables {
		rs.index = field(a, argResAt)
	}
	for r := range height {
		for v := range vecs {
			m := rs.at(r, v*i.bytes())
			if i.evex && v == vecs-1 {
				z := i.vec()
				VMOVUPS_Z(m, mask, z)
				VADDPS(z, acc[r][v], acc[r][v])
			} else {
				VADDPS(m, acc[r][v], acc[r][v])
			}
		}
	}
	Label("store")
	ys := t.signal(a, argY, argYRow)
	if t.tables {
		ys.index = field(a, argYAt)
	}
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
	DECQ(Mem{Base: a, Disp: argTiles})
	JNZ(LabelRef("next"))
	MOVQ(I32(int32(height)), Mem{Base: a, Disp: argMade})
	VZEROUPPER()
	RET()
}

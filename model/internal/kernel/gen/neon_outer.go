package main

import "fmt"

func (a *arm64) outer() {
	for _, height := range []int{4, 2, 1} {
		a.outerTile(height, 4)
	}
	for _, vecs := range []int{2, 1} {
		for _, height := range []int{8, 4, 2, 1} {
			a.outerTile(height, vecs)
		}
	}
}

// outerTile writes a kernel for tiles of height weights by vecs vectors of
// outputs, the sums of which stay in registers over all rows. Those of one
// vector touch only the lanes that the arguments say.
func (a *arm64) outerTile(height, vecs int) {
	const (
		x0, dy0, rows0     = 0, 1, 2 // where a tile begins
		x, dy, count       = 3, 4, 5
		dw                 = 6
		xRow, dyRow, dwRow = 7, 8, 9
		tiles              = 10
		lanes              = 11 // of the vector that there are
		at                 = 12
		third              = 13 // the address of lane 2
		xs                 = 0  // vectors: up to two of x
	)
	acc := split(32-height*vecs, height*vecs, vecs)
	b := split(2, vecs, vecs)[0]

	a.fn(fmt.Sprintf("outerNEONTile%dx%d", height, vecs), "(a *outerArgs)", 8)
	a.op("MOVD a+0(FP), R20")
	for _, f := range []struct{ at, to int }{
		{outX, x0}, {outDY, dy0}, {outDW, dw}, {outXRow, xRow}, {outDYRow, dyRow}, {outDWRow, dwRow}, {outRows, rows0},
		{outTiles, tiles},
	} {
		a.field(f.at, f.to)
	}
	if vecs == 1 {
		a.field(outMask, lanes)
	}
	labels := 0
	// few moves lanes of one vector from or to memory, as many as there are, one
	// to four.
	few := func(base, v int, store bool) {
		labels++
		move := func(instr string, base int, reg string) {
			from, to := fmt.Sprintf("(R%d)", base), fmt.Sprintf(reg, v)
			if store {
				from, to = to, from
			}
			a.op("%s %s, %s", instr, from, to)
		}
		a.op("TBZ $2, R%d, fewer%d", lanes, labels)
		move("FMOVQ", base, "F%d")
		a.op("B moved%d", labels)
		a.label(fmt.Sprintf("fewer%d", labels))
		a.op("TBZ $1, R%d, single%d", lanes, labels)
		move("FMOVD", base, "F%d")
		a.op("TBZ $0, R%d, moved%d", lanes, labels)
		a.op("ADD $8, R%d, R%d", base, third)
		if store {
			move("VST1", third, "V%d.S[2]")
		} else {
			move("VLD1", third, "V%d.S[2]")
		}
		a.op("B moved%d", labels)
		a.label(fmt.Sprintf("single%d", labels))
		move("FMOVS", base, "F%d")
		a.label(fmt.Sprintf("moved%d", labels))
	}
	load := func(base int, v []int) {
		if vecs == 1 {
			few(base, v[0], false)
		} else {
			a.load(base, 0, v...)
		}
	}

	a.label("tile")
	a.op("MOVD R%d, R%d", dw, at)
	for _, row := range acc {
		load(at, row)
		a.op("ADD R%d, R%d", dwRow, at)
	}
	a.op("MOVD R%d, R%d", x0, x)
	a.op("MOVD R%d, R%d", dy0, dy)
	a.op("MOVD R%d, R%d", rows0, count)
	a.label("row")
	load(dy, b)
	switch height {
	case 8:
		a.load(x, 0, xs, xs+1)
	case 4:
		a.load(x, 0, xs)
	case 2:
		a.op("FMOVD (R%d), F%d", x, xs)
	case 1:
		a.op("FMOVS (R%d), F%d", x, xs)
	}
	for k, row := range acc {
		for v := range row {
			a.fmla(row[v], b[v], xs+k/4, k%4)
		}
	}
	a.op("ADD R%d, R%d", xRow, x)
	a.op("ADD R%d, R%d", dyRow, dy)
	a.op("SUBS $1, R%d", count)
	a.op("BNE row")
	for _, row := range acc {
		if vecs == 1 {
			few(dw, row[0], true)
		} else {
			a.store(dw, 0, row...)
		}
		a.op("ADD R%d, R%d", dwRow, dw)
	}
	a.op("ADD $%d, R%d", 4*height, x0)
	a.op("SUBS $1, R%d", tiles)
	a.op("BNE tile")
	a.op("RET")
}

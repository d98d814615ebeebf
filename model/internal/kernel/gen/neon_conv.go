package main

import "fmt"

func (a *arm64) conv() {
	for _, tables := range []bool{false, true} {
		for _, height := range []int{4, 3, 2, 1} {
			a.convTile(height, 4, 4, tables, false)
		}
		for _, height := range []int{3, 2, 1} {
			a.convTile(height, 8, 4, tables, false)
		}
		for _, vecs := range []int{2, 1} {
			for _, height := range []int{8, 4, 2, 1} {
				a.convTile(height, vecs, 2, tables, false)
			}
		}
	}
}

// convTile writes a kernel for tiles of height rows by vecs vectors; the panels
// of the weights are perPanel vectors wide, of which one kernel leaves the
// second be. All the sums of a tile stay in registers, four values of x per row
// beside them, and what registers are left hold weights loaded ahead. The rows
// lie a fixed step apart, or where tables say. Products are rounded before they
// are added if rounded is set.
func (a *arm64) convTile(height, vecs, perPanel int, tables, rounded bool) {
	const ( // R0 to R7 are the rows of x, R20 the arguments
		w, w2    = 8, 9 // weights, of the second panel
		segs     = 10   // segments left
		count    = 11   // values left in the segment
		segGap   = 12
		segLen   = 13
		panel    = 14
		at, step = 15, 16
		row      = 17 // from a table
		shift    = 19 // what is added to the pointers of a table
		tiles    = 21
		made     = 22
	)
	acc := split(32-height*vecs, height*vecs, vecs)
	free := split(height, (32-height*vecs-height)/min(vecs, 2)*min(vecs, 2), min(vecs, 2))
	free = free[:min(len(free), 4)]
	product := 0 // a register for it
	if rounded {
		free = free[:min(len(free), 2)]
		product = 31 - height*vecs
	}

	kind := "Tile"
	if tables {
		kind = "Rows"
	}
	round := ""
	if rounded {
		round = "Round"
	}
	a.fn(fmt.Sprintf("conv%sNEON%s%dx%d", round, kind, height, vecs), "(a *convArgs)", 8)
	a.op("MOVD a+0(FP), R20")
	a.field(argSegGap, segGap)
	a.field(argSegLen, segLen)
	if vecs > perPanel {
		a.field(argPanel, panel)
	}
	a.field(argTiles, tiles)
	// each calls f for all rows of y or res with the register that points there.
	// What at points to is in at.
	each := func(stepAt, shiftAt int, f func(acc []int, base int)) {
		if tables {
			a.field(shiftAt, shift)
		} else {
			a.field(stepAt, step)
		}
		for r, sums := range acc {
			switch {
			case tables:
				a.op("MOVD %d(R%d), R%d", 8*r, at, row)
				a.op("ADD R%d, R%d", shift, row)
				f(sums, row)
			default:
				f(sums, at)
				if r < height-1 {
					a.op("ADD R%d, R%d", step, at)
				}
			}
		}
	}

	// The arguments move past the tile before, if there was one.
	a.field(argMade, made)
	a.op("CBZ R%d, tile", made)
	a.label("advance")
	for _, f := range []struct{ at, step int }{{argX, argXRow}, {argY, argYRow}, {argRes, argResRow}} {
		a.field(f.at, at)
		if f.at == argRes {
			a.op("CBZ R%d, tile", at)
		}
		a.field(f.step, step)
		a.op("MADD R%d, R%d, R%d, R%d", made, at, step, at) // at + made·step
		a.op("MOVD R%d, %d(R20)", at, f.at)
	}

	a.label("tile")
	a.op("MOVD $%d, R%d", height, made)
	// Every sum starts at the bias.
	a.field(argBias, at)
	a.op("CBZ R%d, unbiased", at)
	a.load(at, 0, acc[0]...)
	for _, sums := range acc[1:] {
		for v := range sums {
			a.op("VMOV V%d.B16, V%d.B16", acc[0][v], sums[v])
		}
	}
	a.op("B started")
	a.label("unbiased")
	for _, sums := range acc {
		for _, v := range sums {
			a.zero(v)
		}
	}
	a.label("started")
	a.field(argW, w)
	if vecs > perPanel {
		a.op("ADD R%d, R%d, R%d", panel, w, w2)
	}
	a.field(argSegs, segs)
	if tables {
		a.field(argX, at)
		a.field(argXAt, shift)
		for r := range height {
			a.op("MOVD %d(R%d), R%d", 8*r, at, r)
			a.op("ADD R%d, R%d", shift, r)
		}
	} else {
		a.field(argX, 0)
		a.field(argXRow, step)
		for r := 1; r < height; r++ {
			a.op("ADD R%d, R%d, R%d", step, r-1, r)
		}
	}

	// steps adds the products of n values per row, which are in V0, V1, ….
	steps := func(n int) {
		type part struct{ k, v int } // one or two vectors of weights
		var parts []part
		for k := range n {
			for v := 0; v < vecs; v += len(free[0]) {
				parts = append(parts, part{k, v})
			}
		}
		load := func(i int) {
			p := parts[i]
			base := w
			if p.v >= perPanel {
				base = w2
			}
			a.load(base, 16*(p.k*perPanel+p.v%perPanel), free[i%len(free)]...)
		}
		ahead := len(free) - 1
		for i := range min(ahead, len(parts)) {
			load(i)
		}
		for i, p := range parts {
			if i+ahead < len(parts) {
				load(i + ahead)
			}
			for r, sums := range acc {
				for j, b := range free[i%len(free)] {
					if rounded {
						a.fmulLane(product, b, r, p.k)
						a.three(fadd, sums[p.v+j], sums[p.v+j], product)
						continue
					}
					a.fmla(sums[p.v+j], b, r, p.k)
				}
			}
		}
		a.op("ADD $%d, R%d", 16*perPanel*n, w)
		if vecs > perPanel {
			a.op("ADD $%d, R%d", 16*perPanel*n, w2)
		}
	}

	a.label("segment")
	a.op("SUBS $4, R%d, R%d", segLen, count)
	a.op("BLT rest")
	a.label("four")
	for r := range height {
		a.op("FMOVQ.P 16(R%d), F%d", r, r)
	}
	steps(4)
	a.op("SUBS $4, R%d", count)
	a.op("BGE four")
	a.label("rest")
	a.op("ADDS $4, R%d", count)
	a.op("BEQ ended")
	a.label("one")
	for r := range height {
		a.op("FMOVS.P 4(R%d), F%d", r, r)
	}
	steps(1)
	a.op("SUBS $1, R%d", count)
	a.op("BNE one")
	a.label("ended")
	for r := range height {
		a.op("ADD R%d, R%d", segGap, r)
	}
	a.op("SUBS $1, R%d", segs)
	a.op("BNE segment")

	a.field(argReLU, at)
	a.op("CBZ R%d, linear", at)
	a.zero(0)
	for _, sums := range acc {
		for _, v := range sums {
			a.three(smax, v, v, 0) // as integers, by the sign bit: never -0
		}
	}
	a.label("linear")
	a.field(argRes, at)
	a.op("CBZ R%d, store", at)
	each(argResRow, argResAt, func(sums []int, base int) {
		for v := 0; v < vecs; v += len(free[0]) {
			a.load(base, 16*v, free[0]...)
			for j, b := range free[0] {
				a.three(fadd, sums[v+j], sums[v+j], b)
			}
		}
	})
	a.label("store")
	a.field(argY, at)
	each(argYRow, argYAt, func(sums []int, base int) { a.store(base, 0, sums...) })

	a.op("SUBS $1, R%d", tiles)
	a.op("BNE advance")
	a.op("MOVD R%d, %d(R20)", made, argMade)
	a.op("RET")
}

package main

import "fmt"

func (a *arm64) conv8() {
	a.geluTable("gelu8")
	for _, height := range []int{4, 2, 1} {
		a.conv8Tile(height)
	}
	for _, height := range []int{4, 1} {
		a.convTile(height, 4, 4, false, true)
		a.convTile(height, 2, 2, false, true)
	}
	a.gelu("gelu8", false, true)
	a.quantize8()
}

// conv8Tile writes a kernel for tiles of height rows of one panel. SDOT takes
// signed bytes: the highest bit of those of x is flipped, which is 128 less, and
// the sums start at 128 times the weights' sums more.
func (a *arm64) conv8Tile(height int) {
	const ( // R0 to R3 are the rows of x, R20 the arguments
		w, segs, count = 8, 10, 11
		seg, segStep   = 12, 13
		at, step       = 15, 16
		out, outs      = 17, 19 // bytes from one row to the next of q, and of y and res
		tiles, made    = 21, 22
		quads, xRow    = 23, 24
		flip           = 12 // V12
	)
	acc := split(32-height*4, height*4, 4)
	weights := [][]int{{4, 5, 6, 7}, {8, 9, 10, 11}}
	a.fn(fmt.Sprintf("conv8NEONTile%d", height), "(a *conv8Args)", 8)
	a.op("MOVD a+0(FP), R20")
	a.field(arg8Out, out)
	a.op("LSL $2, R%d, R%d", out, outs)
	a.field(arg8XRow, xRow)
	a.field(arg8SegStep, segStep)
	a.field(arg8Quads, quads)
	a.field(arg8Tiles, tiles)
	a.op("VMOVI $128, V%d.B16", flip)
	each := func(step int, f func(sums []int)) {
		for r, sums := range acc {
			f(sums)
			if r < height-1 {
				a.op("ADD R%d, R%d", step, at)
			}
		}
	}

	// The arguments move past the tile before, if there was one.
	a.field(arg8Made, made)
	a.op("CBZ R%d, tile", made)
	a.label("advance")
	for _, f := range []struct{ at, step int }{{arg8X, xRow}, {arg8Y, outs}, {arg8Q, out}, {arg8Res, outs}} {
		a.field(f.at, at)
		if f.at != arg8X {
			a.op("CBZ R%d, skip%d", at, f.at)
		}
		a.op("MADD R%d, R%d, R%d, R%d", made, at, f.step, at) // at + made·step
		a.op("MOVD R%d, %d(R20)", at, f.at)
		if f.at != arg8X {
			a.label(fmt.Sprint("skip", f.at))
		}
	}

	a.label("tile")
	a.op("MOVD $%d, R%d", height, made)
	a.field(arg8Start, at)
	a.load(at, 0, acc[0]...)
	for _, sums := range acc[1:] {
		for v := range sums {
			a.op("VMOV V%d.B16, V%d.B16", acc[0][v], sums[v])
		}
	}
	a.field(arg8W, w)
	a.field(arg8Segs, segs)
	a.field(arg8X, seg)

	// steps adds the products of n times four values per row, in V0, V1, ….
	steps := func(n int) {
		a.load(w, 0, weights[0]...)
		for k := range n {
			if k < n-1 {
				a.load(w, 64*(k+1), weights[(k+1)%2]...)
			}
			for r, sums := range acc {
				for v, b := range weights[k%2] {
					a.sdot(sums[v], b, r, k)
				}
			}
		}
		a.op("ADD $%d, R%d", 64*n, w)
	}
	signed := func() {
		for r := range height {
			a.op("VEOR V%d.B16, V%d.B16, V%d.B16", flip, r, r)
		}
	}
	a.label("segment")
	a.op("MOVD R%d, R0", seg)
	for r := 1; r < height; r++ {
		a.op("ADD R%d, R%d, R%d", xRow, r-1, r)
	}
	a.op("SUBS $4, R%d, R%d", quads, count)
	a.op("BLT rest")
	a.label("four")
	for r := range height {
		a.op("FMOVQ.P 16(R%d), F%d", r, r)
	}
	signed()
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
	signed()
	steps(1)
	a.op("SUBS $1, R%d", count)
	a.op("BNE one")
	a.label("ended")
	a.op("SUBS $1, R%d", segs)
	a.op("BEQ summed")
	a.op("ADD R%d, R%d", segStep, seg)
	a.op("B segment")
	a.label("summed")

	a.field(arg8Scale, at)
	a.load(at, 0, weights[0]...)
	a.field(arg8Bias, at)
	a.load(at, 0, weights[1]...)
	for _, sums := range acc {
		for v, s := range sums {
			a.scvtf(s, s)
			a.three(fmul, s, s, weights[0][v])
			a.three(fadd, s, s, weights[1][v])
		}
	}
	a.field(arg8ReLU, at)
	a.op("CBZ R%d, linear", at)
	a.zero(0)
	for _, sums := range acc {
		for _, s := range sums {
			a.three(smax, s, s, 0) // as integers, by the sign bit: never -0
		}
	}
	a.label("linear")
	a.field(arg8Res, at)
	a.op("CBZ R%d, added", at)
	each(outs, func(sums []int) {
		a.load(at, 0, weights[0]...)
		for v, s := range sums {
			a.three(fadd, s, s, weights[0][v])
		}
	})
	a.label("added")
	a.field(arg8Y, at)
	a.op("CBZ R%d, bytes", at)
	each(outs, func(sums []int) { a.store(at, 0, sums...) })
	a.label("bytes")
	a.field(arg8Q, at)
	a.op("CBZ R%d, ready", at)
	a.op("ADD $%d, R20, R%d", arg8Inv, step)
	a.rounding(step)
	each(out, func(sums []int) {
		a.round16(sums)
		a.op("FMOVQ F%d, (R%d)", sums[0], at)
	})
	a.label("ready")
	a.op("SUBS $1, R%d", tiles)
	a.op("BNE advance")
	a.op("MOVD R%d, %d(R20)", made, arg8Made)
	a.op("RET")
}

// rounding loads the four numbers of kernel.Rounding into V0 to V3.
func (a *arm64) rounding(base int) {
	for v := range 4 {
		a.op("VLD1R.P 4(R%d), [V%d.S4]", base, v)
	}
}

// round16 turns four vectors into bytes in the first of them.
func (a *arm64) round16(v []int) {
	for _, s := range v {
		a.three(fmul, s, s, 0)
		a.three(fmaxnm, s, s, 1)
		a.three(fminnm, s, s, 2)
		a.three(fadd, s, s, 3)
	}
	// The low halves of words, then those of the halves.
	a.op("VUZP1 V%d.H8, V%d.H8, V%d.H8", v[1], v[0], v[0])
	a.op("VUZP1 V%d.H8, V%d.H8, V%d.H8", v[3], v[2], v[2])
	a.op("VUZP1 V%d.B16, V%d.B16, V%d.B16", v[2], v[0], v[0])
}

// quantize8 writes kernel.Rounding.Bytes for n values, a multiple of 16.
func (a *arm64) quantize8() {
	a.fn("quantize8SIMD", "(dst *uint8, x *float32, n int, r *Rounding)", 32)
	a.op("MOVD dst+0(FP), R0")
	a.op("MOVD x+8(FP), R1")
	a.op("MOVD n+16(FP), R3")
	a.op("MOVD r+24(FP), R2")
	a.rounding(2)
	a.label("loop")
	a.op("FLDPQ.P 32(R1), (F4, F5)")
	a.op("FLDPQ.P 32(R1), (F6, F7)")
	a.round16([]int{4, 5, 6, 7})
	a.op("FMOVQ.P F4, 16(R0)")
	a.op("SUBS $16, R3")
	a.op("BNE loop")
	a.op("RET")
}

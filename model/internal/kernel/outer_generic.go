package kernel

func outerGeneric(dw, x []float32, s Shape, dy []float32, dyStride, rows int) {
	n := s.Out
	r := 0
	// Four rows go into each pass over dw, one load and store of dw for four
	// products, and two values of x, one load of dy for two products.
	for ; r+4 <= rows; r += 4 {
		d0, d1 := dy[r*dyStride:][:n], dy[(r+1)*dyStride:][:n]
		d2, d3 := dy[(r+2)*dyStride:][:n], dy[(r+3)*dyStride:][:n]
		w := dw
		for seg := range s.Segments {
			at := r*s.RowStride + seg*s.SegStep
			xa := x[at:][:s.SegLen]
			xb := x[at+s.RowStride:][:len(xa)]
			xc := x[at+2*s.RowStride:][:len(xa)]
			xd := x[at+3*s.RowStride:][:len(xa)]
			k := 0
			for ; k+2 <= len(xa); k += 2 {
				x0, x1, x2, x3 := xa[k], xb[k], xc[k], xd[k]
				z0, z1, z2, z3 := xa[k+1], xb[k+1], xc[k+1], xd[k+1]
				g := w[:n]
				h := w[n:][:len(g)]
				w = w[2*n:]
				d0, d1, d2, d3 := d0[:len(g)], d1[:len(g)], d2[:len(g)], d3[:len(g)]
				for i := range g {
					a, b := g[i], h[i]
					v := d0[i]
					a += float32(x0 * v)
					b += float32(z0 * v)
					v = d1[i]
					a += float32(x1 * v)
					b += float32(z1 * v)
					v = d2[i]
					a += float32(x2 * v)
					b += float32(z2 * v)
					v = d3[i]
					a += float32(x3 * v)
					b += float32(z3 * v)
					g[i], h[i] = a, b
				}
			}
			for ; k < len(xa); k++ {
				x0, x1, x2, x3 := xa[k], xb[k], xc[k], xd[k]
				g := w[:n]
				w = w[n:]
				d0, d1, d2, d3 := d0[:len(g)], d1[:len(g)], d2[:len(g)], d3[:len(g)]
				for i := range g {
					v := g[i]
					v += float32(x0 * d0[i])
					v += float32(x1 * d1[i])
					v += float32(x2 * d2[i])
					v += float32(x3 * d3[i])
					g[i] = v
				}
			}
		}
	}
	for ; r < rows; r++ {
		d0 := dy[r*dyStride:][:n]
		w := dw
		for seg := range s.Segments {
			for _, x0 := range x[r*s.RowStride+seg*s.SegStep:][:s.SegLen] {
				g := w[:n]
				w = w[n:]
				d0 := d0[:len(g)]
				for i := range g {
					g[i] += float32(x0 * d0[i])
				}
			}
		}
	}
}

func sumRowsGeneric(dst, x []float32, rows int) {
	for range rows {
		row := x[:len(dst)]
		x = x[len(dst):]
		for i := range dst {
			dst[i] += row[i]
		}
	}
}

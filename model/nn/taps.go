package nn

// tapMap says where the taps of a convolution, in either direction, find their
// inputs. Outputs come in groups of phases columns. Group q reads the columns
//
//	q*step + off + m*dil,  m in [0, taps)
//
// and column q*phases+r of the output weighs the m-th of them with the layer's
// tap src[r][m], or with zero where that is -1.
type tapMap struct {
	phases, step, off, taps, dil int
	src                          [][]int
}

// gather is the map of a convolution: one column per group, group q reads from
// q*stride - left on.
func gather(stride, kernel, dilation, left int) tapMap {
	src := make([]int, kernel)
	for j := range src {
		src[j] = j
	}
	return tapMap{phases: 1, step: stride, off: -left, taps: kernel, dil: dilation, src: [][]int{src}}
}

// scatter is the map of a transposed convolution and of the gradient of a
// convolution with regard to its input: input i adds to column
// i*stride + j*dilation - left by tap j, so that, seen from the output,
// column q*stride+r reads input q + (r+left-j*dilation)/stride for those j
// where that is whole. The phases r are computed together, as channels of one
// convolution of stride 1 over the columns that any of them reads.
func scatter(stride, kernel, dilation, left int) tapMap {
	type hit struct{ r, j, at int }
	var hits []hit
	for r := range stride {
		for j := range kernel {
			if d := r + left - j*dilation; d%stride == 0 {
				hits = append(hits, hit{r, j, d / stride})
			}
		}
	}
	low, high := hits[0].at, hits[0].at
	for _, h := range hits {
		low, high = min(low, h.at), max(high, h.at)
	}
	dil := 0
	for _, h := range hits {
		dil = gcd(dil, h.at-low)
	}
	dil = max(dil, 1)
	tm := tapMap{phases: stride, step: 1, off: low, taps: (high-low)/dil + 1, dil: dil}
	for range stride {
		row := make([]int, tm.taps)
		for m := range row {
			row[m] = -1
		}
		tm.src = append(tm.src, row)
	}
	for _, h := range hits {
		tm.src[h.r][(h.at-low)/dil] = h.j
	}
	return tm
}

// span is the number of columns from a group's first tap to its last.
func (tm tapMap) span() int { return (tm.taps-1)*tm.dil + 1 }

// groups returns the number of groups that cover n output columns.
func (tm tapMap) groups(n int64) int64 {
	p := int64(tm.phases)
	return (n + p - 1) / p
}

// reach returns the end, exclusive, of the columns that the first q groups read.
func (tm tapMap) reach(q int64) int64 {
	return (q-1)*int64(tm.step) + int64(tm.off+tm.span())
}

// ready returns the number of groups that read only columns below end.
func (tm tapMap) ready(end int64) int64 {
	n := end - int64(tm.off+tm.span())
	if n < 0 {
		return 0
	}
	return n/int64(tm.step) + 1
}

// pack lays weights out as kernel.Conv reads them, [taps*in][phases*out]. The
// weight of tap j from channel i to channel o is w[i*inStep+o*outStep+j].
func (tm tapMap) pack(dst, w []float32, in, out, inStep, outStep int) {
	at := 0
	for m := range tm.taps {
		for i := range in {
			for r := range tm.phases {
				j := tm.src[r][m]
				row := dst[at : at+out]
				at += out
				if j < 0 {
					clear(row)
					continue
				}
				from := i*inStep + j
				for o := range row {
					row[o] = w[from+o*outStep]
				}
			}
		}
	}
}

// unpackAdd adds a gradient laid out as by pack to one laid out as the weights.
func (tm tapMap) unpackAdd(dw, packed []float32, in, out, inStep, outStep int) {
	at := 0
	for m := range tm.taps {
		for i := range in {
			for r := range tm.phases {
				j := tm.src[r][m]
				row := packed[at : at+out]
				at += out
				if j < 0 {
					continue
				}
				to := i*inStep + j
				for o, g := range row {
					dw[to+o*outStep] += g
				}
			}
		}
	}
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

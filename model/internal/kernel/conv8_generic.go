package kernel

import "math"

// byteOf is the definition of Rounding.Bytes. Adding the magic number pushes
// the fraction out of the mantissa, which rounds, and leaves the byte at its
// end.
func (r *Rounding) byteOf(v float32) uint8 {
	v = float32(v * r.inv)
	if !(v > r.low) {
		v = r.low
	}
	if !(v < r.high) {
		v = r.high
	}
	return uint8(math.Float32bits(v + r.magic))
}

func (r *Rounding) bytesGeneric(dst []uint8, x []float32) {
	for i, v := range x[:len(dst)] {
		dst[i] = r.byteOf(v)
	}
}

func (c *Conv8Op) runGeneric(y []float32, q, x []uint8, res []float32, rows int) {
	s := c.Shape
	for r := range rows {
		xr := x[r*s.RowStride:]
		w := c.W
		for col := 0; col < s.Out; col += panel8 {
			var sums [panel8]int32
			copy(sums[:], c.Start[col:])
			for seg := range s.Segments {
				xs := xr[seg*s.SegStep:][:s.SegLen]
				k := 0
				for ; k+4 <= len(xs); k += 4 {
					x0, x1, x2, x3 := int32(xs[k]), int32(xs[k+1]), int32(xs[k+2]), int32(xs[k+3])
					p := (*[4 * panel8]int8)(w)
					w = w[4*panel8:]
					for o := range sums {
						sums[o] += x0*int32(p[4*o]) + x1*int32(p[4*o+1]) + x2*int32(p[4*o+2]) + x3*int32(p[4*o+3])
					}
				}
				if k == len(xs) {
					continue
				}
				for i, v := range xs[k:] {
					for o := range sums {
						sums[o] += int32(v) * int32(w[4*o+i])
					}
				}
				w = w[4*panel8:]
			}
			at := r*s.Out + col
			for o := range min(panel8, s.Out-col) {
				v := float32(float32(sums[o])*c.Scale[col+o]) + c.Bias[col+o]
				if c.ReLU {
					v = relu1(v)
				}
				if res != nil {
					v += res[at+o]
				}
				if y != nil {
					y[at+o] = v
				}
				if q != nil {
					q[at+o] = c.Round.byteOf(v)
				}
			}
		}
	}
}

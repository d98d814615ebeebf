package kernel

// 8-bit signals and weights, in the scheme of Jacob et al., "Quantization and
// Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference",
// 2018. A byte q of a signal stands for the value
//
//	scale·(q - zero)                                      (their eq. 1)
//
// and a weight for scale[o]·w, w in [-127, 127], with a scale per output. The
// sums are exact in 32 bits (eq. 7, where a zero of the weights is 0), and what
// follows them is in single precision, each operation rounded by itself. So the
// results are the same bits on every tier and every architecture.

// panel8 is the number of outputs whose weights stand side by side, four of
// each: [k/4][panel8][4], segment by segment. A segment's last four is filled
// up with zeros, and so are the lanes without an output.
const panel8 = 16

// Slack8 is how many bytes must follow the last one of a signal that Conv8Op
// reads where a segment is no multiple of four bytes; what they hold makes no
// difference.
const Slack8 = 3

// Padded8 returns out rounded up to whole panels: the length of what there is
// once per output.
func Padded8(out int) int { return (out + panel8 - 1) / panel8 * panel8 }

// quads returns the groups of four values per segment.
func (s Shape) quads() int { return (s.SegLen + 3) / 4 }

// PackedLen8 returns the length of packed 8-bit weights.
func PackedLen8(s Shape) int { return s.Segments * s.quads() * 4 * Padded8(s.Out) }

// Pack8 lays weights w, [Segments*SegLen][Out], out as Conv8Op reads them. dst
// has PackedLen8(s) values.
func Pack8(dst, w []int8, s Shape) {
	clear(dst)
	for c := 0; c < s.Out; c += panel8 {
		n := min(panel8, s.Out-c)
		for seg := range s.Segments {
			for k := range s.SegLen {
				row := w[(seg*s.SegLen+k)*s.Out+c:][:n]
				to := dst[k/4*4*panel8+k%4:]
				for o, v := range row {
					to[4*o] = v
				}
			}
			dst = dst[s.quads()*4*panel8:]
		}
	}
}

// Rounding says how values become bytes.
type Rounding struct {
	inv, low, high, magic float32
}

// NewRounding returns the rounding of a signal whose byte q stands for
// scale·(q-zero).
func NewRounding(scale float32, zero uint8) Rounding {
	z := float32(zero)
	return Rounding{1 / scale, -z, 255 - z, roundBias + z}
}

// Bytes turns values into bytes: dst[i] = x[i]/scale + zero, rounded to the
// nearest, of two the even one, and kept within 0 to 255; a NaN becomes 0. The
// division is a multiplication by 1/scale.
func (r *Rounding) Bytes(dst []uint8, x []float32) { r.bytes(dst, x[:len(dst)]) }

// GELURounded computes dst[i] = gelu(x[i]) as its definition has it, without
// fused multiply-adds: the same bits on every tier. dst may be x.
func GELURounded(dst, x []float32) { geluRounded(dst, x[:len(dst)]) }

// Conv8 is a convolution of an 8-bit signal. See Conv8Op.
type Conv8 struct {
	Shape Shape
	W     []int8    // laid out by Pack8
	Start []int32   // what each sum starts at: -zero·Σ_k w[k][o], zero being that of x
	Scale []float32 // of x times that of the weights of each output
	Bias  []float32
	ReLU  bool
	Round Rounding // of the bytes written
}

// Conv8Op is a Conv8 made ready to run often. Copies share the weights.
type Conv8Op struct {
	Conv8
	span int // bytes of x that a row spans
	conv8OpArch
}

// Ready prepares a convolution. Start, Scale and Bias have Padded8(Shape.Out)
// values, which must not change any more.
func (c Conv8) Ready() Conv8Op {
	n := Padded8(c.Shape.Out)
	if len(c.W) < PackedLen8(c.Shape) || len(c.Start) < n || len(c.Scale) < n || len(c.Bias) < n {
		panic("kernel: Conv8: weights, start, scale or bias are too short")
	}
	op := Conv8Op{Conv8: c, span: c.Shape.Len(1)}
	if c.Shape.SegLen%4 != 0 {
		op.span += Slack8
	}
	op.prepare()
	return op
}

// Run computes rows rows
//
//	s = Start[o] + Σ_s Σ_k x[r*RowStride+s*SegStep+k] · w[s*SegLen+k][o]
//	v = act(float32(s)·Scale[o] + Bias[o]) + res[r*Out+o]
//
// and stores v to y[r*Out+o] and its byte, see Rounding.Bytes, to q[r*Out+o],
// where y and q are not nil. act is max(0, ·) if ReLU is set, else the
// identity; a nil res is not added. No sum may leave the range of an int32,
// which takes more than 66,000 terms. y, q, x and res must not overlap.
func (c *Conv8Op) Run(y []float32, q, x []uint8, res []float32, rows int) {
	if rows == 0 {
		return
	}
	n := rows * c.Shape.Out
	if len(x) < (rows-1)*c.Shape.RowStride+c.span || y != nil && len(y) < n || q != nil && len(q) < n || res != nil && len(res) < n {
		panic("kernel: Conv8: a slice is too short")
	}
	c.run(y, q, x, res, rows)
}

// RunRounded is Run as its definition has it, without fused multiply-adds: the
// same bits on every tier.
func (c *ConvOp) RunRounded(y []float32, yStride int, x []float32, res []float32, resStride, rows int) {
	if rows == 0 {
		return
	}
	last := rows - 1
	if len(x) < last*c.shape.RowStride+c.span || len(y) < last*yStride+c.shape.Out || res != nil && len(res) < last*resStride+c.shape.Out {
		panic("kernel: Conv: a slice is too short")
	}
	c.runRounded(y, yStride, x, res, resStride, rows)
}

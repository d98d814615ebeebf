// Package kernel is the arithmetic seam below the layers: every floating-point
// loop that costs time is here, one file per operation, and nothing else is.
//
// All signals are channels-last, element [t][c] at t*C+c. Row t of the matrix
// that a convolution multiplies is then a set of contiguous runs of the signal
// itself, so a convolution is a matrix product with a row stride and needs no
// copy (no im2col). See Shape.
//
// The files named _generic.go define the results. Each output value has one
// accumulation order, written in the comment of its operation, that depends
// neither on the number of rows in the call nor on the row's place in it.
// Products are rounded before they are added (the explicit float32
// conversions), so no compiler may contract them into fused multiply-adds and
// the generic results are the same bits on every architecture.
//
// The files named _simd.go, _amd64.go and _arm64.go hold the kernels in assembly,
// which gen writes: see Tier. Their sums keep the same order with fused
// multiply-adds, so that they give the same bits as each other.
//
// Callers check lengths once; kernels do not, beyond what Go itself checks.
// Kernels keep no state, allocate nothing and are safe for concurrent use on
// disjoint destinations.
package kernel

// Shape says how a matrix product reads a signal in place. Row r of the left
// matrix is, for each segment s in [0, Segments), the SegLen values
//
//	x[r*RowStride + s*SegStep : r*RowStride + s*SegStep + SegLen]
//
// A convolution of K taps, stride s and dilation d over Cin channels has
// RowStride s*Cin, K segments, SegStep d*Cin and SegLen Cin. Where d is 1 the
// taps touch, and one segment of K*Cin says the same.
type Shape struct {
	RowStride int // values from one row to the next
	Segments  int // runs per row
	SegStep   int // values from one run to the next
	SegLen    int // values per run
	Out       int // output values per row
}

// Taps returns a Shape for rows of taps columns of in channels, step columns
// apart from row to row and dilation columns apart from tap to tap, that give
// out values each.
func Taps(in, out, taps, step, dilation int) Shape {
	if dilation == 1 || taps == 1 {
		return Shape{RowStride: step * in, Segments: 1, SegStep: taps * in, SegLen: taps * in, Out: out}
	}
	return Shape{RowStride: step * in, Segments: taps, SegStep: dilation * in, SegLen: in, Out: out}
}

// Len returns the number of values that rows rows of the signal span.
func (s Shape) Len(rows int) int {
	if rows == 0 {
		return 0
	}
	return (rows-1)*s.RowStride + (s.Segments-1)*s.SegStep + s.SegLen
}

// Weights returns the number of weights, [Segments*SegLen][Out].
func (s Shape) Weights() int { return s.Segments * s.SegLen * s.Out }

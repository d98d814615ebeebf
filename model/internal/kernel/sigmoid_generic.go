package kernel

import "math"

// The logistic function and the hyperbolic tangent, both from e = exp(-u) of a
// non-negative u, which never overflows:
//
//	sigmoid(x) = 1/(1+e) for x ≥ 0 and e/(1+e) for x < 0,  u = |x|
//	tanh(x)    = ±(1-e)/(1+e),                             u = 2|x|
//
// In float32 the errors of both and of their derivatives stay below 3e-7
// (measured by the tests).

// expNegCut is where exp(-u) counts as zero, before it becomes a denormal.
const expNegCut = 87

// expNeg returns exp(-u) for u ≥ 0, by the polynomial of gelu_generic.go, which
// cdf has written out: as a function it is not inlined and costs GELU a sixth.
func expNeg(u float32) float32 {
	if u > expNegCut {
		return 0
	}
	y := float32(u * -math.Log2E)
	biased := y + roundBias
	n := biased - roundBias
	f := y - n
	p := float32(exp2C6*f) + exp2C5
	p = float32(p*f) + exp2C4
	p = float32(p*f) + exp2C3
	p = float32(p*f) + exp2C2
	p = float32(p*f) + exp2C1
	p = float32(p*f) + 1
	return p * math.Float32frombits((math.Float32bits(biased)+127)<<23)
}

func sigmoid1(x float32) float32 {
	e := expNeg(math.Float32frombits(math.Float32bits(x) &^ (1 << 31)))
	s := 1 / (1 + e)
	if x < 0 {
		s *= e
	}
	return s
}

func tanh1(x float32) float32 {
	sign := math.Float32bits(x) & (1 << 31)
	u := math.Float32frombits(math.Float32bits(x) ^ sign)
	e := expNeg(u + u)
	return math.Float32frombits(math.Float32bits((1-e)/(1+e)) | sign)
}

// Sigmoid computes dst[i] = 1/(1+exp(-x[i])). dst may be x.
func Sigmoid(dst, x []float32) {
	x = x[:len(dst)]
	for i, v := range x {
		dst[i] = sigmoid1(v)
	}
}

// SigmoidGrad computes dst[i] as Sigmoid and grad[i] = dst[i]·(1-dst[i]). dst
// may be x.
func SigmoidGrad(dst, grad, x []float32) {
	x, grad = x[:len(dst)], grad[:len(dst)]
	for i, v := range x {
		s := sigmoid1(v)
		dst[i], grad[i] = s, s*(1-s)
	}
}

// Tanh computes dst[i] = tanh(x[i]). dst may be x.
func Tanh(dst, x []float32) {
	x = x[:len(dst)]
	for i, v := range x {
		dst[i] = tanh1(v)
	}
}

// TanhGrad computes dst[i] as Tanh and grad[i] = 1-dst[i]². dst may be x.
func TanhGrad(dst, grad, x []float32) {
	x, grad = x[:len(dst)], grad[:len(dst)]
	for i, v := range x {
		t := tanh1(v)
		dst[i], grad[i] = t, 1-float32(t*t)
	}
}

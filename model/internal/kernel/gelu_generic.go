package kernel

import "math"

// The Gaussian error linear unit of Hendrycks and Gimpel, "Gaussian Error
// Linear Units (GELUs)", 2016, in its exact form
//
//	gelu(x) = x·Φ(x),  gelu'(x) = Φ(x) + x·φ(x)
//
// Φ comes from Abramowitz and Stegun, "Handbook of Mathematical Functions",
// 1964, formula 7.1.26, |error of erf| ≤ 1.5e-7, which needs the same
// exp(-x²/2) that φ needs:
//
//	erfc(z) ≈ (a1·t + a2·t² + … + a5·t⁵)·exp(-z²),  t = 1/(1+p·z),  z = |x|/√2
//
// In float32 the errors of Φ and gelu' stay below 5e-7, and that of gelu below
// 5e-7·max(1, |x|) (measured by the tests).
const (
	erfP  = 0.3275911 * (math.Sqrt2 / 2) // times |x| instead of z
	erfA1 = 0.254829592 / 2              // halved: Φ(-|x|) = erfc(z)/2
	erfA2 = -0.284496736 / 2
	erfA3 = 1.421413741 / 2
	erfA4 = -1.453152027 / 2
	erfA5 = 1.061405429 / 2

	invSqrt2Pi = 0.3989422804014327

	// 2^f = Σ (f·ln2)^i/i! for |f| ≤ 1/2; the first term left out is 1.2e-7.
	exp2C1 = math.Ln2
	exp2C2 = math.Ln2 * math.Ln2 / 2
	exp2C3 = math.Ln2 * math.Ln2 * math.Ln2 / 6
	exp2C4 = math.Ln2 * math.Ln2 * math.Ln2 * math.Ln2 / 24
	exp2C5 = math.Ln2 * math.Ln2 * math.Ln2 * math.Ln2 * math.Ln2 / 120
	exp2C6 = math.Ln2 * math.Ln2 * math.Ln2 * math.Ln2 * math.Ln2 * math.Ln2 / 720

	// roundBias pushes the fraction of a small float32 out of its mantissa:
	// adding and subtracting it rounds to the nearest integer.
	roundBias = 3 << 22

	// Beyond x² = geluCut the tail is below 1e-35 and counts as zero, so that
	// it never becomes a denormal, which costs a hundred cycles to touch.
	geluCut = 160
)

// cdf returns Φ(x) and exp(-x²/2).
func cdf(x float32) (phi, e float32) {
	u := math.Float32frombits(math.Float32bits(x) &^ (1 << 31))
	xx := float32(x * x)
	if xx > geluCut {
		if x > 0 {
			return 1, 0
		}
		return 0, 0
	}
	y := float32(xx * (-0.5 * math.Log2E))
	biased := y + roundBias
	n := biased - roundBias
	f := y - n
	p := float32(exp2C6*f) + exp2C5
	p = float32(p*f) + exp2C4
	p = float32(p*f) + exp2C3
	p = float32(p*f) + exp2C2
	p = float32(p*f) + exp2C1
	p = float32(p*f) + 1
	e = p * math.Float32frombits((math.Float32bits(biased)+127)<<23)

	t := 1 / (float32(erfP*u) + 1)
	q := float32(erfA5*t) + erfA4
	q = float32(q*t) + erfA3
	q = float32(q*t) + erfA2
	q = float32(q*t) + erfA1
	phi = float32(q*t) * e
	// The sign of an activation cannot be predicted: 1-phi for x ≥ 0 and phi
	// for x < 0, without a branch.
	m := uint32(int32(math.Float32bits(x))>>31) & (1 << 31)
	one := math.Float32frombits(uint32(^(int32(math.Float32bits(x)) >> 31)) & 0x3f800000)
	return one - math.Float32frombits(math.Float32bits(phi)^m), e
}

func geluGeneric(dst, x []float32) {
	x = x[:len(dst)]
	for i, v := range x {
		phi, _ := cdf(v)
		dst[i] = v * phi
	}
}

func geluGradGeneric(dst, grad, x []float32) {
	x, grad = x[:len(dst)], grad[:len(dst)]
	for i, v := range x {
		phi, e := cdf(v)
		dst[i] = v * phi
		grad[i] = phi + float32(float32(v*invSqrt2Pi)*e)
	}
}

package noise

import (
	"math"
	"slices"
)

// madNormal is the median of |z| for a standard normal z.
const madNormal = 0.6744897501960817

// db4High is the high-pass filter of the Daubechies wavelet with four vanishing
// moments (Daubechies, "Orthonormal Bases of Compactly Supported Wavelets",
// 1988, table 1).
var db4High = [8]float64{
	-0.23037781330885523, 0.7148465705525415, -0.6308807679295904, -0.02798376941698385,
	0.18703481171888114, 0.030841381835986965, -0.032883011666982945, -0.010597401784997278,
}

// db4Low is the low-pass filter belonging to db4High.
var db4Low = [8]float64{
	-0.010597401784997278, 0.032883011666982945, 0.030841381835986965, -0.18703481171888114,
	-0.02798376941698385, 0.6308807679295904, 0.7148465705525415, 0.23037781330885523,
}

// SigmaMAD estimates the deviation of white noise in x by the median of the
// absolute finest details of an undecimated db4 transform (Donoho and
// Johnstone, "Ideal Spatial Adaptation by Wavelet Shrinkage", 1994, section
// 4.2). Smooth signals and up to half of the samples with sharp features
// disturb it little. Noise that is not white is read as its density at the
// highest frequencies. With fewer than 16 samples the answer is 0. Values must
// be finite; x is not changed.
func SigmaMAD(x []float64) float64 { return sigmaLevel(x, 1) }

// SigmaMADLevel is SigmaMAD with the details of the given level, 1 being the
// finest: the octave [2^-(level+1), 2^-level] of the sampling rate. On white
// noise all levels agree; a rise from level to level means that noise is
// coloured, or that the signal reaches up to there.
func SigmaMADLevel(x []float64, level int) float64 {
	if level < 1 {
		panic("noise: SigmaMADLevel: levels count from 1")
	}
	return sigmaLevel(x, level)
}

// sigmaLevel filters with holes (Holschneider et al. 1989): at each level the
// filters' taps are twice as far apart.
func sigmaLevel(x []float64, level int) float64 {
	if len(x) < 16<<(level-1) {
		return 0
	}
	low := x
	for l := 1; l < level; l++ {
		low = filter(low, &db4Low, 1<<(l-1))
	}
	d := filter(low, &db4High, 1<<(level-1))
	return medianAbs(d) / madNormal
}

// filter returns the part of the convolution that needs no values outside x.
func filter(x []float64, taps *[8]float64, apart int) []float64 {
	n := len(x) - 7*apart
	y := make([]float64, n)
	for i := range y {
		s := 0.0
		for k, f := range taps {
			s += f * x[i+k*apart]
		}
		y[i] = s
	}
	return y
}

// SigmaDiff estimates the deviation of white noise in x from pseudo-residuals,
// the difference of each sample to the line through its neighbours (Gasser,
// Sroka and Jennen-Steinmetz, "Residual Variance and Residual Pattern in
// Nonlinear Regression", 1986, eq. 2.1 on a regular grid), by their median
// absolute value. With fewer than 16 samples the answer is 0.
func SigmaDiff(x []float64) float64 {
	if len(x) < 16 {
		return 0
	}
	d := make([]float64, len(x)-2)
	for i := range d {
		d[i] = (x[i]+x[i+2])/2 - x[i+1]
	}
	return medianAbs(d) / (madNormal * math.Sqrt(1.5))
}

// medianAbs returns the median of |d| and leaves d in disorder.
func medianAbs(d []float64) float64 {
	for i, v := range d {
		d[i] = math.Abs(v)
	}
	slices.Sort(d)
	k := len(d)
	return (d[(k-1)/2] + d[k/2]) / 2
}

// SNR returns the signal-to-noise ratio of y in dB, 10·log10(Σ(x-mean)²/Σ(y-x)²),
// where x is the clean signal.
func SNR(x, y []float64) float64 {
	mean := 0.0
	for _, v := range x {
		mean += v / float64(len(x))
	}
	s, e := 0.0, 0.0
	for i, v := range x {
		s += (v - mean) * (v - mean)
		e += (y[i] - v) * (y[i] - v)
	}
	return 10 * math.Log10(s/e)
}

// Gain returns by how many dB denoised is nearer to clean than noisy is,
// 10·log10(Σ(noisy-clean)²/Σ(denoised-clean)²). NaN values of denoised make
// the answer NaN.
func Gain(clean, noisy, denoised []float64) float64 {
	before, after := 0.0, 0.0
	for i, x := range clean {
		before += (noisy[i] - x) * (noisy[i] - x)
		after += (denoised[i] - x) * (denoised[i] - x)
	}
	return 10 * math.Log10(before/after)
}

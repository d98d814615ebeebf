package eval

import (
	"math"

	"gonum.org/v1/gonum/dsp/fourier"
)

// welchWindow is the longest window of Welch, in samples: an epoch of
// EEGdenoiseNet.
const welchWindow = 512

// Welch returns the power spectral density of x by Welch's method (Welch 1967):
// the mean over Hann windows of 512 samples, or of all of a shorter x, that
// overlap by half, each less its own mean. Element k is the power at the
// frequency k/(2·(len-1)) in cycles per sample, per cycle per sample; the sum
// over k, divided by the window, is the variance. Missing samples are bridged by
// a straight line. It is nil where x has fewer than 8 samples or no value.
func Welch(x []float64) []float64 {
	n := min(welchWindow, len(x)&^1)
	y, ok := bridged(x)
	if n < 8 || !ok {
		return nil
	}
	window, norm := hann(n)
	fft := fourier.NewFFT(n)
	psd, coef, part := make([]float64, n/2+1), make([]complex128, n/2+1), make([]float64, n)
	windows := 0.0
	for i := 0; i+n <= len(y); i += n / 2 {
		mean, _ := Variance(y[i : i+n])
		for k, v := range y[i : i+n] {
			part[k] = (v - mean) * window[k]
		}
		fft.Coefficients(coef, part)
		for k, c := range coef {
			psd[k] += real(c)*real(c) + imag(c)*imag(c)
		}
		windows++
	}
	for k := range psd {
		psd[k] /= norm * windows
		if k > 0 && k < n/2 {
			psd[k] *= 2 // one-sided
		}
	}
	return psd
}

// hann returns the periodic Hann window and the sum of its squares.
func hann(n int) (w []float64, norm float64) {
	w = make([]float64, n)
	for k := range w {
		w[k] = .5 - .5*math.Cos(2*math.Pi*float64(k)/float64(n))
		norm += w[k] * w[k]
	}
	return w, norm
}

// bridged returns x with missing samples put on the straight line between their
// neighbours; before the first and after the last value it is constant. ok is
// false where there is no value.
func bridged(x []float64) (y []float64, ok bool) {
	y = append(y, x...)
	last := -1
	for i, v := range x {
		if !finite(v) {
			continue
		}
		from := x[i]
		if last >= 0 {
			from = x[last]
		}
		for k := last + 1; k < i; k++ {
			y[k] = from + (v-from)*float64(k-last)/float64(i-last)
		}
		last = i
	}
	for k := last + 1; k < len(y) && last >= 0; k++ {
		y[k] = x[last]
	}
	return y, last >= 0
}

// common returns x and y where both have a value, NaN elsewhere.
func common(x, y []float64) (a, b []float64) {
	checkLengths(x, y)
	a, b = append(a, x...), append(b, y...)
	for i := range a {
		if !finite(a[i] - b[i]) {
			a[i], b[i] = math.NaN(), math.NaN()
		}
	}
	return a, b
}

// SSD returns the sum of the squared errors, in the signal's unit squared:
// DeepFilter's sum of square distances, here over all samples that count.
func SSD(x, denoised []float64) float64 {
	p, n := power(x, denoised)
	return p * float64(n)
}

// RRMSE returns the relative root mean square error in time as EEGdenoiseNet
// defines it (Zhang et al. 2021):
//
//	RMS(x̂-x) / RMS(x)
//
// Offsets count: a large mean makes it small.
func RRMSE(x, denoised []float64) float64 {
	num, den := 0.0, 0.0
	checkLengths(x, denoised)
	for i, v := range x {
		if d := denoised[i] - v; finite(d) {
			num += d * d
			den += v * v
		}
	}
	return math.Sqrt(num / den)
}

// CC returns the correlation coefficient of the two signals (Zhang et al.
// 2021).
func CC(x, denoised []float64) float64 {
	a, b := common(x, denoised)
	da, _ := centred(a)
	db, _ := centred(b)
	return product(da, db) / (math.Sqrt(product(da, da)) * math.Sqrt(product(db, db)))
}

// SpectralErrors returns two distances of the spectra P of the truth and P̂ of
// the estimate, both by Welch's method: the relative error of EEGdenoiseNet
// (Zhang et al. 2021)
//
//	RMS(P̂-P) / RMS(P)
//
// and the log-spectral distance in dB (Gray and Markel 1976)
//
//	√( mean (10·log10 P/P̂)² )
//
// where power below 10^-12 of the truth's largest counts as that much. Both are
// NaN where there is no spectrum or the truth has no power.
func SpectralErrors(x, denoised []float64) (rrmse, lsd float64) {
	a, b := common(x, denoised)
	return spectralErrors(Welch(a), Welch(b))
}

func spectralErrors(p, q []float64) (rrmse, lsd float64) {
	num, den, most := 0.0, 0.0, 0.0
	for k, v := range p {
		num += (q[k] - v) * (q[k] - v)
		den += v * v
		most = max(most, v)
	}
	if !(most > 0) {
		return math.NaN(), math.NaN()
	}
	floor := 1e-12 * most
	for k, v := range p {
		d := decibel(max(v, floor), max(q[k], floor))
		lsd += d * d
	}
	return math.Sqrt(num / den), math.Sqrt(lsd / float64(len(p)))
}

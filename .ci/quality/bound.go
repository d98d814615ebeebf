package main

import (
	"math"
	"math/cmplx"

	"gonum.org/v1/gonum/dsp/fourier"

	"github.com/quell-stream/quell/model/eval"
)

// boundWindow is the length of the windows that spectra of two signals are taken of.
const boundWindow = 512

// cross are the spectra of two signals, in power per frequency, and what they have
// in common.
type cross struct {
	own    [2][]float64
	common []complex128
}

// crossOf returns the spectra of two signals by Welch's method, of Hann windows that
// overlap by half.
func crossOf(x [2][]float64) cross {
	const n = boundWindow
	fft := fourier.NewFFT(n)
	var c cross
	c.own[0], c.own[1], c.common = make([]float64, n/2+1), make([]float64, n/2+1), make([]complex128, n/2+1)
	part := make([]float64, n)
	windows := 0.
	for at := 0; at+n <= len(x[0]); at += n / 2 {
		var f [2][]complex128
		for i := range f {
			mean, _ := eval.Variance(x[i][at : at+n])
			for k, v := range x[i][at : at+n] {
				part[k] = (v - mean) * (1 - math.Cos(2*math.Pi*float64(k)/n)) * math.Sqrt(2./3)
			}
			f[i] = fft.Coefficients(nil, part)
		}
		for k := range c.common {
			for i := range f {
				c.own[i][k] += real(f[i][k] * cmplx.Conj(f[i][k]))
			}
			c.common[k] += f[0][k] * cmplx.Conj(f[1][k])
		}
		windows++
	}
	for k := range c.common {
		c.own[0][k] /= windows * n
		c.own[1][k] /= windows * n
		c.common[k] /= complex(windows*n, 0)
	}
	return c
}

// linearGains returns the mean gain in dB of the best linear filters, which know the
// spectra S of two signals and of their white noise N (Wiener filters that see all of
// the past and the future): of both signals at once, whose error has the spectrum
// S - S·(S+N)⁻¹·S, and of each alone, with S·N/(S+N).
func linearGains(x [2][]float64, sigma [2]float64, correlation float64) (both, alone float64) {
	c := crossOf(x)
	n0, n1, n01 := sigma[0]*sigma[0], sigma[1]*sigma[1], complex(correlation*sigma[0]*sigma[1], 0)
	var left, own [2]float64 // sums of the errors' spectra
	total := 0.
	for k, s01 := range c.common {
		weight := 2.
		if k == 0 || k == len(c.common)-1 {
			weight = 1
		}
		total += weight
		s := [2][2]complex128{{complex(c.own[0][k], 0), s01}, {cmplx.Conj(s01), complex(c.own[1][k], 0)}}
		a, b, d := s[0][0]+complex(n0, 0), s01+n01, s[1][1]+complex(n1, 0)
		det := real(a)*real(d) - real(b*cmplx.Conj(b))
		for i := range left {
			u, v := s[i][0], s[i][1] // of row i of S·(S+N)⁻¹·Sᴴ
			q := (real(u*cmplx.Conj(u))*real(d) + real(v*cmplx.Conj(v))*real(a) - 2*real(u*b*cmplx.Conj(v))) / det
			left[i] += weight * (real(s[i][i]) - q)
			own[i] += weight * real(s[i][i]) * []float64{n0, n1}[i] / (real(s[i][i]) + []float64{n0, n1}[i])
		}
	}
	for i, n := range []float64{n0, n1} {
		both += 10 * math.Log10(n*total/left[i]) / 2
		alone += 10 * math.Log10(n*total/own[i]) / 2
	}
	return both, alone
}

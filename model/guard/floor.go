package guard

import (
	"math"

	"gonum.org/v1/gonum/dsp/fourier"
)

const (
	stripes = 16                  // bands of equal width that a spectrum is averaged over
	bins    = block / 2 / stripes // frequencies of a band
	hop     = block / 2           // slots from one spectrum to the next

	mostGaps = block / 16 // readings of a spectrum that may be missing

	// stripeError is the standard error of a band of one spectrum, in its mean:
	// neighbouring frequencies hang together under a Hann window. The least of 16
	// equal bands lies 1.77 of them too low; a little more is allowed for.
	stripeError = .348
	lowest      = 2.5

	leastRho = 1e-3 // that σ² is taken for in σ̂²
)

// floor is the spectrum of the readings of a channel in σ̂², with memory. White
// noise has the same power at all frequencies, so σ² is at most what the band holds
// that has least. That is close where any band is free of the signal, be it the
// fastest, which σ̂ goes by, or another: the gaps between the resonances of a
// machine (Welch, "The Use of Fast Fourier Transform for the Estimation of Power
// Spectra", 1967).
type floor struct {
	power [stripes]float64 // Σ of the mean power
	n     float64          // spectra
}

// spectra is what a spectrum is worked out with. It is not safe for concurrent
// use.
type spectra struct {
	fft    *fourier.FFT
	window []float64 // of unit energy
	taper  []float64
	coeff  []complex128
}

// newSpectra returns one with a Hann window, whose leakage falls fast enough for a
// signal far above its noise.
func newSpectra() spectra {
	s := spectra{fft: fourier.NewFFT(block), window: make([]float64, block), taper: make([]float64, block), coeff: make([]complex128, block/2+1)}
	energy := 0.0
	for i := range s.window {
		s.window[i] = .5 - .5*math.Cos(2*math.Pi*(float64(i)+.5)/block)
		energy += s.window[i] * s.window[i]
	}
	for i := range s.window {
		s.window[i] /= math.Sqrt(energy)
	}
	return s
}

// add takes the latest block of readings, NaN where one is missing, under noise
// σ̂². The reading before stands in for a missing one; where many are, nothing is
// added, nor where σ̂ is so small that σ̂² is 0.
func (f *floor) add(s *spectra, ys []float64, sigma2 float64) {
	if !(sigma2 > 0) {
		return
	}
	mean, n := 0.0, 0.0
	for _, y := range ys {
		if y-y == 0 {
			n++
			mean += (y - mean) / n
		}
	}
	if n < block-mostGaps {
		return
	}
	d := 0.0
	for i, y := range ys {
		if y-y == 0 {
			d = cut(y-mean, largestReading)
		}
		s.taper[i] = d * s.window[i]
	}
	const keep = 1 - float64(hop)/memory
	c := s.fft.Coefficients(s.coeff, s.taper)
	for b := range f.power {
		sum := 0.0
		for _, z := range c[1+b*bins:][:bins] {
			sum += real(z)*real(z) + imag(z)*imag(z)
		}
		f.power[b] = min(f.power[b]*keep+sum/(bins*sigma2), math.MaxFloat64)
	}
	f.n = f.n*keep + 1
}

// rho returns the largest σ² in σ̂² that the spectrum allows, at most 1.
func (f *floor) rho() float64 {
	if f.n == 0 {
		return 1
	}
	least := math.Inf(1)
	for _, p := range f.power {
		least = min(least, p/f.n)
	}
	return min(max(least*(1+lowest*stripeError/math.Sqrt(f.n)), leastRho), 1)
}

// listen takes the spectrum of the latest readings, up to slot in-1. In coloured
// noise there is no floor.
func (c *channel) listen(p *Panel, in int64) {
	if !(c.sigma > 0) || c.coloured {
		return
	}
	p.raw = c.raw.appendTo(p.raw[:0], in-block, in)
	c.floor.add(&p.spectra, p.raw, c.sigma*c.sigma)
}

// numbers lists what is kept.
func (f *floor) numbers() []*float64 {
	out := []*float64{&f.n}
	for b := range f.power {
		out = append(out, &f.power[b])
	}
	return out
}

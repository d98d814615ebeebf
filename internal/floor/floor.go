// Package floor bounds the level of white noise in readings by their spectrum. An estimate σ̂
// that goes by the fastest changes takes a rough signal, such as the vibration of a machine,
// for noise. White noise has the same power at all frequencies, so σ² is at most what the band
// holds that has least. That is close where any band is free of the signal, be it the fastest
// or another: the gaps between the resonances of a machine (Welch, "The Use of Fast Fourier
// Transform for the Estimation of Power Spectra", 1967). Coloured noise may hold less than its
// level in some band: what is said here is of white noise alone.
package floor

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/dsp/fourier"
)

// Bands are those of equal width that a spectrum is averaged over, from the slowest to the
// fastest.
const Bands = 16

const (
	// bandError is the standard error of a band of one spectrum, in its mean, where it
	// holds 16 frequencies: neighbours hang together under a Hann window. The least of 16
	// equal bands lies 1.77 of them too low; a little more is allowed for.
	bandError = .348
	lowest    = 2.5

	leastShare     = 1e-3  // that σ² is taken for in σ̂²
	largestReading = 1e150 // off the mean: its square is still a number

	// What a share is told as, see Clear: standard errors below 1, and the width of what lies in
	// between.
	unclearErrors = 1.8
	between       = .2
)

// Spectra is what the spectra of blocks of one length are worked out with. It is not safe
// for concurrent use.
type Spectra struct {
	bins   int // frequencies of a band
	fft    *fourier.FFT
	window []float64 // of unit energy
	taper  []float64
	coeff  []complex128
}

// NewSpectra returns one for blocks of so many readings, which must be a multiple of 32. It
// has a Hann window, whose leakage falls fast enough for a signal far above its noise.
func NewSpectra(block int) *Spectra {
	if block < 2*Bands || block%(2*Bands) != 0 {
		panic(fmt.Sprintf("floor: a block of %d readings; a multiple of %d is needed", block, 2*Bands))
	}
	s := &Spectra{bins: block / 2 / Bands, fft: fourier.NewFFT(block), window: make([]float64, block), taper: make([]float64, block), coeff: make([]complex128, block/2+1)}
	energy := 0.0
	for i := range s.window {
		s.window[i] = .5 - .5*math.Cos(2*math.Pi*(float64(i)+.5)/float64(block))
		energy += s.window[i] * s.window[i]
	}
	for i := range s.window {
		s.window[i] /= math.Sqrt(energy)
	}
	return s
}

// Power returns the mean power of a block, as long as NewSpectra was told, in each band, in
// the square of its unit: that of white noise is σ². NaN stands for a reading that is missing;
// the one before takes its place, before the first the mean. ok is false where more than a
// sixteenth are missing.
func (s *Spectra) Power(block []float64) (power [Bands]float64, ok bool) {
	mean, n := 0.0, 0
	for _, y := range block {
		if y-y == 0 {
			n++
			mean += (y - mean) / float64(n)
		}
	}
	if n < len(block)-len(block)/16 {
		return power, false
	}
	d := 0.0
	for i, y := range block {
		if y-y == 0 {
			d = min(max(y-mean, -largestReading), largestReading)
		}
		s.taper[i] = d * s.window[i]
	}
	c := s.fft.Coefficients(s.coeff, s.taper)
	for b := range power {
		sum := 0.0
		for _, z := range c[1+b*s.bins:][:s.bins] {
			sum += real(z)*real(z) + imag(z)*imag(z)
		}
		power[b] = sum / float64(s.bins)
	}
	return power, true
}

// Block returns the number of readings of a block.
func (s *Spectra) Block() int { return len(s.window) }

// Most returns the largest σ² that the mean power over so many blocks of a length allows.
func Most(power *[Bands]float64, blocks float64, block int) float64 {
	least := math.Inf(1)
	for _, p := range power {
		least = min(least, p)
	}
	return least * (1 + lowest*errorOf(block)/math.Sqrt(blocks))
}

// errorOf is the standard error of a band of one block, in its mean.
func errorOf(block int) float64 { return bandError * math.Sqrt(16*2*Bands/float64(block)) }

// Clear returns what is to be made of a share of σ̂² that σ² has at most by the power over
// so many blocks of a length. What is not clearly below 1 (by 1.8 standard errors of a band:
// .56 of four blocks of 256, .84 of 32) stands for all. What is .2 below that stands for itself, and what
// lies in between goes from one to the other.
func Clear(share, blocks float64, block int) float64 {
	unclear := 1 - unclearErrors*errorOf(block)/math.Sqrt(blocks)
	clear := unclear - between
	if share <= clear {
		return max(share, leastShare)
	}
	return min(clear+(share-clear)*(1-clear)/between, 1)
}

// Floor is the spectrum of readings in σ̂², with memory. The zero value knows of none. It is
// not safe for concurrent use.
type Floor struct {
	power [Bands]float64 // Σ of the mean power
	n     float64        // blocks, each with its weight
}

// Add takes a block of readings under noise that is estimated as σ̂²; what was known before
// counts for keep of what it did. Where too many are missing nothing is added, nor where σ̂ is
// so small that σ̂² is 0.
func (f *Floor) Add(s *Spectra, block []float64, sigma2, keep float64) {
	if !(sigma2 > 0) {
		return
	}
	power, ok := s.Power(block)
	if !ok {
		return
	}
	for b, p := range power {
		f.power[b] = min(f.power[b]*keep+p/sigma2, math.MaxFloat64)
	}
	f.n = f.n*keep + 1
}

// Share returns the largest σ² that the readings allow, in σ̂², at most 1.
func (f *Floor) Share(s *Spectra) float64 {
	if f.n == 0 {
		return 1
	}
	mean := f.power
	for b := range mean {
		mean[b] /= f.n
	}
	return min(max(Most(&mean, f.n, s.Block()), leastShare), 1)
}

// Numbers lists what is kept, for a state.
func (f *Floor) Numbers() []*float64 {
	out := []*float64{&f.n}
	for b := range f.power {
		out = append(out, &f.power[b])
	}
	return out
}

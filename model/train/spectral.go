package train

import (
	"math"

	"gonum.org/v1/gonum/dsp/fourier"
)

// Spectral is SquaredError plus Weight times the distance of the log-magnitude
// spectra of the clean signal x and its estimate x̂, the second term of the
// multi-resolution STFT loss (Yamamoto, Song and Kim, "Parallel WaveGAN", 2020,
// eq. 5 and 6), without the adversary:
//
//	mean over resolutions, frames and frequencies of |log|X̂| - log|X||
//
// in nats. The first term, spectral convergence, is left out: it is a relative
// squared error, which SquaredError is already. Frames are Hann windows of 32, 64
// and 128 samples at steps of a quarter, those that the example has room for.
// Magnitudes are floored at those of white noise of .05 deviations, below which
// errors don't weigh more for SquaredError either.
type Spectral struct{ Weight float64 }

// Gradient implements Loss.
func (l Spectral) Gradient(dy, y []float32, e *Example, scale float64) float64 {
	loss := SquaredError{}.Gradient(dy, y, e, scale)
	n := max(e.Channels, 1)
	slots := len(y) / n
	s := e.desk.spectra(slots)
	for c := range n {
		for t := range slots {
			i := t*n + c
			truth, gain := e.signal(i)
			s.truth[t], s.est[t] = truth, truth+gain*float64(y[i]-e.Y[i])
		}
		loss += l.Weight / float64(n) * s.distance()
		for t := range slots {
			i := t*n + c
			_, gain := e.signal(i)
			dy[i] += float32(l.Weight * scale / float64(n) * gain * s.grad[t])
		}
	}
	return loss
}

// signal returns the clean signal of target i, and by how much the estimate of
// it rises with the output.
func (e *Example) signal(i int) (truth, gain float64) {
	switch {
	case e.W != nil && e.W[i] == 0:
		return 0, 0 // unknown: nothing to compare
	case e.Clean == nil:
		return float64(e.Y[i]), 1
	}
	return float64(e.Clean[i]), float64(e.Gain[i])
}

// spectra compares signals of one length.
type spectra struct {
	truth, est []float64
	grad       []float64 // of the distance with regard to est
	sizes      []resolution
}

// resolution is a Fourier transform of windowed frames.
type resolution struct {
	fft         *fourier.FFT
	window      []float64 // Hann
	floor       float64   // of the power
	frame       []float64
	truth, est  []complex128
	size, steps int // of a frame, and between frames
}

// spectra returns room for comparing signals of so many slots.
func (d *desk) spectra(slots int) *spectra {
	s := d.spectral
	if s == nil {
		s = new(spectra)
		d.spectral = s
	}
	if len(s.truth) == slots {
		return s
	}
	*s = spectra{truth: make([]float64, slots), est: make([]float64, slots), grad: make([]float64, slots)}
	for size := 32; size <= min(slots, 128); size *= 2 {
		r := resolution{fft: fourier.NewFFT(size), window: make([]float64, size), frame: make([]float64, size),
			truth: make([]complex128, size/2+1), est: make([]complex128, size/2+1), size: size, steps: size / 4}
		for i := range r.window {
			r.window[i] = .5 - .5*math.Cos(2*math.Pi*float64(i)/float64(size))
			r.floor += weightFloor * weightFloor * r.window[i] * r.window[i]
		}
		s.sizes = append(s.sizes, r)
	}
	return s
}

// distance returns the distance of est from truth and sets grad.
func (s *spectra) distance() float64 {
	clear(s.grad)
	sum := 0.0
	for i := range s.sizes {
		r := &s.sizes[i]
		frames := (len(s.truth)-r.size)/r.steps + 1
		share := 1 / float64(frames*(r.size/2+1)*len(s.sizes))
		for at := 0; at+r.size <= len(s.truth); at += r.steps {
			sum += share * r.compare(s.grad[at:at+r.size], s.truth[at:], s.est[at:], share)
		}
	}
	return sum
}

// compare returns the sum of the distances of a frame's log-magnitudes, and adds
// share times its gradient to grad. With P = |X̂|² and its slope g of the distance
// the gradient is the adjoint of the transform, w·Re Σ 2·g·X̂·exp(2πikt/size).
func (r *resolution) compare(grad, truth, est []float64, share float64) float64 {
	r.transform(r.truth, truth)
	r.transform(r.est, est)
	sum := 0.0
	for k, x := range r.est {
		p, q := power(x)+r.floor, power(r.truth[k])+r.floor
		d := .5 * math.Log(p/q)
		sum += math.Abs(d)
		g := .5 * share / p
		switch {
		case d < 0:
			g = -g
		case d == 0:
			g = 0
		}
		// Sequence counts all but the first and the last twice, for their mirror images.
		if k == 0 || k == len(r.est)-1 {
			g *= 2
		}
		r.est[k] = x * complex(g, 0)
	}
	for t, v := range r.fft.Sequence(r.frame, r.est) {
		grad[t] += r.window[t] * v
	}
	return sum
}

func (r *resolution) transform(dst []complex128, x []float64) {
	for i, w := range r.window {
		r.frame[i] = w * x[i]
	}
	r.fft.Coefficients(dst, r.frame)
}

func power(x complex128) float64 { return real(x)*real(x) + imag(x)*imag(x) }

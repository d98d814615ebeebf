package guard

import "github.com/quell-stream/quell/model/classic"

// response is what a filter makes of white noise of variance 1.
type response struct {
	variance float64 // of the estimate
	left     bands   // mean square of the coefficients of the residual
}

// Slots before an impulse for a filter to settle, and after it for it to forget.
const (
	quiet = 512
	tail  = 1024
)

// respond returns the response of a filter: with h its impulse response, and h̄
// that of the residual, the variance is Σ h² and that of a coefficient the energy
// of h̄ smoothed by the level's Haar function. A median counts as a mean.
func (p *Panel) respond(f classic.Params) response {
	if f.Family == classic.MedianName {
		f.Family = classic.MovingAverageName
	}
	var r response
	impulse := append(p.raw[:0], make([]float64, quiet+tail)...)
	impulse[quiet] = 1
	p.raw = impulse
	ahead := f.Latency()
	out := classic.Over(p.out, newFilter(f), impulse, quiet-1-ahead, tail+1)
	rest := out[0] // what it gives out at rest
	// Sums of h̄ up to each slot, so that each smoothed value is a difference.
	s := append(p.sums[:0], make([]float64, block+1)...)
	sum := 0.
	for t := range tail {
		h := out[1+t] - rest
		r.variance += h * h
		if sum -= h; t == ahead {
			sum++
		}
		s = append(s, sum)
	}
	for range block {
		s = append(s, sum)
	}
	p.out, p.sums = out, s
	for j := range levels - 1 {
		width := 2 << j
		for t := range len(s) - width {
			v := s[t+width] - 2*s[t+width/2] + s[t]
			r.left[j] += v * v / float64(width)
		}
	}
	for t := range len(s) - block {
		v := s[t+block] - s[t]
		r.left[levels-1] += v * v / block
	}
	return r
}

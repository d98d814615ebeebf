package guard

import "math"

// levels of the Haar transform of a block: differences over 2, 4, … block slots,
// and the mean.
const levels = 10

// bands holds a number for each level, the fastest first.
type bands [levels]float64

// coefficients returns how many of a level so many slots have.
func coefficients(level int, slots float64) float64 {
	return slots / float64(int(2)<<min(level, levels-2))
}

// haar is the orthonormal Haar transform of a block while it comes in (Haar,
// "Zur Theorie der orthogonalen Funktionensysteme", 1910).
type haar struct {
	wait    [levels - 1]float64 // first halves of sums that are not complete
	squares bands               // Σ of the squared coefficients
}

// push takes the value at place i of the block.
func (h *haar) push(i int, x float64) {
	for j := range h.wait {
		if i>>j&1 == 0 {
			h.wait[j] = x
			return
		}
		d := (h.wait[j] - x) / math.Sqrt2
		h.squares[j] += d * d
		x = (h.wait[j] + x) / math.Sqrt2
	}
	h.squares[levels-1] += x * x
}

// residual is what is known of y-x̂, in σ̂²: sums over slots, with memory.
type residual struct {
	slots   float64
	squares bands // of its coefficients
	noise   bands // the same, if it were nothing but the noise that the estimate takes away
}

func (r *residual) forget(keep float64) {
	r.slots *= keep
	for j := range levels {
		r.squares[j] *= keep
		r.noise[j] *= keep
	}
}

// By how many standard errors a level must exceed its noise to count, and by
// what σ̂² may be off.
const (
	sure       = 2.
	sigmaDoubt = .04
)

// bias returns the mean square of what the estimate takes away beside the noise,
// where σ² is ρσ̂². Stein's estimate of the error is the variance of the estimate
// and this, summed over all levels. But a level whose excess is within chance and
// the doubt about σ̂² adds nothing here: the fast ones, where the noise is
// strong, would drown what the slow ones tell of an error that is small.
func (r *residual) bias(rho float64) float64 {
	if r.slots == 0 {
		return 0
	}
	sum := 0.
	for j := range levels {
		noise := rho * r.noise[j]
		excess := r.squares[j] - noise
		if excess > sure*noise*math.Sqrt(2/coefficients(j, r.slots)+sigmaDoubt*sigmaDoubt) {
			sum += excess
		}
	}
	return sum / r.slots
}

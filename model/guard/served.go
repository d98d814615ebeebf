package guard

import "math"

const (
	recent = 200     // slots of a filter's error that what is near is averaged over
	lately = 1 << 13 // slots of memory of its residual
	carry  = 2       // blocks that what is known of a filter counts for after another one has taken over

	// A filter's error beside the noise that it leaves is at least so large a share
	// of that at first, and what is seen of it so much too small: measured on
	// recordings.
	firstBias = .5
	unseen    = 1.1
)

// served is what is known of the error of the filter that serves, in σ̂².
type served struct {
	response
	residual         // of whole blocks of slots that it served
	shape    float64 // Σ of near
	risk     float64 // mean squared error

	open      haar // the block that comes in
	place     int
	valid     int     // readings in it
	openShape float64 // Σ of near
	near      float64 // mean of the last squared differences that it is likely to be wrong by
	nearN     float64
}

// add takes the residual at a slot, NaN where the reading is missing, and the
// squared difference that the filter is likely to be wrong by as far as the
// network can tell. It says whether a block is complete.
func (s *served) add(e, likely float64) bool {
	s.nearN = min(s.nearN+1, recent)
	s.near += (likely - s.near) / s.nearN
	s.openShape += s.near
	if e-e == 0 {
		s.valid++
	} else {
		e = 0
	}
	s.open.push(s.place, e)
	if s.place++; s.place < block {
		return false
	}
	if s.valid >= block/2 {
		s.forget(1 - block/float64(lately))
		s.slots += block
		s.shape += s.openShape
		for j := range levels {
			s.squares[j] += s.open.squares[j] * block / float64(s.valid)
			s.noise[j] += s.left[j] * coefficients(j, block)
		}
	}
	s.restart()
	return true
}

func (s *served) forget(keep float64) {
	s.residual.forget(keep)
	s.shape *= keep
}

// restart drops the open block.
func (s *served) restart() { s.open, s.place, s.valid, s.openShape = haar{}, 0, 0, 0 }

// replace says that another filter serves from now on. Its residual is like that
// of the one before, but not the same.
func (s *served) replace() {
	s.forget(carry * block / max(carry*block, s.slots))
	s.restart()
	s.near, s.nearN = 0, 0
}

// weigh estimates the mean squared error where σ² is ρσ̂²: the noise that the
// filter leaves, which is known, and its bias.
func (s *served) weigh(rho float64) {
	left := rho * s.variance
	if s.slots == 0 {
		s.risk = left * (1 + firstBias)
		return
	}
	s.risk = unseen * (left + s.bias(rho))
}

// deviation returns the deviation of the error at the latest slot, in σ̂: larger
// where the network says so. What is near holds the network's own error too, whose mean
// square is network, and that scatters: so it counts by the share that the filter's
// error has in the sum of both.
func (s *served) deviation(network float64) float64 {
	risk := s.risk
	if s.shape > 0 && risk > 0 {
		share := risk / (risk + max(network, 0))
		risk *= 1 + share*(s.near*s.slots/s.shape-1)
	}
	return math.Sqrt(risk)
}

package replay

import "math/rand/v2"

// Snapshot is what a Buffer held at one moment, without quarantined windows. It
// is read only and safe for concurrent use.
type Snapshot struct {
	Old     []*Window // to train on: what is kept of older windows, in no particular order
	Recent  []*Window // to train on: the latest windows, oldest first
	Holdout []*Window // never to be trained on: older ones, then the latest; Start tells regimes apart
}

// Sample draws n windows to train on, each uniformly from Old and Recent
// together, with replacement. It is empty where there are none.
func (s Snapshot) Sample(rng *rand.Rand, n int) []*Window {
	all := len(s.Old) + len(s.Recent)
	if all == 0 {
		return nil
	}
	out := make([]*Window, n)
	for k := range out {
		if i := rng.IntN(all); i < len(s.Old) {
			out[k] = s.Old[i]
		} else {
			out[k] = s.Recent[i-len(s.Old)]
		}
	}
	return out
}

// SampleMix draws n windows to train on, each with probability recent from
// Recent and else from Old, or from the other where one is empty: the mixture
// that learns a new regime without forgetting the earlier ones.
func (s Snapshot) SampleMix(rng *rand.Rand, n int, recent float64) []*Window {
	if len(s.Old)+len(s.Recent) == 0 {
		return nil
	}
	out := make([]*Window, n)
	for k := range out {
		from := s.Old
		if latest := rng.Float64() < recent; len(s.Old) == 0 || latest && len(s.Recent) > 0 {
			from = s.Recent
		}
		out[k] = from[rng.IntN(len(from))]
	}
	return out
}

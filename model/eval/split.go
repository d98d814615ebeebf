package eval

import "fmt"

// Range is the samples From ≤ i < To.
type Range struct{ From, To int }

// Len returns the number of samples.
func (r Range) Len() int { return r.To - r.From }

// Of returns the samples of x that lie in r.
func (r Range) Of(x []float64) []float64 { return x[r.From:r.To] }

// Parts are the parts of a recording, in order of time and apart from each other.
type Parts struct{ Train, Tune, Test Range }

// Split cuts n samples into 60 % for training, 20 % for tuning and 20 % for the
// test. Training and tuning each end one receptive field early, so that no
// sample of theirs is within reach of the next part. The test part depends on n
// alone: whatever is compared is scored on the same samples. A recording too
// short to leave something of each part is an error.
func Split(n, receptiveField int) (Parts, error) {
	if receptiveField < 0 {
		panic("eval: negative receptive field")
	}
	a, b := n*6/10, n*8/10
	p := Parts{Train: Range{0, a - receptiveField}, Tune: Range{a, b - receptiveField}, Test: Range{b, n}}
	if p.Train.Len() < 1 || p.Tune.Len() < 1 || p.Test.Len() < 1 {
		return Parts{}, fmt.Errorf("eval: a recording of %d samples is too short to be split for a receptive field of %d, at least %d samples are needed",
			n, receptiveField, 5*(receptiveField+2))
	}
	return p, nil
}

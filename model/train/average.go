package train

import "github.com/quell-stream/quell/model/nn"

// average is the exponential mean of a net's weights over the updates (Polyak and
// Juditsky, "Acceleration of Stochastic Approximation by Averaging", 1992; in the
// exponential form of Tarvainen and Valpola, "Mean Teachers Are Better Role
// Models", 2017, eq. 1). After t updates the decay is at most (1+t)/(10+t), so
// that the first weights are soon forgotten.
type average struct {
	decay  float64
	sum    [][]float32
	shadow *nn.Net // takes the mean to be judged
}

func newAverage(net *nn.Net, decay float64) *average {
	a := &average{decay: decay, shadow: net.Clone()}
	for _, p := range net.Params() {
		a.sum = append(a.sum, append([]float32(nil), p.Data...))
	}
	return a
}

// add takes in the weights after update t, counted from 0.
func (a *average) add(t int, params [][]float32) {
	k := float32(1 - min(a.decay, float64(1+t)/float64(10+t)))
	for i, p := range params {
		sum := a.sum[i]
		for j, v := range p {
			sum[j] += k * (v - sum[j])
		}
	}
}

// net returns the net of the mean, valid until the next call.
func (a *average) net() *nn.Net {
	for i, p := range a.shadow.Params() {
		copy(p.Data, a.sum[i])
	}
	a.shadow.Pack()
	return a.shadow
}

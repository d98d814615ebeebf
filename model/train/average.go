package train

import "github.com/quell-stream/quell/model/nn"

// values returns what a training leaves behind: the parameters of a net, and then
// what it keeps beside them.
func values(net *nn.Net) [][]float32 {
	var all [][]float32
	for _, list := range [2][]nn.Param{net.Params(), net.Buffers()} {
		for _, p := range list {
			all = append(all, p.Data)
		}
	}
	return all
}

// average is the exponential mean of a net's values over the updates (Polyak and
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
	return &average{decay: decay, shadow: net.Clone(), sum: cloneAll(values(net))}
}

// add takes in the values after update t, counted from 0.
func (a *average) add(t int, all [][]float32) {
	k := float32(1 - min(a.decay, float64(1+t)/float64(10+t)))
	for i, p := range all {
		sum := a.sum[i]
		for j, v := range p {
			sum[j] += k * (v - sum[j])
		}
	}
}

// net returns the net of the mean, valid until the next call.
func (a *average) net() *nn.Net {
	for i, v := range values(a.shadow) {
		copy(v, a.sum[i])
	}
	a.shadow.Pack()
	return a.shadow
}

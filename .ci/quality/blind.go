package main

import (
	"math"
	"slices"
	"sync"

	"github.com/quell-stream/quell/model/classic"
	"github.com/quell-stream/quell/model/eval"
	"github.com/quell-stream/quell/model/noise"
)

// filter is a classical filter, or where Family is empty the identity.
type filter classic.Params

func (f filter) apply(dst, y []float64) {
	if f.Family == "" {
		copy(dst, y)
		return
	}
	classic.Apply(dst, y, classic.Params(f))
}

func (f filter) String() string {
	if f.Family == "" {
		return "identity"
	}
	return classic.Params(f).String()
}

// filters returns the settings at a look-ahead, the identity first. Those that
// are learnt from the truth have none to learn from.
func filters(ahead int) []filter {
	all := []filter{{}}
	for _, f := range classic.FamiliesAt(ahead) {
		if f.Learn == nil {
			for _, p := range f.Grid {
				all = append(all, filter(p))
			}
		}
	}
	return all
}

// selectBlind chooses among the filters of a look-ahead by noisy readings alone:
// that of the least leave-one-out loss (Batson and Royer, Noise2Self, 2019),
//
//	mean ((y-x̂)/(1-w))²
//
// w being the weight of the own reading in the estimate of a linear filter. Of
// median and Hampel the own reading is left out. The identity has no such loss;
// it is taken where the risk of the best, by Stein's estimate (1981)
// mean (y-x̂)² - σ² + 2wσ², is no less than σ².
func selectBlind(y []float64, ahead int) filter {
	best, least := filter{}, math.Inf(1)
	for _, f := range filters(ahead)[1:] {
		if loss := leaveOneOut(f, y); loss < least {
			best, least = f, loss
		}
	}
	sigma := noise.SigmaMAD(present(y))
	out := make([]float64, len(y))
	best.apply(out, y)
	if meanSquare(y, out)+2*sigma*sigma*(ownWeight(best)-1) >= sigma*sigma {
		return filter{}
	}
	return best
}

// leaveOneOut returns the mean squared error of estimates that have not seen
// the reading which they are compared with.
func leaveOneOut(f filter, y []float64) float64 {
	out := make([]float64, len(y))
	if f.Family == classic.MedianName || f.Family == classic.HampelName {
		return masked(f, y, out)
	}
	f.apply(out, y)
	rest := 1 - ownWeight(f)
	return meanSquare(y, out) / (rest * rest)
}

// masked leaves out every stride-th reading at a time, for a part of the
// offsets: the value before it stands in.
func masked(f filter, y, out []float64) float64 {
	const stride, step = 24, 8
	sum, n := 0.0, 0
	for from := 0; from < stride; from += step {
		z := slices.Clone(y)
		for t := from; t < len(z); t += stride {
			z[t] = math.NaN()
		}
		f.apply(out, z)
		for t := from; t < len(z); t += stride {
			if d := y[t] - out[t]; d == d {
				sum += d * d
				n++
			}
		}
	}
	return sum / float64(max(1, n))
}

// weights remembers ownWeight: it is a property of the setting.
var weights sync.Map

// ownWeight returns the weight of a reading in its own estimate, found with an
// impulse.
func ownWeight(f filter) float64 {
	key := f.String()
	if w, ok := weights.Load(key); ok {
		return w.(float64)
	}
	x := make([]float64, 2001)
	x[len(x)/2] = 1
	f.apply(x, x)
	w := x[len(x)/2]
	weights.Store(key, w)
	return w
}

func meanSquare(a, b []float64) float64 {
	e := eval.RMSE(a, b)
	return e * e
}

// oracle returns the gain of the best of the filters, chosen with the truth on
// the samples that are scored.
func oracle(x, y []float64, ahead, from int) (filter, float64) {
	best, most := filter{}, 0.0
	out := make([]float64, len(y))
	for _, f := range filters(ahead)[1:] {
		f.apply(out, y)
		if g := eval.Gain(x[from:], y[from:], out[from:]); g > most {
			best, most = f, g
		}
	}
	return best, most
}

// present returns the readings that are there.
func present(y []float64) []float64 {
	return slices.DeleteFunc(slices.Clone(y), func(v float64) bool { return math.IsNaN(v) })
}

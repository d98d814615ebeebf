package train

import (
	"math"
	"slices"

	"github.com/quell-stream/quell/internal/mix"
	"github.com/quell-stream/quell/model/nn"
)

// sketchLen is the number of values that stand for a gradient.
const sketchLen = 256

// diverse has, of the old windows, only the half drawn whose gradients differ most
// (Aljundi et al., "Gradient Based Sample Selection for Online Continual Learning",
// 2019, the greedy variant). There gradients are compared as windows come in; here
// once, at the start of a fine-tune. For each the one is taken whose greatest cosine
// to those taken before is least. A gradient is that of one example, by a count
// sketch of 256 values (Charikar, Chen and Farach-Colton, 2002), which keeps inner
// products but for 1/16 of the norms.
func diverse(net *nn.Net, c excerpts, loss Loss) {
	x := c.material()
	x.weigh()
	at := x.oldest(retrievalMost)
	p := newProbe(net, loss)
	sketches := make([][]float64, len(at))
	for k, i := range at {
		sketches[k] = sketch(p.gradient(alone(c, i), 0))
	}
	some := farthest(sketches, (len(at)+1)/2)
	for k := range some {
		some[k] = at[some[k]]
	}
	x.favour(at, some, slices.Clone(x.shares.weight))
}

// farthest returns the indices of n vectors of length 1, the first one and then
// always the one that is least like those before.
func farthest(v [][]float64, n int) []int {
	taken := []int{0}
	like := make([]float64, len(v))
	for i := range like {
		like[i] = dot(v[i], v[0])
	}
	like[0] = math.Inf(1)
	for len(taken) < n {
		next := 0
		for i := range like {
			if like[i] < like[next] {
				next = i
			}
		}
		taken = append(taken, next)
		for i := range like {
			like[i] = max(like[i], dot(v[i], v[next]))
		}
		like[next] = math.Inf(1)
	}
	return taken
}

func dot(a, b []float64) float64 {
	s := 0.
	for i, x := range a {
		s += x * b[i]
	}
	return s
}

// sketch folds a gradient into a vector of length 1, zero if it is.
func sketch(g [][]float32) []float64 {
	s := make([]float64, sketchLen)
	n := uint64(0)
	for _, v := range g {
		for _, d := range v {
			h := mix.Next(n)
			n++
			if h>>63 != 0 {
				d = -d
			}
			s[h%sketchLen] += float64(d)
		}
	}
	if norm := math.Sqrt(dot(s, s)); norm > 0 {
		for i := range s {
			s[i] /= norm
		}
	}
	return s
}

package main

import (
	"bytes"
	"fmt"
	"go/format"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"sync"

	"github.com/quell-stream/quell/model/noise"
)

// point is what the test sees of a recording after some blocks, and what a
// network is to make of it.
type point struct {
	feature []float64
	want    float64
}

// every is the number of blocks between two points of a recording; the first is
// where the first decision falls.
const (
	every      = 10
	firstBlock = 6
)

// points draws recordings and measures them, the same for any number of
// workers; want adds the points of a recording after some blocks to a list.
func points(count int, seed uint64, draw func(n int, rng *rand.Rand) example, want func(to []point, c *noise.Colour, e *example) []point) []point {
	parts := make([][]point, count)
	each(count, func(i int) {
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		n := noise.ColourBlock * (firstBlock + rng.IntN(35))
		e := draw(n, rng)
		c := noise.NewColour()
		for b := 1; b*noise.ColourBlock <= n; b++ {
			c.Block(e.x[(b-1)*noise.ColourBlock : b*noise.ColourBlock])
			if b >= firstBlock && (b-firstBlock)%every == 0 {
				parts[i] = want(parts[i], c, &e)
			}
		}
	})
	return slices.Concat(parts...)
}

// labels are the points of the flag: 1 for coloured noise, 0 for other.
func labels(count int, seed uint64) []point {
	return points(count, seed, draw, func(to []point, c *noise.Colour, e *example) []point {
		y := 0.
		if e.coloured {
			y = 1
		}
		return append(to, point{c.AppendFeatures(nil), y})
	})
}

// targets are the points of the estimates of ρ and σ.
func targets(count int, seed uint64) (rho, sigma []point) {
	both := points(count, seed, drawColoured, func(to []point, c *noise.Colour, e *example) []point {
		y, ok := c.AppendTargets(nil, noise.AR1{Rho: e.rho, Sigma: e.sigma})
		if !ok {
			return to
		}
		f := c.AppendFeatures(nil)
		return append(to, point{f, y[0]}, point{f, y[1]})
	})
	for i := 0; i < len(both); i += 2 {
		rho, sigma = append(rho, both[i]), append(sigma, both[i+1])
	}
	return rho, sigma
}

// each calls do for 0 … n-1 on all processors.
func each(n int, do func(i int)) {
	var wg sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		wg.Go(func() {
			for i := w; i < n; i += workers {
				do(i)
			}
		})
	}
	wg.Wait()
}

const (
	hidden = 20
	epochs = 40
	batch  = 64
	rate   = 4e-3
	decay  = 1e-4
)

// net is noise's perceptron while it is fitted: hidden·(inputs+2)+1 weights, of
// each hidden unit its inputs' weights, its offset and its weight, and last the
// offset of the output.
type net struct {
	inputs  int
	w, m, v []float64
	step    int
}

func newNet(inputs int, rng *rand.Rand) *net {
	n := hidden*(inputs+2) + 1
	t := &net{inputs: inputs, w: make([]float64, n), m: make([]float64, n), v: make([]float64, n)}
	for i := range t.w[:n-1] {
		t.w[i] = rng.NormFloat64() / math.Sqrt(float64(inputs))
	}
	return t
}

// loss is the derivative of a loss by the score, where y is wanted.
type loss func(score, y float64) float64

// logistic is that of the logarithm of the probability of a label.
func logistic(score, y float64) float64 { return 1/(1+math.Exp(-score)) - y }

// quantile is that of the score which is above y with a probability of p (Koenker and
// Bassett, "Regression Quantiles", 1978), twice the pinball loss, rounded at
// its corner (Huber 1964).
func quantile(p float64) loss {
	const corner = .1
	return func(score, y float64) float64 { return min(max((score-y)/corner, -2*p), 2*(1-p)) }
}

// lowSigma is the quantile of σ that is told: too large a σ does more harm than one that is
// as much too small, above all where little is known.
const lowSigma = .3

// gradient adds that of a loss at a standardised point to g and returns the score.
func (t *net) gradient(g, x []float64, y float64, slope loss, h *[hidden]float64) float64 {
	s := t.w[len(t.w)-1]
	for j := range hidden {
		w := t.w[j*(t.inputs+2):]
		a := w[t.inputs]
		for i, f := range x {
			a += w[i] * f
		}
		h[j] = math.Tanh(a)
		s += w[t.inputs+1] * h[j]
	}
	if g == nil {
		return s
	}
	d := slope(s, y)
	g[len(g)-1] += d
	for j := range hidden {
		k := j * (t.inputs + 2)
		g[k+t.inputs+1] += d * h[j]
		da := d * t.w[k+t.inputs+1] * (1 - h[j]*h[j])
		g[k+t.inputs] += da
		for i, f := range x {
			g[k+i] += da * f
		}
	}
	return s
}

// adam takes one step (Kingma and Ba 2015) with decoupled decay of the weights.
func (t *net) adam(g []float64, rate float64) {
	t.step++
	c1, c2 := 1-math.Pow(.9, float64(t.step)), 1-math.Pow(.999, float64(t.step))
	for i, d := range g {
		t.m[i] = .9*t.m[i] + .1*d
		t.v[i] = .999*t.v[i] + .001*d*d
		t.w[i] -= rate * (t.m[i]/c1/(math.Sqrt(t.v[i]/c2)+1e-8) + decay*t.w[i])
	}
}

// fit returns the network in the units of the features.
func fit(ps []point, slope loss, seed uint64) *net {
	inputs := len(ps[0].feature)
	mean, dev := standard(ps)
	x := make([][]float64, len(ps))
	for i, p := range ps {
		x[i] = make([]float64, inputs)
		for k, f := range p.feature {
			x[i][k] = (f - mean[k]) / dev[k]
		}
	}
	rng := rand.New(rand.NewPCG(seed, 1))
	t := newNet(inputs, rng)
	g := make([]float64, len(t.w))
	var h [hidden]float64
	total, done := epochs*len(ps), 0
	for range epochs {
		for k, i := range rng.Perm(len(ps)) {
			t.gradient(g, x[i], ps[i].want, slope, &h)
			done++
			if k%batch == batch-1 {
				for j := range g {
					g[j] /= batch
				}
				t.adam(g, rate*.5*(1+math.Cos(math.Pi*float64(done)/float64(total))))
				clear(g)
			}
		}
		clear(g)
	}
	for j := range hidden { // undo the standardisation
		w := t.w[j*(inputs+2):]
		for i := range inputs {
			w[i] /= dev[i]
			w[inputs] -= w[i] * mean[i]
		}
	}
	return t
}

func standard(ps []point) (mean, dev []float64) {
	mean, dev = make([]float64, len(ps[0].feature)), make([]float64, len(ps[0].feature))
	for _, p := range ps {
		for k, f := range p.feature {
			mean[k] += f / float64(len(ps))
		}
	}
	for _, p := range ps {
		for k, f := range p.feature {
			dev[k] += (f - mean[k]) * (f - mean[k]) / float64(len(ps))
		}
	}
	for k := range dev {
		dev[k] = max(math.Sqrt(dev[k]), 1e-3)
	}
	return mean, dev
}

// fitFlag fits the network of the flag to so many generated recordings.
func fitFlag(recordings int, file string) error {
	return write(file, "-fit", recordings, []string{"colourNet"}, []*net{fit(labels(recordings, 1), logistic, 1)})
}

// fitEstimate fits the networks of the estimates to so many generated recordings.
func fitEstimate(recordings int, file string) error {
	rho, sigma := targets(recordings, 3)
	return write(file, "-fit-estimate", recordings, []string{"rhoNet", "sigmaNet"}, []*net{fit(rho, quantile(.5), 2), fit(sigma, quantile(lowSigma), 3)})
}

// write prints networks as Go.
func write(file, command string, recordings int, names []string, nets []*net) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "// Code generated by colourstudy %s %d; DO NOT EDIT.\n\npackage noise\n\n", command, recordings)
	fmt.Fprintf(&b, "// Fitted to %d generated recordings; none of them is measured.\nvar (\n", recordings)
	for i, t := range nets {
		t.print(&b, names[i])
	}
	b.WriteString(")\n")
	src, err := format.Source(b.Bytes())
	if err != nil {
		return err
	}
	return os.WriteFile(file, src, 0o644)
}

func (t *net) print(b *bytes.Buffer, name string) {
	row := func(w []float64) {
		for i, v := range w {
			if i > 0 {
				b.WriteString(", ")
			}
			fmt.Fprintf(b, "%.4g", v)
		}
	}
	fmt.Fprintf(b, "%s = perceptron{\nW: [hidden][features]float32{\n", name)
	var a, v []float64
	for j := range hidden {
		w := t.w[j*(t.inputs+2):]
		b.WriteString("{")
		row(w[:t.inputs])
		b.WriteString("},\n")
		a, v = append(a, w[t.inputs]), append(v, w[t.inputs+1])
	}
	b.WriteString("},\nA: [hidden]float32{")
	row(a)
	b.WriteString("},\nV: [hidden]float32{")
	row(v)
	fmt.Fprintf(b, "},\nB: %.4g,\n}\n", t.w[len(t.w)-1])
}

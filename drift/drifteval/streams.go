package drifteval

import (
	"math"
	"math/rand/v2"
	"slices"
)

// stream is a kind of synthetic series: stationary, of mean 0 and variance 1.
type stream struct {
	name string
	// slow is set where values far apart depend on each other, so that learning
	// takes 10,000 of them.
	slow bool
	// start returns what draws the next value.
	start func(r *rand.Rand) func() float64
}

// calibration is how many values the monitor's detector learns from.
func (s *stream) calibration() int {
	if s.slow {
		return 10_000
	}
	return 2000
}

// warmUp is how many values are drawn and dropped before a series is stationary.
const warmUp = 1000

// series returns the series of a seed: equal seeds give equal values.
func (s *stream) series(seed, part uint64) func() float64 {
	next := s.start(rand.New(rand.NewPCG(seed, part)))
	for range warmUp {
		next()
	}
	return next
}

func white(r *rand.Rand) func() float64 { return r.NormFloat64 }

// student draws Student's t with three degrees of freedom over its deviation, √3.
func student(r *rand.Rand) func() float64 {
	return func() float64 {
		c := 0.0
		for range 3 {
			v := r.NormFloat64()
			c += v * v
		}
		return r.NormFloat64() / math.Sqrt(c)
	}
}

func lognormal(r *rand.Rand) func() float64 {
	const s = 0.5
	mean := math.Exp(s * s / 2)
	dev := math.Sqrt((math.Exp(s*s) - 1) * math.Exp(s*s))
	return func() float64 { return (math.Exp(s*r.NormFloat64()) - mean) / dev }
}

func autoregressive(phi float64) func(r *rand.Rand) func() float64 {
	return func(r *rand.Rand) func() float64 {
		y, gain := r.NormFloat64(), math.Sqrt(1-phi*phi)
		return func() float64 {
			y = phi*y + gain*r.NormFloat64()
			return y
		}
	}
}

// arma draws y = φy + e + θe′ with φ = .9 and θ = .6.
func arma(r *rand.Rand) func() float64 {
	const phi, theta = 0.9, 0.6
	dev := math.Sqrt((1 + 2*phi*theta + theta*theta) / (1 - phi*phi))
	y, last := 0.0, 0.0
	return func() float64 {
		e := r.NormFloat64()
		y, last = phi*y+e+theta*last, e
		return y / dev
	}
}

// garch draws Bollerslev's GARCH(1,1) with weights .05, .1 and .85: white, but
// calm and wild by turns.
func garch(r *rand.Rand) func() float64 {
	h, x := 1.0, 0.0
	return func() float64 {
		h = 0.05 + 0.1*x*x + 0.85*h
		x = math.Sqrt(h) * r.NormFloat64()
		return x
	}
}

// noisySine draws a sine of 200 values with as much power as the noise on it.
func noisySine(r *rand.Rand) func() float64 {
	t := 0.0
	return func() float64 {
		t++
		return math.Sin(2*math.Pi*t/200) + math.Sqrt(0.5)*r.NormFloat64()
	}
}

// streams returns the kinds of series that false alarms are counted on.
func streams() []stream {
	return []stream{
		{"Gauss", false, white},
		{"t3", false, student},
		{"lognormal", false, lognormal},
		{"AR(.9)", false, autoregressive(0.9)},
		{"ARMA(1,1)", false, arma},
		{"noisy sine", false, noisySine},
		{"AR(.99)", true, autoregressive(0.99)},
		{"GARCH", true, garch},
	}
}

func streamOf(name string) stream {
	all := streams()
	return all[slices.IndexFunc(all, func(s stream) bool { return s.name == name })]
}

package main

import (
	"math"
	"math/rand/v2"
	"slices"

	"github.com/quell-stream/quell/model/noise"
	"github.com/quell-stream/quell/model/synth"
)

func uniform(rng *rand.Rand, lo, hi float64) float64 { return lo + (hi-lo)*rng.Float64() }
func decades(rng *rand.Rand, lo, hi float64) float64 { return math.Pow(10, uniform(rng, lo, hi)) }

func deviation(x []float64) float64 {
	mean, s := 0.0, 0.0
	for _, v := range x {
		mean += v / float64(len(x))
	}
	for _, v := range x {
		s += (v - mean) * (v - mean)
	}
	return math.Sqrt(s / float64(len(x)))
}

func standardise(x []float64) {
	d := deviation(x)
	mean := 0.0
	for _, v := range x {
		mean += v / float64(len(x))
	}
	if d < 1e-12 {
		d = 1
	}
	for i := range x {
		x[i] = (x[i] - mean) / d
	}
}

// clean draws a recording as a sensor of its own small faults gives it.
func clean(n int, rng *rand.Rand) []float64 {
	x := make([]float64, n)
	switch u := rng.Float64(); {
	case u < .42:
		stretched(x, rng)
	case u < .6:
		vibration(x, rng)
	case u < .75:
		walk(x, rng)
	case u < .85:
		daily(x, rng)
	default:
		stretched(x, rng)
		y := make([]float64, n)
		walk(y, rng)
		g := uniform(rng, .1, 1)
		for i := range x {
			x[i] += g * y[i]
		}
	}
	standardise(x)
	warp(x, rng)
	standardise(x)
	sensor(x, rng)
	return x
}

// stretched is a signal of package synth, sampled up to eight times as fast.
func stretched(x []float64, rng *rand.Rand) {
	s := 1.0
	if rng.Float64() < .6 {
		s = math.Exp2(uniform(rng, 0, 3.5))
	}
	y := make([]float64, int(float64(len(x))/s)+4)
	for {
		synthetic(y, rng)
		if deviation(y) > 1e-9 {
			break
		}
	}
	if s == 1 {
		copy(x, y)
		return
	}
	for i := range x { // Catmull-Rom
		p := float64(i)/s + 1
		k := min(int(p), len(y)-3)
		f := p - float64(k)
		a, b, c, d := y[k-1], y[k], y[k+1], y[k+2]
		x[i] = b + .5*f*(c-a+f*(2*a-5*b+4*c-d+f*(3*(b-c)+d-a)))
	}
}

// families are those of package synth that are not like noise themselves.
var families = slices.DeleteFunc(synth.Families(), synth.Family.Rough)

// family draws one of package synth's signals.
func family(y []float64, rng *rand.Rand) {
	families[rng.IntN(len(families))].Generate(y, rng)
	standardise(y)
}

// synthetic is one of them, or the sum of two.
func synthetic(y []float64, rng *rand.Rand) {
	family(y, rng)
	if rng.Float64() < .4 {
		z := make([]float64, len(y))
		family(z, rng)
		g := uniform(rng, .1, 1)
		for i := range y {
			y[i] += g * z[i]
		}
	}
}

// vibration is resonances driven by noise, with the harmonics of a shaft.
func vibration(x []float64, rng *rand.Rand) {
	for range 1 + rng.IntN(4) {
		f, r := decades(rng, -1.7, -.33), 1-decades(rng, -2.5, -.3)
		a1, a2 := 2*r*math.Cos(2*math.Pi*f), -r*r
		g := decades(rng, -1, 0)
		y := make([]float64, len(x))
		for i := 2; i < len(x); i++ {
			y[i] = a1*y[i-1] + a2*y[i-2] + rng.NormFloat64()
		}
		d := deviation(y)
		for i := range x {
			x[i] += g * y[i] / d
		}
	}
	if rng.Float64() < .6 {
		f := decades(rng, -3, -1)
		for h := 1; h < 6; h++ {
			a, ph := .7*rng.NormFloat64()/float64(h), 7*rng.Float64()
			for i := range x {
				x[i] += a * math.Sin(2*math.Pi*f*float64(h*i)+ph)
			}
		}
	}
	if rng.Float64() < .5 { // shocks
		p, tau, f := decades(rng, 1.7, 3), decades(rng, .5, 1.7), uniform(rng, .05, .45)
		a := decades(rng, -.3, 1)
		for at := p * rng.Float64(); at < float64(len(x)); at += p * (1 + .02*rng.NormFloat64()) {
			for i := int(at); i < min(len(x), int(at+6*tau)); i++ {
				t := float64(i) - at
				x[i] += a * math.Exp(-t/tau) * math.Sin(2*math.Pi*f*t)
			}
		}
	}
}

// walk is a random walk, smoothed or not, of steady or changing speed, with a
// daily cycle or without.
func walk(x []float64, rng *rand.Rand) {
	keep := 1 - decades(rng, -4.5, -3)
	smooth := 0.0
	if rng.Float64() < .6 {
		smooth = 1 - decades(rng, -1.5, -.05)
	}
	v, s, speed, change := 0.0, 0.0, 0.0, uniform(rng, 0, 1.2)
	heavy := rng.Float64() < .5
	for i := range x {
		speed = .995*speed + .1*rng.NormFloat64()
		e := rng.NormFloat64() * math.Exp(change*speed)
		if heavy {
			e *= math.Exp(.8 * rng.NormFloat64())
		}
		s = smooth*s + (1-smooth)*e
		v = keep*v + s
		x[i] = v
	}
	standardise(x)
	if rng.Float64() < .5 {
		p, a, ph := decades(rng, 1.3, 3.2), decades(rng, -.5, .5), 7*rng.Float64()
		b, ph2 := uniform(rng, 0, .6), 7*rng.Float64()
		for i := range x {
			w := 2 * math.Pi * float64(i) / p
			x[i] += a * (math.Sin(w+ph) + b*math.Sin(2*w+ph2))
		}
	}
}

// daily is a cycle of some hours' readings that the weather makes stronger and
// weaker, and moves.
func daily(x []float64, rng *rand.Rand) {
	period := [...]float64{24, 24, 48, 96, 144, 288}[rng.IntN(6)]
	var a, ph [6]float64
	for h := range a {
		a[h], ph[h] = rng.NormFloat64()/float64(1+h), 7*rng.Float64()
	}
	keep := 1 - decades(rng, -2.7, -1.3)/period*24
	fresh := math.Sqrt(1 - keep*keep)
	strength, level, depth, move := 0.0, 0.0, uniform(rng, .1, 1), uniform(rng, 0, 1.5)
	for i := range x {
		strength = keep*strength + fresh*rng.NormFloat64()
		level = keep*level + fresh*rng.NormFloat64()
		s := 0.0
		for h := range a {
			s += a[h] * math.Sin(2*math.Pi*float64((h+1)*i)/period+ph[h])
		}
		x[i] = s*math.Exp(depth*strength) + move*level
	}
}

// warp bends, clips and gates.
func warp(x []float64, rng *rand.Rand) {
	if rng.Float64() < .2 {
		g := uniform(rng, .3, 1.5)
		for i, v := range x {
			x[i] = math.Exp(g * v)
		}
	}
	if rng.Float64() < .1 {
		lo := uniform(rng, -1, .3)
		for i, v := range x {
			x[i] = max(v, lo)
		}
	}
	if rng.Float64() < .15 { // phases of rest
		p, duty := decades(rng, 2.3, 3.5), uniform(rng, .2, .9)
		for i := range x {
			if _, f := math.Modf(float64(i) / p); f > duty {
				x[i] *= .05
			}
		}
	}
}

// sensor adds what every sensor adds: a little noise, perhaps behind an
// anti-aliasing filter, held readings and steps.
func sensor(x []float64, rng *rand.Rand) {
	if rng.Float64() < .75 {
		s := decades(rng, -2.7, -.6)
		if rng.Float64() < .15 { // mostly noise
			s = decades(rng, -.6, .3)
		}
		low := 0.0
		if s < .3 && rng.Float64() < .5 {
			low = uniform(rng, .2, .65)
		}
		y, z := 0.0, 0.0
		for i := range x { // two poles
			y = low*y + (1-low)*rng.NormFloat64()
			z = low*z + (1-low)*y
			x[i] += s * z
		}
	}
	if rng.Float64() < .1 {
		hold := 2 + rng.IntN(6)
		for i := range x {
			x[i] = x[i-i%hold]
		}
	}
	quantise(x, .7, rng)
}

func quantise(x []float64, p float64, rng *rand.Rand) {
	if rng.Float64() < p {
		step := decades(rng, -3.3, -.7)
		for i, v := range x {
			x[i] = step * math.Round(v/step)
		}
	}
}

// example draws a recording with noise and says whether it is coloured.
type example struct {
	x        []float64
	coloured bool
	kind     string
	snr      float64
	rho      float64 // of coloured noise
	sigma    float64 // of coloured noise, in the unit of x
}

func draw(n int, rng *rand.Rand) example {
	e := example{x: clean(n, rng), kind: "clean"}
	dev := deviation(e.x[:n*6/10])
	switch u := rng.Float64(); {
	case u < .3:
	case u < .5:
		e.kind, e.snr = "white", uniform(rng, -2, 35)
		add(e.x, noise.Step{Kind: "gaussian", Args: args("snr", e.snr, "sigma", math.NaN())}, dev, rng)
	default:
		e.kind, e.coloured = "ar1", true
		e.snr = uniform(rng, -2, 22)
		e.rho = .9
		if rng.Float64() < .4 {
			e.rho = uniform(rng, .7, .97)
		}
		e.colour(dev, rng)
	}
	if e.kind != "clean" {
		quantise(e.x, .2, rng)
	}
	return e
}

// drawColoured draws a recording with coloured noise.
func drawColoured(n int, rng *rand.Rand) example {
	e := example{x: clean(n, rng), kind: "ar1", coloured: true, snr: uniform(rng, -2, 22), rho: 1 - decades(rng, -1.7, -.3)}
	e.colour(deviation(e.x[:n*6/10]), rng)
	quantise(e.x, .2, rng)
	return e
}

// colour adds noise of rho and snr to a recording of a deviation.
func (e *example) colour(dev float64, rng *rand.Rand) {
	e.sigma = dev * math.Pow(10, -e.snr/20)
	add(e.x, noise.Step{Kind: "ar1", Args: args("snr", e.snr, "sigma", math.NaN(), "rho", e.rho)}, dev, rng)
}

func args(kv ...any) []noise.Arg {
	var a []noise.Arg
	for i := 0; i < len(kv); i += 2 {
		v := kv[i+1].(float64)
		a = append(a, noise.Arg{Name: kv[i].(string), Value: noise.Range{Lo: v, Hi: v}})
	}
	return a
}

func add(x []float64, s noise.Step, dev float64, rng *rand.Rand) {
	noise.Chain{s}.Apply(x, nil, dev, rng)
}

package synth

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/dsp/fourier"
)

const turn = 2 * math.Pi

func sines(x []float64, rng *rand.Rand) {
	for range 1 + rng.IntN(6) {
		f := decades(rng, -3, -.7)
		a := math.Pow(f/.01, -rng.Float64())
		start := rng.Float64()
		fm, fmStart := decades(rng, -4, -2.3), uniform(rng, 0, turn)
		depth := uniform(rng, 0, .8)
		am, amStart := decades(rng, -3.5, -2), uniform(rng, 0, turn)
		for i := range x {
			t := float64(i)
			phase := turn * (f*t + start + .3*math.Sin(turn*t*fm+fmStart))
			x[i] += a * math.Sin(phase) * (1 + depth*math.Sin(turn*t*am+amStart))
		}
	}
}

// pulses repeats a pattern of two to six bumps with a jittered period and
// jittered heights, over a weak coloured background.
func pulses(x []float64, rng *rand.Rand) {
	period := decades(rng, 1.5, 2.7)
	n := int(float64(len(x))/period) + 4
	jitter := uniform(rng, 0, .08)
	at := -period * uniform(rng, 0, 2)
	centres := make([]float64, n)
	for i := range centres {
		at += period * (1 + jitter*rng.NormFloat64())
		centres[i] = at
	}
	for range 2 + rng.IntN(5) {
		width := max(period*decades(rng, -2.1, -.9), 1)
		offset := uniform(rng, -.5, .5) * period
		a := rng.NormFloat64() * [...]float64{.15, .15, .15, .15, .4, .4, .4, 1, 1, 1}[rng.IntN(10)]
		if width <= period*.05 {
			a *= 1.5 // narrow bumps stand out
		}
		left, right := width, width
		if rng.Uint64()&1 == 0 {
			left, right = .4*width, 1.6*width
		}
		for _, c := range centres {
			bump(x, c+offset, left, right, a*(1+.1*rng.NormFloat64()))
		}
	}
	_, dev := moments(x)
	b, weight := uniform(rng, 2, 4), uniform(rng, 0, .3)
	background := make([]float64, len(x))
	colour(background, b, rng)
	addTo(x, background, weight*dev)
}

// bump adds a Gaussian with different widths on its two sides.
func bump(x []float64, centre, left, right, a float64) {
	const reach = 6 // exp(-18) is nothing
	from := max(0, int(math.Floor(centre-reach*left)))
	to := min(len(x), int(math.Ceil(centre+reach*right))+1)
	for i := from; i < to; i++ {
		d := float64(i) - centre
		s := right
		if d < 0 {
			s = left
		}
		x[i] += a * math.Exp(-.5*(d/s)*(d/s))
	}
}

// colour fills x with Gaussian noise of the spectrum 1/(f²+k²)^(b/2), mean 0 and
// deviation 1, cut from a period of at least twice the length.
func colour(x []float64, b float64, rng *rand.Rand) {
	n := 1 << bits.Len(uint(max(2*len(x), 4)-1))
	corner := decades(rng, -3, -1.5)
	fft := fourier.NewFFT(n)
	coeff := make([]complex128, n/2+1)
	for i := range coeff {
		f := float64(i) / float64(n)
		if i == 0 {
			f = 1 // the mean is taken away anyhow
		}
		s := math.Pow(f*f+corner*corner, -b/4)
		coeff[i] = complex(s*rng.NormFloat64(), s*rng.NormFloat64())
	}
	copy(x, fft.Sequence(nil, coeff))
	standardise(x)
}

func steps(x []float64, rng *rand.Rand) {
	at := make([]int, count(rng, 1+rng.IntN(11), len(x)))
	for i := range at {
		at[i] = rng.IntN(len(x))
	}
	slices.Sort(at)
	level, next := 0.0, 0
	for i := range x {
		for next < len(at) && at[next] <= i {
			level += rng.NormFloat64()
			next++
		}
		x[i] = level
	}
	if rng.Float64() < .5 { // the sensor responds slowly
		keep := math.Exp(-1 / decades(rng, .2, 1.8))
		y := x[0]
		for i := range x {
			y = keep*y + (1-keep)*x[i]
			x[i] = y
		}
	}
	if rng.Float64() < .4 {
		ramps(x, rng)
	}
}

// ramps adds a piecewise linear curve.
func ramps(x []float64, rng *rand.Rand) {
	knots := make([]int, max(2, count(rng, 6, len(x))))
	for i := range knots {
		knots[i] = rng.IntN(len(x))
	}
	knots[0], knots[1] = 0, len(x)-1
	slices.Sort(knots)
	from := 1.5 * rng.NormFloat64()
	for k := 1; k < len(knots); k++ {
		to := 1.5 * rng.NormFloat64()
		a, b := knots[k-1], knots[k]
		for i := a; i < b; i++ {
			x[i] += from + (to-from)*float64(i-a)/float64(b-a)
		}
		from = to
	}
	x[len(x)-1] += from
}

func wave(x []float64, rng *rand.Rand) {
	period, start, duty := decades(rng, 1.2, 2.5), rng.Float64(), uniform(rng, .1, .9)
	shape, gain := rng.IntN(3), uniform(rng, .5, 1.5)
	for i := range x {
		_, ph := math.Modf(float64(i)/period + start)
		v := 0.0
		switch {
		case shape == 0 && ph < duty:
			v = 1
		case shape == 1 && ph < duty:
			v = ph / duty
		case shape == 1:
			v = (1 - ph) / (1 - duty)
		case shape == 2:
			v = math.Abs(math.Sin(math.Pi * ph))
		}
		x[i] = gain * v
	}
	background := make([]float64, len(x))
	colour(background, 3, rng)
	addTo(x, background, .5*rng.Float64())
}

func ring(x []float64, rng *rand.Rand) {
	for range count(rng, 1+rng.IntN(9), len(x)) {
		start := rng.IntN(len(x)+50) - 50
		f, tau, a := decades(rng, -2, -.6), decades(rng, .7, 2), rng.NormFloat64()
		for i := max(start, 0); i < min(len(x), start+int(12*tau)); i++ {
			t := float64(i - start)
			x[i] += a * math.Exp(-t/tau) * math.Sin(turn*f*t)
		}
	}
}

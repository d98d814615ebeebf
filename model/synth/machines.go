package synth

import (
	"math"
	"math/rand/v2"
)

// waveform repeats a pulse that rises fast and falls slowly, with a notch and an
// echo now and then, as of pressure behind a pump or a heart, over a background
// that wanders with it.
func waveform(x []float64, rng *rand.Rand) {
	period := decades(rng, 1.2, 2.6)
	jitter, strong := uniform(rng, 0, .08), uniform(rng, 0, .2)
	rise := period * decades(rng, -2, -.8)
	fall := period * decades(rng, -1, .3)
	echo, after := uniform(rng, 0, .6), uniform(rng, .2, .6)*period
	width := max(period*decades(rng, -1.8, -.8), 1)
	for at := -4 * period; at < float64(len(x)); at += period * max(.3, 1+jitter*rng.NormFloat64()) {
		a := 1 + strong*rng.NormFloat64()
		for i := max(0, int(math.Ceil(at))); i < min(len(x), int(at+6*fall+6*rise)+1); i++ {
			t := float64(i) - at
			x[i] += a * (1 - math.Exp(-t/rise)) * math.Exp(-t/fall)
		}
		bump(x, at+after, width, width*uniform(rng, 1, 2), a*echo*uniform(rng, .7, 1))
	}
	withBackground(x, uniform(rng, 0, .3), rng)
}

// withBackground adds coloured noise of a share of the signal's own deviation.
func withBackground(x []float64, share float64, rng *rand.Rand) {
	_, dev := moments(x)
	background := make([]float64, len(x))
	colour(background, uniform(rng, 2, 4), rng)
	addTo(x, background, share*dev)
}

// beating adds carriers a little apart, as of machines on one foundation, some of
// them modulated by a rotation.
func beating(x []float64, rng *rand.Rand) {
	f := decades(rng, -2, -.6)
	for range 2 + rng.IntN(3) {
		a, start := math.Abs(rng.NormFloat64())+.2, uniform(rng, 0, turn)
		fi := f * (1 + decades(rng, -3, -1.2)*rng.NormFloat64())
		depth, fm, fmStart := uniform(rng, 0, .9), decades(rng, -3, -1.7), uniform(rng, 0, turn)
		if rng.Uint64()&1 == 0 {
			depth = 0
		}
		for i := range x {
			t := float64(i)
			x[i] += a * math.Sin(turn*fi*t+start) * (1 + depth*math.Sin(turn*fm*t+fmStart))
		}
	}
	withBackground(x, uniform(rng, 0, .5), rng)
}

// relay is a process between the two thresholds of a switch with hysteresis: it
// goes towards one end exponentially until it is switched, after a dead time,
// towards the other, as of a thermostat or a compressor.
func relay(x []float64, rng *rand.Rand) {
	up, down := decades(rng, 1, 2.6), decades(rng, 1, 2.6) // time constants
	high, low := uniform(rng, 1.2, 4), uniform(rng, -4, -1.2)
	dead := int(decades(rng, 0, 1.5))
	y, on, flip := uniform(rng, -1, 1), rng.Uint64()&1 == 0, -1
	wander := make([]float64, len(x))
	colour(wander, 3, rng)
	gain := uniform(rng, 0, .3)
	for i := range x {
		if flip < 0 && (on && y > 1 || !on && y < -1) {
			flip = dead
		}
		if flip >= 0 {
			if flip == 0 {
				on = !on
			}
			flip--
		}
		if on {
			y += (high - y) / up
		} else {
			y += (low - y) / down
		}
		x[i] = y + gain*wander[i]
	}
}

// process is the answer of a plant of second order to a set point that steps,
// after a dead time: from sluggish to ringing.
func process(x []float64, rng *rand.Rand) {
	omega, damping := turn*decades(rng, -3, -1.2), decades(rng, -1, .4)
	dead := int(decades(rng, 0, 2))
	every := decades(rng, 1.8, 2.8)
	target, y, v := rng.NormFloat64(), 0.0, 0.0
	queue := make([]float64, dead+1)
	// Steps of the integration are a tenth of a sample, so that fast plants are stable.
	const parts = 10
	for i := range x {
		if rng.Float64() < 1/every {
			target = 1.5 * rng.NormFloat64()
		}
		queue[i%len(queue)] = target
		set := queue[(i+1)%len(queue)]
		for range parts {
			v += (omega*omega*(set-y) - 2*damping*omega*v) / parts
			y += v / parts
		}
		x[i] = y
	}
	withBackground(x, uniform(rng, 0, .2), rng)
}

// batch repeats a recipe of ramps, holds and exponential approaches, each run a
// little different, as of ovens, reactors and dosing.
func batch(x []float64, rng *rand.Rand) {
	type phase struct {
		to, length float64
		kind       int
	}
	recipe := make([]phase, 2+rng.IntN(5))
	for k := range recipe {
		recipe[k] = phase{1.5 * rng.NormFloat64(), decades(rng, .8, 2.3), rng.IntN(3)}
	}
	spread := uniform(rng, 0, .15)
	y := rng.NormFloat64()
	i := -rng.IntN(200)
	for i < len(x) {
		for _, p := range recipe {
			from, to := y, p.to*(1+spread*rng.NormFloat64())
			n := max(1, int(p.length*(1+spread*rng.NormFloat64())))
			for k := range n {
				switch f := float64(k+1) / float64(n); p.kind {
				case 0: // ramp
					y = from + (to-from)*f
				case 1: // approach
					y = to + (from-to)*math.Exp(-5*f)
				default: // jump and hold
					y = to
				}
				if i >= 0 && i < len(x) {
					x[i] = y
				}
				i++
			}
		}
	}
	withBackground(x, uniform(rng, 0, .1), rng)
}

// calendar is a day's course with its own shape, less on some days of a week, on
// slow weather.
func calendar(x []float64, rng *rand.Rand) {
	day := decades(rng, 1.4, 2.8)
	var a, start [4]float64
	for k := range a {
		a[k], start[k] = rng.NormFloat64()/float64(k+1), uniform(rng, 0, turn)
	}
	off, quiet := rng.IntN(4), uniform(rng, 0, 1) // days of a week, and what is left of the course
	noon, wide := uniform(rng, 0, 1), uniform(rng, .03, .2)
	peak := uniform(rng, 0, 2)
	first := rng.IntN(7)
	for i := range x {
		days, hour := math.Modf(float64(i)/day + noon)
		gain := 1.0
		if (int(days)+first)%7 < off {
			gain = quiet
		}
		for k := range a {
			x[i] += a[k] * math.Sin(turn*hour*float64(k+1)+start[k])
		}
		d := (hour - .5) / wide
		x[i] += gain * peak * math.Exp(-.5*d*d)
	}
	withBackground(x, uniform(rng, .1, 1), rng)
}

// onOff is a machine that runs now and then: a level with its hum, a surge when
// it starts, an after-run when it stops.
func onOff(x []float64, rng *rand.Rand) {
	run, rest := decades(rng, 1.2, 2.6), decades(rng, 1.2, 2.6)
	hum, f := uniform(rng, 0, .3), decades(rng, -1.7, -.6)
	surge, settle := uniform(rng, 0, 2), decades(rng, .3, 1.3)
	fall := decades(rng, -.5, 1.5)
	on, since, level := rng.Uint64()&1 == 0, 1000, 1.0
	y := 0.0
	for i := range x {
		mean := rest
		if on {
			mean = run
		}
		if rng.Float64() < 1/mean {
			on, since = !on, 0
			level = 1 + .2*rng.NormFloat64()
		}
		t := float64(since)
		if on {
			y = level * (1 + surge*math.Exp(-t/settle))
			x[i] = y + hum*math.Sin(turn*f*float64(i))
		} else {
			y -= y * min(1, 1/fall)
			x[i] = y
		}
		since++
	}
	withBackground(x, uniform(rng, 0, .2), rng)
}

// vibration is what an accelerometer on a machine sees: up to four resonances that a rough
// force, the blows of a rotation or both excite, or harmonics of the rotation, or all of it.
// Unlike the other families it has as much between half and all of the fastest frequency.
func vibration(x []float64, rng *rand.Rand) {
	rotation := decades(rng, -2.6, -1)
	part := make([]float64, len(x))
	kind := rng.Float64()
	if kind < .8 {
		force := rotating(rotation, rng)
		for range 1 + rng.IntN(4) {
			resonance(part, force, rng)
			addTo(x, part, math.Abs(rng.NormFloat64())+.1)
		}
	}
	if kind > .5 {
		clear(part)
		for k := range 1 + rng.IntN(12) {
			f, a, start := rotation*float64(k+1), rng.NormFloat64()/math.Sqrt(float64(k+1)), uniform(rng, 0, turn)
			if f > fastest {
				break
			}
			for i := range part {
				part[i] += a * math.Sin(turn*f*float64(i)+start)
			}
		}
		standardise(part)
		addTo(x, part, decades(rng, -1, .5))
	}
	withBackground(x, uniform(rng, 0, .3), rng)
}

// fastest is the highest frequency of a vibration, in cycles a sample: an anti-aliasing
// filter leaves nothing beyond.
const fastest = .46

// rotating returns what draws the next sample of a force: rough, with blows at the rotation's
// frequency, and modulated by it.
func rotating(frequency float64, rng *rand.Rand) func(i int) float64 {
	rough, blow := 1.0, 0.0
	if rng.Float64() < .6 {
		rough, blow = uniform(rng, 0, .5), uniform(rng, 1, 6)
	}
	depth, start, jitter := uniform(rng, 0, .9), uniform(rng, 0, turn), uniform(rng, 0, .02)
	if rng.Uint64()&1 == 0 {
		depth = 0
	}
	phase := rng.Float64()
	return func(i int) float64 {
		v := rough * rng.NormFloat64() * (1 + depth*math.Sin(turn*frequency*float64(i)+start))
		if phase += frequency * (1 + jitter*rng.NormFloat64()); phase >= 1 {
			phase--
			v += blow * (1 + .2*rng.NormFloat64())
		}
		return v
	}
}

// resonance fills x with what a resonator of second order makes of the force, deviation 1.
func resonance(x []float64, force func(i int) float64, rng *rand.Rand) {
	f, wide := uniform(rng, .02, fastest), decades(rng, -3, -1.2)
	r := math.Exp(-math.Pi * wide)
	a, b := 2*r*math.Cos(turn*f), -r*r
	before := int(min(1/wide, 300)) // until it swings as it will
	y, y1 := 0.0, 0.0
	for i := -before; i < len(x); i++ {
		y, y1 = a*y+b*y1+force(i), y
		if i >= 0 {
			x[i] = y
		}
	}
	standardise(x)
}

// saturate holds a standardised signal within rails that cut some of it off, or
// bends it towards them.
func saturate(x []float64, rng *rand.Rand) {
	lo, hi := -uniform(rng, .5, 2), uniform(rng, .5, 2)
	switch rng.IntN(3) {
	case 0:
		lo = math.Inf(-1)
	case 1:
		hi = math.Inf(1)
	}
	soft := rng.Float64() < .3
	for i, v := range x {
		if soft {
			v = math.Tanh(v)
		}
		x[i] = min(max(v, lo), hi)
	}
}

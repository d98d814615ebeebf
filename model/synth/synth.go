// Package synth makes the synthetic signals that the base model is trained on:
// families of shapes that sensors see (oscillations, pulse trains, coloured
// random walks, steps, geometric waves, ringing, vibration, and the ways of machines and
// processes), and their mix. Everything is drawn from the generator that the
// caller passes.
package synth

import (
	"math"
	"math/rand/v2"
)

// Family is a kind of signal.
type Family uint8

// The families.
const (
	Sines     Family = iota // up to six sinusoids, modulated in amplitude and phase
	Pulses                  // quasi-periodic trains of bumps, as of a heart or a machine cycle
	Colour                  // Gaussian noise with a power-law spectrum
	Steps                   // jumps, with or without a slow response
	Wave                    // rectangles, saw teeth and rectified sines
	Ring                    // decaying oscillations
	Waveform                // trains of pulses that rise fast and fall slowly, as of pressure
	Beating                 // vibrations a little apart, and modulated ones
	Relay                   // exponential courses between the thresholds of a switch, with dead time
	Process                 // a plant of second order behind a dead time, after steps of its set point
	Batch                   // a recipe of ramps, holds and approaches, again and again
	Calendar                // days and weeks, on slow weather
	OnOff                   // a machine that runs now and then, with surge, hum and after-run
	Vibration               // resonances of a structure and harmonics of a rotation, up to the fastest that can be sampled
	families
)

// String returns the family's name.
func (f Family) String() string {
	return [...]string{"sines", "pulses", "colour", "steps", "wave", "ring",
		"waveform", "beating", "relay", "process", "batch", "calendar", "on-off", "vibration"}[f]
}

// Families returns all families.
func Families() []Family {
	fs := make([]Family, families)
	for i := range fs {
		fs[i] = Family(i)
	}
	return fs
}

// Rough says whether a signal of the family may change as fast as noise does, so that its
// finest details are taken for noise.
func (f Family) Rough() bool { return f == Colour || f == Vibration }

// share is how often Sample picks each family.
var share = [families]float64{Sines: .11, Pulses: .28, Colour: .16, Steps: .08, Wave: .05, Ring: .05,
	Waveform: .08, Beating: .04, Relay: .02, Process: .03, Batch: .03, Calendar: .02, OnOff: .02, Vibration: .03}

// eventsPer is the length that densities of events refer to.
const eventsPer = 512

// Generate fills dst with a signal of the family, in no particular scale. An
// unknown family panics.
func (f Family) Generate(dst []float64, rng *rand.Rand) {
	clear(dst)
	if len(dst) == 0 {
		return
	}
	switch f {
	case Sines:
		sines(dst, rng)
	case Pulses:
		pulses(dst, rng)
	case Colour:
		colour(dst, uniform(rng, .6, 4), rng)
	case Steps:
		steps(dst, rng)
	case Wave:
		wave(dst, rng)
	case Ring:
		ring(dst, rng)
	case Waveform:
		waveform(dst, rng)
	case Beating:
		beating(dst, rng)
	case Relay:
		relay(dst, rng)
	case Process:
		process(dst, rng)
	case Batch:
		batch(dst, rng)
	case Calendar:
		calendar(dst, rng)
	case OnOff:
		onOff(dst, rng)
	case Vibration:
		vibration(dst, rng)
	default:
		panic("synth: Generate: unknown family")
	}
}

// Sample fills dst with a signal of the mix: one family, or in a quarter of
// the cases the sum of two. It has mean 0 and deviation 1, unless it happens to
// be constant, when it is 0.
func Sample(dst []float64, rng *rand.Rand) {
	pick(rng).Generate(dst, rng)
	if rng.Float64() < .25 {
		standardise(dst)
		second := make([]float64, len(dst))
		pick(rng).Generate(second, rng)
		standardise(second)
		addTo(dst, second, uniform(rng, .1, 1))
	}
	standardise(dst)
	if rng.Float64() < .06 { // the sensor's range ends within the signal's
		saturate(dst, rng)
		standardise(dst)
	}
}

func pick(rng *rand.Rand) Family {
	u := rng.Float64()
	for f, p := range share {
		if u -= p; u < 0 {
			return Family(f)
		}
	}
	return Colour
}

func uniform(rng *rand.Rand, lo, hi float64) float64 { return lo + (hi-lo)*rng.Float64() }

// decades draws 10^U(lo,hi).
func decades(rng *rand.Rand, lo, hi float64) float64 { return math.Pow(10, uniform(rng, lo, hi)) }

// moments returns mean and deviation.
func moments(x []float64) (mean, dev float64) {
	for _, v := range x {
		mean += v
	}
	mean /= float64(max(len(x), 1))
	for _, v := range x {
		dev += (v - mean) * (v - mean)
	}
	return mean, math.Sqrt(dev / float64(max(len(x), 1)))
}

// standardise gives x mean 0 and deviation 1; a constant becomes 0.
func standardise(x []float64) {
	mean, dev := moments(x)
	if dev < 1e-9 {
		clear(x)
		return
	}
	for i := range x {
		x[i] = (x[i] - mean) / dev
	}
}

func addTo(dst, x []float64, gain float64) {
	for i, v := range x {
		dst[i] += gain * v
	}
}

// count scales a number of events per 512 samples to the length of the signal,
// rounding at random.
func count(rng *rand.Rand, per512, n int) int {
	want := float64(per512) * float64(n) / eventsPer
	k := int(want)
	if rng.Float64() < want-float64(k) {
		k++
	}
	return max(k, 1)
}

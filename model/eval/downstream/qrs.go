package downstream

import (
	"math"
)

// LeastRateHz is the lowest sampling rate at which heartbeats can be looked for:
// twice the upper corner of the detector's band, and some room.
const LeastRateHz = 50

// FindBeats returns the samples of the heartbeats in an ECG, rising, by the
// method of Pan and Tompkins (1985): band-pass, derivative, square, mean over
// 150 ms, and two thresholds that follow the peaks of beats and of noise, with
// search back after a pause of 1.66 times the usual and a test of the slope for
// T waves within 360 ms. A beat is where the band-passed signal is largest
// within 75 ms.
//
// Three things differ from the paper. The band, 5 to 15 Hz, is a Butterworth
// filter run both ways: it works at any rate and delays nothing. Thresholds are
// kept for the mean of squares only, not for the band-passed signal as well. The
// first two seconds set the thresholds and are then searched like the rest.
//
// Missing samples take the value before them. A rate below LeastRateHz panics.
func FindBeats(x []float64, rateHz float64) []int {
	if !(rateHz >= LeastRateHz) {
		panic("downstream: rate too low for heartbeats")
	}
	if len(x) < int(rateHz) {
		return nil
	}
	d := &beatFinder{band: held(x), rate: rateHz}
	butterworth(2*math.Pi*5/rateHz, true).bothWays(d.band)
	butterworth(2*math.Pi*15/rateHz, false).bothWays(d.band)
	d.differentiate()
	squares := make([]float64, len(x))
	for i, v := range d.slope {
		squares[i] = v * v
	}
	d.energy = movingMean(squares, d.samples(.075))
	d.begin()
	for _, p := range peaks(d.energy, d.samples(.2)) {
		d.take(p)
	}
	return d.found()
}

type beatFinder struct {
	rate                float64
	band, slope, energy []float64

	signal, noise float64 // running peaks of beats and of noise
	beats         []int   // peaks of energy
	passed        []int   // peaks since the last beat that were taken for noise
}

func (d *beatFinder) samples(seconds float64) int { return int(math.Round(seconds * d.rate)) }

// differentiate is the paper's five-point derivative (eq. 9), its points as far
// apart in time as at the paper's 200 Hz.
func (d *beatFinder) differentiate() {
	step := max(1, d.samples(1./200))
	n := len(d.band)
	at := func(i int) float64 { return d.band[min(max(i, 0), n-1)] }
	d.slope = make([]float64, n)
	for i := range d.slope {
		d.slope[i] = (2*at(i+2*step) + at(i+step) - at(i-step) - 2*at(i-2*step)) / 8
	}
}

// begin sets the running peaks from the first two seconds.
func (d *beatFinder) begin() {
	n := min(len(d.energy), d.samples(2))
	mean := 0.0
	for _, v := range d.energy[:n] {
		d.signal = max(d.signal, v)
		mean += v / float64(n)
	}
	d.signal, d.noise = d.signal/2, mean/2
}

func (d *beatFinder) threshold() float64 { return d.noise + .25*(d.signal-d.noise) }

// take decides about the next peak.
func (d *beatFinder) take(p int) {
	d.searchBack(p)
	v := d.energy[p]
	if v > d.threshold() && !d.isTWave(p) {
		d.signal += .125 * (v - d.signal)
		d.beats, d.passed = append(d.beats, p), d.passed[:0]
		return
	}
	d.noise += .125 * (v - d.noise)
	d.passed = append(d.passed, p)
}

// searchBack takes the largest peak since the last beat for one, at half the
// threshold, if there has been none for too long.
func (d *beatFinder) searchBack(now int) {
	usual := d.usualInterval()
	if usual == 0 || float64(now-d.beats[len(d.beats)-1]) < 1.66*usual {
		return
	}
	best := -1
	for i, p := range d.passed {
		if d.energy[p] > d.threshold()/2 && !d.isTWave(p) && (best < 0 || d.energy[p] > d.energy[d.passed[best]]) {
			best = i
		}
	}
	if best < 0 {
		return
	}
	p := d.passed[best]
	d.signal += .25 * (d.energy[p] - d.signal)
	d.beats = append(d.beats, p)
	d.passed = d.passed[:copy(d.passed, d.passed[best+1:])]
}

// usualInterval returns the mean of the last eight intervals, 0 where there is
// none.
func (d *beatFinder) usualInterval() float64 {
	n := len(d.beats)
	k := min(n-1, 8)
	if k < 1 {
		return 0
	}
	return float64(d.beats[n-1]-d.beats[n-1-k]) / float64(k)
}

// isTWave says whether a peak is so close behind a beat, and so much less steep,
// that it must be its T wave.
func (d *beatFinder) isTWave(p int) bool {
	if len(d.beats) == 0 {
		return false
	}
	last := d.beats[len(d.beats)-1]
	return p-last < d.samples(.36) && d.steepest(p) < d.steepest(last)/2
}

func (d *beatFinder) steepest(p int) (most float64) {
	h := d.samples(.075)
	for _, v := range d.slope[max(p-h, 0):min(p+h+1, len(d.slope))] {
		most = max(most, math.Abs(v))
	}
	return most
}

// found returns where the band-passed signal is largest around each beat.
func (d *beatFinder) found() []int {
	h := d.samples(.075)
	out := make([]int, 0, len(d.beats))
	for _, p := range d.beats {
		at := p
		for i := max(p-h, 0); i < min(p+h+1, len(d.band)); i++ {
			if math.Abs(d.band[i]) > math.Abs(d.band[at]) {
				at = i
			}
		}
		out = append(out, at)
	}
	return out
}

// peaks returns the local maxima of x that are the largest within apart samples
// of the one kept before, rising.
func peaks(x []float64, apart int) (out []int) {
	for i := 1; i+1 < len(x); i++ {
		if !(x[i] > x[i-1] && x[i] >= x[i+1]) {
			continue
		}
		if n := len(out); n > 0 && i-out[n-1] < apart {
			if x[i] > x[out[n-1]] {
				out[n-1] = i
			}
			continue
		}
		out = append(out, i)
	}
	return out
}

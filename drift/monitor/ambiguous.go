package monitor

import "math"

// Changes that one channel can't tell apart: a factor on everything may be the
// process or the gain of the sensor, a step of the level may be the process or a
// bias, and what adds noise of a colour may be either.

// byOneFactor says whether everything changed by one factor, and then puts it
// down to the amplitude. Of white noise about a level that is a change of the
// noise, and no factor is told.
func (c *comparison) byOneFactor(j *judgement) bool {
	r := c.ratio(statPower)
	if math.Abs(r) <= smallest || c.white() {
		return false
	}
	for k := range lags {
		u := &c.u[statDiff+k]
		if math.IsNaN(c.s[statDiff+k]) || u.n < segment {
			continue
		}
		// What they share of the scatter of the amplitude does not count: in units
		// of the power the differences are known better.
		tol := logSD(c.relative(statDiff + k))
		if k < ratios {
			tol = min(tol, c.shrink*c.u[statRatio+k].sd())
		}
		if d := math.Abs(c.ratio(statDiff+k) - r); d > max(0.5*smallest, min(3*tol, smallest)) {
			return false
		}
	}
	j.gain, j.ampMoved, j.speedMoved, j.noiseMoved = true, true, false, false
	j.amplitude, j.speed = math.Exp(r/2), 1
	return true
}

// white says whether the channel is usually white noise and little else.
func (c *comparison) white() bool {
	for k := range ratios {
		if u := &c.u[statRatio+k]; u.n >= segment && math.Abs(u.mean-math.Ln2) > 0.35 {
			return false
		}
	}
	return true
}

// tinged says whether more noise, read from the statistic of, is not white: then
// noise over every second sample grew by as much.
func (c *comparison) tinged(of int) bool {
	if math.IsNaN(c.s[statCoarse]) || !(c.u[statCoarse].mean > c.floor) {
		return false
	}
	n := c.change(of)
	r, z := c.excess(statCoarse, 1, n)
	return math.Abs(r) > 0.45 && z > 1
}

// colours are the correlations of neighbours that noise is tried with. From
// least on, it is not white.
var colours = [...]float64{0.3, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98, 0.99}

// asColoured says whether the change is what first-order autoregressive noise,
// independent of the signal, would make of the differences: 2v(1 − ρˡ) more over
// l samples, and v more power.
func (c *comparison) asColoured() bool {
	for _, rho := range colours {
		var gain [len(lags)]float64
		num, den := 0.0, 0.0
		for k, l := range lags {
			gain[k] = 2 * (1 - math.Pow(rho, float64(l)))
			i := statDiff + k
			if math.IsNaN(c.s[i]) || c.u[i].n < segment {
				return false
			}
			w := 1 / ((c.s[i] + c.floor) * (c.s[i] + c.floor))
			num += w * gain[k] * (c.s[i] - c.u[i].mean)
			den += w * gain[k] * gain[k]
		}
		v := num / den
		if v <= 0 {
			continue
		}
		fits := c.near(statPower, v, 1.5)
		for k := range lags {
			fits = fits && c.near(statDiff+k, gain[k]*v, 1)
		}
		if fits {
			return true
		}
	}
	return false
}

// near says whether a statistic is what more of it would make of the usual one.
func (c *comparison) near(i int, more, wide float64) bool {
	tol := logSD(math.Hypot(c.relative(i), 0.15))
	return math.Abs(math.Log((c.s[i]+c.floor)/(c.u[i].mean+more+c.floor))) < wide*max(0.25, min(1.5*tol, smallest))
}

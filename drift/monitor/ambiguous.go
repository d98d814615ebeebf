package monitor

import "math"

// Changes that one channel can't tell apart: a factor on everything may be the
// process or the gain of the sensor, a step of the level may be the process or a
// bias, and what adds noise of a colour may be either.

// byOneFactor says whether everything, or everything but the noise, changed by
// one factor, and then puts it down to the amplitude. Of white noise about a
// level that is a change of the noise, and no factor is told.
func (c *comparison) byOneFactor(j *judgement) bool {
	if c.white() {
		return false
	}
	n, u := c.s[statNoise], c.u[statNoise].mean
	r, ok := c.factor(0, 0)
	if !ok && !math.IsNaN(n) {
		if r, ok = c.factor(n, u); !ok {
			r, ok = c.factor(u, u)
		}
	}
	if !ok {
		return false
	}
	j.gain, j.ampMoved, j.speedMoved, j.noiseMoved, j.tinged = true, true, false, false, false
	j.amplitude, j.speed = math.Exp(r/2), 1
	return true
}

// factor returns the logarithm of the factor of the power and whether it is that
// of the differences, and worth a name, once white noise of variance now and
// then is taken out. Where little was left, all that can be said is that more
// came out of it than the factor makes of that little.
func (c *comparison) factor(now, then float64) (r float64, same bool) {
	const little = 0.3 // of what was there
	left := func(i int, gain float64) (float64, bool) {
		a, b := c.s[i]-gain*now, c.u[i].mean-gain*then
		return math.Log((a + c.floor) / (b + c.floor)), b > little*c.u[i].mean && a > 0.1*c.s[i]
	}
	r, ok := left(statPower, 1)
	if !ok || math.Abs(r) <= smallest {
		return r, false
	}
	for k := range lags {
		if math.IsNaN(c.s[statDiff+k]) || c.u[statDiff+k].n < segment {
			continue
		}
		d, ok := left(statDiff+k, 2)
		// What they share of the scatter of the amplitude does not count: in units
		// of the power the differences are known better.
		tol := logSD(c.relative(statDiff + k))
		if k < ratios {
			tol = min(tol, c.shrink*c.u[statRatio+k].sd())
		}
		if ok && math.Abs(d-r) > max(0.5*smallest, min(3*tol, smallest)) {
			return r, false
		}
		if c.s[statDiff+k]-2*now > 1.5*math.Exp(r)*max(little*c.u[statDiff+k].mean, c.u[statDiff+k].mean-2*then) {
			return r, false
		}
	}
	return r, true
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
	if c.shrink < 0.6 { // seen for long: the likelier of the two
		return r > 0.4 && z > 1
	}
	return r > 0.45 && z > 4*c.shrink
}

// colours are the correlations of neighbours that noise is tried with. From
// least on, it is not white.
var colours = [...]float64{0.3, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98, 0.99}

// asColoured says whether the change is what first-order autoregressive noise,
// independent of the signal, would make of the differences: 2v(1 − ρˡ) more over
// l samples, and v more power. Jumps, which have such differences too, do not
// move the medians that the noise is read from; such noise does.
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
		fits := c.near(statPower, v, 1.5) && c.near(statNoise, v*third(rho)/20, 2) && c.near(statCoarse, v*third(rho*rho)/20, 2)
		for k := range lags {
			fits = fits && c.near(statDiff+k, gain[k]*v, 1)
		}
		if fits {
			return true
		}
	}
	return false
}

// third returns the variance of third differences of such noise of variance 1.
func third(rho float64) float64 { return 20 - rho*(30-rho*(12-2*rho)) }

// near says whether a statistic is what more of it would make of the usual one.
func (c *comparison) near(i int, more, wide float64) bool {
	if math.IsNaN(c.s[i]) || !(c.u[i].mean > c.floor) {
		return true // nothing known
	}
	tol := max(0.15, min(1.5*logSD(c.relative(i)), smallest))
	return math.Abs(math.Log((c.s[i]+c.floor)/(c.u[i].mean+more+c.floor))) < wide*tol
}

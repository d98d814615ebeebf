package monitor

import (
	"fmt"
	"math"
)

// The kinds of drift.
const (
	Noise   = "noise"   // the noise level changed, the signal under it did not
	Regime  = "regime"  // level, amplitude or spectrum changed
	Fault   = "fault"   // the sensor: stuck, dropped out, saturated, spikes
	Unknown = "unknown" // the reconstruction error changed, nothing else
)

// smallest is the least change of the logarithm of a variance that is worth a
// name.
var smallest = math.Log(1.5)

// judgement is what the features of one channel say about the latest hops.
type judgement struct {
	noise     float64 // ratio of noise deviations
	amplitude float64 // ratio of what the noise does not explain
	level     float64 // change in usual deviations of the signal
	speed     float64 // ratio of fast to slow variation

	noiseMoved, ampMoved, levelMoved, speedMoved bool

	spikes bool    // more noise, but not in the median
	grey   bool    // a change of the signal can't be told from chance yet
	z      float64 // largest standardised deviation of anything
}

func (j *judgement) signalMoved() bool { return j.ampMoved || j.levelMoved || j.speedMoved }
func (j *judgement) moved() bool       { return j.noiseMoved || j.signalMoved() || j.spikes }

// judge compares the latest hops, at least a segment, with what is usual.
//
// White noise adds 2σ² to the mean squared difference over any lag, σ² to the
// variance, and nothing to the level. So if only the noise level changed, the
// change of noise predicts all of the others; what the prediction does not
// explain is a change of the signal itself. The noise is first taken from the
// median, which outliers and jumps of the signal hardly move. If that leaves
// something over which the mean explains, it is white too, but rare: spikes.
func (p *profile) judge(hops int) judgement {
	j := judgement{noise: 1, amplitude: 1, speed: 1}
	hops = min(max(hops, segment), longest, int(p.hops))
	u := &p.usual
	if hops < segment || u[statPower].n < segment {
		return j
	}
	s := p.summarise(hops)
	if math.IsNaN(s[statPower]) {
		return j
	}
	if p.flat() {
		if s[statPower] > 0 || s[statLevel] != u[statLevel].mean {
			j.levelMoved, j.level, j.z = true, math.Inf(1), math.Inf(1)
		}
		return j
	}
	c := comparison{s: &s, u: u, floor: 1e-6 * u[statPower].mean}
	// Deviations were learnt from segments that overlap: one in eight tells
	// something new. Longer averages scatter less, by the root if the signal
	// forgets; they are not trusted to the full.
	c.critical = 3.5 * (1 + 1.5/math.Sqrt(max(u[statPower].n/segment, 1)))
	c.shrink = min(1, 1.2*math.Sqrt(float64(segment)/float64(hops)))

	of := statMedian
	if !(u[statMedian].mean > c.floor) || math.IsNaN(s[statMedian]) {
		of = statNoise // quantised: more than half of the differences are zero
	}
	if math.IsNaN(s[of]) {
		s[of] = u[of].mean
	}
	r := math.Log((s[of] + c.floor) / (u[of].mean + c.floor))
	tol := logSD(c.relative(of))
	j.noise = math.Exp(r / 2)
	j.noiseMoved = math.Abs(r) > smallest && math.Abs(r) > c.critical*tol
	j.z = math.Abs(r) / tol

	c.explain(&j, of)
	if !j.ampMoved && !j.speedMoved || of == statNoise || !(s[statNoise] > u[statNoise].mean) {
		return j
	}
	white := judgement{noise: math.Sqrt((s[statNoise] + c.floor) / (u[statNoise].mean + c.floor)), amplitude: 1, speed: 1}
	c.explain(&white, statNoise)
	if !white.signalMoved() && s[statNoise]-u[statNoise].mean > 2*math.Abs(s[statMedian]-u[statMedian].mean) {
		white.spikes, white.z = true, j.z
		return white
	}
	return j
}

// comparison of a summary with the usual one.
type comparison struct {
	s                       *summary
	u                       *[stats]moments
	floor, critical, shrink float64
}

func (c *comparison) relative(i int) float64 { return c.shrink * c.u[i].sd() / (c.u[i].mean + c.floor) }

// excess returns the logarithm of a statistic over what it should be where
// white noise of the given change of variance, known as well as the statistic
// of, reaches it with a gain; and how many deviations that is.
func (c *comparison) excess(i int, gain, delta float64, of int) (r, z float64) {
	if math.IsNaN(c.s[i]) || c.u[i].n < segment {
		return 0, 0
	}
	usual := c.u[i].mean
	want := max(usual+gain*delta, 0.1*usual) + c.floor
	sd := math.Hypot(c.shrink*c.u[i].sd(), gain*c.s[of]*c.relative(of))
	r = math.Log((c.s[i] + c.floor) / want)
	return r, math.Abs(r) / logSD(sd/want)
}

// explain fills in what a change of the noise, read from the statistic of,
// leaves unexplained.
func (c *comparison) explain(j *judgement, of int) {
	delta := c.s[of] - c.u[of].mean
	slow, z := c.excess(statPower, 1, delta, of)
	j.amplitude = math.Exp(slow / 2)
	j.ampMoved = c.beyond(slow, z, j)
	fast := 0.0
	for k := range lags {
		r, z := c.excess(statDiff+k, 2, delta, of)
		if c.beyond(r, z, j) {
			j.speedMoved = true
		}
		if math.Abs(r) > math.Abs(fast) {
			fast = r
		}
	}
	if j.ampMoved && j.speedMoved && math.Abs(fast-slow) < smallest {
		j.speedMoved = false // all of it by one factor: the amplitude
	}
	j.speed = math.Exp((fast - slow) / 2)

	d := c.s[statLevel] - c.u[statLevel].mean
	tol := math.Hypot(c.u[statLevel].sd(), math.Sqrt(max(delta, 0)/(4*segment)))
	tol += 1e-12 * math.Abs(c.u[statLevel].mean)
	j.level = d / math.Sqrt(c.u[statPower].mean)
	if zl := math.Abs(d) / tol; math.Abs(j.level) > 0.5 && zl > c.critical {
		j.levelMoved = true
		j.z = max(j.z, zl)
	}
}

func (c *comparison) beyond(r, z float64, j *judgement) bool {
	j.z = max(j.z, z)
	if math.Abs(r) <= smallest {
		return false
	}
	if z > c.critical {
		return true
	}
	if z > c.critical/2 {
		j.grey = true
	}
	return false
}

// logSD turns a relative deviation into one of the logarithm, with a floor
// against statistics that hardly moved while they were learnt.
func logSD(relative float64) float64 {
	return max(math.Sqrt(math.Log1p(relative*relative)), 0.03)
}

// describe names what moved.
func (j *judgement) describe() string {
	s := ""
	say := func(format string, v ...any) {
		if s != "" {
			s += ", "
		}
		s += fmt.Sprintf(format, v...)
	}
	if j.levelMoved {
		if math.IsInf(j.level, 0) {
			say("was constant while learning and moves")
		} else {
			say("level moved by %+.1f usual deviations", j.level)
		}
	}
	if j.ampMoved {
		say("amplitude %.2g times its usual size", j.amplitude)
	}
	if j.speedMoved {
		if j.speed >= 1 {
			say("spectrum moved to faster variation")
		} else {
			say("spectrum moved to slower variation")
		}
	}
	if j.noiseMoved {
		say("noise %.2g times its usual size", j.noise)
	}
	if j.spikes {
		say("isolated outliers, noise otherwise unchanged")
	}
	return s
}

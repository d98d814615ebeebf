package monitor

import (
	"fmt"
	"math"
)

// The kinds of drift.
const (
	Noise   = "noise"   // the noise level changed, the signal under it did not
	Regime  = "regime"  // the spectrum changed, or the levels of several channels
	Fault   = "fault"   // the sensor: Decision.Fault says what
	Unknown = "unknown" // something changed, and one channel can't tell what
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

	tinged   bool    // what moved like noise is not white
	gain     bool    // all of it by one factor
	coloured bool    // all of it as noise that is not white would have it
	spikes   bool    // more noise, but not in the median
	grey     bool    // a change of the signal can't be told from chance yet
	z        float64 // largest standardised deviation of anything
	strength float64 // the largest over what it takes, of what is worth a name
}

func (j *judgement) signalMoved() bool { return j.ampMoved || j.levelMoved || j.speedMoved || j.tinged }
func (j *judgement) moved() bool       { return j.noiseMoved || j.signalMoved() || j.spikes }

// ambiguous says that what moved may be the process or the sensor.
func (j *judgement) ambiguous() bool { return !j.speedMoved || j.coloured }

// judge compares the latest hops, at least a segment, with what is usual.
//
// White noise adds 2σ² to the mean squared difference over any lag, σ² to the
// variance, and nothing to the level. So if only the noise level changed, the
// change of noise predicts all of the others; what the prediction does not
// explain is a change of the signal itself.
//
// The noise is read from two statistics: Noise, which isolated outliers hardly
// move, and Pulse, which jumps do not. While they agree, the one that is known
// better counts; else the one that changed less. If what that does not explain
// is explained by the other, there are outliers.
func (p *profile) judge(hops int) judgement {
	j := judgement{noise: 1, amplitude: 1, speed: 1}
	hops = min(max(hops, segment), mostBlocks*segment, int(p.hops))
	u := &p.usual
	if hops < segment || u[statPower].n < segment {
		return j
	}
	s, segments := p.average(hops)
	if math.IsNaN(s[statPower]) {
		return j
	}
	if p.flat() {
		if s[statPower] > 0 || math.Abs(s[statLevel]-u[statLevel].mean) > 1e-6*math.Abs(p.base) {
			j.levelMoved, j.level, j.z = true, math.Inf(1), math.Inf(1)
		}
		return j
	}
	c := comparison{s: &s, u: u, floor: 1e-6 * u[statPower].mean}
	// Deviations were learnt from segments that overlap: one in eight tells
	// something new. Longer averages scatter less, by the root if the signal
	// forgets; they are not trusted to the full.
	c.critical = 3 * (1 + 1/math.Sqrt(max(u[statPower].n/segment, 1)))
	c.shrink = min(1, max(1.2/math.Sqrt(segments), 0.4))

	noise, pulse := c.ratio(statNoise), c.ratio(statPulse)
	tolNoise, tolPulse := logSD(c.relative(statNoise)), logSD(c.relative(statPulse))
	apart := math.Hypot(tolNoise, tolPulse)
	of, r, tol := statNoise, noise, tolNoise
	switch {
	case !(u[statNoise].mean > c.floor) || math.IsNaN(s[statNoise]), // quantised: half of the differences are zero
		math.Abs(noise)-math.Abs(pulse) > 2*apart,
		math.Abs(noise-pulse) <= 2*apart && tolPulse < tolNoise:
		of, r, tol = statPulse, pulse, tolPulse
	}
	if math.IsNaN(s[of]) {
		s[of] = u[of].mean
	}
	j.noise = math.Exp(r / 2)
	j.noiseMoved = math.Abs(r) > smallest && math.Abs(r) > c.critical*tol
	j.z = math.Abs(r) / tol
	if j.noiseMoved {
		j.strength = j.z / c.critical
	}
	c.explain(&j, of)
	j.tinged = j.noiseMoved && c.tinged(of)
	if j.noiseMoved && !j.speedMoved && !j.levelMoved && c.paced(of) && !c.asColoured() {
		j.speedMoved, j.noiseMoved, j.tinged = true, false, false
	}
	if j.signalMoved() && c.byOneFactor(&j) {
		return j
	}
	if j.signalMoved() && of == statNoise && c.outlying(noise, pulse, apart) {
		spiky := judgement{noise: 1, amplitude: 1, speed: 1, spikes: true, z: pulse / tolPulse}
		if c.explain(&spiky, statPulse); !spiky.signalMoved() {
			return spiky
		}
	}
	j.coloured = j.speedMoved && c.asColoured()
	return j
}

// outlying says whether pulses grew so much more than the median noise that
// isolated readings must stand out: half of the usual certainty does where the
// noise stayed, or they grew sixteen times as much.
func (c *comparison) outlying(noise, pulse, apart float64) bool {
	d := pulse - noise
	plain := noise < smallest || d > math.Log(16)
	return d > math.Log(4) && (d > c.critical*apart || plain && d > c.critical/2*apart)
}

// ratio returns the logarithm of a statistic over its usual value.
func (c *comparison) ratio(i int) float64 {
	if math.IsNaN(c.s[i]) {
		return 0
	}
	return math.Log((c.s[i] + c.floor) / (c.u[i].mean + c.floor))
}

// comparison of a summary with the usual one.
type comparison struct {
	s                       *summary
	u                       *[stats]moments
	floor, critical, shrink float64
}

// standardError returns how well the usual mean is known.
func (c *comparison) standardError(i int) float64 {
	return c.u[i].sd() / math.Sqrt(max(c.u[i].n/segment, 1))
}

func (c *comparison) relative(i int) float64 { return c.shrink * c.u[i].sd() / (c.u[i].mean + c.floor) }

// noise is a change of the variance of white noise and how well it is known.
type noise struct{ delta, sd float64 }

// change reads the change of the noise from one of its statistics. Pulse is
// proportional to the variance of white noise: E max(0, |A|−|B|)² = 0.488σ²
// for independent A and B of variance 1.5σ² and 2σ².
func (c *comparison) change(of int) noise {
	gain := 1.0
	if of == statPulse {
		gain = 1 / pulseGain
	}
	own := c.s[of] * c.relative(of)
	return noise{delta: gain * (c.s[of] - c.u[of].mean), sd: gain * math.Hypot(own, c.standardError(of))}
}

const pulseGain = 0.48764

// excess returns the logarithm of a statistic over what it should be where a
// change of white noise reaches it with a gain, and how many deviations that is.
func (c *comparison) excess(i int, gain float64, n noise) (r, z float64) {
	if math.IsNaN(c.s[i]) || c.u[i].n < segment {
		return 0, 0
	}
	want := c.expected(i, gain, n)
	r = math.Log((c.s[i] + c.floor) / want)
	return r, math.Abs(r) / logSD(math.Hypot(c.shrink*c.u[i].sd(), gain*n.sd)/want)
}

func (c *comparison) expected(i int, gain float64, n noise) float64 {
	return max(c.u[i].mean+gain*n.delta, 0.1*c.u[i].mean) + c.floor
}

// explain fills in what a change of the noise, read from the statistic of,
// leaves unexplained.
func (c *comparison) explain(j *judgement, of int) {
	n := c.change(of)
	slow, z := c.excess(statPower, 1, n)
	j.amplitude = math.Exp(slow / 2)
	j.ampMoved = c.beyond(slow, z, j)
	fast := 0.0
	for k := range lags {
		r, z := c.excess(statDiff+k, 2, n)
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
	// Differences in units of the power tell a change of the spectrum even where
	// the amplitude comes and goes.
	power := c.expected(statPower, 1, n)
	for k := range ratios {
		u := &c.u[statRatio+k]
		if math.IsNaN(c.s[statRatio+k]) || u.n < segment {
			continue
		}
		diff := c.expected(statDiff+k, 2, n)
		want := u.mean + math.Log(diff/(c.u[statDiff+k].mean+c.floor)) - math.Log(power/(c.u[statPower].mean+c.floor))
		r := c.s[statRatio+k] - want
		sd := math.Hypot(c.shrink*u.sd(), math.Abs(2/diff-1/power)*n.sd)
		if c.beyond(r, math.Abs(r)/max(sd, 0.03), j) {
			j.speedMoved = true
		}
	}
	j.speed = math.Exp((fast - slow) / 2)

	d := c.s[statLevel] - c.u[statLevel].mean
	tol := math.Hypot(c.u[statLevel].sd(), math.Sqrt(max(n.delta, 0)/(4*segment)))
	tol += 1e-6 * math.Abs(d) // what half precision leaves of a level that never moved
	j.level = d / math.Sqrt(c.u[statPower].mean)
	if zl := math.Abs(d) / tol; math.Abs(j.level) > 0.5 && zl > c.critical {
		j.levelMoved = true
		j.strength = max(j.strength, zl/c.critical)
		j.z = max(j.z, zl)
	}
}

func (c *comparison) beyond(r, z float64, j *judgement) bool {
	j.z = max(j.z, z)
	if math.Abs(r) <= smallest {
		return false
	}
	if z > c.critical {
		j.strength = max(j.strength, z/c.critical)
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
	if !j.speedMoved && !j.noiseMoved && j.signalMoved() {
		say("spectrum unchanged")
	}
	if j.coloured {
		say("spectrum as with coloured noise")
	} else if j.speedMoved {
		if j.speed >= 1 {
			say("spectrum moved to faster variation")
		} else {
			say("spectrum moved to slower variation")
		}
	}
	if j.noiseMoved {
		say("noise %.2g times its usual size", j.noise)
	}
	if j.tinged && !j.coloured {
		say("which is not white")
	}
	if j.spikes {
		say("isolated outliers, noise otherwise unchanged")
	}
	return s
}

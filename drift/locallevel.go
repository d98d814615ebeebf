package drift

import (
	"fmt"
	"math"

	"github.com/quell-stream/quell/internal/wire"
)

// LocalLevelConfig holds the parameters of LocalLevel.
type LocalLevelConfig struct {
	Calibration int     // samples it learns from, 64 to 4,096. Default 400
	Window      int     // the most samples that are judged together, 16 to half of Calibration, at most 256. Default 64
	Open        float64 // a drift opens beyond so many times the usual size, positive. Default 9
	Close       float64 // and is over below so many, positive and not above Open. Default 4
}

// DefaultLocalLevel returns the defaults.
func DefaultLocalLevel() LocalLevelConfig {
	return LocalLevelConfig{Calibration: 400, Window: 64, Open: 9, Close: 4}
}

// Validate says which parameter is out of range, in one sentence.
func (c LocalLevelConfig) Validate() error {
	return firstError(checkInt("calibration", c.Calibration, 64, 4096), checkInt("window", c.Window, 16, min(256, c.Calibration/2)),
		checkPositive("open", c.Open), checkPositive("close", c.Close), checkNotAbove("close", c.Close, "open", c.Open))
}

func (c *LocalLevelConfig) params(s *setter) {
	s.int("calibration", &c.Calibration)
	s.int("window", &c.Window)
	s.float("open", &c.Open)
	s.float("close", &c.Close)
}

func (c *LocalLevelConfig) code(k *codec) {
	k.int(&c.Calibration, &c.Window)
	k.f64(&c.Open, &c.Close)
}

// LocalLevel tells a jump of a level from its wandering, after a short history.
// A level that wanders, seen through noise (Harvey 1989, "Forecasting, structural
// time series models and the Kalman filter", section 2.3),
//
//	x_t = l_t + e_t,  l_t = l_{t−1} + w_t,  Var e = r,  Var w = q
//
// is fitted to the calibration by maximum likelihood and followed by its Kalman
// filter. The means of the latest n = W, W/4 and W/16 samples, W the Window, are
// compared with the level that was known n samples earlier, of variance P:
//
//	z_n = (mean − l)/√(P + q·n/3 + r/n)
//
// and the logarithm of the mean squared difference of the latest W/4 samples with
// what it usually is. All are in units of their usual sizes over the calibration,
// since no model is right. A drift opens where one of them exceeds Open; of the
// differences only larger ones count, since a stuck value is another matter. A
// single sample counts at most Open deviations, lest a wild one be a jump.
//
// While a drift is open the filter does not learn. The level is the one before the
// drift, and the longer ago that was, the less it is trusted, by what the far
// ends of the calibration differed by: a quantity that always wanders comes back
// to normal sooner than one that never did. The drift is over where all but the
// longest mean are below Close.
//
// Unlike other detectors it says drift at every sample until then, and goes on
// watching with what it learnt. Open is not a rate of false alarms; docs/drift.md
// has what was measured. Input that is not finite, or beyond ±1e150, is ignored.
//
// Update takes time proportional to Window and allocates only during the calibration
// and where it ends. A LocalLevel is made by NewLocalLevel and not safe for
// concurrent use.
type LocalLevel struct {
	cfg   LocalLevelConfig
	state State
	n     int
	cal   []float64 // what was collected, until it is fitted

	fitted        bool
	centre, scale float64 // of the calibration; all below is in units of scale
	q, r          float64
	hold          float64        // by which the variance of a level that is not learnt grows
	size          [means]float64 // usual sizes of z
	rough, devR   float64        // usual logarithm of the mean squared difference, and its deviation

	level, variance float64
	before          float64     // variance when the drift opened
	past            []pastLevel // a ring of Window+1 samples, from when it is fitted on
	at              int         // of the next, and so of the oldest
	known           int         // entries of past that may be judged
	z               [means]float64
	v               float64 // roughness

	left float64 // see Left

	mellows bool
	peak    [means]float64 // largest |z| since all were below Close

	habit habit

	whole bool // a snapshot of version 3 is being read
}

// means is the number of means that are compared with the level, each of a
// quarter of the samples of the one before.
const means = 3

// span returns the number of samples of a mean.
func (d *LocalLevel) span(k int) int { return d.cfg.Window >> (2 * k) }

// pastLevel is a sample with the level that was known before it.
type pastLevel struct{ x, level, variance float64 }

// NewLocalLevel returns a LocalLevel. It panics where cfg does not validate.
func NewLocalLevel(cfg LocalLevelConfig) *LocalLevel {
	mustValidate("locallevel", cfg)
	return &LocalLevel{cfg: cfg}
}

// Reset forgets everything but the parameters.
func (d *LocalLevel) Reset() {
	*d = LocalLevel{cfg: d.cfg}
}

// Update feeds one value. It returns Drift while a drift is open, and Warning
// where one of the statistics is beyond Close.
func (d *LocalLevel) Update(x float64) State {
	if !usable(x) {
		return d.state
	}
	d.n++
	if !d.fitted {
		if d.cal = append(d.cal, x); len(d.cal) == d.cfg.Calibration {
			d.fit()
		}
		return d.state
	}
	d.follow(min(max((x-d.centre)/d.scale, -1000), 1000))
	if d.known <= d.span(1) {
		return d.state
	}
	d.v = (d.v - d.rough) / d.devR
	soon := d.v // the most of all but the longest mean
	for k := range d.z {
		if d.z[k] /= d.size[k]; k > 0 {
			soon = max(soon, math.Abs(d.z[k]))
		}
	}
	most := max(soon, math.Abs(d.z[0]))
	switch {
	case d.state == Drift:
		if d.habit.on {
			d.habit.rise(d)
		}
		if soon < d.cfg.Close {
			if d.habit.on {
				d.habit.over(d)
			}
			d.left = d.moved()
			d.resume()
		}
	case most > d.cfg.Open:
		d.state = Drift
		d.habit.begin(d)
		old := &d.past[d.at]
		d.level, d.variance = old.level, old.variance+float64(d.cfg.Window)*d.hold
		d.before = d.variance
	case most > d.cfg.Close:
		d.state = Warning
	default:
		d.state = Stable
	}
	if d.mellows {
		d.mellow()
	}
	return d.state
}

// SetOpen changes what a drift takes from the next value on, as where the rate of
// false alarms that is asked for has changed. It panics where open is below Close.
func (d *LocalLevel) SetOpen(open float64) {
	cfg := d.cfg
	cfg.Open = open
	mustValidate("locallevel", cfg)
	d.cfg = cfg
}

// Mellow has the detector go on learning how far the statistics reach: those that were
// beyond Close and came back without a drift are usual from then on, by the rule of the
// calibration. So a series whose tails are heavier than a short calibration could show
// is no jump again and again.
func (d *LocalLevel) Mellow() { d.mellows = true }

// mellow notes how far the statistics are, and learns from it where they are back.
func (d *LocalLevel) mellow() {
	switch d.state {
	case Drift:
		d.peak = [means]float64{}
	case Warning:
		for k, z := range d.z {
			d.peak[k] = max(d.peak[k], math.Abs(z))
		}
	default:
		for k, z := range d.peak {
			d.size[k] *= max(z/reached, 1)
		}
		d.peak = [means]float64{}
	}
}

// Gap says that the next value does not follow the latest: nothing is judged
// across it.
func (d *LocalLevel) Gap() { d.known = 0 }

// resume ends a drift: the level is again what it was. What is compared with
// begins there, and the longest mean waits until the drift is no part of it.
func (d *LocalLevel) resume() {
	d.state, d.variance = Stable, d.before
	for i := range d.past {
		d.past[i].level, d.past[i].variance = d.level, d.variance
	}
	d.known = d.span(1) + 1
}

// mostVariance bounds the variance of a level that is not learnt for long.
const mostVariance = 1e12

// follow takes a scaled sample: it moves the filter and computes the statistics
// about it, not yet in their usual units; those that lack samples are 0.
func (d *LocalLevel) follow(x float64) {
	grow := d.q
	if d.state == Drift {
		grow = d.hold
	}
	p := min(d.variance+grow, mostVariance)
	s := p + d.r
	// One wild sample is no jump, however wild: more than Open counts as that much.
	limit := d.cfg.Open * math.Sqrt(s)
	e := min(max(x-d.level, -limit), limit)
	d.past[d.at] = pastLevel{d.level + e, d.level, d.variance}
	d.at = (d.at + 1) % len(d.past)
	d.known = min(d.known+1, len(d.past))
	if d.state != Drift {
		d.level += p / s * e
		p *= d.r / s
	}
	d.variance = p
	d.z, d.v = [means]float64{}, 0
	if d.known > d.span(1) {
		d.measure()
	}
}

// measure computes the statistics that there are samples for, from the newest
// sample back.
func (d *LocalLevel) measure() {
	sum, diff, n := 0.0, 0.0, 0
	i := d.at
	var after float64
	for k := means - 1; k >= 0; k-- {
		for ; n < d.span(k); n++ {
			if i--; i < 0 {
				i = d.cfg.Window
			}
			v := d.past[i].x
			sum += v
			if n > 0 && n <= d.span(1) {
				diff += (after - v) * (after - v)
			}
			after = v
		}
		if d.known > n {
			d.z[k] = d.off(sum, n)
		}
	}
	d.v = math.Log(diff/float64(d.span(1)) + 0.01*(2*d.r+d.q))
}

// off returns by how many deviations the sum of the latest n samples is off.
func (d *LocalLevel) off(sum float64, n int) float64 {
	old := &d.past[(d.at+d.cfg.Window-n)%len(d.past)]
	level, variance := old.level, old.variance
	if d.state == Drift {
		level, variance = d.level, d.variance
	}
	w := float64(n)
	return (sum/w - level) / math.Sqrt(variance+d.q*w/3+d.r/w)
}

// Drifted says whether a drift is open.
func (d *LocalLevel) Drifted() bool { return d.state == Drift }

// Describe says in a few words what stands out most in the latest samples.
func (d *LocalLevel) Describe() string {
	z := 0.0
	for _, v := range d.z {
		if math.Abs(v) > math.Abs(z) {
			z = v
		}
	}
	if d.v > math.Abs(z) {
		return fmt.Sprintf("differences from sample to sample larger than usual by %.0f times their spread", d.v)
	}
	return fmt.Sprintf("level off by %+.0f times what is usual", z)
}

// moved returns by how many scales of the calibration the shortest mean is off the level
// before the drift that is open.
func (d *LocalLevel) moved() float64 {
	k := means - 1
	w := float64(d.span(k))
	return d.z[k] * d.size[k] * math.Sqrt(d.variance+d.q*w/3+d.r/w)
}

// Left returns how far the level was from that before the drift where the latest drift was
// over, in deviations of the calibration: a quantity that wanders is not expected to come
// back for ever, so that a drift of it may be over though it did not. It is known right after
// the Update that ended the drift, and in no snapshot.
func (d *LocalLevel) Left() float64 { return d.left }

// Vars visits n (samples since the last reset), level (in units of the input),
// and in their usual sizes z_long, z_middle, z_short (of the three means) and
// roughness; level is NaN and the others 0 while it learns.
func (d *LocalLevel) Vars(visit func(name string, v float64)) {
	visit("n", float64(d.n))
	level := math.NaN()
	if d.fitted {
		level = d.centre + d.scale*d.level
	}
	visit("level", level)
	for k, name := range [means]string{"z_long", "z_middle", "z_short"} {
		visit(name, d.z[k])
	}
	visit("roughness", d.v)
}

func (d *LocalLevel) code(c *codec) {
	c.state(&d.state)
	c.count(&d.n)
	c.f64s(&d.cal, d.cfg.Calibration)
	c.bool(&d.fitted)
	c.bool(&d.mellows)
	d.habit.code(c)
	c.f64(&d.centre, &d.scale, &d.q, &d.r, &d.hold, &d.rough, &d.devR, &d.level, &d.variance, &d.before, &d.v)
	for k := range d.z {
		c.f64(&d.size[k], &d.z[k], &d.peak[k])
	}
	if d.past == nil && (d.fitted || d.whole) { // it is being read
		d.past = make([]pastLevel, d.cfg.Window+1)
	}
	for i := range d.past {
		c.f64(&d.past[i].x, &d.past[i].level, &d.past[i].variance)
	}
	if d.whole = false; !d.fitted {
		d.past = nil
	}
	c.count(&d.at, &d.known)
	if d.at > d.cfg.Window || d.known > d.cfg.Window+1 || !d.fitted && len(d.cal) >= d.cfg.Calibration {
		c.r.Fail(errForeign)
		d.at, d.known = 0, 0
	}
}

// localLevelState marks a snapshot of a LocalLevel, version 4. One of version 3 is read
// too: it has the latest samples also where nothing is fitted.
const (
	localLevelState  = 0x10c04
	localLevelState3 = 0x10c03
)

// AppendState appends a snapshot, parameters included.
func (d *LocalLevel) AppendState(dst []byte) []byte {
	return appendState(dst, localLevelState, &d.cfg, d)
}

// RestoreState reads a snapshot back. On an error the detector is unchanged.
func (d *LocalLevel) RestoreState(src []byte) ([]byte, error) {
	if wire.NewReader(src).U64() != localLevelState3 {
		return restoreState(d, "locallevel", localLevelState, src, NewLocalLevel)
	}
	return restoreState(d, "locallevel", localLevelState3, src, func(cfg LocalLevelConfig) *LocalLevel {
		return &LocalLevel{cfg: cfg, whole: true}
	})
}

// Size returns how far the latest samples are off, in usual sizes, and how far opens a
// drift; false while it learns.
func (d *LocalLevel) Size() (size, open float64, ok bool) {
	if !d.fitted || d.known <= d.span(1) {
		return 0, 0, false
	}
	size = d.v
	for _, z := range d.z {
		size = max(size, math.Abs(z))
	}
	return size, d.cfg.Open, true
}

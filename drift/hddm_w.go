package drift

import "math"

// HDDMWConfig holds the parameters of HDDMW by River's names.
type HDDMWConfig struct {
	DriftConfidence   float64 // chance of a drift without a change, between 0 and 1. Default 0.001
	WarningConfidence float64 // chance of a warning, not below that, below 1. Default 0.005
	Lambda            float64 // weight of the newest value, from 0 to 1. Default 0.05 [lambda_val]
	TwoSided          bool    // also look for a mean that falls. Default false [two_sided_test]
	Low, High         float64 // range of the input. Default 0 and 1
}

// DefaultHDDMW returns River's defaults.
func DefaultHDDMW() HDDMWConfig {
	return HDDMWConfig{DriftConfidence: 0.001, WarningConfidence: 0.005, Lambda: 0.05, High: 1}
}

// Validate says which parameter is out of range, in one sentence.
func (c HDDMWConfig) Validate() error {
	return firstError(checkConfidences(c.DriftConfidence, c.WarningConfidence), checkUnit("lambda_val", c.Lambda),
		checkRange(c.Low, c.High))
}

func (c *HDDMWConfig) params(s *setter) {
	s.float("drift_confidence", &c.DriftConfidence)
	s.float("warning_confidence", &c.WarningConfidence)
	s.float("lambda_val", &c.Lambda)
	s.bool("two_sided_test", &c.TwoSided)
	s.float("low", &c.Low)
	s.float("high", &c.High)
}

func (c *HDDMWConfig) code(k *codec) {
	k.f64(&c.DriftConfidence, &c.WarningConfidence, &c.Lambda, &c.Low, &c.High)
	k.bool(&c.TwoSided)
}

// weighted is an exponentially weighted mean that starts at its first value,
// and the sum of the squares of its weights ("independent bounded condition").
type weighted struct {
	mean ewma
	ibc  float64
	any  bool
}

func newWeighted() weighted { return weighted{ibc: 1} }

func (w *weighted) add(x, weight float64) {
	if w.any {
		w.mean.add(x, weight)
	} else {
		w.mean.v, w.any = x, true
	}
	w.ibc = float64(weight*weight) + float64((1-weight)*(1-weight)*w.ibc)
}

func (w *weighted) code(c *codec) {
	c.f64(&w.mean.v, &w.ibc)
	c.bool(&w.any)
}

// pair holds the weighted means before and after a cut.
type pair struct {
	before, after weighted
	cut           float64
}

func (p *pair) code(c *codec) {
	p.before.code(c)
	p.after.code(c)
	c.f64(&p.cut)
}

// HDDMW compares exponentially weighted means before and after a cut point, by
// McDiarmid's inequality (Frías-Blanco et al. 2015, "Online and non-parametric
// drift detection methods based on Hoeffding's bounds", the W-test):
//
//	ε(b) = √(b·ln(1/δ)/2);  b = Σ of the squared weights
//	cut:   Z̄ + ε(b_Z) least;  drift: X̄₂ − X̄₁ > ε(b₁ + b₂)
//
// It reproduces River 0.26.1, where b starts at 1 and the means at their first
// value, and begins anew at the update after a drift. The bound knows nothing of
// the variance: a mean of small errors on a scale from 0 to 1 is never seen to
// rise.
//
// Values are from 0 to 1; others are cut off at them. Set low and high to the
// range of the input to have it scaled. Non-finite input is ignored.
//
// An HDDMW is made by NewHDDMW and not safe for concurrent use.
type HDDMW struct {
	cfg        HDDMWConfig
	state      State
	all        weighted
	rise, fall pair
}

// NewHDDMW returns an HDDMW. It panics where cfg does not validate.
func NewHDDMW(cfg HDDMWConfig) *HDDMW {
	mustValidate("hddm_w", cfg)
	d := &HDDMW{cfg: cfg}
	d.Reset()
	return d
}

// Reset forgets everything but the parameters.
func (d *HDDMW) Reset() {
	empty := newWeighted()
	*d = HDDMW{
		cfg:  d.cfg,
		all:  empty,
		rise: pair{before: empty, after: empty, cut: math.Inf(1)},
		fall: pair{before: empty, after: empty, cut: math.Inf(-1)},
	}
}

// Bounds returns the range of the input, without limits where one was set.
func (d *HDDMW) Bounds() (low, high float64) { return scaledBounds(d.cfg.Low, d.cfg.High) }

// Update feeds one value. It returns Drift or Warning where the mean rose, or
// fell if that is asked for.
func (d *HDDMW) Update(x float64) State {
	if !usable(x) {
		return d.state
	}
	if d.state == Drift {
		d.Reset()
	}
	x = toUnit(x, d.cfg.Low, d.cfg.High)
	d.all.add(x, d.cfg.Lambda)
	bound := mcDiarmid(d.all.ibc, d.cfg.DriftConfidence)
	up, down := d.all.mean.v+bound, d.all.mean.v-bound
	d.rise.move(up < d.rise.cut, up, d.all, x, d.cfg.Lambda)
	d.fall.move(down > d.fall.cut, down, d.all, x, d.cfg.Lambda)
	d.state = d.judge(&d.rise.before, &d.rise.after)
	if d.cfg.TwoSided {
		d.state = max(d.state, d.judge(&d.fall.after, &d.fall.before))
	}
	return d.state
}

// move sets the cut behind all values so far, or counts x as one after it.
func (p *pair) move(here bool, cut float64, all weighted, x, weight float64) {
	if here {
		*p = pair{before: all, after: newWeighted(), cut: cut}
	} else {
		p.after.add(x, weight)
	}
}

func mcDiarmid(ibc, confidence float64) float64 {
	return math.Sqrt(ibc * math.Log(1/confidence) / 2)
}

// judge grades by how much the second mean exceeds the first.
func (d *HDDMW) judge(first, second *weighted) State {
	if !first.any || !second.any {
		return Stable
	}
	diff, ibc := second.mean.v-first.mean.v, first.ibc+second.ibc
	switch {
	case diff > mcDiarmid(ibc, d.cfg.DriftConfidence):
		return Drift
	case diff > mcDiarmid(ibc, d.cfg.WarningConfidence):
		return Warning
	}
	return Stable
}

// Vars visits ewma and ibc (of all values since the last reset), s1_inc, s2_inc
// and cut_inc (the means before and after the cut for a rise, and the least
// mean + bound), and the same for a fall with _dec.
func (d *HDDMW) Vars(visit func(name string, v float64)) {
	visit("ewma", d.all.mean.v)
	visit("ibc", d.all.ibc)
	visit("s1_inc", d.rise.before.mean.v)
	visit("s2_inc", d.rise.after.mean.v)
	visit("cut_inc", d.rise.cut)
	visit("s1_dec", d.fall.before.mean.v)
	visit("s2_dec", d.fall.after.mean.v)
	visit("cut_dec", d.fall.cut)
}

func (d *HDDMW) code(c *codec) {
	c.state(&d.state)
	d.all.code(c)
	d.rise.code(c)
	d.fall.code(c)
}

// hddmwState marks a snapshot of an HDDMW, version 1.
const hddmwState = 0x4ddb01

// AppendState appends a snapshot, parameters included.
func (d *HDDMW) AppendState(dst []byte) []byte { return appendState(dst, hddmwState, &d.cfg, d) }

// RestoreState reads a snapshot back. On an error the detector is unchanged.
func (d *HDDMW) RestoreState(src []byte) ([]byte, error) {
	return restoreState(d, "hddm_w", hddmwState, src, NewHDDMW)
}

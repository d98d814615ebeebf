package drift

import (
	"fmt"
	"math"
)

// HDDMAConfig holds the parameters of HDDMA by River's names.
type HDDMAConfig struct {
	DriftConfidence   float64 // chance of a drift without a change, between 0 and 1. Default 0.001
	WarningConfidence float64 // chance of a warning, not below that, below 1. Default 0.005
	TwoSided          bool    // also look for a mean that falls. Default false [two_sided_test]
	Low, High         float64 // range of the input. Default 0 and 1
}

// DefaultHDDMA returns River's defaults.
func DefaultHDDMA() HDDMAConfig {
	return HDDMAConfig{DriftConfidence: 0.001, WarningConfidence: 0.005, High: 1}
}

// Validate says which parameter is out of range, in one sentence.
func (c HDDMAConfig) Validate() error {
	return firstError(checkConfidences(c.DriftConfidence, c.WarningConfidence), checkRange(c.Low, c.High))
}

func checkConfidences(drift, warning float64) error {
	if drift > warning {
		return fmt.Errorf("drift_confidence must not exceed warning_confidence, got %v and %v", drift, warning)
	}
	return firstError(checkOpen("drift_confidence", drift), checkOpen("warning_confidence", warning))
}

func (c *HDDMAConfig) params(s *setter) {
	s.float("drift_confidence", &c.DriftConfidence)
	s.float("warning_confidence", &c.WarningConfidence)
	s.bool("two_sided_test", &c.TwoSided)
	s.float("low", &c.Low)
	s.float("high", &c.High)
}

func (c *HDDMAConfig) code(k *codec) {
	k.f64(&c.DriftConfidence, &c.WarningConfidence, &c.Low, &c.High)
	k.bool(&c.TwoSided)
}

// HDDMA compares the mean of all values with that up to a cut point, by
// Hoeffding's inequality (Frías-Blanco et al. 2015, "Online and non-parametric
// drift detection methods based on Hoeffding's bounds", the A-test). The cut is
// where mean + bound was least:
//
//	cut:   X̄ + √(ln(1/δ)/(2n)) least
//	drift: Z̄ − X̄ ≥ √(m/2·ln(2/δ)),  m = (N − n)/(n·N)
//
// with X̄ the mean of the n values up to the cut, Z̄ that of all N and δ the
// confidence. It reproduces River 0.26.1, where the cut is by the confidence of
// a drift for warnings too, and begins anew at the update after a drift.
//
// The bounds are for values from 0 to 1; others are cut off at them. Set low
// and high to the range of the input to have it scaled. Non-finite input is
// ignored.
//
// An HDDMA is made by NewHDDMA and not safe for concurrent use.
type HDDMA struct {
	cfg       HDDMAConfig
	state     State
	all       mean
	low, high mean // up to the cut before which the mean was least, greatest
}

// NewHDDMA returns an HDDMA. It panics where cfg does not validate.
func NewHDDMA(cfg HDDMAConfig) *HDDMA {
	mustValidate("hddm_a", cfg)
	return &HDDMA{cfg: cfg}
}

// Reset forgets everything but the parameters.
func (d *HDDMA) Reset() { *d = HDDMA{cfg: d.cfg} }

// Bounds returns the range of the input, without limits where one was set.
func (d *HDDMA) Bounds() (low, high float64) { return scaledBounds(d.cfg.Low, d.cfg.High) }

// Update feeds one value. It returns Drift or Warning where the mean rose, or
// fell if that is asked for.
func (d *HDDMA) Update(x float64) State {
	if !usable(x) {
		return d.state
	}
	if d.state == Drift {
		d.Reset()
	}
	d.all.addScaled(toUnit(x, d.cfg.Low, d.cfg.High))
	if d.low.n == 0 {
		d.low, d.high = d.all, d.all
	}
	bound := d.bound(d.all.n)
	if d.low.v+d.bound(d.low.n) >= d.all.v+bound {
		d.low = d.all
	}
	if d.high.v-d.bound(d.high.n) <= d.all.v-bound {
		d.high = d.all
	}
	d.state = d.judge(d.all.v-d.low.v, d.low.n)
	if d.cfg.TwoSided {
		d.state = max(d.state, d.judge(d.high.v-d.all.v, d.high.n))
	}
	return d.state
}

func (d *HDDMA) bound(n int) float64 {
	return math.Sqrt(1 / float64(2*n) * math.Log(1/d.cfg.DriftConfidence))
}

// judge grades a difference of the mean of all values to that of the first n.
func (d *HDDMA) judge(diff float64, n int) State {
	if n == d.all.n {
		return Stable
	}
	m := float64(d.all.n-n) / float64(n) * (1 / float64(d.all.n))
	switch {
	case diff >= math.Sqrt(m/2*math.Log(2/d.cfg.DriftConfidence)):
		return Drift
	case diff >= math.Sqrt(m/2*math.Log(2/d.cfg.WarningConfidence)):
		return Warning
	}
	return Stable
}

// Vars visits n and z (samples and mean since the last reset), n_min and x_min
// (those up to the cut for a rise), n_max and x_max (for a fall).
func (d *HDDMA) Vars(visit func(name string, v float64)) {
	visit("n", float64(d.all.n))
	visit("z", d.all.v)
	visit("n_min", float64(d.low.n))
	visit("x_min", d.low.v)
	visit("n_max", float64(d.high.n))
	visit("x_max", d.high.v)
}

func (d *HDDMA) code(c *codec) {
	c.state(&d.state)
	d.all.code(c)
	d.low.code(c)
	d.high.code(c)
	if c.r != nil && (d.low.n > d.all.n || d.high.n > d.all.n) {
		c.r.Fail(errForeign)
	}
}

// hddmaState marks a snapshot of an HDDMA, version 1.
const hddmaState = 0x4dda01

// AppendState appends a snapshot, parameters included.
func (d *HDDMA) AppendState(dst []byte) []byte { return appendState(dst, hddmaState, &d.cfg, d) }

// RestoreState reads a snapshot back. On an error the detector is unchanged.
func (d *HDDMA) RestoreState(src []byte) ([]byte, error) {
	return restoreState(d, "hddm_a", hddmaState, src, NewHDDMA)
}

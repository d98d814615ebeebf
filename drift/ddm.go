package drift

import (
	"fmt"
	"math"
)

// DDMConfig holds the parameters of DDM by River's names.
type DDMConfig struct {
	WarmStart        int     // no alarm up to so many samples, at least 0. Default 30
	WarningThreshold float64 // deviations above the least that warn, at least 0. Default 2
	DriftThreshold   float64 // deviations above the least that are a drift, not below WarningThreshold. Default 3
	Limit            float64 // values above it are errors. Default NaN: values are errors, 0 to 1
}

// DefaultDDM returns River's defaults.
func DefaultDDM() DDMConfig {
	return DDMConfig{WarmStart: 30, WarningThreshold: 2, DriftThreshold: 3, Limit: math.NaN()}
}

// Validate says which parameter is out of range, in one sentence.
func (c DDMConfig) Validate() error {
	if c.DriftThreshold < c.WarningThreshold {
		return fmt.Errorf("drift_threshold must not be below warning_threshold, got %v and %v", c.DriftThreshold, c.WarningThreshold)
	}
	return firstError(checkCount("warm_start", c.WarmStart), checkNotNegative("warning_threshold", c.WarningThreshold),
		checkNotNegative("drift_threshold", c.DriftThreshold), checkOptional("limit", c.Limit))
}

func (c *DDMConfig) params(s *setter) {
	s.int("warm_start", &c.WarmStart)
	s.float("warning_threshold", &c.WarningThreshold)
	s.float("drift_threshold", &c.DriftThreshold)
	s.optional("limit", &c.Limit)
}

func (c *DDMConfig) code(k *codec) {
	k.int(&c.WarmStart)
	k.f64(&c.WarningThreshold, &c.DriftThreshold, &c.Limit)
}

// DDM compares the error rate p with the least that it was (Gama, Medas,
// Castillo and Rodrigues 2004, "Learning with drift detection"):
//
//	s_t = √(p_t·(1 − p_t)/t)
//	warning: p_t + s_t > p_min + 2·s_min,  drift: p_t + s_t > p_min + 3·s_min
//
// where p_min and s_min are those of the least p + s since more than WarmStart
// samples were seen. It reproduces River 0.26.1 and begins anew at the update
// after a drift. A stream without errors has p_min = s_min = 0, and its first
// error is a drift.
//
// Values are errors, 0 to 1; others are ignored. Set a limit to watch how often
// a reading exceeds it.
//
// A DDM is made by NewDDM and not safe for concurrent use.
type DDM struct {
	cfg        DDMConfig
	state      State
	p          mean
	pMin, sMin float64
}

// NewDDM returns a DDM. It panics where cfg does not validate.
func NewDDM(cfg DDMConfig) *DDM {
	mustValidate("ddm", cfg)
	d := &DDM{cfg: cfg}
	d.Reset()
	return d
}

// Reset forgets everything but the parameters.
func (d *DDM) Reset() { *d = DDM{cfg: d.cfg, pMin: math.Inf(1), sMin: math.Inf(1)} }

// Bounds returns the range of the input.
func (d *DDM) Bounds() (low, high float64) { return errorBounds(d.cfg.Limit) }

// Update feeds one value. It returns Drift or Warning where errors are more
// frequent than they were.
func (d *DDM) Update(x float64) State {
	x, ok := errorBit(x, d.cfg.Limit)
	if !ok {
		return d.state
	}
	if d.state == Drift {
		d.Reset()
	}
	d.p.addScaled(x)
	d.state = Stable
	if d.p.n <= d.cfg.WarmStart {
		return d.state
	}
	p := d.p.v
	s := math.Sqrt(max(0, p*(1-p)/float64(d.p.n)))
	if p+s <= d.pMin+d.sMin {
		d.pMin, d.sMin = p, s
	}
	switch {
	case p+s > d.pMin+float64(d.cfg.DriftThreshold*d.sMin):
		d.state = Drift
	case p+s > d.pMin+float64(d.cfg.WarningThreshold*d.sMin):
		d.state = Warning
	}
	return d.state
}

// Vars visits n (samples since the last reset), p, and p_min and s_min (+Inf
// before they are known).
func (d *DDM) Vars(visit func(name string, v float64)) {
	visit("n", float64(d.p.n))
	visit("p", d.p.v)
	visit("p_min", d.pMin)
	visit("s_min", d.sMin)
}

func (d *DDM) code(c *codec) {
	c.state(&d.state)
	d.p.code(c)
	c.f64(&d.pMin, &d.sMin)
}

// ddmState marks a snapshot of a DDM, version 1.
const ddmState = 0xdd01

// AppendState appends a snapshot, parameters included.
func (d *DDM) AppendState(dst []byte) []byte { return appendState(dst, ddmState, &d.cfg, d) }

// RestoreState reads a snapshot back. On an error the detector is unchanged.
func (d *DDM) RestoreState(src []byte) ([]byte, error) {
	return restoreState(d, "ddm", ddmState, src, NewDDM)
}

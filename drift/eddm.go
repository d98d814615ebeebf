package drift

import (
	"fmt"
	"math"
)

// EDDMConfig holds the parameters of EDDM by River's names.
type EDDMConfig struct {
	WarmStart int     // no alarm up to so many errors, at least 0. Default 30
	Alpha     float64 // share of the greatest distance below which it warns, from 0 to 1. Default 0.95
	Beta      float64 // share below which it is a drift, not above Alpha. Default 0.9
	Limit     float64 // values above it are errors. Default NaN: values are errors, 0 or 1
}

// DefaultEDDM returns River's defaults.
func DefaultEDDM() EDDMConfig {
	return EDDMConfig{WarmStart: 30, Alpha: 0.95, Beta: 0.9, Limit: math.NaN()}
}

// Validate says which parameter is out of range, in one sentence.
func (c EDDMConfig) Validate() error {
	if c.Alpha < c.Beta {
		return fmt.Errorf("alpha must not be below beta, got %v and %v", c.Alpha, c.Beta)
	}
	return firstError(checkCount("warm_start", c.WarmStart), checkUnit("alpha", c.Alpha), checkUnit("beta", c.Beta),
		checkOptional("limit", c.Limit))
}

func (c *EDDMConfig) params(s *setter) {
	s.int("warm_start", &c.WarmStart)
	s.float("alpha", &c.Alpha)
	s.float("beta", &c.Beta)
	s.optional("limit", &c.Limit)
}

func (c *EDDMConfig) code(k *codec) {
	k.int(&c.WarmStart)
	k.f64(&c.Alpha, &c.Beta, &c.Limit)
}

// EDDM watches the distance between errors, in samples (Baena-García et al.
// 2006, "Early drift detection method"). With p and s the mean and
// the deviation (over n−1) of the distances,
//
//	v = (p + 2·s) / max(p + 2·s);  warning: v < α, drift: v < β
//
// once more than WarmStart errors were seen. It reproduces River 0.26.1, where
// the state moves at an error only and at one that does not raise the maximum,
// and begins anew at the update after a drift.
//
// Values are errors, 1 exactly, or none; those outside 0 to 1 are ignored. Set a
// limit to watch how often a reading exceeds it.
//
// An EDDM is made by NewEDDM and not safe for concurrent use.
type EDDM struct {
	cfg       EDDMConfig
	state     State
	n         int
	lastError int
	distance  variance // its n is the number of errors
	greatest  float64
}

// NewEDDM returns an EDDM. It panics where cfg does not validate.
func NewEDDM(cfg EDDMConfig) *EDDM {
	mustValidate("eddm", cfg)
	d := &EDDM{cfg: cfg}
	d.Reset()
	return d
}

// Reset forgets everything but the parameters.
func (d *EDDM) Reset() { *d = EDDM{cfg: d.cfg, greatest: -1} }

// Bounds returns the range of the input.
func (d *EDDM) Bounds() (low, high float64) { return errorBounds(d.cfg.Limit) }

// Update feeds one value. It returns Drift or Warning where errors are closer
// to each other than they were.
func (d *EDDM) Update(x float64) State {
	x, ok := errorBit(x, d.cfg.Limit)
	if !ok {
		return d.state
	}
	if d.state == Drift {
		d.Reset()
	}
	d.n++
	if x != 1 {
		return d.state
	}
	d.distance.add(float64(d.n - d.lastError))
	d.lastError = d.n
	if d.n <= d.cfg.WarmStart {
		return d.state
	}
	reach := d.distance.v + float64(2*math.Sqrt(d.distance.sample()))
	if reach > d.greatest {
		d.greatest = reach
		return d.state
	}
	if d.distance.n <= d.cfg.WarmStart {
		return d.state
	}
	d.state = Stable
	switch share := reach / d.greatest; {
	case share < d.cfg.Beta:
		d.state = Drift
	case share < d.cfg.Alpha:
		d.state = Warning
	}
	return d.state
}

// Vars visits n and n_errors (since the last reset), mean_dist and var_dist
// (of the distances) and p2s_max (−1 before it is known).
func (d *EDDM) Vars(visit func(name string, v float64)) {
	visit("n", float64(d.n))
	visit("n_errors", float64(d.distance.n))
	visit("mean_dist", d.distance.v)
	visit("var_dist", d.distance.sample())
	visit("p2s_max", d.greatest)
}

func (d *EDDM) code(c *codec) {
	c.state(&d.state)
	c.count(&d.n, &d.lastError)
	d.distance.code(c)
	c.f64(&d.greatest)
}

// eddmState marks a snapshot of an EDDM, version 1.
const eddmState = 0xedd01

// AppendState appends a snapshot, parameters included.
func (d *EDDM) AppendState(dst []byte) []byte { return appendState(dst, eddmState, &d.cfg, d) }

// RestoreState reads a snapshot back. On an error the detector is unchanged.
func (d *EDDM) RestoreState(src []byte) ([]byte, error) {
	return restoreState(d, "eddm", eddmState, src, NewEDDM)
}

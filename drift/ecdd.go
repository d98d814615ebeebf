package drift

import (
	"fmt"
	"math"
)

// ECDDConfig holds the parameters of ECDD; in brackets their names where
// Frouros calls them differently.
type ECDDConfig struct {
	Lambda       float64 // weight of the newest value, from 0 to 1. Default 0.2 [lambda_]
	ARL          int     // mean samples between false alarms: 100, 400 or 1000. Default 400 [average_run_length]
	WarningLevel float64 // share of the control limit that warns, between 0 and 1. Default 0.5
	MinInstances int     // no alarm before so many samples, at least 0. Default 30 [min_num_instances]
	Limit        float64 // values above it are errors. Default NaN: values are errors, 0 to 1
}

// DefaultECDD returns Frouros's defaults.
func DefaultECDD() ECDDConfig {
	return ECDDConfig{Lambda: 0.2, ARL: 400, WarningLevel: 0.5, MinInstances: 30, Limit: math.NaN()}
}

// Validate says which parameter is out of range, in one sentence.
func (c ECDDConfig) Validate() error {
	if c.ARL != 100 && c.ARL != 400 && c.ARL != 1000 {
		return fmt.Errorf("average_run_length must be 100, 400 or 1000, got %d", c.ARL)
	}
	return firstError(checkUnit("lambda", c.Lambda), checkOpen("warning_level", c.WarningLevel),
		checkCount("min_num_instances", c.MinInstances), checkOptional("limit", c.Limit))
}

func (c *ECDDConfig) params(s *setter) {
	s.float("lambda", &c.Lambda)
	s.int("average_run_length", &c.ARL)
	s.float("warning_level", &c.WarningLevel)
	s.int("min_num_instances", &c.MinInstances)
	s.optional("limit", &c.Limit)
}

func (c *ECDDConfig) code(k *codec) {
	k.f64(&c.Lambda, &c.WarningLevel, &c.Limit)
	k.int(&c.ARL, &c.MinInstances)
}

// ECDD watches an exponentially weighted mean of errors beside their running
// mean (Ross, Adams, Tasoulis and Hand 2012, "Exponentially weighted moving
// average charts for detecting concept drift"):
//
//	p_t = p_{t−1} + (x_t − p_{t−1})/t
//	z_t = (1 − λ)·z_{t−1} + λ·x_t
//	σ²  = λ/(2 − λ)·(1 − (1 − λ)^2t)·p_t·(1 − p_t)
//
// with a drift where z > p + L·σ and a warning where z exceeds the given share
// of that. The control limit L is the paper's polynomial in p for the run
// length asked for, which was fitted for λ = 0.2. It reproduces the
// ECDD-WT of Frouros 0.9.0 and begins anew at the update after a drift.
//
// Values are errors, 0 to 1; others are ignored. Set a limit to watch how often
// a reading exceeds it.
//
// An ECDD is made by NewECDD and not safe for concurrent use.
type ECDD struct {
	cfg   ECDDConfig
	state State
	p     mean
	z     ewma
}

// NewECDD returns an ECDD. It panics where cfg does not validate.
func NewECDD(cfg ECDDConfig) *ECDD {
	mustValidate("ecdd_wt", cfg)
	return &ECDD{cfg: cfg}
}

// Reset forgets everything but the parameters.
func (d *ECDD) Reset() { *d = ECDD{cfg: d.cfg} }

// Bounds returns the range of the input.
func (d *ECDD) Bounds() (low, high float64) { return errorBounds(d.cfg.Limit) }

// Update feeds one value. It returns Drift or Warning where errors are more
// frequent than they were.
func (d *ECDD) Update(x float64) State {
	x, ok := errorBit(x, d.cfg.Limit)
	if !ok {
		return d.state
	}
	if d.state == Drift {
		d.Reset()
	}
	d.p.add(x)
	d.z.add(x, d.cfg.Lambda)
	d.state = Stable
	if d.p.n < d.cfg.MinInstances {
		return d.state
	}
	settled := 1 - math.Pow(1-d.cfg.Lambda, 2*float64(d.p.n))
	sigma := math.Sqrt(max(0, d.cfg.Lambda/(2-d.cfg.Lambda)*settled*(d.p.v*(1-d.p.v))))
	margin := d.controlLimit() * sigma
	switch {
	case d.z.v > d.p.v+margin:
		d.state = Drift
	case d.z.v > d.p.v+d.cfg.WarningLevel*margin:
		d.state = Warning
	}
	return d.state
}

// controlLimit returns the polynomial of Ross et al. for L.
func (d *ECDD) controlLimit() float64 {
	p := d.p.v
	p3 := p * p * p
	p5 := p3 * p * p
	p7 := p5 * p * p
	switch d.cfg.ARL {
	case 100:
		return 2.76 - 6.23*p + 18.12*p3 - 312.45*p5 + 1002.18*p7
	case 1000:
		return 1.17 + 7.56*p - 21.24*p3 + 112.12*p5 - 987.23*p7
	default:
		return 3.97 - 6.56*p + 48.73*p3 - 330.13*p5 + 848.18*p7
	}
}

// Vars visits n (samples since the last reset), p and z.
func (d *ECDD) Vars(visit func(name string, v float64)) {
	visit("n", float64(d.p.n))
	visit("p", d.p.v)
	visit("z", d.z.v)
}

func (d *ECDD) code(c *codec) {
	c.state(&d.state)
	d.p.code(c)
	c.f64(&d.z.v)
}

// ecddState marks a snapshot of an ECDD, version 1.
const ecddState = 0xecd01

// AppendState appends a snapshot, parameters included.
func (d *ECDD) AppendState(dst []byte) []byte { return appendState(dst, ecddState, &d.cfg, d) }

// RestoreState reads a snapshot back. On an error the detector is unchanged.
func (d *ECDD) RestoreState(src []byte) ([]byte, error) {
	return restoreState(d, "ecdd_wt", ecddState, src, NewECDD)
}

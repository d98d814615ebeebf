package drift

import "math"

// CUSUMConfig holds the parameters of CUSUM; in brackets their names where
// Frouros calls them differently.
type CUSUMConfig struct {
	Delta        float64 // deviation that is tolerated, in units of the input, at least 0. Default 0.005
	Lambda       float64 // alarm beyond it, in units of the input, at least 0. Default 50 [lambda_]
	MinInstances int     // no alarm before so many samples, at least 0. Default 30 [min_num_instances]
	Reference    float64 // mean that is right. Default NaN: the running mean
	Mode         Mode    // default up
}

// DefaultCUSUM returns Frouros's defaults.
func DefaultCUSUM() CUSUMConfig {
	return CUSUMConfig{Delta: 0.005, Lambda: 50, MinInstances: 30, Reference: math.NaN(), Mode: Up}
}

// Validate says which parameter is out of range, in one sentence.
func (c CUSUMConfig) Validate() error {
	return firstError(checkNotNegative("delta", c.Delta), checkNotNegative("lambda", c.Lambda),
		checkCount("min_num_instances", c.MinInstances), checkOptional("reference", c.Reference), checkMode(c.Mode))
}

func (c *CUSUMConfig) params(s *setter) {
	s.float("delta", &c.Delta)
	s.float("lambda", &c.Lambda)
	s.int("min_num_instances", &c.MinInstances)
	s.optional("reference", &c.Reference)
	s.mode("mode", &c.Mode)
}

func (c *CUSUMConfig) code(k *codec) {
	k.f64(&c.Delta, &c.Lambda)
	k.int(&c.MinInstances)
	k.f64(&c.Reference)
	k.mode(&c.Mode)
}

// CUSUM cumulates deviations and never falls below zero (Page 1954,
// "Continuous inspection schemes", Biometrika 41):
//
//	S_t = max(0, S_{t−1} + x_t − m − δ)   up:   S_t > λ
//	D_t = max(0, D_{t−1} − x_t + m − δ)   down: D_t > λ
//
// with m the reference or the mean of the samples up to x_t. With the running
// mean and mode up it reproduces Frouros 0.9.0; it begins anew at the update
// after a drift. λ is absolute: standardise the input. Input that is not
// finite, or beyond ±1e150, is ignored.
//
// A CUSUM is made by NewCUSUM and not safe for concurrent use.
type CUSUM struct {
	cfg      CUSUMConfig
	state    State
	mean     mean
	up, down float64
}

// NewCUSUM returns a CUSUM. It panics where cfg does not validate.
func NewCUSUM(cfg CUSUMConfig) *CUSUM {
	mustValidate("cusum", cfg)
	return &CUSUM{cfg: cfg}
}

// Reset forgets everything but the parameters.
func (d *CUSUM) Reset() { *d = CUSUM{cfg: d.cfg} }

// Update feeds one value. It returns Drift where a sum crossed λ.
func (d *CUSUM) Update(x float64) State {
	if !usable(x) {
		return d.state
	}
	if d.state == Drift {
		d.Reset()
	}
	d.mean.add(x)
	m := d.mean.v
	if !math.IsNaN(d.cfg.Reference) {
		m = d.cfg.Reference
	}
	d.up = max(0, d.up+x-m-d.cfg.Delta)
	d.down = max(0, d.down-x+m-d.cfg.Delta)
	up := d.up > d.cfg.Lambda && d.cfg.Mode != Down
	down := d.down > d.cfg.Lambda && d.cfg.Mode != Up
	d.state = Stable
	if d.mean.n >= d.cfg.MinInstances && (up || down) {
		d.state = Drift
	}
	return d.state
}

// Vars visits n (samples since the last reset), mean, sum and sum_down.
func (d *CUSUM) Vars(visit func(name string, v float64)) {
	visit("n", float64(d.mean.n))
	visit("mean", d.mean.v)
	visit("sum", d.up)
	visit("sum_down", d.down)
}

func (d *CUSUM) code(c *codec) {
	c.state(&d.state)
	d.mean.code(c)
	c.f64(&d.up, &d.down)
}

// cusumState marks a snapshot of a CUSUM, version 1.
const cusumState = 0xc501

// AppendState appends a snapshot, parameters included.
func (d *CUSUM) AppendState(dst []byte) []byte { return appendState(dst, cusumState, &d.cfg, d) }

// RestoreState reads a snapshot back. On an error the detector is unchanged.
func (d *CUSUM) RestoreState(src []byte) ([]byte, error) {
	return restoreState(d, "cusum", cusumState, src, NewCUSUM)
}

package drift

// GMAConfig holds the parameters of GMA; in brackets their names where Frouros
// calls them differently.
type GMAConfig struct {
	Alpha        float64 // weight of the past, from 0 to 1. Default 0.99
	Lambda       float64 // alarm beyond it, in units of the input, at least 0. Default 1 [lambda_]
	MinInstances int     // no alarm before so many samples, at least 0. Default 30 [min_num_instances]
	Mode         Mode    // default up
}

// DefaultGMA returns Frouros's defaults.
func DefaultGMA() GMAConfig { return GMAConfig{Alpha: 0.99, Lambda: 1, MinInstances: 30, Mode: Up} }

// Validate says which parameter is out of range, in one sentence.
func (c GMAConfig) Validate() error {
	return firstError(checkUnit("alpha", c.Alpha), checkNotNegative("lambda", c.Lambda),
		checkCount("min_num_instances", c.MinInstances), checkMode(c.Mode))
}

func (c *GMAConfig) params(s *setter) {
	s.float("alpha", &c.Alpha)
	s.float("lambda", &c.Lambda)
	s.int("min_num_instances", &c.MinInstances)
	s.mode("mode", &c.Mode)
}

func (c *GMAConfig) code(k *codec) {
	k.f64(&c.Alpha, &c.Lambda)
	k.int(&c.MinInstances)
	k.mode(&c.Mode)
}

// GMA watches an exponentially weighted mean of the deviations from the
// running mean, the EWMA chart (Roberts 1959, "Control chart tests based on
// geometric moving averages", Technometrics 1):
//
//	m_t = m_{t−1} + (x_t − m_{t−1})/t
//	z_t = α·z_{t−1} + (1 − α)·(x_t − m_t)   up: z_t > λ, down: z_t < −λ
//
// With mode up it reproduces Frouros 0.9.0; it begins anew at the update after
// a drift. For white input of deviation σ, z has a deviation of
// σ·√((1−α)/(1+α)): the default λ is 14 of them for σ = 1, and rarely met.
// Input that is not finite, or beyond ±1e150, is ignored.
//
// A GMA is made by NewGMA and not safe for concurrent use.
type GMA struct {
	cfg   GMAConfig
	state State
	mean  mean
	z     float64
}

// NewGMA returns a GMA. It panics where cfg does not validate.
func NewGMA(cfg GMAConfig) *GMA {
	mustValidate("gma", cfg)
	return &GMA{cfg: cfg}
}

// Reset forgets everything but the parameters.
func (d *GMA) Reset() { *d = GMA{cfg: d.cfg} }

// Update feeds one value. It returns Drift where the mean crossed λ.
func (d *GMA) Update(x float64) State {
	if !usable(x) {
		return d.state
	}
	if d.state == Drift {
		d.Reset()
	}
	d.mean.add(x)
	d.z = d.cfg.Alpha*d.z + (1-d.cfg.Alpha)*(x-d.mean.v)
	up := d.z > d.cfg.Lambda && d.cfg.Mode != Down
	down := -d.z > d.cfg.Lambda && d.cfg.Mode != Up
	d.state = Stable
	if d.mean.n >= d.cfg.MinInstances && (up || down) {
		d.state = Drift
	}
	return d.state
}

// Vars visits n (samples since the last reset), mean and sum (z).
func (d *GMA) Vars(visit func(name string, v float64)) {
	visit("n", float64(d.mean.n))
	visit("mean", d.mean.v)
	visit("sum", d.z)
}

func (d *GMA) code(c *codec) {
	c.state(&d.state)
	d.mean.code(c)
	c.f64(&d.z)
}

// gmaState marks a snapshot of a GMA, version 1.
const gmaState = 0x63a01

// AppendState appends a snapshot, parameters included.
func (d *GMA) AppendState(dst []byte) []byte { return appendState(dst, gmaState, &d.cfg, d) }

// RestoreState reads a snapshot back. On an error the detector is unchanged.
func (d *GMA) RestoreState(src []byte) ([]byte, error) {
	return restoreState(d, "gma", gmaState, src, NewGMA)
}

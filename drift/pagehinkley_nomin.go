package drift

// PageHinkleyNoMinConfig holds the parameters of PageHinkleyNoMin; in brackets
// their names where Frouros calls them differently.
type PageHinkleyNoMinConfig struct {
	Delta        float64 // deviation that is tolerated, in units of the input, at least 0. Default 0.005
	Lambda       float64 // alarm beyond it, in units of the input, at least 0. Default 50 [lambda_]
	Alpha        float64 // forgetting factor of the sum, from 0 to 1. Default 0.9999
	MinInstances int     // no alarm before so many samples, at least 0. Default 30 [min_num_instances]
}

// DefaultPageHinkleyNoMin returns Frouros's defaults.
func DefaultPageHinkleyNoMin() PageHinkleyNoMinConfig {
	return PageHinkleyNoMinConfig{Delta: 0.005, Lambda: 50, Alpha: 0.9999, MinInstances: 30}
}

// Validate says which parameter is out of range, in one sentence.
func (c PageHinkleyNoMinConfig) Validate() error {
	return firstError(checkNotNegative("delta", c.Delta), checkNotNegative("lambda", c.Lambda),
		checkUnit("alpha", c.Alpha), checkCount("min_num_instances", c.MinInstances))
}

func (c *PageHinkleyNoMinConfig) params(s *setter) {
	s.float("delta", &c.Delta)
	s.float("lambda", &c.Lambda)
	s.float("alpha", &c.Alpha)
	s.int("min_num_instances", &c.MinInstances)
}

func (c *PageHinkleyNoMinConfig) code(k *codec) {
	k.f64(&c.Delta, &c.Lambda, &c.Alpha)
	k.int(&c.MinInstances)
}

// PageHinkleyNoMin is what Frouros 0.9.0 calls Page–Hinkley:
//
//	m_t = m_{t−1} + (x_t − m_{t−1})/t
//	U_t = α·U_{t−1} + x_t − m_t − δ   alarm: U_t > λ
//
// It lacks the minimum that the test of Page (1954) subtracts, so that U falls
// without a bound while nothing happens and a rise is found the later the
// longer the quiet was; a fall is never found. It is here for comparison with
// results from Frouros: PageHinkley is the test itself. It begins anew at the
// update after a drift. Input that is not finite, or beyond ±1e150, is ignored.
//
// A PageHinkleyNoMin is made by NewPageHinkleyNoMin and not safe for
// concurrent use.
type PageHinkleyNoMin struct {
	cfg   PageHinkleyNoMinConfig
	state State
	mean  mean
	sum   float64
}

// NewPageHinkleyNoMin returns a PageHinkleyNoMin. It panics where cfg does not
// validate.
func NewPageHinkleyNoMin(cfg PageHinkleyNoMinConfig) *PageHinkleyNoMin {
	mustValidate("pagehinkleynomin", cfg)
	return &PageHinkleyNoMin{cfg: cfg}
}

// Reset forgets everything but the parameters.
func (d *PageHinkleyNoMin) Reset() { *d = PageHinkleyNoMin{cfg: d.cfg} }

// Update feeds one value. It returns Drift where the sum crossed λ.
func (d *PageHinkleyNoMin) Update(x float64) State {
	if !usable(x) {
		return d.state
	}
	if d.state == Drift {
		d.Reset()
	}
	d.mean.add(x)
	d.sum = d.cfg.Alpha*d.sum + (x - d.mean.v - d.cfg.Delta)
	d.state = Stable
	if d.mean.n >= d.cfg.MinInstances && d.sum > d.cfg.Lambda {
		d.state = Drift
	}
	return d.state
}

// Vars visits n (samples since the last reset), mean and sum.
func (d *PageHinkleyNoMin) Vars(visit func(name string, v float64)) {
	visit("n", float64(d.mean.n))
	visit("mean", d.mean.v)
	visit("sum", d.sum)
}

func (d *PageHinkleyNoMin) code(c *codec) {
	c.state(&d.state)
	d.mean.code(c)
	c.f64(&d.sum)
}

// pageHinkleyNoMinState marks a snapshot of a PageHinkleyNoMin, version 1.
const pageHinkleyNoMinState = 0x94f01

// AppendState appends a snapshot, parameters included.
func (d *PageHinkleyNoMin) AppendState(dst []byte) []byte {
	return appendState(dst, pageHinkleyNoMinState, &d.cfg, d)
}

// RestoreState reads a snapshot back. On an error the detector is unchanged.
func (d *PageHinkleyNoMin) RestoreState(src []byte) ([]byte, error) {
	return restoreState(d, "pagehinkleynomin", pageHinkleyNoMinState, src, NewPageHinkleyNoMin)
}

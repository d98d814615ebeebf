package drift

import (
	"fmt"
	"math"
)

// Mode says which changes of the mean a Page–Hinkley test looks for.
type Mode string

// The modes, by River's names.
const (
	Up   Mode = "up"
	Down Mode = "down"
	Both Mode = "both"
)

// PageHinkleyConfig holds the parameters of PageHinkley by River's names.
type PageHinkleyConfig struct {
	MinInstances int     // no alarm before so many samples, at least 0. Default 30
	Delta        float64 // change that is tolerated, in units of the input. Default 0.005
	Threshold    float64 // alarm beyond it, in units of the input, positive. Default 50
	Alpha        float64 // forgetting factor of the sums, in (0, 1]. Default 0.9999
	Mode         Mode    // default both
}

// DefaultPageHinkley returns River's defaults.
func DefaultPageHinkley() PageHinkleyConfig {
	return PageHinkleyConfig{MinInstances: 30, Delta: 0.005, Threshold: 50, Alpha: 1 - 0.0001, Mode: Both}
}

// Validate says which parameter is out of range, in one sentence.
func (c PageHinkleyConfig) Validate() error {
	switch {
	case c.MinInstances < 0:
		return fmt.Errorf("min_instances must not be negative, got %d", c.MinInstances)
	case !usable(c.Delta):
		return fmt.Errorf("delta must be a finite number, got %v", c.Delta)
	case !(c.Threshold > 0) || !usable(c.Threshold):
		return fmt.Errorf("threshold must be a positive number, got %v", c.Threshold)
	case !(c.Alpha > 0 && c.Alpha <= 1):
		return fmt.Errorf("alpha must lie above 0 and not above 1, got %v", c.Alpha)
	}
	return checkMode(c.Mode)
}

func (c *PageHinkleyConfig) params(s *setter) {
	s.int("min_instances", &c.MinInstances)
	s.float("delta", &c.Delta)
	s.float("threshold", &c.Threshold)
	s.float("alpha", &c.Alpha)
	s.mode("mode", &c.Mode)
}

func (c *PageHinkleyConfig) code(k *codec) {
	k.int(&c.MinInstances)
	k.f64(&c.Delta, &c.Threshold, &c.Alpha)
	k.mode(&c.Mode)
}

// PageHinkley tests for a change of the mean by cumulated deviations from the
// running mean (Page 1954, "Continuous inspection schemes"; Hinkley 1971):
//
//	m_t  = m_{t−1} + (x_t − m_{t−1})/t
//	U_t  = α·U_{t−1} + x_t − m_t − δ     up:   U_t − min U > λ
//	D_t  = α·D_{t−1} + x_t − m_t + δ     down: max D − D_t > λ
//
// It reproduces River 0.26.1, whose mean includes x_t, whose α fades the sums
// and not the mean, whose max D begins at −1, and which begins anew at the
// update after a drift. The threshold is absolute: standardise the input.
// Input that is not finite, or beyond ±1e150, is ignored.
//
// A PageHinkley is made by NewPageHinkley and not safe for concurrent use.
type PageHinkley struct {
	cfg            PageHinkleyConfig
	state          State
	n              int
	mean           float64
	sumInc, sumDec float64
	minInc, maxDec float64
}

// NewPageHinkley returns a PageHinkley. It panics where cfg does not validate.
func NewPageHinkley(cfg PageHinkleyConfig) *PageHinkley {
	mustValidate("pagehinkley", cfg)
	p := &PageHinkley{cfg: cfg}
	p.Reset()
	return p
}

// Reset forgets everything but the parameters.
func (p *PageHinkley) Reset() {
	*p = PageHinkley{cfg: p.cfg, minInc: math.Inf(1), maxDec: -1}
}

// Update feeds one value. It returns Drift where a sum crossed the threshold.
func (p *PageHinkley) Update(x float64) State {
	if !usable(x) {
		return p.state
	}
	if p.state == Drift {
		p.Reset()
	}
	p.n++
	p.mean += (x - p.mean) / float64(p.n)
	dev := x - p.mean
	p.sumInc = p.cfg.Alpha*p.sumInc + dev - p.cfg.Delta
	p.sumDec = p.cfg.Alpha*p.sumDec + dev + p.cfg.Delta
	p.minInc = min(p.minInc, p.sumInc)
	p.maxDec = max(p.maxDec, p.sumDec)

	p.state = Stable
	if p.n >= p.cfg.MinInstances {
		up := p.sumInc-p.minInc > p.cfg.Threshold && p.cfg.Mode != Down
		down := p.maxDec-p.sumDec > p.cfg.Threshold && p.cfg.Mode != Up
		if up || down {
			p.state = Drift
		}
	}
	return p.state
}

// Vars visits n (samples since the last reset), mean, sum_inc, sum_dec,
// min_inc (+Inf before the first sample) and max_dec.
func (p *PageHinkley) Vars(visit func(name string, v float64)) {
	visit("n", float64(p.n))
	visit("mean", p.mean)
	visit("sum_inc", p.sumInc)
	visit("sum_dec", p.sumDec)
	visit("min_inc", p.minInc)
	visit("max_dec", p.maxDec)
}

func (p *PageHinkley) code(c *codec) {
	c.state(&p.state)
	c.count(&p.n)
	c.f64(&p.mean, &p.sumInc, &p.sumDec, &p.minInc, &p.maxDec)
}

// pageHinkleyState marks a snapshot of a PageHinkley, version 1.
const pageHinkleyState = 0x9401

// AppendState appends a snapshot, parameters included.
func (p *PageHinkley) AppendState(dst []byte) []byte {
	return appendState(dst, pageHinkleyState, &p.cfg, p)
}

// RestoreState reads a snapshot back. On an error the detector is unchanged.
func (p *PageHinkley) RestoreState(src []byte) ([]byte, error) {
	return restoreState(p, "pagehinkley", pageHinkleyState, src, NewPageHinkley)
}

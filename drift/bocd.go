package drift

import (
	"fmt"
	"math"
)

// BOCDConfig holds the parameters of BOCD by Frouros's names.
type BOCDConfig struct {
	Hazard       float64 // chance of a change at each sample, between 0 and 1. Default 0.01
	PriorMean    float64 // expected mean of a run. Default 0
	PriorVar     float64 // variance of that expectation, positive. Default 1
	DataVar      float64 // variance of samples around the mean of their run, positive. Default 1
	MinInstances int     // no alarm before so many samples, at least 0. Default 30 [min_num_instances]
	MaxRuns      int     // run lengths that are held, 2 to 4,096. Default 512
	Restart      bool    // begin anew after a drift. Default false
}

// DefaultBOCD returns Frouros's defaults.
func DefaultBOCD() BOCDConfig {
	return BOCDConfig{Hazard: 0.01, PriorVar: 1, DataVar: 1, MinInstances: 30, MaxRuns: 512}
}

// Validate says which parameter is out of range, in one sentence.
func (c BOCDConfig) Validate() error {
	return firstError(checkOpen("hazard", c.Hazard), checkFinite("prior_mean", c.PriorMean),
		checkPositive("prior_var", c.PriorVar), checkPositive("data_var", c.DataVar),
		checkCount("min_num_instances", c.MinInstances), checkInt("max_runs", c.MaxRuns, 2, 4096))
}

func (c *BOCDConfig) params(s *setter) {
	s.float("hazard", &c.Hazard)
	s.float("prior_mean", &c.PriorMean)
	s.float("prior_var", &c.PriorVar)
	s.float("data_var", &c.DataVar)
	s.int("min_num_instances", &c.MinInstances)
	s.int("max_runs", &c.MaxRuns)
	s.bool("restart", &c.Restart)
}

func (c *BOCDConfig) code(k *codec) {
	k.f64(&c.Hazard, &c.PriorMean, &c.PriorVar, &c.DataVar)
	k.int(&c.MinInstances, &c.MaxRuns)
	k.bool(&c.Restart)
}

// run is the hypothesis that the last change was length samples ago, with the
// posterior of the mean since then.
type run struct {
	length          int
	log, p          float64 // its probability, and the log of it, which never underflows
	mean, precision float64
}

// BOCD keeps the probability of every run length, the time since the last
// change of the mean of Gaussian samples of known variance (Adams and MacKay
// 2007, "Bayesian online changepoint detection", algorithm 1):
//
//	P(r_t = r+1, x) ∝ P(r_{t−1} = r)·N(x; μ_r, 1/λ_r + σ²)·(1 − H)
//	P(r_t = 0, x)   ∝ Σ_r P(r_{t−1} = r)·N(x; μ_r, 1/λ_r + σ²)·H
//	λ_{r+1} = λ_r + 1/σ²,  μ_{r+1} = (μ_r·λ_r + x/σ²)/λ_{r+1}
//
// There is a drift while the most probable run began after the first sample.
// That is Frouros 0.9.0, which it reproduces: after a change the state stays
// Drift for good. With Restart it begins anew at the update after a drift, one
// alarm per change.
//
// Memory is bounded, unlike in the paper and in Frouros: of more than MaxRuns
// hypotheses the least probable of the older half is dropped. Up to that many samples nothing is.
// Standardise the input to the prior. Input that is not finite, or beyond
// ±1e150, is ignored.
//
// Update takes time proportional to the runs held and allocates nothing. A BOCD
// is made by NewBOCD and not safe for concurrent use.
type BOCD struct {
	cfg      BOCDConfig
	state    State
	n        int
	runs     []run     // by length, the first of length 0
	prior    []float64 // probabilities before the last sample, scratch
	norm     []float64 // by length: log of 2π times the variance of a prediction
	best     int       // most probable run
	predMean float64
	predVar  float64
}

// NewBOCD returns a BOCD. It panics where cfg does not validate.
func NewBOCD(cfg BOCDConfig) *BOCD {
	mustValidate("bocd", cfg)
	d := &BOCD{
		cfg:   cfg,
		runs:  make([]run, 0, cfg.MaxRuns+1),
		prior: make([]float64, 0, cfg.MaxRuns),
		norm:  make([]float64, cfg.MaxRuns),
	}
	precision := 1 / cfg.PriorVar
	for i := range d.norm {
		d.norm[i] = logNorm(1/precision + cfg.DataVar)
		precision += 1 / cfg.DataVar
	}
	d.Reset()
	return d
}

// Reset forgets everything but the parameters.
func (d *BOCD) Reset() {
	d.state, d.n, d.best = Stable, 0, 0
	d.predMean, d.predVar = math.NaN(), math.NaN()
	d.runs = append(d.runs[:0], d.fresh(1))
}

func logNorm(variance float64) float64 { return math.Log(2 * math.Pi * variance) }

// fresh returns a run of length 0 with a probability.
func (d *BOCD) fresh(p float64) run {
	return run{log: math.Log(p), p: p, mean: d.cfg.PriorMean, precision: 1 / d.cfg.PriorVar}
}

// Update feeds one value. It returns Drift where a change is more probable than
// none.
func (d *BOCD) Update(x float64) State {
	if !usable(x) {
		return d.state
	}
	if d.state == Drift && d.cfg.Restart {
		d.Reset()
	}
	d.n++
	d.observe(x)
	d.predict()
	d.prune()
	d.best = 0
	for i := range d.runs {
		if d.runs[i].log > d.runs[d.best].log {
			d.best = i
		}
	}
	d.state = Stable
	if d.n >= d.cfg.MinInstances && d.runs[d.best].length != d.n {
		d.state = Drift
	}
	return d.state
}

// observe moves every run on by one sample and adds the run of length 0.
func (d *BOCD) observe(x float64) {
	d.prior = d.prior[:0]
	most := math.Inf(-1)
	for i := range d.runs {
		r := &d.runs[i]
		d.prior = append(d.prior, r.p)
		d.weigh(r, x)
		most = max(most, r.log)
	}
	sum := 0.0
	for i := range d.runs {
		r := &d.runs[i]
		r.p = math.Exp(r.log - most)
		sum += r.p
	}
	stay := 1 - d.cfg.Hazard
	logStay := math.Log(stay) - most - math.Log(sum)
	for i := range d.runs {
		r := &d.runs[i]
		r.p *= stay / sum
		r.log += logStay
	}
	n := len(d.runs)
	d.runs = d.runs[:n+1]
	copy(d.runs[1:], d.runs[:n])
	d.runs[0] = d.fresh(d.cfg.Hazard)
}

// weigh multiplies the probability of a run by that of the sample, and has its
// mean learn the sample.
func (d *BOCD) weigh(r *run, x float64) {
	variance := 1/r.precision + d.cfg.DataVar
	norm := 0.0
	if r.length < len(d.norm) {
		norm = d.norm[r.length]
	} else {
		norm = logNorm(variance)
	}
	r.log -= 0.5 * ((x-r.mean)*(x-r.mean)/variance + norm)
	precision := r.precision + 1/d.cfg.DataVar
	r.mean = (r.mean*r.precision + x/d.cfg.DataVar) / precision
	r.precision = precision
	r.length++
}

// predict weighs the means by the probabilities that their run lengths had
// before the sample, as Frouros does. Where a length was not held before, its
// neighbour's probability, of the same run, stands in.
func (d *BOCD) predict() {
	m, v, sum := 0.0, 0.0, 0.0
	for i, p := range d.prior {
		length := d.runs[i+1].length - 1
		r := &d.runs[i]
		if r.length != length {
			r = &d.runs[i+1]
		}
		sum += p
		m += p * r.mean
		v += p * (1/r.precision + d.cfg.DataVar)
	}
	d.predMean, d.predVar = m/sum, v/sum
}

// prune drops the least probable run where there are too many, of the older
// half: young runs have not had the time to show what they are worth.
func (d *BOCD) prune() {
	if len(d.runs) <= d.cfg.MaxRuns {
		return
	}
	least := d.cfg.MaxRuns / 2
	for i := least + 1; i < len(d.runs); i++ {
		if d.runs[i].log < d.runs[least].log {
			least = i
		}
	}
	d.runs = append(d.runs[:least], d.runs[least+1:]...)
}

// Vars visits n (samples since the last reset), map_run_length and p_map (the
// most probable run and its probability), pred_mean and pred_var (NaN before
// the first sample) and runs (hypotheses held).
func (d *BOCD) Vars(visit func(name string, v float64)) {
	visit("n", float64(d.n))
	visit("map_run_length", float64(d.runs[d.best].length))
	visit("p_map", d.runs[d.best].p)
	visit("pred_mean", d.predMean)
	visit("pred_var", d.predVar)
	visit("runs", float64(len(d.runs)))
}

func (d *BOCD) code(c *codec) {
	c.state(&d.state)
	n := len(d.runs)
	c.count(&d.n, &d.best, &n)
	c.f64(&d.predMean, &d.predVar)
	if n < 1 || n > d.cfg.MaxRuns || d.best >= n {
		c.r.Fail(fmt.Errorf("%w: %d runs", errForeign, n))
		return
	}
	d.runs = d.runs[:n]
	for i := range d.runs {
		r := &d.runs[i]
		c.count(&r.length)
		c.f64(&r.log, &r.p, &r.mean, &r.precision)
	}
}

// bocdState marks a snapshot of a BOCD, version 1.
const bocdState = 0xb0cd01

// AppendState appends a snapshot, parameters included.
func (d *BOCD) AppendState(dst []byte) []byte { return appendState(dst, bocdState, &d.cfg, d) }

// RestoreState reads a snapshot back. On an error the detector is unchanged.
func (d *BOCD) RestoreState(src []byte) ([]byte, error) {
	return restoreState(d, "bocd", bocdState, src, NewBOCD)
}

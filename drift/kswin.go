package drift

import (
	"fmt"
	"slices"
)

// KSWINConfig holds the parameters of KSWIN by River's names.
type KSWINConfig struct {
	Alpha      float64 // chance of an alarm at each update without a change, between 0 and 1. Default 0.005
	WindowSize int     // samples that are held, at least twice StatSize, at most 10,000. Default 100
	StatSize   int     // newest samples that are compared, at least 1. Default 30
	Seed       int     // of the samples drawn, as Python's random.Random takes it. Default 0
}

// DefaultKSWIN returns River's defaults. River's seed is drawn by the operating
// system; here it is 0.
func DefaultKSWIN() KSWINConfig { return KSWINConfig{Alpha: 0.005, WindowSize: 100, StatSize: 30} }

// Validate says which parameter is out of range, in one sentence.
func (c KSWINConfig) Validate() error {
	if err := firstError(checkOpen("alpha", c.Alpha), checkInt("window_size", c.WindowSize, 2, maxWindow)); err != nil {
		return err
	}
	if c.StatSize < 1 || 2*c.StatSize > c.WindowSize {
		return fmt.Errorf("stat_size must lie from 1 to half of window_size, got %d of %d", c.StatSize, c.WindowSize)
	}
	return nil
}

func (c *KSWINConfig) params(s *setter) {
	s.float("alpha", &c.Alpha)
	s.int("window_size", &c.WindowSize)
	s.int("stat_size", &c.StatSize)
	s.int("seed", &c.Seed)
}

func (c *KSWINConfig) code(k *codec) {
	k.f64(&c.Alpha)
	k.int(&c.WindowSize, &c.StatSize, &c.Seed)
}

// KSWIN compares the newest samples of a window with as many drawn without
// replacement from the older ones, by the two-sample test of Kolmogorov and
// Smirnov (Raab, Heusinger and Schleif 2020, "Reactive soft prototype computing
// for concept drift streams"): a drift where
//
//	p ≤ α and D > 0.1
//
// with D the greatest distance of the two distribution functions and p its
// exact probability. It reproduces River 0.26.1, the draws of Python's
// random.Random included: it keeps the newest samples at a drift, and at the
// update after it begins anew with the seed set back. It tests at every
// update, so that α is not a rate of false alarms: expect about one in 700
// updates at the default. Non-finite input is ignored.
//
// Update takes time proportional to the window and allocates nothing. A KSWIN
// is made by NewKSWIN and not safe for concurrent use.
type KSWIN struct {
	cfg    KSWINConfig
	state  State
	n      int
	p      float64
	window ring
	random mersenne

	drawn, pool   []int
	older, newest []float64 // the two samples, sorted
}

// NewKSWIN returns a KSWIN. It panics where cfg does not validate.
func NewKSWIN(cfg KSWINConfig) *KSWIN {
	mustValidate("kswin", cfg)
	d := &KSWIN{
		cfg:    cfg,
		window: newRing(cfg.WindowSize),
		drawn:  make([]int, cfg.StatSize),
		pool:   make([]int, cfg.WindowSize-cfg.StatSize),
		older:  make([]float64, cfg.StatSize),
		newest: make([]float64, cfg.StatSize),
	}
	d.Reset()
	return d
}

// Reset empties the window and sets the seed back.
func (d *KSWIN) Reset() {
	d.state, d.n, d.p = Stable, 0, 0
	d.window.clear()
	d.random.seed(d.cfg.Seed)
}

// Update feeds one value. It returns Drift where the samples differ.
func (d *KSWIN) Update(x float64) State {
	if !usable(x) {
		return d.state
	}
	if d.state == Drift {
		d.Reset()
	}
	d.n++
	d.window.push(x)
	d.state = Stable
	if d.window.len() == d.cfg.WindowSize && d.differ() {
		d.state = Drift
		for d.window.len() > d.cfg.StatSize {
			d.window.pop()
		}
	}
	return d.state
}

// differ tests a fresh sample.
func (d *KSWIN) differ() bool {
	old := d.cfg.WindowSize - d.cfg.StatSize
	d.random.sample(d.drawn, old, d.pool)
	for i, j := range d.drawn {
		d.older[i] = d.window.at(j)
		d.newest[i] = d.window.at(old + i)
	}
	slices.Sort(d.older)
	slices.Sort(d.newest)
	h := ksSteps(d.older, d.newest)
	d.p = ksEqual(d.cfg.StatSize, h)
	return d.p <= d.cfg.Alpha && float64(h)/float64(d.cfg.StatSize) > 0.1
}

// Vars visits n (samples since the last reset), window_len (samples held) and
// p_value (of the last test, 0 before the first).
func (d *KSWIN) Vars(visit func(name string, v float64)) {
	visit("n", float64(d.n))
	visit("window_len", float64(d.window.len()))
	visit("p_value", d.p)
}

func (d *KSWIN) code(c *codec) {
	c.state(&d.state)
	c.count(&d.n)
	c.f64(&d.p)
	d.window.code(c)
	d.random.code(c)
}

// kswinState marks a snapshot of a KSWIN, version 1.
const kswinState = 0x45001

// AppendState appends a snapshot, parameters included.
func (d *KSWIN) AppendState(dst []byte) []byte { return appendState(dst, kswinState, &d.cfg, d) }

// RestoreState reads a snapshot back. On an error the detector is unchanged.
func (d *KSWIN) RestoreState(src []byte) ([]byte, error) {
	return restoreState(d, "kswin", kswinState, src, NewKSWIN)
}

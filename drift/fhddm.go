package drift

import (
	"fmt"
	"math"
)

// FHDDMConfig holds the parameters of FHDDM by River's names.
type FHDDMConfig struct {
	SlidingWindowSize int     // samples, 1 to 10,000. Default 100
	ConfidenceLevel   float64 // chance of an alarm without a change, between 0 and 1. Default 1e-6
	ShortWindowSize   int     // samples of a second, shorter window; 0, the default, for none
	Limit             float64 // values above it are errors. Default NaN: values are 1 where all is well, 0 to 1
}

// DefaultFHDDM returns River's defaults.
func DefaultFHDDM() FHDDMConfig {
	return FHDDMConfig{SlidingWindowSize: 100, ConfidenceLevel: 1e-6, Limit: math.NaN()}
}

// Validate says which parameter is out of range, in one sentence.
func (c FHDDMConfig) Validate() error {
	if c.ShortWindowSize > c.SlidingWindowSize {
		return fmt.Errorf("short_window_size must not exceed sliding_window_size, got %d and %d", c.ShortWindowSize, c.SlidingWindowSize)
	}
	return firstError(checkInt("sliding_window_size", c.SlidingWindowSize, 1, maxWindow),
		checkOpen("confidence_level", c.ConfidenceLevel), checkCount("short_window_size", c.ShortWindowSize),
		checkOptional("limit", c.Limit))
}

func (c *FHDDMConfig) params(s *setter) {
	s.int("sliding_window_size", &c.SlidingWindowSize)
	s.float("confidence_level", &c.ConfidenceLevel)
	s.int("short_window_size", &c.ShortWindowSize)
	s.optional("limit", &c.Limit)
}

func (c *FHDDMConfig) code(k *codec) {
	k.int(&c.SlidingWindowSize, &c.ShortWindowSize)
	k.f64(&c.ConfidenceLevel, &c.Limit)
}

// FHDDM compares the mean of a sliding window with the greatest that it was, by
// Hoeffding's inequality (Pesaranghader and Viktor 2016, "Fast Hoeffding drift
// detection method for evolving data streams"):
//
//	ε = √(ln(1/δ)/(2n));  drift: max μ − μ > ε
//
// A second, shorter window makes it the stacking variant, FHDDMS (Pesaranghader,
// Viktor and Paquet 2018). It reproduces River 0.26.1 and begins anew at the
// update after a drift.
//
// It finds a mean that falls: values are 1 for a correct prediction, 0 for an
// error (River's text says the opposite), or shares between; others are
// ignored. With a limit, a value above it is an error, so that readings that
// exceed it more often are a drift.
//
// An FHDDM is made by NewFHDDM and not safe for concurrent use.
type FHDDM struct {
	cfg         FHDDMConfig
	state       State
	window      ring // all but the oldest of the last SlidingWindowSize values
	sum         float64
	most, mostS float64 // greatest means of the window and of the short one
}

// NewFHDDM returns an FHDDM. It panics where cfg does not validate.
func NewFHDDM(cfg FHDDMConfig) *FHDDM {
	mustValidate("fhddm", cfg)
	return &FHDDM{cfg: cfg, window: newRing(cfg.SlidingWindowSize)}
}

// Reset forgets everything but the parameters.
func (d *FHDDM) Reset() {
	d.window.clear()
	*d = FHDDM{cfg: d.cfg, window: d.window}
}

// Bounds returns the range of the input.
func (d *FHDDM) Bounds() (low, high float64) { return errorBounds(d.cfg.Limit) }

// Update feeds one value. It returns Drift where the mean fell.
func (d *FHDDM) Update(x float64) State {
	x, ok := errorBit(x, d.cfg.Limit)
	if !ok {
		return d.state
	}
	if !math.IsNaN(d.cfg.Limit) {
		x = 1 - x
	}
	if d.state == Drift {
		d.Reset()
	}
	d.state = Stable
	d.window.push(x)
	d.sum += x
	if d.window.len() < d.cfg.SlidingWindowSize {
		return d.state
	}
	if d.fell(d.sum, d.cfg.SlidingWindowSize, &d.most) {
		d.state = Drift
	}
	if k := d.cfg.ShortWindowSize; k > 0 {
		sum := 0.0
		for i := d.window.len() - k; i < d.window.len(); i++ {
			sum += d.window.at(i)
		}
		if d.fell(sum, k, &d.mostS) {
			d.state = Drift
		}
	}
	d.sum -= d.window.pop()
	return d.state
}

// fell compares the mean of n values with the greatest that it was.
func (d *FHDDM) fell(sum float64, n int, most *float64) bool {
	u := sum / float64(n)
	*most = max(*most, u)
	return *most-u > math.Sqrt(math.Log(1/d.cfg.ConfidenceLevel)/float64(2*n))
}

// Vars visits n_one (the sum over the window, less its oldest value once it was
// full) and u_max (its greatest mean).
func (d *FHDDM) Vars(visit func(name string, v float64)) {
	visit("n_one", d.sum)
	visit("u_max", d.most)
}

func (d *FHDDM) code(c *codec) {
	c.state(&d.state)
	d.window.code(c)
	c.f64(&d.sum, &d.most, &d.mostS)
}

// fhddmState marks a snapshot of an FHDDM, version 1.
const fhddmState = 0xfdd01

// AppendState appends a snapshot, parameters included.
func (d *FHDDM) AppendState(dst []byte) []byte { return appendState(dst, fhddmState, &d.cfg, d) }

// RestoreState reads a snapshot back. On an error the detector is unchanged.
func (d *FHDDM) RestoreState(src []byte) ([]byte, error) {
	return restoreState(d, "fhddm", fhddmState, src, NewFHDDM)
}

package drift

import (
	"fmt"
	"math"
)

// TwoWindowConfig holds the parameters of TwoWindow. Those after Clock are
// looked at by the tests that need them only.
type TwoWindowConfig struct {
	Test          string  // name of the test, one of those of DefaultTwoWindow
	ReferenceSize int     // samples that the newest are compared with, 21 to 10,000 (MMD 1,000). Default 100
	WindowSize    int     // newest samples, 21 to 10,000 (MMD 1,000). Default 100
	Clock         int     // updates between tests, at least 1. Default 10
	Alpha         float64 // tests: drift where p is at most alpha, between 0 and 1. Default 1e-4 (AndersonDarling 1e-3)
	Threshold     float64 // distances: drift beyond it, positive
	Bins          int     // bins of a histogram, 2 to 1,000. Default 10
	Binning       string  // quantile: bins of equal share of the reference; pooled: of equal width over both windows
	Sigma         float64 // width of the kernel of MMD in units of the input, positive. Default 1
	Statistic     string  // of Kuiper: ks, the default, as in Frouros, or kuiper
}

// DefaultTwoWindow returns the defaults of a test: KS, CVM, AndersonDarling,
// MannWhitney, Welch, Kuiper, which have a p-value, or MMD, Energy, EMD, PSI, JS,
// Hellinger, Bhattacharyya, which are distances. Thresholds are above what one in
// 1,000 pairs of windows of 100 Gaussian samples of unit variance reaches.
func DefaultTwoWindow(test string) TwoWindowConfig {
	c := TwoWindowConfig{
		Test: test, ReferenceSize: 100, WindowSize: 100, Clock: 10, Alpha: 1e-4,
		Bins: 10, Binning: pooled, Sigma: 1, Statistic: "ks",
	}
	switch test {
	case "AndersonDarling":
		c.Alpha = 1e-3
	case "MMD":
		c.Threshold = 0.05
	case "Energy", "EMD":
		c.Threshold = 0.5
	case "PSI":
		c.Threshold, c.Binning = 1, quantile
	case "JS":
		c.Threshold = 0.3
	case "Hellinger":
		c.Threshold = 0.35
	case "Bhattacharyya":
		c.Threshold = 0.12
	}
	return c
}

// The ways to bin.
const (
	quantile = "quantile"
	pooled   = "pooled"
)

// isDistance says whether a test has no p-value.
func (c TwoWindowConfig) isDistance() bool {
	t, _ := c.find()
	return t.distance
}

func (c TwoWindowConfig) binned() bool {
	return c.Test == "PSI" || c.Test == "Hellinger" || c.Test == "Bhattacharyya"
}

// Validate says which parameter is out of range, in one sentence.
func (c TwoWindowConfig) Validate() error {
	if _, ok := c.find(); !ok {
		return fmt.Errorf("there is no two-window test %q", c.Test)
	}
	most := maxWindow
	if c.Test == "MMD" {
		most = 1000
	}
	if err := firstError(checkInt("reference_size", c.ReferenceSize, 21, most), checkInt("window_size", c.WindowSize, 21, most),
		checkInt("clock", c.Clock, 1, math.MaxInt32), checkInt("bins", c.Bins, 2, 1000), checkPositive("sigma", c.Sigma)); err != nil {
		return err
	}
	switch {
	case c.Binning != quantile && c.Binning != pooled:
		return fmt.Errorf("binning must be quantile or pooled, got %q", c.Binning)
	case c.Statistic != "ks" && c.Statistic != "kuiper":
		return fmt.Errorf("statistic must be ks or kuiper, got %q", c.Statistic)
	case c.isDistance():
		return checkPositive("threshold", c.Threshold)
	case c.Test == "AndersonDarling" && c.Alpha < 1e-3:
		return fmt.Errorf("alpha must be at least 0.001, which the table of p-values ends at, got %v", c.Alpha)
	}
	return checkOpen("alpha", c.Alpha)
}

func (c *TwoWindowConfig) params(s *setter) {
	s.int("reference_size", &c.ReferenceSize)
	s.int("window_size", &c.WindowSize)
	s.int("clock", &c.Clock)
	if c.isDistance() {
		s.float("threshold", &c.Threshold)
	} else {
		s.float("alpha", &c.Alpha)
	}
	if c.binned() || c.Test == "JS" {
		s.int("num_bins", &c.Bins)
	}
	if c.binned() {
		s.word("binning", &c.Binning)
	}
	if c.Test == "MMD" {
		s.float("sigma", &c.Sigma)
	}
	if c.Test == "Kuiper" {
		s.word("statistic", &c.Statistic)
	}
}

func (c *TwoWindowConfig) code(k *codec) {
	k.string(&c.Test)
	k.int(&c.ReferenceSize, &c.WindowSize, &c.Clock, &c.Bins)
	k.f64(&c.Alpha, &c.Threshold, &c.Sigma)
	k.string(&c.Binning)
	k.string(&c.Statistic)
}

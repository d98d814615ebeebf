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
// Hellinger, Bhattacharyya, which are distances.
func DefaultTwoWindow(test string) TwoWindowConfig {
	c := TwoWindowConfig{
		Test: test, ReferenceSize: 100, WindowSize: 100, Clock: 10, Alpha: 1e-4,
		Bins: 10, Binning: pooled, Sigma: 1, Statistic: "ks",
	}
	switch test {
	case "AndersonDarling":
		c.Alpha = 1e-3
	case "MMD":
		c.Threshold = 0.1
	case "Energy", "EMD":
		c.Threshold = 0.5
	case "PSI":
		c.Threshold, c.Binning = 1, quantile
	case "JS", "Hellinger":
		c.Threshold = 0.4
	case "Bhattacharyya":
		c.Threshold = 0.15
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

// comparison compares two sorted samples. It returns a statistic and its
// p-value, or a distance and NaN.
type comparison interface {
	// learn sees a new reference.
	learn(ref []float64)
	// compare may keep nothing of its arguments.
	compare(ref, window []float64) (value, p float64)
}

// windowTest is a comparison by name.
type windowTest struct {
	name     string
	aliases  []string
	distance bool // without a p-value
	build    func(TwoWindowConfig) comparison
}

func windowTests() []windowTest {
	return []windowTest{
		{"KS", nil, false, newKS},
		{"CVM", []string{"CramerVonMises"}, false, stateless(cramerVonMises{})},
		{"AndersonDarling", []string{"Anderson"}, false, newAndersonDarling},
		{"MannWhitney", []string{"MWU"}, false, stateless(mannWhitney{})},
		{"Welch", nil, false, stateless(welch{})},
		{"Kuiper", nil, false, newKuiper},
		{"MMD", nil, true, newMMD},
		{"Energy", nil, true, stateless(energy{})},
		{"EMD", []string{"Wasserstein"}, true, stateless(emd{})},
		{"PSI", nil, true, newPSI},
		{"JS", []string{"JensenShannon"}, true, newJensenShannon},
		{"Hellinger", nil, true, newHellinger},
		{"Bhattacharyya", nil, true, newBhattacharyya},
	}
}

func stateless(c comparison) func(TwoWindowConfig) comparison {
	return func(TwoWindowConfig) comparison { return c }
}

// find returns the test of the configuration; ok is false for an unknown name.
func (c TwoWindowConfig) find() (t windowTest, ok bool) {
	for _, t := range windowTests() {
		if t.name == c.Test {
			return t, true
		}
	}
	return windowTest{}, false
}

// TwoWindow compares a window of the newest samples with a reference, the first
// samples since the last reset, every Clock updates once both are full. There
// is a drift where the p-value of the test is at most Alpha, or the distance
// exceeds Threshold; at the update after it a new reference begins. The tests
// are those of Frouros 0.9.0, whose values it reproduces.
//
// Alpha is the chance of an alarm at one test of independent samples: windows
// overlap and tests are many, so that it is not a rate of false alarms, and
// autocorrelated input raises it. EMD, Energy and MMD depend on the scale:
// standardise the input. Input that is not finite, or beyond ±1e150, is ignored.
//
// Memory is proportional to the two sizes, and an update without a test takes
// time logarithmic in them and a move of memory. Nothing is allocated after the
// start. A TwoWindow is made by NewTwoWindow and not safe for concurrent use.
type TwoWindow struct {
	cfg      TwoWindowConfig
	distance bool
	test     comparison
	state    State
	n        int
	ref      sorted
	window   ring
	newest   sorted // the window once more
	value    float64
	p        float64
	learned  bool
}

// NewTwoWindow returns a TwoWindow. It panics where cfg does not validate.
func NewTwoWindow(cfg TwoWindowConfig) *TwoWindow {
	mustValidate(cfg.Test, cfg)
	t, _ := cfg.find()
	d := &TwoWindow{
		cfg:      cfg,
		distance: t.distance,
		test:     t.build(cfg),
		ref:      make(sorted, 0, cfg.ReferenceSize),
		window:   newRing(cfg.WindowSize),
		newest:   make(sorted, 0, cfg.WindowSize),
	}
	d.Reset()
	return d
}

// Reset empties both windows.
func (d *TwoWindow) Reset() {
	d.state, d.n, d.learned = Stable, 0, false
	d.value, d.p = math.NaN(), math.NaN()
	d.ref, d.newest = d.ref[:0], d.newest[:0]
	d.window.clear()
}

// Update feeds one value. It returns Drift where the windows differ.
func (d *TwoWindow) Update(x float64) State {
	if !usable(x) {
		return d.state
	}
	if d.state == Drift {
		d.Reset()
	}
	d.n++
	d.state = Stable
	if len(d.ref) < d.cfg.ReferenceSize {
		d.ref.insert(x)
		return d.state
	}
	if d.window.len() == d.cfg.WindowSize {
		d.newest.remove(d.window.pop())
	}
	d.window.push(x)
	d.newest.insert(x)
	full := d.cfg.ReferenceSize + d.cfg.WindowSize
	if d.n >= full && (d.n-full)%d.cfg.Clock == 0 {
		d.compare()
	}
	return d.state
}

func (d *TwoWindow) compare() {
	if !d.learned {
		d.test.learn(d.ref)
		d.learned = true
	}
	d.value, d.p = d.test.compare(d.ref, d.newest)
	if d.distance && d.value > d.cfg.Threshold || d.p <= d.cfg.Alpha {
		d.state = Drift
	}
}

// Vars visits n (samples since the last reset), and of the last comparison
// distance, or statistic and p_value (NaN before the first).
func (d *TwoWindow) Vars(visit func(name string, v float64)) {
	visit("n", float64(d.n))
	if d.distance {
		visit("distance", d.value)
		return
	}
	visit("statistic", d.value)
	visit("p_value", d.p)
}

func (d *TwoWindow) code(c *codec) {
	c.state(&d.state)
	c.count(&d.n)
	c.f64(&d.value, &d.p)
	c.f64s((*[]float64)(&d.ref))
	d.window.code(c)
	if c.r != nil {
		d.newest = d.newest[:0]
		for i := range d.window.len() {
			d.newest.insert(d.window.at(i))
		}
	}
}

// twoWindowState marks a snapshot of a TwoWindow, version 1.
const twoWindowState = 0x24001

// AppendState appends a snapshot, parameters included.
func (d *TwoWindow) AppendState(dst []byte) []byte {
	return appendState(dst, twoWindowState, &d.cfg, d)
}

// RestoreState reads a snapshot back. On an error the detector is unchanged.
func (d *TwoWindow) RestoreState(src []byte) ([]byte, error) {
	return restoreState(d, "two-window", twoWindowState, src, NewTwoWindow)
}

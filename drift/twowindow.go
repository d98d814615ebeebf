package drift

import (
	"fmt"
	"math"
)

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
	c.f64s((*[]float64)(&d.ref), cap(d.ref))
	d.window.code(c)
	if c.r != nil {
		if len(d.ref) != min(d.n, d.cfg.ReferenceSize) || d.window.len() != min(d.n-len(d.ref), d.cfg.WindowSize) {
			c.r.Fail(errForeign)
			return
		}
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
	var n TwoWindow
	rest, err := restoreState(&n, d.cfg.Test, twoWindowState, src, NewTwoWindow)
	if err == nil && n.cfg.Test != d.cfg.Test {
		err = fmt.Errorf("drift: %s state: %w, but of %s", d.cfg.Test, errForeign, n.cfg.Test)
	}
	if err != nil {
		return nil, err
	}
	*d = n
	return rest, nil
}

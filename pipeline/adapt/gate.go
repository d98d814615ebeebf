package adapt

import (
	"fmt"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"

	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/replay"
)

// GateConfig says how strict the gate is. Zero fields take their defaults.
type GateConfig struct {
	Seed uint64
	// Draws is the number of pairs of recorruptions per window. Default 4.
	Draws int
	// Level is that of the test on the recent windows. Default 0.02.
	Level float64
	// Forget is what may be lost on the older windows, in dB. Default 0.3.
	Forget float64
	// Pause, when not nil, is called after each window; its error ends the gate.
	Pause func() error
}

// Verdict says what the gate found. Gains are those of the challenger over the
// champion, in dB of the estimated error against the truth.
type Verdict struct {
	Promote  bool
	RecentDB float64 // NaN where there is nothing to judge on
	OldDB    float64 // NaN where there are no older windows
	P        float64 // one-sided: the chance of such a gain if there were none; 1 where there is no test
	Recent   int     // windows judged on
	Old      int
	Why      string // a sentence with figures
}

const (
	// alpha is the strength of a recorruption in deviations of the noise. The
	// nets then see a quarter more noise than they serve.
	alpha = .5
	// piece is the number of slots over which errors are averaged before they
	// are compared. White noise makes pieces nearly independent.
	piece = 32
	// leastPieces is what a test needs.
	leastPieces = 8
	// leastGain is what a switch is worth, in dB: with enough windows any
	// difference becomes significant.
	leastGain = .1
	// floor is the least error in units of the noise's variance that is told
	// from none: an estimate may come out negative.
	floor = .03
	// lead is the share of a window, at each end, that is not judged where the
	// net lacks its context: 1/lead.
	lead = 8
)

func (c GateConfig) defaults() GateConfig {
	if c.Draws == 0 {
		c.Draws = 4
	}
	if c.Level == 0 {
		c.Level = .02
	}
	if c.Forget == 0 {
		c.Forget = .3
	}
	return c
}

// Gate compares two models on held-out windows without clean truth. It promotes
// the challenger if its error is lower on the recent windows by a one-sided
// paired t-test over pieces of 32 slots, and by 0.1 dB at least, and if it loses
// no more than cfg.Forget on the old ones; where there are none, nothing can be forgotten.
//
// Errors are estimated from recorrupted pairs (Pang, Zheng, Quan and Ji,
// "Recorrupted-to-Recorrupted", 2021, eq. 5): with the observed y = x+n and z of
// the noise's own deviation σ̂,
//
//	E|f(y+αz) - (y-z/α)|² = E|f(y+αz) - x|² + σ²(1+1/α²)
//
// if n is white and Gaussian. What is the same for both models is left out of
// the left side, and z is used with both signs, which takes most of its own
// scatter away. σ̂ is measured on the windows themselves, because the scale's
// lags behind a drift: pooled over the recent windows of a series, and by itself
// for each older one. The nets get the level that they would serve with, raised
// like the noise.
//
// The answer depends on nothing but the arguments. The error is that of
// cfg.Pause, or says that a model does not fit the windows.
func Gate(champion, challenger *model.Model, recent, old []*replay.Window, cfg GateConfig) (Verdict, error) {
	cfg = cfg.defaults()
	v := Verdict{RecentDB: math.NaN(), OldDB: math.NaN(), P: 1}
	noise := sigmas(recent)
	r, err := compare(champion, challenger, recent, func(w *replay.Window) []float64 { return noise[w.Series] }, cfg)
	if err != nil {
		return v, err
	}
	o, err := compare(champion, challenger, old, sigmaOf, cfg)
	if err != nil {
		return v, err
	}
	v.Recent, v.Old = r.windows, o.windows
	if len(r.gain) < leastPieces {
		v.Why = fmt.Sprintf("%s hold too little to judge on, kept the model", count(r.windows, "held-out window"))
		return v, nil
	}
	v.RecentDB, v.P = r.db(), r.p()
	better, kept := v.P < cfg.Level && v.RecentDB >= leastGain, true
	v.Why = fmt.Sprintf("estimated error %s on %s since the drift (p = %.2g, wanted below %.2g)",
		lowerHigher(v.RecentDB), count(v.Recent, "held-out window"), v.P, cfg.Level)
	if len(o.gain) > 0 {
		v.OldDB = o.db()
		kept = v.OldDB >= -cfg.Forget
		v.Why += fmt.Sprintf(", %s on %s (may lose %.2g dB)", lowerHigher(v.OldDB), count(v.Old, "older one"), cfg.Forget)
	} else {
		v.Why += ", no older ones to compare on"
	}
	v.Promote = better && kept
	switch {
	case v.Promote:
	case !kept:
		v.Why += ": forgets too much"
	default:
		v.Why += ": not surely better"
	}
	return v, nil
}

func lowerHigher(db float64) string {
	if db < 0 {
		return fmt.Sprintf("%.2f dB higher", -db)
	}
	return fmt.Sprintf("%.2f dB lower", db)
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// comparison is what two models did on the same windows, in units of the
// noise's variance.
type comparison struct {
	windows int
	error   float64   // mean estimated error of the champion
	gain    []float64 // per piece: by how much the challenger's is lower
}

// db returns the challenger's gain. The difference is known far better than
// either error, so that the challenger's is taken from it.
func (c *comparison) db() float64 {
	other := c.error - stat.Mean(c.gain, nil)
	return 10 * math.Log10(max(c.error, floor)/max(other, floor))
}

// p returns the one-sided p-value of Student's paired test.
func (c *comparison) p() float64 {
	mean, dev := stat.MeanStdDev(c.gain, nil)
	n := float64(len(c.gain))
	if !(dev > 0) { // as where both are the same net
		return 1
	}
	return distuv.StudentsT{Mu: 0, Sigma: 1, Nu: n - 1}.Survival(mean / dev * math.Sqrt(n))
}

// compare runs both models over the windows; sigma returns a window's noise
// level per channel in the channel's unit.
func compare(champion, challenger *model.Model, windows []*replay.Window, sigma func(*replay.Window) []float64, cfg GateConfig) (comparison, error) {
	var c comparison
	sum := 0.0
	for _, w := range windows {
		t := newTrial(w, sigma(w))
		a, b, err := t.errors(champion, challenger, cfg)
		if err != nil {
			return c, err
		}
		if len(a) > 0 {
			c.windows++
		}
		for i := range a {
			sum += a[i]
			c.gain = append(c.gain, a[i]-b[i])
		}
		if cfg.Pause != nil {
			if err := cfg.Pause(); err != nil {
				return c, err
			}
		}
	}
	if len(c.gain) > 0 {
		c.error = sum / float64(len(c.gain))
	}
	return c, nil
}

// trial is a window on which models are compared.
type trial struct {
	w     *replay.Window
	sigma []float64 // per channel, scaled; 0: not judged
	z     []float64 // [T][C], 0 where nothing is added
	cols  []model.Column
}

func newTrial(w *replay.Window, sigma []float64) *trial {
	t := &trial{w: w, sigma: make([]float64, len(w.Scales)), z: make([]float64, len(w.Values)), cols: make([]model.Column, len(w.Values))}
	for c, s := range w.Scales {
		// Below a thousandth of the deviation there is nothing to remove.
		if s.Dev > 0 && sigma[c] > 1e-3*s.Dev {
			t.sigma[c] = sigma[c] / s.Dev
		}
	}
	return t
}

// errors returns the estimated errors of both models per piece.
func (t *trial) errors(champion, challenger *model.Model, cfg GateConfig) (a, b []float64, err error) {
	rng := draws(cfg.Seed, t.w.Series, t.w.Start)
	pieces := (t.w.Steps() - 2*t.w.Steps()/lead) / piece
	sa, sb, n := make([]float64, pieces), make([]float64, pieces), make([]int, pieces)
	for range cfg.Draws {
		for i := range t.z {
			t.z[i] = t.sigma[i%len(t.sigma)] * rng.NormFloat64()
		}
		for _, sign := range [...]float64{1, -1} {
			clear(n)
			if err := t.add(sa, n, champion, sign); err != nil {
				return nil, nil, err
			}
			clear(n)
			if err := t.add(sb, n, challenger, sign); err != nil {
				return nil, nil, err
			}
		}
	}
	for i := range n {
		if n[i] < piece/2 {
			continue
		}
		k := 1 / float64(2*cfg.Draws*n[i])
		a, b = append(a, sa[i]*k-1), append(b, sb[i]*k-1) // |n|² is 1 on average
	}
	return a, b, nil
}

// add runs m on y ± αz and adds its squared errors per piece, less what is the
// same for every model but for |n|², and their number to n.
func (t *trial) add(sum []float64, n []int, m *model.Model, sign float64) error {
	channels := len(t.sigma)
	raised := .5 * math.Log10(1+alpha*alpha)
	fillColumns(t.cols, t.w, func(c int) float64 {
		if level := t.w.Level(c); level > -3 {
			return min(level+raised, .5)
		}
		return -3
	}, func(i int) float64 { return alpha * sign * t.z[i] })
	st, err := m.NewStream(channels)
	if err != nil {
		return err
	}
	clean := append([]float32(nil), st.Push(t.cols)...)
	clean = append(clean, st.Finish()...)
	first := t.w.Steps() / lead
	for k := range sum {
		for s := range piece {
			for c, sigma := range t.sigma {
				i := (first+k*piece+s)*channels + c
				if sigma == 0 || t.cols[i].Missing || i >= len(clean) {
					continue
				}
				// |f-(y-z/α)|² - |z/α|²
				d := float64(clean[i] - t.w.Values[i])
				sum[k] += (d*d + 2*d*sign*t.z[i]/alpha) / (sigma * sigma)
				n[k]++
			}
		}
	}
	return nil
}

// draws returns a generator that depends on nothing but its arguments.
func draws(seed uint64, series string, at int64) *rand.Rand {
	return rand.New(rand.NewPCG(keyed(seed, series, at), seed))
}

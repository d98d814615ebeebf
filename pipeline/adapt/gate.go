package adapt

import (
	"fmt"
	"math"

	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/replay"
	"github.com/quell-stream/quell/model/train"
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
	// leastPieces is what a test needs.
	leastPieces = 8
	// leastGain is what a switch is worth, in dB: with enough windows any
	// difference becomes significant.
	leastGain = .1
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
// Errors are estimated from recorrupted pairs: see train.Compare. σ̂ is measured
// on the windows themselves, because the scale's lags behind a drift: pooled over
// the recent windows of a series, and by itself for each older one. The nets get
// the level that they would serve with, raised like the noise.
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
	v.Recent, v.Old = r.Windows, o.Windows
	if len(r.Gain) < leastPieces {
		v.Why = fmt.Sprintf("%s hold too little to judge on, kept the model", count(r.Windows, "held-out window"))
		return v, nil
	}
	v.RecentDB, v.P = r.DB(), r.P()
	better, kept := v.P < cfg.Level && v.RecentDB >= leastGain, true
	v.Why = fmt.Sprintf("estimated error %s on %s since the drift (p = %.2g, wanted below %.2g)",
		lowerHigher(v.RecentDB), count(v.Recent, "held-out window"), v.P, cfg.Level)
	if len(o.Gain) > 0 {
		v.OldDB = o.DB()
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

// compare runs both models over the windows; sigma returns a window's noise
// level per channel in the channel's unit.
func compare(champion, challenger *model.Model, windows []*replay.Window, sigma func(*replay.Window) []float64, cfg GateConfig) (train.Comparison, error) {
	evidence := make([]train.Evidence, len(windows))
	for i, w := range windows {
		evidence[i] = evidenceOf(w, sigma(w), cfg.Seed)
	}
	return train.Compare(champion, challenger, evidence, train.CompareConfig{Draws: cfg.Draws, Pause: cfg.Pause})
}

// evidenceOf lays a window out to be judged on, but for its ends.
func evidenceOf(w *replay.Window, sigma []float64, seed uint64) train.Evidence {
	scaled := make([]float64, len(w.Values))
	for i := range scaled {
		// Below a thousandth of the deviation there is nothing to remove.
		c := i % len(w.Scales)
		if s := w.Scales[c]; s.Dev > 0 && sigma[c] > 1e-3*s.Dev {
			scaled[i] = sigma[c] / s.Dev
		}
	}
	e := train.Evidence{Window: trainWindow(w, nil), From: w.Steps() / lead, To: w.Steps() - w.Steps()/lead,
		Seed: [2]uint64{keyed(seed, w.Series, w.Start), seed}}
	e.Sigma = scaled
	return e
}

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
	// Level bounds the chance that a challenger that is no better is let through,
	// however often it is looked at. Default 0.01: the e-value must reach 100.
	Level float64
	// Forget is what may be lost on the older windows of any one regime, in dB.
	// Default 0.3.
	Forget float64
	// Regime names the regime that bore an older window; nil: one bore all. Those
	// with too few windows to tell are judged together.
	Regime func(w *replay.Window) int
	// Knows returns the model that a regime was left with; nil where that is not known.
	// What is lost of the regime is measured by it, as long as the champion has not lost
	// that already, so that several promotions in a row don't lose more than one may.
	// Else, and where Knows is nil, it is measured by the champion.
	Knows func(regime int) *model.Model
	// Pause, when not nil, is called after each window; its error ends the gate.
	Pause func() error

	on *model.Model // see train.CompareConfig
}

// compare says how models are compared.
func (c GateConfig) compare() train.CompareConfig {
	return train.CompareConfig{Draws: c.Draws, On: c.on, Pause: c.Pause}
}

// Verdict says what the gate found. Gains are those of the challenger over the
// champion, in dB of the estimated error against the truth.
type Verdict struct {
	Promote  bool
	RecentDB float64 // NaN where there is nothing to judge on
	OldDB    float64 // of the regime that loses most, over what it was left with; NaN where there are no older windows
	P        float64 // anytime-valid: 1 over the largest e-value there was; 1 where there is no test
	E        float64 // the e-value after the last window: what betting on the challenger made of 1
	Recent   int     // windows judged on
	Old      int
	Regimes  int     // that the older windows are of
	Error    float64 // the challenger's on the recent windows, in units of the noise's variance; NaN as RecentDB
	Why      string  // a sentence with figures
}

const (
	// leastPieces is what a test needs.
	leastPieces = 8
	// leastGain is what a switch is worth, in dB: with enough windows any
	// difference becomes significant.
	leastGain = .1
	// leastErrors is how many standard errors the mean gain must be above 0. Bets
	// are on differences that are cut, and so hardly see losses that are rare and
	// large, as of a net that is better but for the peaks; the mean sees them.
	leastErrors = 2
	// lead is the share of a window, at each end, that is not judged where the
	// net lacks its context: 1/lead.
	lead = 8
	// leastOfRegime is the number of windows that a regime is judged by itself
	// with. The estimate of fewer scatters by more than what may be lost.
	leastOfRegime = 2
	// hopelessLevel is that of the test on the champion, which ends a challenger.
	hopelessLevel = .05
	// mostOfRegime and mostOfPast bound what a gate looks at of the past.
	mostOfRegime, mostOfPast = 16, 64
)

func (c GateConfig) defaults() GateConfig {
	if c.Draws == 0 {
		c.Draws = 4
	}
	if c.Level == 0 {
		c.Level = .01
	}
	if c.Forget == 0 {
		c.Forget = .3
	}
	return c
}

// Gate compares two models on held-out windows without clean truth. It promotes
// the challenger if betting on its lower error, window by window over pieces of
// 32 slots, has made 1/cfg.Level of 1 at some time, if its error is lower by
// 0.1 dB and two standard errors at least, and if it loses no more than cfg.Forget
// in any regime among the old windows; where there are none, nothing can be
// forgotten. The bets are those of an anytime-valid test: see
// docs/decisions/0006-gate.md.
//
// Errors are estimated from recorrupted pairs: see train.Compare. σ̂ is measured
// on the windows themselves, because the scale's lags behind a drift: pooled over
// the recent windows of a series, over those of an earlier regime, and by itself where
// there are few of several. Where it takes a rough signal for noise their spectrum bounds it
// (package floor), or what they were served with. The nets get
// the level that they would serve with, raised like the noise.
//
// The answer depends on nothing but the arguments. The error is that of
// cfg.Pause, or says that a model does not fit the windows.
func Gate(champion, challenger *model.Model, recent, old []*replay.Window, cfg GateConfig) (Verdict, error) {
	s := newShadow(champion, challenger, cfg)
	if err := s.add(recent); err != nil {
		return s.verdict(), err
	}
	if err := s.remember(old); err != nil {
		return s.verdict(), err
	}
	return s.verdict(), nil
}

// shadow is a challenger that runs beside its champion on held-out windows.
type shadow struct {
	cfg                  GateConfig
	champion, challenger *model.Model
	served               bool // windows are judged on the scale that they were served with

	seen   []*replay.Window // recent ones
	judged int              // of them
	recent train.Comparison
	bets   wealth // bets on the challenger
	other  wealth // bets on the champion

	around []*replay.Window // that judge nothing, and may lie beside older ones
	past   []past           // earlier regimes
}

// past is what was found on the windows of one earlier regime.
type past struct {
	regime  int // -1: several, with few windows each
	windows int
	seen    float64 // the challenger's gain over the model that it is measured by, dB
	known   float64 // the same on a signal that is known
	error   float64 // of that model
}

// db is the lower of both estimates.
func (p *past) db() float64 { return min(p.seen, p.known) }

func newShadow(champion, challenger *model.Model, cfg GateConfig) *shadow {
	return &shadow{cfg: cfg.defaults(), champion: champion, challenger: challenger}
}

// add judges by new windows, of which all are as likely to be the next.
func (s *shadow) add(windows []*replay.Window) error {
	s.seen = append(s.seen, windows...)
	c, err := compareIn(stretchesAt(s.seen, s.served || !runs(s.champion), s.served), windows, s.champion, s.challenger, s.cfg)
	if err != nil {
		return err
	}
	s.take(c)
	return nil
}

// take bets on what was found on new windows.
func (s *shadow) take(c train.Comparison) {
	s.judged += c.Windows
	s.recent = joined(s.recent, c)
	s.bets.add(c.Gain)
	minus := make([]float64, len(c.Gain))
	for i, g := range c.Gain {
		minus[i] = -g
	}
	s.other.add(minus)
}

// joined returns the comparison over the windows of both.
func joined(a, b train.Comparison) train.Comparison {
	n, m := float64(len(a.Gain)), float64(len(b.Gain))
	if m == 0 {
		return a
	}
	both := func(x, y float64) float64 { return (x*n + y*m) / (n + m) }
	return train.Comparison{Windows: a.Windows + b.Windows, Error: both(a.Error, b.Error),
		Gain:   append(a.Gain[:len(a.Gain):len(a.Gain)], b.Gain...),
		Passed: both(a.Passed, b.Passed), OtherPassed: both(a.OtherPassed, b.OtherPassed)}
}

// remember judges by the windows of earlier regimes: by what there is of them, and by what
// the base model makes of them with fresh noise. The first is right in the mean, and
// off by some tenths of a decibel either way; the second scatters little, and tells of a
// signal only what the base model sees. See docs/decisions/0006-gate.md.
func (s *shadow) remember(old []*replay.Window) error {
	base, err := model.Base(-1)
	if err != nil {
		return fmt.Errorf("adapt: %w", err)
	}
	for _, b := range bunches(old, s.cfg.Regime) {
		by, err := s.measure(b)
		if err != nil {
			return err
		}
		c, err := s.compareOld(by, s.challenger, b, nil)
		if err != nil {
			return err
		}
		known, err := s.compareOld(by, s.challenger, b, base)
		if err != nil {
			return err
		}
		if len(c.Gain) > 0 {
			s.past = append(s.past, past{b.regime, c.Windows, c.DB(), known.DB(), c.Error})
		}
	}
	return nil
}

// compareOld compares on older windows, beside what lay around them. Those of several
// regimes are taken one by one, as their noise levels may differ.
// on is the model that makes the truth, nil: it is not known.
func (s *shadow) compareOld(a, b *model.Model, of bunch, on *model.Model) (train.Comparison, error) {
	cfg := s.cfg
	cfg.on = on
	if of.regime < 0 {
		return compare(a, b, of.windows, cfg)
	}
	return compareIn(among(of.windows, s.around), of.windows, a, b, cfg)
}

// measure returns the model that what is lost of a regime is measured by.
func (s *shadow) measure(b bunch) (*model.Model, error) {
	if s.cfg.Knows == nil || b.regime < 0 {
		return s.champion, nil
	}
	m := s.cfg.Knows(b.regime)
	if m == nil || m.Name() == s.champion.Name() {
		return s.champion, nil
	}
	c, err := s.compareOld(m, s.champion, b, nil)
	if err != nil || !(c.DB() >= -s.cfg.Forget) {
		return s.champion, err
	}
	return m, nil
}

// bunch is the windows of a regime.
type bunch struct {
	regime  int
	windows []*replay.Window
}

// bunches sorts windows by the regime that bore them, in order of appearance,
// those with few windows together and last.
func bunches(ws []*replay.Window, regime func(*replay.Window) int) []bunch {
	if regime == nil {
		regime = func(*replay.Window) int { return 0 }
	}
	var all, out []bunch
	at := map[int]int{}
	for _, w := range ws {
		name := regime(w)
		i, ok := at[name]
		if !ok {
			i = len(all)
			at[name] = i
			all = append(all, bunch{regime: name})
		}
		all[i].windows = append(all[i].windows, w)
	}
	few := bunch{regime: -1}
	each := max(leastOfRegime, min(mostOfRegime, mostOfPast/max(1, len(all))))
	for _, b := range all {
		if len(b.windows) < leastOfRegime {
			few.windows = append(few.windows, b.windows...)
		} else {
			out = append(out, bunch{b.regime, spread(b.windows, each)})
		}
	}
	if len(few.windows) > 0 {
		out = append(out, bunch{-1, spread(few.windows, each)})
	}
	return out
}

// verdict says what the windows so far tell.
func (s *shadow) verdict() Verdict {
	v := Verdict{RecentDB: math.NaN(), OldDB: math.NaN(), P: 1, E: 1, Recent: s.judged, Regimes: len(s.past), Error: math.NaN()}
	for _, p := range s.past {
		v.Old += p.windows
		if db := p.db(); !(db >= v.OldDB) { // NaN at first
			v.OldDB = db
		}
	}
	if len(s.recent.Gain) < leastPieces {
		v.Why = fmt.Sprintf("%s hold too little to judge on, kept the model", count(v.Recent, "held-out window"))
		return v
	}
	v.RecentDB, v.P, v.E = s.recent.DB(), s.bets.p(), math.Exp(s.bets.logE())
	v.Error = s.recent.Error - mean(s.recent.Gain)
	better := v.P <= s.cfg.Level && v.RecentDB >= leastGain && mean(s.recent.Gain) >= leastErrors*standardError(s.recent.Gain)
	kept := !(v.OldDB < -s.cfg.Forget)
	v.Why = fmt.Sprintf("estimated error %s on %s since the drift (e = %.3g, wanted %.3g)",
		lowerHigher(v.RecentDB), count(v.Recent, "held-out window"), 1/v.P, 1/s.cfg.Level)
	switch {
	case v.Regimes == 0:
		v.Why += ", no older ones to compare on"
	case v.Regimes == 1:
		v.Why += fmt.Sprintf(", %s on %s (may lose %.2g dB)", lowerHigher(v.OldDB), count(v.Old, "older one"), s.cfg.Forget)
	default:
		v.Why += fmt.Sprintf(", %s in the worst of %d earlier regimes with %s (may lose %.2g dB)", lowerHigher(v.OldDB), v.Regimes, count(v.Old, "window"), s.cfg.Forget)
	}
	v.Promote = better && kept
	switch {
	case v.Promote:
	case !kept:
		v.Why += ": forgets too much"
	default:
		v.Why += ": not surely better"
	}
	return v
}

// hopeless says that more windows won't help: the challenger forgets, betting on
// its champion has made 1/hopelessLevel of 1, or enough windows show no gain that
// a switch is worth.
func (s *shadow) hopeless(v *Verdict) bool {
	const enough = 12
	return v.OldDB < -s.cfg.Forget || s.other.p() <= hopelessLevel || v.Recent >= enough && v.RecentDB < leastGain/2
}

func mean(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	return sum / float64(len(x))
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

// compare runs both models over windows, each by itself and at its own noise level.
func compare(champion, challenger *model.Model, windows []*replay.Window, cfg GateConfig) (train.Comparison, error) {
	evidence := make([]train.Evidence, len(windows))
	for i, w := range windows {
		evidence[i] = evidenceOf(w, sigmas(windows[i:i+1], true)[w.Series], cfg.Seed)
	}
	return train.Compare(champion, challenger, evidence, cfg.compare())
}

// evidenceOf lays a window out to be judged on, but for its ends.
func evidenceOf(w *replay.Window, sigma []float64, seed uint64) train.Evidence {
	e := train.Evidence{Window: trainWindow(w), From: w.Steps() / lead, To: w.Steps() - w.Steps()/lead,
		Seed: [2]uint64{keyed(seed, w.Series, w.Start), seed}}
	e.Sigma = scaledSigma(len(w.Values), sigma, w.Scales)
	return e
}

// scaledSigma lays out n values' noise levels as the net's input is scaled.
func scaledSigma(n int, sigma []float64, scales []replay.Scale) []float64 {
	scaled := make([]float64, n)
	for i := range scaled {
		// Below a thousandth of the deviation there is nothing to remove.
		c := i % len(scales)
		if s := scales[c]; s.Dev > 0 && sigma[c] > 1e-3*s.Dev {
			scaled[i] = sigma[c] / s.Dev
		}
	}
	return scaled
}

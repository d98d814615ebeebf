package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"

	"gonum.org/v1/gonum/stat"

	"github.com/quell-stream/quell/model"
)

// Method is a way of training without clean truth.
type Method string

// The methods.
const (
	Auto        Method = "auto"  // IDR, then R2R and BlindSpot where the history is long; N2N where there is a twin
	IDR         Method = "idr"   // iterative data refinement: FineTune
	R2R         Method = "r2r"   // recorrupted to recorrupted: Recorrupted
	Noise2Noise Method = "n2n"   // from one sensor to its twin: NoiseToNoise
	BlindSpot   Method = "blind" // a net that does not see the reading it is for: Blind
)

// Methods lists the methods.
func Methods() []Method { return []Method{Auto, IDR, R2R, Noise2Noise, BlindSpot} }

// TruthlessConfig says how to train without clean truth. Zero fields take their
// defaults; Rounds are those of IDR, default 2, and Steps count for each round,
// defaults 300, and 900 of R2R, N2N and BlindSpot.
type TruthlessConfig struct {
	FineTuneConfig
	Method Method // default Auto
	// Arch is the net that BlindSpot begins anew with where the model is of
	// another kind. Default: BlindArch of 24 channels with 3 taps, dilations 1…32 and
	// the model's look-ahead.
	Arch Arch
}

// Attempt is a round of training and what became of it.
type Attempt struct {
	Method  Method
	Steps   int
	GainDB  float64 // estimated, over what it started from; NaN where there was nothing to judge on
	P       float64 // the chance of such a gain if there were none
	Windows int     // held-out windows judged on
	Kept    bool
}

// TruthlessReport says what Truthless tried and kept.
type TruthlessReport struct {
	Attempts []Attempt
	Slots    int // trained on
	Held     int // slots held out to judge on
	Fit      FitReport
}

// Kept returns the methods whose results were kept, in order.
func (r *TruthlessReport) Kept() []Method {
	var out []Method
	for _, a := range r.Attempts {
		if a.Kept {
			out = append(out, a.Method)
		}
	}
	return out
}

const (
	// longHistory is the number of slots from which R2R pays: on shorter ones it
	// learns the noise by heart.
	longHistory = 40000
	// blindHistory is the number of slots from which Auto tries a blind-spot net:
	// begun anew, it needs more than one that is tuned.
	blindHistory = 20000
	// keepGain and keepLevel are what a round has to show: by how much the mean
	// squared error is lower, in units of the noise's variance, and that by the
	// paired test at this level. Decibels do not decide: on a short history the
	// champion's error is hardly told from none. What is judged here is not served
	// yet; a live gate is stricter.
	keepGain, keepLevel = .001, .1
	// leastJudged is the number of pieces that a judgement needs.
	leastJudged = 8
	// colouredPiece is CompareConfig.Piece for noise that has a memory.
	colouredPiece = 64
)

// Truthless trains a copy of m, starting from its weights, on noisy windows
// alone. Each round of training is kept only if what it made is better than what
// it started from on stretches of the windows that were held out, by an estimate
// that needs no truth (Compare); where nothing is kept the model returned is m.
//
// With Auto there are cfg.Rounds rounds of IDR, the second from the first's
// result, then R2R if the windows have 40,000 slots or more, and BlindSpot from 20,000
// on if nothing but white noise is known of; N2N alone where they have a Twin. A
// blind-spot model learns by BlindSpot alone, which is refused where the noise is not
// white: such a net takes it for signal. Auto returns ErrColoured, with figures, where the noise is not
// white and the windows have neither a recording of it nor a twin; another method
// that is named is used as it is.
//
// Windows of 1024 slots or more give a sixth of themselves to judge on, of
// shorter ones every sixth is held out. The same input and seed give the same
// bytes.
func Truthless(ctx context.Context, m *model.Model, windows []Window, cfg TruthlessConfig) (*model.Model, TruthlessReport, error) {
	var rep TruthlessReport
	if cfg.Method == "" {
		cfg.Method = Auto
	}
	if !slices.Contains(Methods(), cfg.Method) {
		return nil, rep, fmt.Errorf("train: there is no method %q", cfg.Method)
	}
	setDefault(&cfg.Rounds, 2)
	t := truthless{cfg: cfg, ctx: ctx, model: m, colour: CheckWhite(windows)}
	t.hold(windows)
	for i := range t.train {
		rep.Slots += t.train[i].slots()
	}
	for _, e := range t.held {
		rep.Held += e.To - e.From
	}
	if len(t.train) == 0 || len(t.held) == 0 {
		return nil, rep, fmt.Errorf("train: a history of %d slots is too short: some are held out to judge on, so that at least %d are needed", rep.Slots+rep.Held, leastWhole)
	}
	stages, err := t.stages(rep.Slots)
	if err != nil {
		return nil, rep, err
	}
	if slices.ContainsFunc(stages, func(m Method) bool { return m != IDR }) {
		if err := cfg.checkNoisy(); err != nil {
			return nil, rep, err
		}
	}
	if need := leastJudged * t.judge().Piece; rep.Held < need {
		return nil, rep, fmt.Errorf("train: the history is too short: %d slots are held out to judge on, at least %d are needed; give a recording %d times as long",
			rep.Held, need, (need+rep.Held-1)/rep.Held)
	}
	for i, method := range stages {
		if method == IDR && i > 0 && !rep.Attempts[i-1].Kept {
			continue // it would begin where that one began
		}
		a, err := t.attempt(i, stages)
		rep.Attempts, rep.Fit = append(rep.Attempts, a), t.fit
		if err != nil {
			return nil, rep, err
		}
	}
	return t.result(m, &rep)
}

// truthless is a run of Truthless.
type truthless struct {
	cfg   TruthlessConfig
	ctx   context.Context
	model *model.Model // the best so far
	train []Window
	held  []Evidence
	fit   FitReport

	colour error // of CheckWhite
}

// stages returns the rounds to be made.
func (t *truthless) stages(slots int) ([]Method, error) {
	known, twin := t.train[0].Noise != nil, t.train[0].Twin != nil
	blind := t.model.Kind() == model.BlindSpot
	switch {
	case t.cfg.Method == BlindSpot || blind && t.cfg.Method == Auto:
		return []Method{BlindSpot}, t.checkBlind()
	case blind:
		return nil, fmt.Errorf("train: %s is a blind-spot model, which learns by method %s", t.model.Name(), BlindSpot)
	}
	switch t.cfg.Method {
	case IDR:
		return slices.Repeat([]Method{IDR}, t.cfg.Rounds), nil
	case Noise2Noise:
		if !twin {
			return nil, errors.New("train: noise to noise: the windows have no twin")
		}
		return []Method{Noise2Noise}, nil
	case R2R:
		return []Method{R2R}, nil
	}
	if twin {
		return []Method{Noise2Noise}, nil
	}
	if t.colour != nil && !known {
		return nil, t.colour
	}
	out := slices.Repeat([]Method{IDR}, t.cfg.Rounds)
	if slots >= longHistory {
		out = append(out, R2R)
	}
	if slots >= blindHistory && !known && t.cfg.check(t.blindArch()) == nil { // what else is asked for may not be for such a net
		out = append(out, BlindSpot)
	}
	return out, nil
}

// attempt makes one round and judges it.
func (t *truthless) attempt(i int, stages []Method) (Attempt, error) {
	cfg := t.cfg.FineTuneConfig
	cfg.Rounds, cfg.Seed = 1, cfg.Seed+uint64(i)<<32
	a := Attempt{Method: stages[i], GainDB: math.NaN(), P: 1}
	cfg.Steps = t.steps(stages[i])
	cfg.Progress = t.progress(i, stages)
	tune := FineTune
	switch a.Method {
	case R2R:
		tune = Recorrupted
	case Noise2Noise:
		tune = NoiseToNoise
	case BlindSpot:
		tune = t.blind
	}
	next, fit, err := tune(t.ctx, t.model, t.train, cfg)
	for _, r := range fit.Rounds {
		a.Steps += r.Steps
		t.fit = r
	}
	if err != nil {
		return a, err
	}
	c, err := Compare(t.model, next, t.held, t.judge())
	if err != nil {
		return a, err
	}
	a.Windows = c.Windows
	if len(c.Gain) >= leastJudged {
		a.GainDB, a.P = c.DB(), c.P()
		a.Kept = stat.Mean(c.Gain, nil) >= keepGain && a.P < keepLevel
	}
	if a.Kept {
		t.model = next
	}
	return a, nil
}

// judge says how to compare: by the twin where recorruptions would be wrong.
func (t *truthless) judge() CompareConfig {
	cfg := CompareConfig{Piece: 32}
	if len(t.held) == 0 {
		return cfg
	}
	w := &t.held[0].Window
	if w.Noise != nil || t.colour != nil {
		cfg.Piece = colouredPiece
	}
	cfg.ByTwin = w.Twin != nil && w.Noise == nil && t.colour != nil
	return cfg
}

func (t *truthless) steps(m Method) int {
	switch {
	case t.cfg.Steps > 0:
		return t.cfg.Steps
	case m == IDR:
		return 300
	}
	return 900
}

// progress has a round's progress told as that of all rounds.
func (t *truthless) progress(i int, stages []Method) func(Progress) {
	if t.cfg.Progress == nil {
		return nil
	}
	before, all := 0, 0
	for k, m := range stages {
		if k < i {
			before += t.steps(m)
		}
		all += t.steps(m)
	}
	return func(p Progress) {
		p.Step, p.Steps = before+p.Step, all
		t.cfg.Progress(p)
	}
}

// result returns the model that was kept, with its origin.
func (t *truthless) result(start *model.Model, rep *TruthlessReport) (*model.Model, TruthlessReport, error) {
	if t.model == start {
		return start, *rep, nil
	}
	var how []string
	steps := 0
	for _, a := range rep.Attempts {
		if !a.Kept {
			continue
		}
		if a.Method == BlindSpot { // it began anew
			how, steps = nil, 0
		}
		how = append(how, string(a.Method))
		steps += a.Steps
	}
	h := t.model.Header()
	h.Provenance = model.Provenance{Data: fmt.Sprintf("%d noisy samples of the series itself", rep.Slots),
		Command: fmt.Sprintf("without truth: %s, %d steps", strings.Join(how, ", "), steps),
		Seed:    t.cfg.Seed, Go: runtime.Version(), Parent: start.Name()}
	m, err := model.New(h, t.model.Net())
	return m, *rep, err
}

package train

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/nn"
)

// Space is what Tune chooses from. Empty lists take their defaults.
type Space struct {
	Kind      model.Kind // model.TCN, which is the default, or model.DAE
	Taps      []int      // default 3, 5, 7
	Channels  []int      // of a tcn's hidden layers, default 8, 16, 24, 32
	Depths    []int      // of a tcn: dilations 1, 2, 4, … so many, default 4, 5, 6
	Lookahead int        // of a tcn, negative for the symmetrical net
	Widths    [][]int    // of a dae, default 16, 32 and 16, 32, 32
	Latent    []int      // of a dae, default 2, 4, 8, 16
	Rate      [2]float64 // range of the learning rate's peak, default 1e-3 to 1e-2; drawn by its logarithm
}

func (s *Space) defaults() error {
	if s.Kind == "" {
		s.Kind = model.TCN
	}
	if s.Kind != model.TCN && s.Kind != model.DAE {
		return fmt.Errorf("train: tune: kind must be tcn or dae, got %q", s.Kind)
	}
	def := func(v *[]int, d ...int) {
		if len(*v) == 0 {
			*v = d
		}
	}
	def(&s.Taps, 3, 5, 7)
	def(&s.Channels, 8, 16, 24, 32)
	def(&s.Depths, 4, 5, 6)
	def(&s.Latent, 2, 4, 8, 16)
	if len(s.Widths) == 0 {
		s.Widths = [][]int{{16, 32}, {16, 32, 32}}
	}
	for _, v := range slices.Concat([][]int{s.Taps, s.Channels, s.Depths, s.Latent}, s.Widths) {
		if len(v) == 0 || slices.Min(v) < 1 {
			return errors.New("train: tune: taps, channels, depths, widths and latent must be positive")
		}
	}
	if slices.Max(s.Depths) > 12 {
		return errors.New("train: tune: a depth of more than 12 looks back by more than 4,096 samples")
	}
	if s.Rate == [2]float64{} {
		s.Rate = [2]float64{1e-3, 1e-2}
	}
	if !(s.Rate[0] > 0 && s.Rate[0] <= s.Rate[1] && s.Rate[1] <= 1) {
		return fmt.Errorf("train: tune: rate %g..%g: want a range within 0..1", s.Rate[0], s.Rate[1])
	}
	return nil
}

// Choice is a point of a Space.
type Choice struct {
	Kind      model.Kind `json:"kind"`
	Taps      int        `json:"taps"`
	Channels  int        `json:"channels,omitempty"`
	Dilations []int      `json:"dilations,omitempty"`
	Widths    []int      `json:"widths,omitempty"`
	Latent    int        `json:"latent,omitempty"`
	Rate      float64    `json:"rate"`
}

// arch returns the architecture for so many recordings.
func (c *Choice) arch(recordings, lookahead int) Arch {
	if c.Kind == model.DAE {
		return DAEArch(recordings, c.Widths, c.Taps, c.Latent)
	}
	signals := recordings
	if signals == 1 {
		signals = 0
	}
	return TCNArch(signals, c.Channels, c.Taps, c.Dilations, lookahead)
}

// choices returns all points of the space but for the rate, in a fixed order.
func (s *Space) choices() []Choice {
	var out []Choice
	for _, taps := range s.Taps {
		if s.Kind == model.DAE {
			for _, w := range s.Widths {
				for _, l := range s.Latent {
					out = append(out, Choice{Kind: s.Kind, Taps: taps, Widths: w, Latent: l})
				}
			}
			continue
		}
		for _, c := range s.Channels {
			for _, depth := range s.Depths {
				var d []int
				for i := range depth {
					d = append(d, 1<<i)
				}
				out = append(out, Choice{Kind: s.Kind, Taps: taps, Channels: c, Dilations: d})
			}
		}
	}
	return out
}

// Trial is one training of a search.
type Trial struct {
	Number int `json:"trial"` // of the choice, from 1
	Round  int `json:"round"` // from 1
	Choice
	Steps      int     `json:"steps"`
	Weights    int     `json:"weights"`
	Validation float64 `json:"validation"` // loss, see FitReport.Best
}

// TuneConfig says how to search.
type TuneConfig struct {
	SupervisedConfig // Arch, From, Peak, Resume and Checkpoint are not used; Steps are those of the last round
	Space            Space
	Trials           int         // choices to begin with, default 9
	Tried            func(Trial) // called after each trial, if set
}

// tuneShare is which part goes on to the next round, with so many times the steps:
// one of so many. The last round has that many at most.
const tuneShare = 3

// tuneTolerance is how much worse than the best, as a share of its loss, a choice
// may be that is taken for its fewer weights: about the standard error of a loss
// over the windows of validation (the rule of one standard error: Breiman et al.,
// "Classification and Regression Trees", 1984, section 3.4.3).
const tuneTolerance = .03

// Rounds returns the numbers of choices and of steps of the rounds of a search.
func (c *TuneConfig) Rounds() (choices, steps []int) {
	trials, last := c.Trials, c.Steps
	setDefault(&trials, 9)
	setDefault(&last, 4000)
	choices = []int{trials}
	for n := trials; n > tuneShare; {
		n = (n + tuneShare - 1) / tuneShare
		choices = append(choices, n)
	}
	steps = make([]int, len(choices))
	for i := len(steps) - 1; i >= 0; i-- {
		steps[i] = max(last, 1)
		last /= tuneShare
	}
	return choices, steps
}

// Largest returns the choice of the space that has the most weights.
func (c *TuneConfig) Largest() (Arch, error) {
	if err := c.Space.defaults(); err != nil {
		return Arch{}, err
	}
	var out Arch
	most := -1
	for _, choice := range c.Space.choices() {
		a := choice.arch(len(c.Clean), c.Space.Lookahead)
		net, err := nn.New(a.Spec, 0)
		if err != nil {
			return Arch{}, fmt.Errorf("train: tune: %w", err)
		}
		if n := net.NumParams(); n > most {
			out, most = a, n
		}
	}
	return out, nil
}

// Tune searches for an architecture and a learning rate: random points of the
// space, without repetition (Bergstra and Bengio, "Random Search for
// Hyper-Parameter Optimization", 2012), are trained for a few steps, and the better
// third of them anew for three times as many, until three are left (successive
// halving: Jamieson and Talwalkar, "Non-stochastic Best Arm Identification and
// Hyperparameter Optimization", 2016, algorithm 1, with a third for the half).
// They are judged by the loss on the validation part; of those within 3 % of the
// best the one with the fewest weights is better. The model returned is the best of
// the last round. All trials have the same seed, and the same config gives the same
// model.
func Tune(ctx context.Context, cfg TuneConfig) (*model.Model, Trial, error) {
	if err := cfg.Space.defaults(); err != nil {
		return nil, Trial{}, err
	}
	if cfg.Trials < 0 || cfg.Steps < 0 {
		return nil, Trial{}, errors.New("train: tune: trials and steps must not be negative")
	}
	setDefault(&cfg.Trials, 9)
	all := cfg.Space.choices()
	if cfg.Space.Rate[0] == cfg.Space.Rate[1] {
		cfg.Trials = min(cfg.Trials, len(all))
	}
	trials := cfg.draw(all)
	choices, steps := cfg.Rounds()
	models := map[int]*model.Model{}
	for round, n := range choices {
		trials = trials[:n]
		clear(models)
		for i := range trials {
			t := &trials[i]
			t.Round, t.Steps = round+1, steps[round]
			m, err := cfg.try(ctx, t)
			if err != nil {
				return nil, *t, err
			}
			models[t.Number] = m
			if cfg.Tried != nil {
				cfg.Tried(*t)
			}
		}
		rank(trials)
	}
	if best := trials[0]; !math.IsNaN(best.Validation) {
		return models[best.Number], best, nil
	}
	return nil, trials[0], errors.New("train: tune: no trial came to a finite validation loss: choose lower rates")
}

// draw returns the choices to begin with: all before any comes again, with another
// learning rate.
func (c *TuneConfig) draw(all []Choice) []Trial {
	rng := draw(c.Seed^0x7e5e, 0, 0)
	var out []Trial
	for len(out) < c.Trials {
		shuffled := slices.Clone(all)
		rng.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		for _, choice := range shuffled[:min(len(all), c.Trials-len(out))] {
			lo, hi := math.Log(c.Space.Rate[0]), math.Log(c.Space.Rate[1])
			choice.Rate = math.Exp(lo + (hi-lo)*rng.Float64())
			out = append(out, Trial{Number: len(out) + 1, Choice: choice})
		}
	}
	return out
}

// try trains a choice.
func (c *TuneConfig) try(ctx context.Context, t *Trial) (*model.Model, error) {
	cfg := c.SupervisedConfig
	cfg.Arch, cfg.From, cfg.Resume, cfg.Checkpoint = t.arch(len(cfg.Clean), c.Space.Lookahead), nil, nil, nil
	cfg.Steps, cfg.Peak = t.Steps, t.Rate
	m, rep, err := Supervised(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("train: tune: trial %d: %w", t.Number, err)
	}
	t.Weights, t.Validation = m.Net().NumParams(), rep.Best
	return m, nil
}

// rank sorts trials, the best first.
func rank(trials []Trial) {
	best := math.Inf(1)
	for _, t := range trials {
		if t.Validation < best {
			best = t.Validation
		}
	}
	close := func(t Trial) bool { return t.Validation <= best*(1+tuneTolerance) }
	slices.SortStableFunc(trials, func(a, b Trial) int {
		switch ca, cb := close(a), close(b); {
		case ca && cb:
			return cmp.Compare(a.Weights, b.Weights)
		case ca != cb:
			if ca {
				return -1
			}
			return 1
		case math.IsNaN(a.Validation) != math.IsNaN(b.Validation):
			if math.IsNaN(b.Validation) {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.Validation, b.Validation)
	})
}

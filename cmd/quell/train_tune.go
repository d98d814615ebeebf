package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v4"

	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/noise"
	"github.com/quell-stream/quell/model/train"
)

// tuneOptions are the flags of quell tune.
type tuneOptions struct {
	trainOptions
	space  string
	trials int
}

func tuneCmd(s streams) *cobra.Command {
	var o tuneOptions
	cmd := &cobra.Command{
		Use:   "tune DATA --clean CH=COL -o MODEL",
		Short: "Search for the net and the learning rate that suit a recording",
		Long: `Search for the net and the learning rate that suit a recording whose truth is known.

Random choices are trained for a few steps each, the better third of them anew for
three times as many, until three are left: successive halving. The loss on the
validation part decides, of choices within 3 % of the best the one with the fewest
weights; the test part is not touched. Each trial is a line, and the best model of
the last round is written.

--space FILE (YAML or JSON) says what to choose from; these are its defaults:
  kind: tcn                        # or dae
  taps: [3, 5, 7]
  channels: [8, 16, 24, 32]        # tcn
  depths: [4, 5, 6]                # tcn: dilations 1, 2, 4 and so on, so many
  widths: [[16, 32], [16, 32, 32]] # dae
  latent: [2, 4, 8, 16]            # dae
  rate: [0.001, 0.01]              # range of the learning rate

The same data, flags and seed give the same trials and bytes on the same kind of
machine. --budget bounds the time instead of the steps, which are then told.`,
		Example: `  quell tune ecg.csv --clean mlii=mlii --corrupt gaussian:snr=10 -o ecg.quell
  quell tune pump.csv --clean pressure=pressure_ref --space dae.yaml --budget 20m --json -o pump.quell`,
		Args: exactly(1, "one file: its last two fifths are for validation and test"),
		RunE: func(cmd *cobra.Command, args []string) error { return runTune(cmd.Context(), s, args[0], &o) },
	}
	f := cmd.Flags()
	f.StringArrayVar(&o.clean, "clean", nil, "`CH=COL`: column COL is the truth of channel CH (repeatable)")
	f.StringVar(&o.time, "time", "", "time `column`, or DATE,TIME where it stands in two")
	f.StringVar(&o.corrupt, "corrupt", "", "noise to add to clean recordings, such as gaussian:snr=0..20+spike:p=0.02")
	f.StringVar(&o.noise, "noise", "", "`file` of recorded noise, in columns of the channels' names")
	f.StringVar(&o.space, "space", "", "`file` that says what to choose from")
	f.IntVar(&o.trials, "trials", 9, "number of choices to begin with")
	f.StringVarP(&o.out, "out", "o", "", "`file` of the best model")
	f.Uint64Var(&o.seed, "seed", 1, "seed of choices, weights, noise and order")
	o.lookahead = 8
	f.Var(&o.lookahead, "lookahead", "`samples` of look-ahead of a tcn, or full: as far ahead as back")
	f.IntVar(&o.steps, "steps", 0, "updates of each trial of the last round; default 4000")
	f.DurationVar(&o.budget, "budget", 0, "`time` that the search may take, in place of --steps")
	f.BoolVar(&o.curriculum, "curriculum", false, "begin each trial with weak noise of the first kind")
	f.BoolVar(&o.asJSON, "json", false, "print JSON lines")
	recipeFlags(cmd, &o.recipeOptions)
	return cmd
}

// readSpace reads the file of --space.
func readSpace(path string, lookahead int) (train.Space, error) {
	var f struct {
		Kind     model.Kind `yaml:"kind"`
		Taps     []int      `yaml:"taps"`
		Channels []int      `yaml:"channels"`
		Depths   []int      `yaml:"depths"`
		Widths   [][]int    `yaml:"widths"`
		Latent   []int      `yaml:"latent"`
		Rate     []float64  `yaml:"rate"`
	}
	s := train.Space{Lookahead: lookahead}
	if path == "" {
		return s, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return s, fmt.Errorf("--space: %w", err)
	}
	if err := yaml.Load(data, &f, yaml.WithKnownFields()); err != nil {
		return s, fmt.Errorf("--space: %s: %w", path, plainYAML(err))
	}
	if f.Rate != nil {
		if len(f.Rate) != 2 {
			return s, fmt.Errorf("--space: %s: rate: want the lowest and the highest, got %d numbers", path, len(f.Rate))
		}
		s.Rate = [2]float64(f.Rate)
	}
	s.Kind, s.Taps, s.Channels, s.Depths, s.Widths, s.Latent = f.Kind, f.Taps, f.Channels, f.Depths, f.Widths, f.Latent
	return s, nil
}

// config reads what a search is about.
func (o *tuneOptions) config(s streams, path string) (train.TuneConfig, error) {
	cfg := train.TuneConfig{Trials: o.trials, SupervisedConfig: train.SupervisedConfig{Name: "tuned", Seed: o.seed, Steps: o.steps, Curriculum: o.curriculum}}
	if err := o.check(path, o.space); err != nil {
		return cfg, err
	}
	if o.trials < 1 || o.trials > 1000 {
		return cfg, usageError("--trials %d: want 1 to 1000", o.trials)
	}
	pairs, err := parsePairs("--clean", o.clean)
	if err != nil {
		return cfg, err
	}
	if len(pairs) == 0 {
		return cfg, usageError("--clean CH=COL is needed: a search is judged by the truth")
	}
	if cfg.Recipe, err = o.recipe(); err != nil {
		return cfg, err
	}
	if o.corrupt != "" {
		if cfg.Corrupt, err = noise.ParseSpec(o.corrupt); err != nil {
			return cfg, usageError("--corrupt: %w", err)
		}
	}
	if cfg.Space, err = readSpace(o.space, int(o.lookahead)); err != nil {
		return cfg, err
	}
	if err := o.checkPairs(pairs); err != nil {
		return cfg, err
	}
	return cfg, o.recordings(s, path, pairs, &cfg.SupervisedConfig)
}

func runTune(ctx context.Context, s streams, path string, o *tuneOptions) error {
	cfg, err := o.config(s, path)
	if err != nil {
		return err
	}
	if o.budget > 0 {
		if err := o.afford(ctx, &cfg); err != nil {
			return err
		}
	}
	choices, steps := cfg.Rounds()
	whole, done := 0, 0 // updates of the search, and of the trials that are over
	for i, n := range choices {
		whole += n * steps[i]
	}
	line := newProgress(s.err, "tune")
	began := time.Now()
	cfg.Progress = func(p train.Progress) {
		if p.Step == 1 {
			line.loss = 0
		}
		line.of(p, float64(done+p.Step)/float64(max(whole, 1)), time.Since(began))
	}
	var told error
	cfg.Tried = func(t train.Trial) {
		line.end()
		done += t.Steps
		told = errors.Join(told, o.tell(s, t, len(choices)))
	}
	m, best, err := train.Tune(ctx, cfg)
	line.end()
	switch {
	case ctx.Err() != nil && err != nil:
		return &codeError{exitInterrupted, errors.New("interrupted: no model was written")}
	case err != nil:
		return err
	case told != nil:
		return told
	}
	if err := m.Save(o.out); err != nil {
		return err
	}
	if o.asJSON {
		return json.NewEncoder(s.out).Encode(struct {
			Model string      `json:"model"`
			File  string      `json:"file"`
			Best  train.Trial `json:"best"`
		}{m.Name(), o.out, best})
	}
	_, err = fmt.Fprintf(s.out, "%s: trial %d, %d weights, look-ahead %d, %d steps, written to %s\n", m.Name(), best.Number, best.Weights, m.Lookahead(), best.Steps, o.out)
	return err
}

// tell prints a trial.
func (o *tuneOptions) tell(s streams, t train.Trial, rounds int) error {
	if o.asJSON {
		line := struct {
			train.Trial
			Validation *float64 `json:"validation"` // null where it is not finite
		}{Trial: t}
		if !math.IsNaN(t.Validation) && !math.IsInf(t.Validation, 0) {
			line.Validation = &t.Validation
		}
		return json.NewEncoder(s.out).Encode(line)
	}
	list := func(v []int) string { return strings.ReplaceAll(strings.Trim(fmt.Sprint(v), "[]"), " ", ",") }
	net := fmt.Sprintf("channels %d, taps %d, dilations %s", t.Channels, t.Taps, list(t.Dilations))
	if t.Kind == model.DAE {
		net = fmt.Sprintf("widths %s, taps %d, latent %d", list(t.Widths), t.Taps, t.Latent)
	}
	_, err := fmt.Fprintf(s.out, "trial %d, round %d of %d: %s, rate %.2g, %d steps, %d weights: validation loss %.4f\n",
		t.Number, t.Round, rounds, net, t.Rate, t.Steps, t.Weights, t.Validation)
	return err
}

// afford sets the steps that fit into the budget, as if all nets were the largest.
func (o *tuneOptions) afford(ctx context.Context, cfg *train.TuneConfig) error {
	arch, err := cfg.Largest()
	if err != nil {
		return err
	}
	choices, _ := cfg.Rounds()
	trainings := 0
	work := 0. // in trainings of the last round
	for i, n := range choices {
		trainings += n
		work += float64(n) * math.Pow(3, float64(i-len(choices)+1))
	}
	each, err := affordable(ctx, o.budget/time.Duration(trainings), func(ctx context.Context, r *session) (*model.Model, train.FitReport, error) {
		one := cfg.SupervisedConfig
		one.Arch, one.Steps, one.Progress = arch, r.steps, r.progress
		return train.Supervised(ctx, one)
	})
	if err != nil {
		var usage *codeError
		if errors.As(err, &usage) {
			return usageError("--budget %s: not enough for %d trainings on this machine: choose fewer --trials or a smaller --space", o.budget, trainings)
		}
		return err
	}
	cfg.Steps = int(float64(each*trainings) / work)
	return nil
}

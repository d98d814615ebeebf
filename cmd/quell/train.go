package main

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/nn"
	"github.com/quell-stream/quell/model/noise"
	"github.com/quell-stream/quell/model/train"
)

// trainOptions are the flags of quell train.
type trainOptions struct {
	out, arch, corrupt, noise, from, time, checkpoint string
	labels                                            string
	clean, channels, binary, condition                []string
	seed                                              uint64
	lookahead                                         lookahead
	steps                                             int
	aheadSet                                          bool // --lookahead was given
	budget                                            time.Duration
	asJSON, card                                      bool
	memory                                            byteSize // 0: recordings are read whole

	// Without truth.
	method, quiet string
	twins         []string
	sigma         float64

	recipeOptions
}

func trainCmd(s streams) *cobra.Command {
	var o trainOptions
	cmd := &cobra.Command{
		Use:   "train DATA... -o MODEL",
		Short: "Train a model, with or without clean truth",
		Long: `Train a model on recordings (CSV or JSON lines, plain or gzip).

With --clean CH=COL the column COL is the truth of the channel CH. Where both are
the same column the recording is clean, and --corrupt says what noise to add; where
they differ, what they differ by is the noise that is learnt to be removed. With
several one model serves all these channels at once, and takes from each what it
tells of the others; --from a model of one channel, such as base, starts it as so
many of that.

Without --clean the recordings are noisy and nothing else is known: the base model
(or --from) is fine-tuned on them. A sixth is held out, and each round of training is
kept only if it is better there, by an estimate that needs no truth. --method says
how to train:
  auto  two rounds of idr, then r2r from 40,000 samples on and blind from 20,000
        on; n2n with --twin. Where the noise is not white it does nothing, and says
        so: give it recorded noise
  idr   iterative data refinement: the net's own guess with fresh noise
  r2r   recorrupted to recorrupted: more noise in, less out; Gaussian noise
  n2n   noise to noise: from one sensor to its --twin; noise of any kind
  blind a new net that foretells each reading from those around it, and so cannot
        learn the noise by heart; white Gaussian noise. It tells its own interval.
        --arch describes it: {kind: blindspot}
What is known of the noise helps: --noise is a recording of it and --quiet a stretch
of the recording in which only noise is seen, white or not; --sigma is its deviation.

With --memory the recordings, which may be longer than memory or come from standard
input (-), are read once, and a sample of them is kept, of the size that is given;
the rest of the process takes some 40 MiB. With --clean the net is trained while they
are read: a sixth is held out to validate, the scale is learnt from the first 65,536
rows and stays, and training ends with the recordings, at one update for every 512
rows, or after --steps. Without it training begins when all is read.

Without --clean 1,024 rows are the least behind those that the scale is learnt from;
with it five times the window and the receptive field of the net, which is some 3,830
of the default one.

The same data, flags and seed give the same bytes on the same kind of machine.
--budget bounds the time instead: the number of steps then follows from the speed
of the machine, and is told, so that --steps repeats it.`,
		Example: `  quell train history.csv --channels pressure -o mine.quell
  quell train history.csv --channels pressure --quiet 2000..6000 -o mine.quell
  quell train pair.csv --twin pressure=pressure2 -o mine.quell
  quell train ecg.csv --clean mlii=mlii --corrupt gaussian:snr=10 -o ecg.quell
  quell train ecg.csv --clean mlii=mlii_ref --clean v5=v5_ref --from base -o both.quell
  quell train pump.csv --clean pressure=pressure_ref --budget 10m -o pump.quell
  zcat 2025-*.csv.gz | quell train - --clean p=p --corrupt gaussian:snr=10 --memory 64MiB -o p.quell`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError("quell train takes one file or more, or base")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			o.aheadSet, o.scheduleSet = cmd.Flags().Changed("lookahead"), cmd.Flags().Changed("schedule")
			return runTrain(cmd.Context(), s, args, &o)
		},
	}
	f := cmd.Flags()
	f.StringArrayVar(&o.clean, "clean", nil, "`CH=COL`: column COL is the truth of channel CH (repeatable)")
	f.StringSliceVar(&o.channels, "channels", nil, "`columns` to train on without truth; default: all numeric ones but labels")
	f.StringVar(&o.time, "time", "", "time `column`, or DATE,TIME where it stands in two")
	f.StringVar(&o.arch, "arch", "", "`file` that describes the net (YAML or JSON)")
	f.StringVar(&o.corrupt, "corrupt", "", "noise to add to clean recordings, such as gaussian:snr=0..20+spike:p=0.02")
	f.StringVar(&o.noise, "noise", "", "`file` of recorded noise, in columns of the channels' names")
	f.StringVar(&o.from, "from", "", "`model` to start from; default without truth: base")
	f.StringVar(&o.method, "method", string(train.Auto), "`how` to train without truth: auto, idr, r2r, n2n or blind")
	f.StringArrayVar(&o.twins, "twin", nil, "`CH=COL`: column COL is a second sensor of what channel CH measures (repeatable)")
	f.Float64Var(&o.sigma, "sigma", 0, "known `deviation` of the noise in the unit of the channel; default: estimated")
	f.StringVar(&o.quiet, "quiet", "", "`FROM..TO`: rows (from 0, without TO) or RFC 3339 times in which only noise is seen")
	f.Var(&o.memory, "memory", "`size`, such as 64MiB, that may be kept of the recordings, which are then read once; default: all of them")
	f.BoolVar(&o.curriculum, "curriculum", false, "with --clean: begin with weak noise of the first kind, all of it from the middle of the training on")
	f.StringVar(&o.labels, "labels", "", "with --clean: `column` of classes, such as 0 and 1, empty where unknown: the model learns to tell them, too")
	f.Float64Var(&o.labelsWeight, "labels-weight", 0, "`weight` of the classes beside the loss of the estimate; default 0.5")
	f.Float64Var(&o.labelsSmooth, "labels-smooth", 0, "`share` of each label that is spread over all classes, where labels may be wrong, such as 0.1")
	f.Float64Var(&o.labelsBootstrap, "labels-bootstrap", 0, "`share` of each label that is what the net itself takes for the likeliest, where labels may be wrong, such as 0.2")
	f.StringArrayVar(&o.binary, "binary", nil, "`CH`: the clean channel CH holds 0 and 1 only; its clean value is the probability of 1, or with CH=state 0 or 1 (repeatable)")
	f.StringArrayVar(&o.condition, "condition", nil, "`KEY=COL`: column COL says the KEY of the condition in --arch (repeatable); it should change rarely")
	recipeFlags(cmd, &o.recipeOptions)
	trainFlags(cmd, &o, 8)
	cmd.AddCommand(trainBaseCmd(s))
	return cmd
}

// trainFlags adds the flags that all ways of training have.
func trainFlags(cmd *cobra.Command, o *trainOptions, ahead lookahead) {
	f := cmd.Flags()
	f.StringVarP(&o.out, "out", "o", "", "`file` of the model")
	f.Uint64Var(&o.seed, "seed", 1, "seed of weights, noise and order")
	o.lookahead = ahead
	f.Var(&o.lookahead, "lookahead", "`samples` of look-ahead, or full: as far ahead as back")
	f.IntVar(&o.steps, "steps", 0, "number of updates, without truth of each round; default: that of the recipe")
	f.DurationVar(&o.budget, "budget", 0, "`time` that training may take, in place of --steps")
	f.StringVar(&o.checkpoint, "checkpoint", "", "`file` to save progress to, and to go on from if it exists")
	f.BoolVar(&o.asJSON, "json", false, "print JSON")
}

func trainBaseCmd(s streams) *cobra.Command {
	var o trainOptions
	cmd := &cobra.Command{
		Use:   "base -o MODEL",
		Short: "Train the base model that is shipped, from synthetic signals",
		Long: `Train the base model of a look-ahead from synthetic signal families only, as the one
in this binary was. With --card the card of the shipped one is printed instead.`,
		Example: "  quell train base --lookahead 8 -o base-L8.quell",
		Args:    exactly(0, "no files: its signals are synthetic"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.card {
				m, err := loadBase(int(o.lookahead))
				if err != nil {
					return err
				}
				_, err = fmt.Fprint(s.out, m.Header().Card)
				return err
			}
			return trainBase(cmd.Context(), s, &o)
		},
	}
	trainFlags(cmd, &o, 8)
	cmd.Flags().BoolVar(&o.card, "card", false, "print the card of the shipped model of this look-ahead")
	return cmd
}

// check finds what is wrong with the flags by themselves, and with writing the model; inputs
// are the files that are read beside those of flags.
func (o *trainOptions) check(inputs ...string) error {
	switch {
	case o.out == "":
		return usageError("-o FILE is needed: where the model goes")
	case o.steps < 0 || o.budget < 0:
		return usageError("--steps and --budget must not be negative")
	case o.steps > 0 && o.budget > 0:
		return usageError("--steps and --budget exclude each other")
	}
	if err := notRead("-o", o.out, append(inputs, o.noise, o.from, o.arch, o.checkpoint)...); err != nil {
		return err
	}
	// What could not be written is told before the training, not after it.
	return outModel(o.out)
}

func runTrain(ctx context.Context, s streams, files []string, o *trainOptions) error {
	if err := o.check(files...); err != nil {
		return err
	}
	pairs, err := parsePairs("--clean", o.clean)
	if err != nil {
		return err
	}
	if len(pairs) == 0 {
		return trainNoisy(ctx, s, files, o)
	}
	if len(files) > 1 && o.memory == 0 {
		return usageError("with --clean there is one file, as its last two fifths are for validation and test; with --memory there may be several")
	}
	for _, f := range []given{{"--method", o.method != string(train.Auto)}, {"--twin", len(o.twins) > 0}, {"--sigma", o.sigma != 0}, {"--quiet", o.quiet != ""}} {
		if f.is {
			return usageError("%s is for training without truth: leave it or --clean out", f.flag)
		}
	}
	return trainSupervised(ctx, s, files, pairs, o)
}

// given says whether a flag was given.
type given struct {
	flag string
	is   bool
}

// trainSupervised trains with truth.
func trainSupervised(ctx context.Context, s streams, files []string, pairs []pair, o *trainOptions) error {
	cfg := train.SupervisedConfig{Seed: o.seed, Steps: o.steps, Curriculum: o.curriculum, Names: channelsOf(pairs)}
	var err error
	if cfg.Recipe, err = o.recipe(); err != nil {
		return err
	}
	if err := o.checkPairs(pairs); err != nil {
		return err
	}
	if len(o.channels) > 0 {
		return usageError("--channels and --clean exclude each other: --clean names the channels")
	}
	if o.corrupt != "" {
		if cfg.Corrupt, err = noise.ParseSpec(o.corrupt); err != nil {
			return usageError("--corrupt: %w", err)
		}
	}
	switch {
	case o.from != "" && cfg.Init != nn.He:
		return usageError("--from and --init exclude each other: a model that is trained on keeps its weights")
	case o.from != "" && o.arch != "":
		return usageError("--from and --arch exclude each other: a model that is trained on keeps its net")
	case o.from != "" && o.binary != nil:
		return usageError("--from and --binary exclude each other: what the channels are is settled in the model")
	case o.from != "":
		ahead := int(o.lookahead)
		if o.from != "base" && !o.aheadSet {
			ahead = anyLookahead
		}
		if cfg.From, err = loadModel(o.from, ahead); err != nil {
			return err
		}
		if err := cfg.From.Takes(cfg.Names); err != nil {
			return usageError("%w: give --clean so", err)
		}
	default:
		if cfg.Outputs, err = o.outputs(pairs); err != nil {
			return err
		}
		if cfg.Arch, cfg.Pretrain, err = o.architecture(len(pairs)); err != nil {
			return err
		}
	}
	if o.memory > 0 {
		return o.trainOnline(ctx, s, files, pairs, cfg)
	}
	if err := o.recordings(s, files[0], pairs, &cfg); err != nil {
		return err
	}
	if err := o.addLabels(s, files[0], &cfg); err != nil {
		return err
	}
	if cfg.Sections, err = sections(files[0], o.condition); err != nil {
		return err
	}
	return o.session(ctx, s, func(ctx context.Context, r *session) (*model.Model, train.FitReport, error) {
		cfg.Progress, cfg.Resume, cfg.Checkpoint = r.progress, r.resume, r.save
		if r.steps > 0 {
			cfg.Steps = r.steps
		}
		return train.Supervised(ctx, cfg)
	})
}

// checkPairs says whether the channels and their truth go together.
func (o *trainOptions) checkPairs(pairs []pair) error {
	for _, p := range pairs {
		if p.channel != p.truth && (o.noise != "" || o.corrupt != "") {
			return usageError("--clean %s=%s: the noise is what the columns differ by; leave --corrupt and --noise out", p.channel, p.truth)
		}
		if (p.channel != p.truth) != (pairs[0].channel != pairs[0].truth) {
			return usageError("--clean: either all channels have a column of truth beside them, or none")
		}
	}
	return nil
}

// outputs returns what the channels are, nil for values.
func (o *trainOptions) outputs(pairs []pair) ([]model.Output, error) {
	if o.binary == nil {
		return nil, nil
	}
	out := make([]model.Output, len(pairs))
	for i := range out {
		out[i] = model.Value
	}
	for _, b := range o.binary {
		ch, served, given := strings.Cut(b, "=")
		i := slices.IndexFunc(pairs, func(p pair) bool { return p.channel == ch })
		if i < 0 {
			return nil, usageError("--binary %s: --clean names no such channel", b)
		}
		out[i] = model.Probability
		if given {
			out[i] = model.Output(served)
		}
		if out[i] != model.Probability && out[i] != model.State {
			return nil, usageError("--binary %s: write it as CH, CH=probability or CH=state", b)
		}
	}
	return out, nil
}

// recordings reads the clean recordings, and the noise that is recorded.
func (o *trainOptions) recordings(s streams, path string, pairs []pair, cfg *train.SupervisedConfig) error {
	var names []string
	for _, p := range pairs {
		names = append(names, p.channel, p.truth)
	}
	t, err := readTable(s, path, o.time, unique(names))
	if err != nil {
		return err
	}
	for _, p := range pairs {
		truth, err := t.column(p.truth)
		if err != nil {
			return err
		}
		clean, ok := filled(truth)
		if !ok {
			return fmt.Errorf("%s: column %s has no value", path, p.truth)
		}
		cfg.Clean = append(cfg.Clean, clean)
		if p.channel == p.truth {
			continue
		}
		noisy, err := t.column(p.channel)
		if err != nil {
			return err
		}
		z := make([]float64, len(clean))
		for i := range z {
			if d := noisy[i] - truth[i]; !math.IsNaN(d) {
				z[i] = d
			}
		}
		cfg.Noise = append(cfg.Noise, z)
	}
	if o.noise == "" {
		return nil
	}
	cfg.Noise, err = o.noiseOf(s, channelsOf(pairs), math.MaxInt)
	return err
}

func trainBase(ctx context.Context, s streams, o *trainOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	cfg := train.DefaultBase(int(o.lookahead))
	cfg.Seed = o.seed
	return o.session(ctx, s, func(ctx context.Context, r *session) (*model.Model, train.FitReport, error) {
		cfg.Progress, cfg.Resume, cfg.Checkpoint = r.progress, r.resume, r.save
		if r.steps > 0 {
			cfg.Steps = r.steps
		}
		return train.Base(ctx, cfg)
	})
}

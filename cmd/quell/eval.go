package main

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/spf13/cobra"

	"github.com/quell-stream/quell/ingest/file"
	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/eval"
)

// evalOptions are the flags of quell eval.
type evalOptions struct {
	models          []string
	clean, channels []string
	truth, time     string
	snr             []float64
	noise           string
	seed            uint64
	seeds           int
	lookahead       int
	equal, asJSON   bool
	beats, labels   string
	rate            float64
	html            string
	passes          int

	snrGiven, noiseGiven, rateGiven, aheadGiven bool
}

func evalCmd(s streams) *cobra.Command {
	var o evalOptions
	cmd := &cobra.Command{
		Use:   "eval IN",
		Short: "Score a model beside classical filters",
		Long: `Score a model on a recording whose truth is known, beside classical filters that
were tuned with that truth.

Without --clean and --truth the columns of IN are taken as clean: seeded noise is
added, --snr decibels below the signal of the training part, and what the methods
make of it is compared with the column. With --clean CH=COL the column CH is noisy
as it stands and COL is its truth; with --truth FILE that is the column of the same
name in another file of as many rows.

The recording is cut into 60 % for training, 20 % for tuning and 20 % for the test,
which alone is scored. Filters are tuned on the tune part, which flatters them, and
may look ahead as far as they like unless --equal-lookahead is given. A model sees
the noisy readings before the test part, as a live stream would have. The row served is
what quell denoise gives with the model and its guard; by what and why is told below.
It is at --lookahead, which quell denoise chooses by the rate: 0 below 8 Hz. A note
says where that is another one.

gain_db is the improvement of the signal-to-noise ratio, coverage the share of
truth within lo..hi (90 % is aimed at), lag the delay of the estimate. With several
levels in --snr each method's breakpoint is told: where it begins to do harm (gain
below 0 dB) or its interval fails (coverage below .8). The last lines say in words
what to use. docs/eval.md explains all figures and rules.

With --beats FILE (sample and symbol, as PhysioNet's annotations) heartbeats are
looked for in the truth, the readings and each estimate; with --labels COL (0 normal,
1 fault) faults are. --html writes a page with pictures.`,
		Example: `  quell eval ecg.csv --channels mlii --snr 0,10,20,30 --seeds 3 --rate 360 --html report.html
  quell eval pump.csv --clean pressure=pressure_ref --model mine.quell --json`,
		Args: exactly(1, "one file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.snrGiven, o.noiseGiven = cmd.Flags().Changed("snr"), cmd.Flags().Changed("noise")
			o.rateGiven, o.aheadGiven = cmd.Flags().Changed("rate"), cmd.Flags().Changed("lookahead")
			return runEval(cmd.Context(), s, args[0], &o)
		},
	}
	cmd.AddCommand(evalStudiesCmds(s)...)
	f := cmd.Flags()
	f.StringArrayVar(&o.models, "model", nil, "`model` to score: base, or a .quell or .onnx file (repeatable); default: base")
	f.StringArrayVar(&o.clean, "clean", nil, "`CH=COL`: column COL is the truth of column CH (repeatable)")
	f.StringVar(&o.truth, "truth", "", "`file` that holds the truth in columns of the same names")
	f.StringSliceVar(&o.channels, "channels", nil, "`columns` to score; default: all numeric ones but labels")
	f.StringVar(&o.time, "time", "", "time `column`, or DATE,TIME where it stands in two")
	f.Float64SliceVar(&o.snr, "snr", []float64{10}, "signal-to-noise ratios in `dB` of the noise that is added")
	f.StringVar(&o.noise, "noise", string(eval.White), "`kind` of noise that is added: white, ar1 or impulse")
	f.Uint64Var(&o.seed, "seed", 1, "seed of the noise")
	f.IntVar(&o.seeds, "seeds", 1, "how many seeds, of which the median is told, score by score")
	f.IntVar(&o.lookahead, "lookahead", 8, "`samples` of look-ahead of the base model")
	f.BoolVar(&o.equal, "equal-lookahead", false, "filters may look ahead no further than the first model")
	f.Float64Var(&o.rate, "rate", 0, "sampling rate in `Hz`; default: learnt from the time column")
	f.StringVar(&o.beats, "beats", "", "`file` with the heartbeats in IN, to be found again")
	f.StringVar(&o.labels, "labels", "", "`column` that is 1 where there is a fault, to be found again")
	f.IntVar(&o.passes, "passes", 0, "also score the mean of so many `passes` with dropout, and the intervals that follow from how they differ, of models that have dropout layers")
	f.StringVar(&o.html, "html", "", "write a report with pictures to this `file`")
	f.BoolVar(&o.asJSON, "json", false, "print JSON")
	return cmd
}

// check finds what is wrong with the flags by themselves.
func (o *evalOptions) check(in string) error {
	switch {
	case o.truth != "" && len(o.clean) > 0:
		return usageError("--truth and --clean exclude each other: one of them says where the truth is")
	case (o.truth != "" || len(o.clean) > 0) && (o.snrGiven || o.noiseGiven):
		return usageError("--snr and --noise add noise to a clean recording; with --truth or --clean it is noisy as it is")
	case o.passes != 0 && (o.passes < 2 || o.passes > 1000):
		return usageError("--passes %d: 2 to 1000", o.passes)
	case o.seeds < 1 || o.seeds > 99:
		return usageError("--seeds %d: 1 to 99", o.seeds)
	case len(o.snr) == 0:
		return usageError("--snr: at least one ratio is needed")
	case slices.ContainsFunc(o.snr, func(v float64) bool { return !(math.Abs(v) <= 200) }):
		return usageError("--snr: ratios between -200 and 200 dB are needed")
	case o.rateGiven && !(o.rate > 0 && o.rate <= 1e6):
		return usageError("--rate %g: a rate above 0 and up to 1e6 Hz is needed", o.rate)
	case o.labels != "" && in == file.Stdin:
		return usageError("--labels reads IN twice, which standard input can't be")
	case o.html == "-":
		return usageError("--html -: standard output is for the figures; name a file")
	case o.html == "":
		return nil
	}
	if err := notRead("--html", o.html, append([]string{in, o.truth, o.beats}, o.models...)...); err != nil {
		return err
	}
	return checkOut(o.html)
}

func runEval(ctx context.Context, s streams, in string, o *evalOptions) error {
	if err := o.check(in); err != nil {
		return err
	}
	kind, err := eval.ParseKind(o.noise)
	if err != nil {
		return usageError("--noise: %w", err)
	}
	models, err := o.load()
	if err != nil {
		return err
	}
	if o.passes > 0 {
		if err := samplable(models); err != nil {
			return err
		}
	}
	e := evaluation{evalOptions: o, in: in, kind: kind, models: models, far: newBar(s.err, "eval")}
	stop := endAtOnce(ctx, s)
	defer stop()
	if err := e.read(s); err != nil {
		return err
	}
	o.tellLookahead(s, e.rate)
	if err := e.run(); err != nil {
		return fmt.Errorf("%s: %w", in, err)
	}
	stop() // what is written now is written whole
	if o.html != "" {
		if err := e.writeReport(s); err != nil {
			return err
		}
	}
	if o.asJSON {
		return e.writeJSON(s.out)
	}
	return e.writeText(s.out)
}

// tellLookahead says where quell denoise without --lookahead takes another base model than
// the one that is scored.
func (o *evalOptions) tellLookahead(s streams, rateHz float64) {
	if o.aheadGiven || len(o.models) > 0 && !slices.Contains(o.models, "base") {
		return
	}
	if rateHz == 0 {
		rateHz = 1 // as quell denoise takes it without times
	}
	bases, err := model.LoadBases()
	if err != nil {
		return // load has said so
	}
	if ahead := bases.Within(0, rateHz).Lookahead(); ahead != o.lookahead {
		fmt.Fprintf(s.err, "note: at %.3g Hz quell denoise and quell run look %d samples ahead by default; scored, also in the row served, is the base model that looks %d ahead: --lookahead %d scores theirs\n",
			rateHz, ahead, o.lookahead, ahead)
	}
}

// load loads the models to score.
func (o *evalOptions) load() ([]*model.Model, error) {
	names := o.models
	if len(names) == 0 {
		names = []string{"base"}
	}
	var out []*model.Model
	for _, n := range names {
		ahead := anyLookahead
		if n == "base" {
			ahead = o.lookahead
		}
		m, err := loadStreaming(n, ahead)
		if err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	return out, nil
}

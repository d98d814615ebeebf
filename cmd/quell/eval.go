package main

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/classic"
	"github.com/quell-stream/quell/model/eval"
	"github.com/quell-stream/quell/model/train"
	"github.com/quell-stream/quell/pipeline/config"
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

	snrGiven, noiseGiven bool
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
the noisy readings before the test part, as a live stream would have.

gain_db is the improvement of the signal-to-noise ratio, coverage the share of
truth within lo..hi (90 % is aimed at), lag the delay of the estimate.`,
		Example: `  quell eval ecg.csv --channels mlii --snr 0,10,20
  quell eval pump.csv --clean pressure=pressure_ref --model mine.quell --json`,
		Args: exactly(1, "one file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.snrGiven, o.noiseGiven = cmd.Flags().Changed("snr"), cmd.Flags().Changed("noise")
			return runEval(s, args[0], &o)
		},
	}
	f := cmd.Flags()
	f.StringArrayVar(&o.models, "model", nil, "`model` to score: base, or a .quell or .onnx file (repeatable); default: base")
	f.StringArrayVar(&o.clean, "clean", nil, "`CH=COL`: column COL is the truth of column CH (repeatable)")
	f.StringVar(&o.truth, "truth", "", "`file` that holds the truth in columns of the same names")
	f.StringSliceVar(&o.channels, "channels", nil, "`columns` to score; default: all numeric ones but labels")
	f.StringVar(&o.time, "time", "", "time `column`")
	f.Float64SliceVar(&o.snr, "snr", []float64{10}, "signal-to-noise ratios in `dB` of the noise that is added")
	f.StringVar(&o.noise, "noise", string(eval.White), "`kind` of noise that is added: white, ar1 or impulse")
	f.Uint64Var(&o.seed, "seed", 1, "seed of the noise")
	f.IntVar(&o.seeds, "seeds", 1, "how many seeds, of which the median is told, score by score")
	f.IntVar(&o.lookahead, "lookahead", 8, "`samples` of look-ahead of the base model")
	f.BoolVar(&o.equal, "equal-lookahead", false, "filters may look ahead no further than the first model")
	f.BoolVar(&o.asJSON, "json", false, "print JSON")
	return cmd
}

// subject is a channel to score: its truth, and its readings if they are not
// to be made by adding noise.
type subject struct {
	name         string
	truth, noisy []float64
}

func runEval(s streams, in string, o *evalOptions) error {
	switch {
	case in == "drift" || in == "adapt":
		return usageError("quell eval %s comes with a later version; a file of that name is ./%s", in, in)
	case o.truth != "" && len(o.clean) > 0:
		return usageError("--truth and --clean exclude each other: one of them says where the truth is")
	case (o.truth != "" || len(o.clean) > 0) && (o.snrGiven || o.noiseGiven):
		return usageError("--snr and --noise add noise to a clean recording; with --truth or --clean it is noisy as it is")
	case o.seeds < 1 || o.seeds > 99:
		return usageError("--seeds %d: 1 to 99", o.seeds)
	case len(o.snr) == 0:
		return usageError("--snr: at least one ratio is needed")
	}
	kind, err := eval.ParseKind(o.noise)
	if err != nil {
		return usageError("--noise: %w", err)
	}
	models, err := o.load()
	if err != nil {
		return err
	}
	subjects, err := o.subjects(s, in)
	if err != nil {
		return err
	}
	field, opt := 1, eval.Options{Now: time.Now}
	for _, m := range models {
		field = max(field, m.Header().Spec.ReceptiveField())
	}
	if o.equal {
		opt.Families = classic.FamiliesAt(models[0].Lookahead())
	}
	var results []eval.Result
	var levels []level
	for i := range subjects {
		r, l, err := o.score(&subjects[i], kind, field, opt, models)
		if err != nil {
			return fmt.Errorf("%s: %w", in, err)
		}
		results, levels = append(results, r...), append(levels, l...)
	}
	if o.asJSON {
		return json.NewEncoder(s.out).Encode(struct {
			Results  []eval.Result `json:"results"`
			Realised []level       `json:"realised_snr"`
		}{results, levels})
	}
	for _, l := range levels {
		if l.Asked != nil {
			fmt.Fprintf(s.out, "%s: %s noise at %g dB came out at %.2f dB\n", l.Channel, kind, *l.Asked, l.Realised)
		}
	}
	return eval.WriteTable(s.out, results)
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
		if c := m.Header().Channels; c > 1 {
			return nil, fmt.Errorf("%s serves %d channels at once; this version scores models that serve each channel by itself", m.Name(), c)
		}
		out = append(out, m)
	}
	return out, nil
}

// subjects reads the channels to score.
func (o *evalOptions) subjects(s streams, in string) ([]subject, error) {
	pairs, err := parsePairs("--clean", o.clean)
	if err != nil {
		return nil, err
	}
	wanted := slices.Clone(o.channels)
	for _, p := range pairs {
		wanted = append(wanted, p.channel, p.truth)
	}
	t, err := readTable(s, in, o.time, unique(wanted))
	if err != nil {
		return nil, err
	}
	var out []subject
	switch {
	case len(pairs) > 0:
		for _, p := range pairs {
			noisy, err := t.column(p.channel)
			if err != nil {
				return nil, err
			}
			truth, err := t.column(p.truth)
			if err != nil {
				return nil, err
			}
			out = append(out, subject{p.channel, truth, noisy})
		}
	case o.truth != "":
		truth, err := readTable(s, o.truth, o.time, t.names)
		if err != nil {
			return nil, err
		}
		if a, b := len(t.cols[0]), len(truth.cols[0]); a != b {
			return nil, fmt.Errorf("%s has %d rows and %s has %d: row i of one must be the truth of row i of the other", in, a, o.truth, b)
		}
		for i, n := range t.names {
			out = append(out, subject{n, truth.cols[i], t.cols[i]})
		}
	default:
		for i, n := range t.names {
			out = append(out, subject{n, t.cols[i], nil})
		}
	}
	return out, nil
}

// level is the noise of a whole recording: what was asked for, unless it was
// noisy already, and what it came out as (the mean over the seeds), in dB.
type level struct {
	Channel  string   `json:"channel"`
	Asked    *float64 `json:"asked_db"`
	Realised float64  `json:"realised_db"`
}

// score scores all methods on a channel, at each noise level.
func (o *evalOptions) score(c *subject, kind eval.Kind, field int, opt eval.Options, models []*model.Model) ([]eval.Result, []level, error) {
	var methods []eval.Model
	for _, m := range models {
		methods = append(methods, methodOf(m))
	}
	if c.noisy != nil {
		t, err := eval.NewTrial(c.name, c.truth, c.noisy, field)
		if err != nil {
			return nil, nil, err
		}
		if math.IsInf(t.Realised, 0) {
			return nil, nil, fmt.Errorf("channel %s is the same as its truth: to have noise added leave --clean and --truth out", c.name)
		}
		return t.Compare(opt, methods...), []level{{c.name, nil, t.Realised}}, nil
	}
	var out []eval.Result
	var levels []level
	for _, snr := range o.snr {
		l := level{Channel: c.name, Asked: &snr}
		var runs [][]eval.Result
		for k := range o.seeds {
			t, err := eval.NoisyTrial(c.name, c.truth, snr, kind, o.seed+uint64(k), field)
			if err != nil {
				return nil, nil, err
			}
			l.Realised += t.Realised / float64(o.seeds)
			runs = append(runs, t.Compare(opt, methods...))
		}
		out, levels = append(out, eval.Median(runs...)...), append(levels, l)
	}
	return out, levels, nil
}

// methodOf has a model scored as a live stream would run it.
func methodOf(m *model.Model) eval.Model {
	return eval.Model{Name: m.Name(), Setting: fmt.Sprintf("look-ahead %d", m.Lookahead()), Past: true, Denoise: func(y []float64) (clean, lo, hi []float64) {
		x, _ := filled(y)
		clean, lo, hi, err := train.DenoiseInterval(m, x, lostOf(y), config.DefaultInterval)
		if err != nil {
			panic("eval: " + err.Error()) // a model for one channel runs on one channel
		}
		return clean, lo, hi
	}}
}

// pair names a channel and the column of its truth, or of its twin.
type pair struct{ channel, truth string }

func parsePairs(flag string, args []string) ([]pair, error) {
	var out []pair
	for _, a := range args {
		ch, col, ok := strings.Cut(a, "=")
		if !ok || ch == "" || col == "" {
			return nil, usageError("%s %s: write it as CHANNEL=COLUMN", flag, a)
		}
		out = append(out, pair{ch, col})
	}
	return out, nil
}

// unique returns the names without repetitions, in order.
func unique(names []string) []string {
	var out []string
	for _, n := range names {
		if !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

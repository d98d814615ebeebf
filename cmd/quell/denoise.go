package main

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/quell-stream/quell/drift/monitor"
	"github.com/quell-stream/quell/ingest/file"
	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/classic"
	"github.com/quell-stream/quell/model/train"
	"github.com/quell-stream/quell/pipeline"
	"github.com/quell-stream/quell/pipeline/config"
	"github.com/quell-stream/quell/pipeline/offline"
	"github.com/quell-stream/quell/window"
)

// denoiseOptions are the flags of quell denoise.
type denoiseOptions struct {
	out, model, filter    string
	time, series, tz      string
	channels              []string
	rate                  float64
	lookahead             string
	chunk                 int
	rateGiven, modelGiven bool
	noGuard               bool
	sigma                 []string
	noise, classes        string
	verbose               bool
	fitRows               int
	adapt                 bool
	asJSON                bool
}

func denoiseCmd(s streams) *cobra.Command {
	var o denoiseOptions
	cmd := &cobra.Command{
		Use:   "denoise IN",
		Short: "Denoise a recording",
		Long: `Denoise a recording (CSV with a header or JSON lines, plain or gzip, - for standard
input), offline and in constant memory, with the numbers that quell run gives. Only
filters that need the whole recording keep it in memory.

Output is CSV, one row per input row in input order: the time as it came (none
where the input has none), with --series the series; then for each channel X the
columns X (as read), X_clean, X_lo..X_hi (90 % interval), X_quality, X_method and
X_flags; then score and drift. Empty is missing.

A row is given the values of the slot of the time grid that its time falls into.
Where its own reading is not the one that the slot was computed from, a last flag
says why: duplicate, conflicting (the same time, another value), surplus (a later
reading of the slot counts), late or quarantined (its time lies too far back).
A row whose slot is long gone has no values, quality bad and method raw.

Filters are moving_average, ema, savitzky_golay, median, hampel, kalman,
butterworth, haar (wavelet shrinkage on a stream), wavelet and identity, with
settings after a colon:
  median:w=5   savitzky_golay:w=11,p=2   hampel:w=7,t=3   ema:a=0.3
  kalman:model=trend,lambda=10   butterworth:order=2,fc=0.1,l=2
  haar:level=3,rule=bayes
With --fit-rows N the first N rows of each series are for learning alone: from then on
the scale does not change, the model is the one given tuned on them, where they are
enough and show it to be better, and the drift column is by what is usual in them, with
no new normal after a drift. Of drift, jumps are watched for from 400 rows on, and all
else where N is 840 or more.

With a look-ahead of full (l=full or --lookahead full) butterworth runs forwards and
backwards, so that it delays nothing, and kalman smooths over the whole recording;
wavelet always needs all of it.`,
		Example: `  quell denoise pump.csv -o clean.csv
  quell denoise ecg.csv.gz --rate 360 --channels mlii_mv
  quell denoise pump.csv --filter median:w=7
  quell denoise valve.csv --fit-rows 400 -o clean.csv`,
		Args: exactly(1, "one file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.rateGiven, o.modelGiven = cmd.Flags().Changed("rate"), cmd.Flags().Changed("model")
			return denoise(cmd.Context(), s, args[0], &o)
		},
	}
	f := cmd.Flags()
	f.StringVarP(&o.out, "out", "o", "-", "output `file`, which is replaced where there is one, gzip if it ends in .gz; - is standard output")
	f.StringVar(&o.model, "model", "base", "`model` that denoises: base, or a .quell or .onnx file")
	f.StringVar(&o.filter, "filter", "", "classical `filter` that denoises in place of a model")
	f.StringVar(&o.time, "time", "", "time `column`, or DATE,TIME where it stands in two; default: ts, time, timestamp or datetime, else the row index makes the time")
	f.StringSliceVar(&o.channels, "channels", nil, "`columns` to denoise; default: all numeric ones but labels")
	f.StringVar(&o.series, "series", "", "`column` that names each row's series; default: all rows are one series")
	f.Float64Var(&o.rate, "rate", 0, "sampling rate in `Hz`, that of the time column where there is one; default: learnt from it, 1 Hz where there is none")
	f.StringVar(&o.tz, "tz", "UTC", "`zone` of times that name none, such as Europe/Berlin")
	f.StringVar(&o.lookahead, "lookahead", "", "`samples` of look-ahead, or full; default: 8 where they last no longer than a second, else what fits")
	f.StringArrayVar(&o.sigma, "sigma", nil, "`X` or CH=X: deviation of the noise, in the unit of the channel (repeatable); default: estimated")
	f.StringVar(&o.noise, "noise", "", "`file` of recorded noise, in columns of the channels' names: its deviation and colour are told to the model")
	f.StringVar(&o.classes, "classes", "", "`file` (CSV) to write what the model tells of each row to: the probability of each class, of a model trained with --labels")
	f.BoolVar(&o.noGuard, "no-guard", false, "the model serves even where a classical filter is better")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "say at the end what denoised each channel, and why, as on a terminal")
	f.IntVar(&o.fitRows, "fit-rows", 0, "`rows` of each series that scale, model and drift monitor are fitted on; they stay as they are after it")
	f.BoolVar(&o.adapt, "adapt", false, "fine-tune the model after a drift, and switch where that is better, as quell run does")
	f.IntVar(&o.chunk, "chunk", 4096, "`rows` that are computed at a time; changes no value")
	jsonFlag(cmd, &o.asJSON)
	return cmd
}

// check finds what is wrong with the flags by themselves.
func (o *denoiseOptions) check() error {
	switch {
	case o.out == "":
		return usageError("-o '': the name of the output is empty: name a file, or - for standard output")
	case o.asJSON && o.out == "-":
		return usageError("--json tells what was written, and the rows go to standard output: name a file with -o FILE")
	case o.filter != "" && o.modelGiven:
		return usageError("--model and --filter exclude each other: one of them denoises")
	case o.filter != "" && (o.noGuard || len(o.sigma) > 0 || o.noise != ""):
		return usageError("--no-guard, --sigma and --noise are for models: a filter takes none of them")
	case len(o.sigma) > 0 && o.noise != "":
		return usageError("--sigma and --noise exclude each other: the noise's deviation is that of its recording")
	case o.rateGiven && !(o.rate > 0 && o.rate <= 1e6):
		return usageError("--rate %g: a rate above 0 and up to 1e6 Hz is needed", o.rate)
	case o.chunk < 1:
		return usageError("--chunk %d: at least one row is needed", o.chunk)
	}
	return o.checkFit()
}

// ahead returns the look-ahead asked for: samples, anyLookahead, or
// classic.Full for "full" where a filter denoises.
func (o *denoiseOptions) ahead() (n int, given bool, err error) {
	switch o.lookahead {
	case "":
		return anyLookahead, false, nil
	case "full": // of a filter the whole recording, of the base models the one that looks furthest
		if o.filter == "" {
			return anyLookahead, true, nil
		}
		return classic.Full, true, nil
	}
	n, err = strconv.Atoi(o.lookahead)
	if err != nil || n < 0 {
		return 0, false, usageError("--lookahead %s: a number of samples or full is needed", o.lookahead)
	}
	return n, true, nil
}

func denoise(ctx context.Context, s streams, in string, o *denoiseOptions) (err error) {
	if in == "" {
		return usageError("the name of the input is empty: name a file, or - for standard input")
	}
	if err := o.check(); err != nil {
		return err
	}
	if err := notRead("-o", o.out, in, o.noise, o.model); err != nil {
		return err
	}
	if err := o.checkClasses(in); err != nil {
		return err
	}
	zone, err := time.LoadLocation(o.tz)
	if err != nil {
		return usageError("--tz %s: there is no such zone: write one like Europe/Berlin", o.tz)
	}
	far := newBar(s.err, "denoise")
	note := func(text string) {
		far.clear()
		fmt.Fprintln(s.err, "note:", text)
	}
	c := offline.Config{SeriesColumn: o.series, Series: file.SeriesOf(in), Chunk: o.chunk, Note: note, Explain: o.verbose || o.asJSON || onTerminal(s.err)}
	if err := o.denoiser(&c, note); err != nil {
		return err
	}
	if o.classes != "" {
		if err := o.writeClasses(s, in, c.Engine.Model); err != nil {
			return err
		}
	}
	r, closeFile, err := openTableWithBar(s, in, file.Options{Time: o.time, Zone: zone, RateHz: o.rate, Series: o.series, Channels: file.Named(o.channels...)}, far)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no file %s", in)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close(), closeFile()) }()
	tellMixed(note, in, r)
	c.Engine.Window = window.Config{RateHz: o.rate}
	if c.Engine.Window.RateHz == 0 && r.TimeColumn() == "" {
		c.Engine.Window.RateHz = 1
	}
	if c.Engine.Noise, err = o.knownNoise(s, r.Channels()); err != nil {
		return err
	}
	end, err := o.learner(&c, r.Channels())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, end()) }()
	var rep offline.Report
	err = writeTo(s, o.out, func(w io.Writer) error {
		var err error
		rep, err = offline.Denoise(ctx, r, w, c)
		far.clear()
		if err == nil {
			err = o.checkOrder(in, r.TimeColumn(), &rep)
		}
		return whatToDo(err)
	})
	if ctx.Err() != nil && err != nil {
		return &codeError{exitInterrupted, errors.New("interrupted")}
	}
	if err != nil {
		return err
	}
	tellOrder(note, &rep)
	tellFates(note, o.series, &rep)
	tellRaw(note, r.Channels(), &rep)
	explained := o.verbose || onTerminal(s.err)
	if len(r.TimeColumns()) == 2 && !explained {
		note("the time is in " + r.TimeWords())
	}
	o.tellTime(note, in, r)
	o.tellRate(note, r.TimeColumn(), &rep)
	if o.fitRows > 0 && int64(o.fitRows) >= rep.Rows {
		note(fmt.Sprintf("--fit-rows %d: %s has %d rows, so that all of them were for learning and nothing was watched for drift", o.fitRows, in, rep.Rows))
	}
	if explained {
		o.explain(note, r, rep.Summary)
	}
	if o.asJSON {
		return json.NewEncoder(s.out).Encode(denoisedOf(o.out, &rep))
	}
	return nil
}

// denoiseSeed keys what the guard draws: what is scored is what is served.
const denoiseSeed = 1

// denoiser chooses what denoises.
func (o *denoiseOptions) denoiser(c *offline.Config, note func(string)) error {
	alarms, err := config.ParseRate(config.DefaultFalseAlarms)
	if err != nil {
		return err
	}
	c.Engine = pipeline.EngineConfig{Stream: "denoise", Interval: config.DefaultInterval, Seed: denoiseSeed, Guard: !o.noGuard, Watch: true, FitSentinel: train.Sentinel}
	ahead, given, err := o.ahead()
	if err != nil {
		return err
	}
	choose := func(float64) *model.Model { return c.Engine.Model }
	switch {
	case o.filter != "":
		p, err := classic.ParseFilter(o.filter)
		if err == nil && given {
			p.Lookahead = ahead
			err = p.Validate()
		}
		if err != nil {
			return usageError("--filter: %w", err)
		}
		c.Filter, c.Whole = &p, given || strings.Contains(strings.ReplaceAll(o.filter, " ", ""), "l=full")
	case (o.model == "" || o.model == "base") && !given:
		if choose, err = loadBases(note); err != nil {
			return err
		}
	default:
		if c.Engine.Model, err = loadModel(o.model, ahead); err != nil {
			return err
		}
		if why := pipeline.Unguarded(c.Engine.Model); why != "" && !o.noGuard {
			note(fmt.Sprintf("no guard stands beside %s: %s", c.Engine.Model.Name(), why))
		}
	}
	c.Engine.AtRate = func(hz float64) (*model.Model, monitor.Rate) {
		return choose(hz), min(monitor.Rate(alarms.PerSample(hz)), monitor.LargestRate)
	}
	return nil
}

// tellFates says what was not used of the input.
func tellFates(note func(string), series string, rep *offline.Report) {
	var parts []string
	for f := window.Duplicate; f < window.NumFates; f++ {
		if n := rep.Fates[f]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, f))
		}
	}
	if len(parts) > 0 {
		if series == "" && rep.Fates[window.Conflicting] > rep.Fates.In()/4 {
			note("many rows have the same time and other values: if they are of several series, name their column with --series; if the times are coarser than readings come, take their column out and give --rate")
		}
		note(fmt.Sprintf("not used, as their rows' flags say: %s of %d readings", strings.Join(parts, ", "), rep.Fates.In()))
	}
}

// tellRate says that a rate that was given is not that of the times. Where a few steps
// skip slots readings are missing; where nearly all do the grid is another one.
func (o *denoiseOptions) tellRate(note func(string), column string, rep *offline.Report) {
	if o.rateGiven && column != "" && rep.Skips*10 >= rep.Steps*9 && rep.Skips > 0 {
		note(fmt.Sprintf("the times of column %s are further apart than --rate %g says, so that nearly every reading stands alone and is hardly denoised: leave --rate out, and the rate is learnt from them", column, o.rate))
	}
}

// writeTo has write write to a file, or to standard output for "-". A file
// appears only when all of it is there, so that a failure leaves what was there
// before.
func writeTo(s streams, path string, write func(io.Writer) error) (err error) {
	if path == "-" {
		w := bufio.NewWriterSize(s.out, 64<<10)
		return flushed(write(w), w)
	}
	f, rename, err := createFor(path)
	if err != nil {
		return nameFile(path, err)
	}
	defer func() {
		if err != nil && rename {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	if err := errors.Join(compress(f, path, write), f.Close()); err != nil {
		return nameFile(path, err)
	}
	if rename {
		return os.Rename(f.Name(), path)
	}
	return nil
}

// createFor returns a file to write in place of path; rename says that it has to
// be renamed. What is no regular file, such as a pipe, is written to as it is.
func createFor(path string) (f *os.File, rename bool, err error) {
	st, err := os.Stat(path)
	switch {
	case err == nil && st.IsDir():
		return nil, false, fmt.Errorf("%s is a folder: name a file", path)
	case err == nil && !st.Mode().IsRegular():
		f, err = os.OpenFile(path, os.O_WRONLY, 0)
		return f, false, err
	}
	mode := fs.FileMode(0o644)
	if err == nil {
		mode = st.Mode().Perm()
	}
	if f, err = os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".tmp-*"); err != nil {
		return nil, false, err
	}
	if err := f.Chmod(mode); err != nil {
		return nil, false, errors.Join(err, f.Close(), os.Remove(f.Name()))
	}
	return f, true, nil
}

// compress has write write to w, through gzip if path says so.
func compress(w io.Writer, path string, write func(io.Writer) error) error {
	if !strings.HasSuffix(path, ".gz") {
		b := bufio.NewWriterSize(w, 64<<10)
		return flushed(write(b), b)
	}
	z := gzip.NewWriter(w)
	b := bufio.NewWriterSize(z, 64<<10)
	if err := flushed(write(b), b); err != nil {
		return err
	}
	return z.Close()
}

// flushed writes out what is left after a write that went well. A writer that has failed
// would only say so once more.
func flushed(err error, w *bufio.Writer) error {
	if err != nil {
		return err
	}
	return w.Flush()
}

// nameFile has an error name the file that was asked for, in place of the one that it is
// written to until it is complete.
func nameFile(path string, err error) error {
	var p *fs.PathError
	if !errors.As(err, &p) || !strings.HasPrefix(filepath.Base(p.Path), "."+filepath.Base(path)+".tmp-") {
		return err
	}
	if _, e := os.Stat(filepath.Dir(path)); errors.Is(e, fs.ErrNotExist) {
		return fmt.Errorf("write %s: there is no folder %s", path, filepath.Dir(path))
	}
	return fmt.Errorf("write %s: %w", path, p.Err)
}

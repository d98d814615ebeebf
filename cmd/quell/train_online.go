package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"strings"

	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/ingest/file"
	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/train"
	"github.com/quell-stream/quell/pipeline/config"
)

// byteSize is a flag: a size in bytes, with a unit.
type byteSize config.ByteSize

// String implements pflag.Value.
func (b *byteSize) String() string {
	if *b == 0 {
		return ""
	}
	return config.ByteSize(*b).String()
}

// Set implements pflag.Value.
func (b *byteSize) Set(s string) error {
	v, err := config.ParseByteSize(s)
	if err != nil {
		return err
	}
	if v == 0 {
		return errors.New("must be a size such as 64MiB, 1GiB or 500kB")
	}
	*b = byteSize(v)
	return nil
}

// Type implements pflag.Value.
func (*byteSize) Type() string { return "size" }

// channelsOf returns the channels of pairs.
func channelsOf(pairs []pair) (names []string) {
	for _, p := range pairs {
		names = append(names, p.channel)
	}
	return names
}

// checkOnline finds flags that a recording which is read once can't serve.
func (o *trainOptions) checkOnline(pretrain int) error {
	switch {
	case o.checkpoint != "":
		return usageError("--checkpoint and --memory exclude each other: a recording that is read once can't be gone on with")
	case o.budget > 0:
		return usageError("--budget and --memory exclude each other: how fast the machine is can't be tried on a recording that is read once; give --steps")
	case o.labels != "" || o.binary != nil:
		return usageError("--labels and --binary exclude --memory: classes are learnt from a recording that is read whole")
	case o.condition != nil:
		return usageError("--condition and --memory exclude each other: what holds where is learnt from a recording that is read whole")
	case pretrain > 0:
		return usageError("an architecture of kind stacked and --memory exclude each other: its layers are trained one after another")
	case o.steps > 0:
		return nil
	case o.curriculum:
		return usageError("--curriculum with --memory needs --steps: how long the recording is can't be known")
	case o.scheduleSet && o.schedule != string(train.ConstantKind):
		return usageError("--schedule %s with --memory needs --steps: how long the recording is can't be known", o.schedule)
	}
	return nil
}

// trainOnline trains with truth on recordings that are read once.
func (o *trainOptions) trainOnline(ctx context.Context, s streams, files []string, pairs []pair, cfg train.SupervisedConfig) (err error) {
	if err := o.checkOnline(cfg.Pretrain); err != nil {
		return err
	}
	if !o.scheduleSet {
		cfg.Schedule = "" // the one that suits
	}
	rows := &rowStream{s: s, files: files, time: o.time, pairs: pairs}
	if err := rows.check(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.close()) }()
	online := train.OnlineConfig{SupervisedConfig: cfg, Channels: len(pairs), Pairs: pairs[0].channel != pairs[0].truth, Memory: int64(o.memory)}
	if o.noise != "" {
		if online.Noise, err = o.noiseOf(s, channelsOf(pairs), int(o.memory)/(16*len(pairs))); err != nil {
			return err
		}
	}
	return o.session(ctx, s, func(ctx context.Context, r *session) (*model.Model, train.FitReport, error) {
		online.Progress, online.Steps = r.progress, r.steps
		m, rep, err := train.Online(ctx, rows, online)
		r.online = &rep
		return m, rep.FitReport, err
	})
}

// leastUpdates is the number of updates below which a training is told to be short.
const leastUpdates = 500

// tellOnline says what was read of a recording that was read once.
func (o *trainOptions) tellOnline(s streams, r *train.OnlineReport) {
	end := "read once"
	if !r.Ended {
		end = "read once, the rest was not needed"
	}
	fmt.Fprintf(s.out, "%d rows, %s: the scale is that of the first %d and stays; %d are kept to train on, %d held out\n", r.Rows, end, r.Scaled, r.Kept, r.Held)
	if o.steps == 0 && r.Steps < leastUpdates {
		fmt.Fprintf(s.err, "note: the recording ended after %d updates, which are few: --steps N goes on with what is kept of it\n", r.Steps)
	}
}

// sample reads recordings whose truth is not known once and keeps a sample of their
// windows.
func (o *trainOptions) sample(ctx context.Context, s streams, files []string, m *model.Model) (windows []train.Window, err error) {
	rows := &rowStream{s: s, files: files, time: o.time, names: o.channels}
	if err := rows.check(); err != nil {
		return nil, err
	}
	if err := rows.open(); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.close()) }()
	channels := rows.names
	if o.sigma > 0 && len(channels) > 1 {
		return nil, usageError("--sigma is the noise of one channel: choose it by --channels, of %s", strings.Join(channels, ", "))
	}
	cfg := train.SampleConfig{Channels: len(channels), Memory: int64(o.memory), Seed: o.seed, Sigma: o.sigma}
	if o.noise != "" {
		if cfg.Noise, err = o.noiseOf(s, channels, int(o.memory)/(32*len(channels))); err != nil {
			return nil, err
		}
	}
	each, n, err := train.Sample(ctx, rows, m, cfg)
	switch {
	case ctx.Err() != nil && err != nil:
		return nil, &codeError{exitInterrupted, errors.New("interrupted: no model was written")}
	case err != nil:
		return nil, err
	}
	kept := 0
	for i, ws := range each {
		if cfg.Noise == nil {
			if err := o.checkWhite(ws, files[0], channels[i]); err != nil {
				return nil, err
			}
		}
		for _, w := range ws {
			kept += len(w.Cols)
		}
		windows = append(windows, ws...)
	}
	if !o.asJSON {
		fmt.Fprintf(s.out, "%d rows, read once: %d readings are kept to train on and to judge by\n", n, kept)
	}
	return windows, nil
}

// rowStream reads recordings one after the other, as train.RowReader: the columns
// of the names or, where pairs are given, theirs.
type rowStream struct {
	s     streams
	files []string // those to come
	time  string
	pairs []pair
	names []string // none: the numeric columns of the first file, once it is open

	r            *file.Reader
	clean, noisy []int // places of the columns
	any          bool  // a row has been read
}

// check looks for the files before the first is read.
func (w *rowStream) check() error {
	for _, path := range w.files {
		if path == file.Stdin {
			continue
		}
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("there is no file %s", path)
		}
	}
	return nil
}

// Read implements train.RowReader.
func (w *rowStream) Read(clean, hiss []float64) error {
	if w.r == nil {
		if len(w.files) == 0 {
			return io.EOF
		}
		if err := w.open(); err != nil {
			return err
		}
		if w.any {
			return train.ErrBreak
		}
	}
	row, err := w.r.Read()
	if errors.Is(err, io.EOF) {
		if err := w.close(); err != nil {
			return err
		}
		return w.Read(clean, hiss)
	}
	if err != nil {
		return err
	}
	w.any = true
	for i, k := range w.clean {
		clean[i] = valueOf(&row.Cells[k])
	}
	for i := range hiss {
		hiss[i] = valueOf(&row.Cells[w.noisy[i]]) - clean[i]
	}
	return nil
}

func valueOf(c *file.Cell) float64 {
	if c.Missing != ingest.Present {
		return math.NaN()
	}
	return c.Value
}

// open opens the next file.
func (w *rowStream) open() error {
	for _, p := range w.pairs {
		w.names = append(w.names, p.channel, p.truth)
	}
	w.names = unique(w.names)
	r, err := openTable(w.s, w.files[0], file.Options{Time: w.time, Channels: file.Named(w.names...)})
	if err != nil {
		return err
	}
	w.files = w.files[1:]
	w.r, w.clean, w.noisy = r, w.clean[:0], w.noisy[:0]
	if len(w.names) == 0 {
		w.names = r.Channels()
	}
	at := make(map[string]int)
	for i, n := range r.Channels() {
		at[n] = i
		if w.pairs == nil {
			w.clean = append(w.clean, i)
		}
	}
	for _, p := range w.pairs {
		w.clean, w.noisy = append(w.clean, at[p.truth]), append(w.noisy, at[p.channel])
	}
	return nil
}

func (w *rowStream) close() error {
	if w.r == nil {
		return nil
	}
	r := w.r
	w.r = nil
	return r.Close()
}

// noiseOf reads recorded noise of at most so many rows, in columns of the channels'
// names.
func (o *trainOptions) noiseOf(s streams, names []string, most int) ([][]float64, error) {
	n, err := readTableUpTo(s, o.noise, "", names, most)
	if err != nil {
		return nil, fmt.Errorf("--noise: %w", err)
	}
	var out [][]float64
	for i, z := range n.cols {
		z, ok := filled(z)
		if !ok {
			return nil, fmt.Errorf("%s: column %s has no value", o.noise, n.names[i])
		}
		out = append(out, z)
	}
	return out, nil
}

package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/quell-stream/quell/pipeline"
	"github.com/quell-stream/quell/pipeline/assemble"
	"github.com/quell-stream/quell/pipeline/capture"
	"github.com/quell-stream/quell/pipeline/config"
)

// replayFlags are the flags of quell replay.
type replayFlags struct {
	config, out, switches string
	deterministic         bool
	asJSON                bool
}

func replayCmd(s streams) *cobra.Command {
	var o replayFlags
	cmd := &cobra.Command{
		Use:   "replay CAPTURE -c FILE [--deterministic] [-o OUT]",
		Short: "Run a capture again through the whole pipeline",
		Long: `Run what quell capture kept through codec, grid, network, guard, drift monitor and
adaptation, as fast as it goes, with the streams of a configuration: that of the
capture, or a changed one that is to be tried on the same input. Records and events
come out as JSON lines; sinks, connections and the state of the configuration are
left alone. Several streams are played one after the other.

A fine-tune takes its time, and what it decides takes effect when it is done. With
--deterministic everything waits for it where it was called for, so that the same
capture and configuration give the same bytes each time with the same binary and
kernel tier. --switches recorded trains nothing, and obeys the switches of the
captured run at the records where they took effect: the records come out as they did
then.

A replay writes nothing into the capture. Damage is an error; a capture without its
last frame, whose process was killed, is played as far as it goes, and a note says so.`,
		Example: "  quell replay monday -c quell.yaml --deterministic -o monday.jsonl",
		Args:    exactly(1, "one capture"),
		RunE:    func(cmd *cobra.Command, args []string) error { return runReplay(cmd.Context(), s, args[0], &o) },
	}
	f := cmd.Flags()
	f.StringVarP(&o.config, "config", "c", "", "configuration `file`")
	f.StringVarP(&o.out, "output", "o", "-", "`file` of records and events as JSON lines, which is replaced where there is one; -: standard output")
	f.BoolVar(&o.deterministic, "deterministic", false, "wait for fine-tunes, so that the same bytes come out each time")
	f.StringVar(&o.switches, "switches", "anew", "`how` models are switched: anew, by training again; recorded, as in the captured run")
	f.BoolVar(&o.asJSON, "json", false, "print a summary as JSON at the end, with the SHA-256 of what came out")
	return cmd
}

// replayed is what quell replay --json prints.
type replayed struct {
	Streams map[string]pipeline.Summary `json:"streams"`
	SHA256  string                      `json:"sha256"`
}

func runReplay(ctx context.Context, s streams, dir string, o *replayFlags) (err error) {
	switch {
	case o.config == "":
		return usageError("-c FILE is needed: the configuration to run")
	case o.asJSON && o.out == "-":
		return usageError("--json prints to standard output, where the records go: name a file with -o")
	case o.switches != "anew" && o.switches != "recorded":
		return usageError("--switches must be anew or recorded, got %q", o.switches)
	}
	cfg, err := loadConfig(s, o.config)
	if err != nil {
		return err
	}
	r, err := capture.Open(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if err := tellExtent(s, dir, r); err != nil {
		return err
	}
	out, err := newOutput(s, o.out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.close()) }()
	sum := replayed{Streams: map[string]pipeline.Summary{}}
	log := slog.New(slog.NewTextHandler(s.err, nil))
	for _, kept := range r.Header().Streams {
		got, err := o.stream(ctx, log, cfg, r, kept, out)
		if err != nil {
			return fmt.Errorf("stream %s: %w", kept.Name, err)
		}
		sum.Streams[kept.Name] = got
		log.Info("stream ended", "stream", kept.Name, "in", got.In, "records", got.Records, "events", got.Events, "series", got.Series, "fates", fatesText(got.Fates))
	}
	if err := out.w.Flush(); err != nil {
		return fmt.Errorf("%s: %w", o.out, err)
	}
	sum.SHA256 = hex.EncodeToString(out.sum.Sum(nil))
	log.Info("replayed", "sha256", sum.SHA256)
	if !o.asJSON {
		return nil
	}
	return json.NewEncoder(s.out).Encode(sum)
}

// tellExtent says where a capture was cut short, and up to where it goes.
func tellExtent(s streams, dir string, r *capture.Reader) error {
	e, err := r.Extent()
	if err == nil && !e.Whole {
		fmt.Fprintf(s.err, "note: %s is not complete: its process was killed, or its end is lost; what there is goes up to %s\n", dir, e)
	}
	return err
}

// stream plays one stream.
func (o *replayFlags) stream(ctx context.Context, log *slog.Logger, cfg *config.Config, r *capture.Reader, kept capture.Stream, out io.Writer) (sum pipeline.Summary, err error) {
	dir, err := os.MkdirTemp("", "quell-replay-*")
	if err != nil {
		return sum, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	one, err := assemble.Replayed(cfg, r, kept, dir)
	if err != nil {
		return sum, err
	}
	playing, stop := context.WithCancel(ctx)
	defer stop()
	opt := assemble.Options{Log: log, Registerer: newRegistry(), Stdout: out, Play: r, Stop: stop, Deterministic: o.deterministic,
		// What was read when the capture ends may take a fine-tune to work off.
		Drain: 24 * time.Hour}
	if o.switches == "recorded" {
		switches, err := assemble.Decisions(r, kept.Name)
		if err != nil {
			return sum, err
		}
		opt.Obey = map[string]map[string][]pipeline.Switch{kept.Name: switches}
	}
	p, err := assemble.Pipeline(one, opt)
	if err != nil {
		return sum, err
	}
	if err := p.Run(playing); err != nil {
		return sum, err
	}
	if ctx.Err() != nil {
		return sum, errors.New("stopped before the end of the capture")
	}
	return p.Summaries()[kept.Name], nil
}

// output is where a replay writes to, and the checksum of it.
type output struct {
	w    *bufio.Writer
	file *os.File // nil: standard output
	sum  hash.Hash
}

func newOutput(s streams, path string) (*output, error) {
	o := &output{sum: sha256.New()}
	w := s.out
	if path != "-" {
		f, err := os.Create(path)
		if err != nil {
			return nil, err
		}
		o.file, w = f, f
	}
	o.w = bufio.NewWriterSize(w, 256<<10)
	return o, nil
}

// Write writes to both.
func (o *output) Write(b []byte) (int, error) {
	n, err := o.w.Write(b)
	o.sum.Write(b[:n]) // never fails
	return n, err
}

func (o *output) close() error {
	err := o.w.Flush()
	if o.file != nil {
		err = errors.Join(err, o.file.Close())
	}
	return err
}

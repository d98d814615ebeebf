package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/quell-stream/quell/model/nn"
	"github.com/quell-stream/quell/pipeline/assemble"
	"github.com/quell-stream/quell/pipeline/capture"
	"github.com/quell-stream/quell/pipeline/config"
)

// captureFlags are the flags of quell capture.
type captureFlags struct {
	config, out string
	length      time.Duration
	maxBytes    string
	asJSON      bool
}

func captureCmd(s streams) *cobra.Command {
	var o captureFlags
	cmd := &cobra.Command{
		Use:   "capture -c FILE -o CAPTURE",
		Short: "Run the pipeline and keep what comes in",
		Long: `Run a configuration as quell run does, and keep what comes in: every delivery
with its stamps and offsets, every change of ownership, every switch of a model with
the models, and the state that the run began with. quell replay runs it again.

It ends with the input, with a signal, after --for, or when --max-bytes are full:
what does not fit is not taken off the broker, and comes again the next time. A
capture holds what the sensors said in the clear, so keep it as you keep them.`,
		Example: "  quell capture -c quell.yaml -o monday --for 1h --max-bytes 1GiB",
		Args:    exactly(0, "no arguments but -c FILE and -o CAPTURE"),
		RunE:    func(cmd *cobra.Command, _ []string) error { return runCapture(cmd.Context(), s, &o) },
	}
	f := cmd.Flags()
	f.StringVarP(&o.config, "config", "c", "", "configuration `file`")
	f.StringVarP(&o.out, "output", "o", "", "`folder` of the capture, which must be new or empty")
	f.DurationVar(&o.length, "for", 0, "stop after this `time`; 0: never")
	f.StringVar(&o.maxBytes, "max-bytes", "1GiB", "stop at this `size` of the capture; 0: never")
	f.BoolVar(&o.asJSON, "json", false, "print a summary as JSON at the end")
	return cmd
}

func runCapture(ctx context.Context, s streams, o *captureFlags) (err error) {
	limit, err := o.check()
	if err != nil {
		return err
	}
	cfg, err := loadConfig(s, o.config)
	if err != nil {
		return err
	}
	kept, err := assemble.Captured(cfg)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	_, missing := os.Stat(o.out)
	w, err := capture.Create(o.out, capture.Header{Release: release(), Kernel: nn.KernelTier(), Streams: kept}, limit, func() {
		fmt.Fprintf(s.err, "note: the capture is full (%s): stopping\n", o.maxBytes)
		stop()
	})
	if err != nil {
		return err
	}
	empty := w.Bytes()
	defer func() {
		nothing := err != nil && w.Bytes() == empty
		if err = errors.Join(err, w.Close()); nothing {
			err = errors.Join(err, o.leave(missing != nil))
			return
		}
		fmt.Fprintf(s.err, "captured %s in %s\n", sizeOf(w.Bytes()), o.out)
	}()
	if err := assemble.KeepState(cfg, w.State()); err != nil {
		return err
	}
	return runLoaded(ctx, s, cfg, o.config, o.length, o.asJSON, assemble.Options{Keep: w})
}

// leave removes a capture of a run that failed before anything came in, so that its name
// is free for the next try.
func (o *captureFlags) leave(made bool) error {
	if made {
		return os.RemoveAll(o.out)
	}
	files, err := os.ReadDir(o.out) // it was there before, and empty
	for _, f := range files {
		err = errors.Join(err, os.RemoveAll(filepath.Join(o.out, f.Name())))
	}
	return err
}

// sizeOf says a size for people.
func sizeOf(bytes int64) string {
	switch b := float64(bytes); {
	case b >= 1<<30:
		return fmt.Sprintf("%.1f GiB", b/(1<<30))
	case b >= 1<<20:
		return fmt.Sprintf("%.1f MiB", b/(1<<20))
	}
	return fmt.Sprintf("%d bytes", bytes)
}

// check returns the bound of the capture.
func (o *captureFlags) check() (int64, error) {
	switch {
	case o.config == "":
		return 0, usageError("-c FILE is needed: the configuration to run")
	case o.out == "":
		return 0, usageError("-o CAPTURE is needed: the folder to write to")
	case o.length < 0:
		return 0, usageError("--for must not be negative, got %s", o.length)
	}
	limit, err := config.ParseByteSize(o.maxBytes)
	if err != nil {
		return 0, usageError("--max-bytes %s", err)
	}
	if limit > 0 && limit < 1<<20 {
		return 0, usageError("--max-bytes must be at least 1MiB, got %s", limit)
	}
	return int64(limit), nil
}

package main

import (
	"io"
	"log/slog"

	"github.com/spf13/pflag"

	"github.com/quell-stream/quell/internal/calmlog"
)

// logFlags say what is logged, and how.
type logFlags struct{ level, format string }

func (l *logFlags) add(f *pflag.FlagSet) {
	f.StringVar(&l.level, "log-level", "info", "least `level` of a line in the log: debug, info, warn or error")
	f.StringVar(&l.format, "log-format", "text", "`format` of the log: text or json")
}

// logger returns what the flags ask for, and what is to be called before the end.
func (l *logFlags) logger(w io.Writer) (log *slog.Logger, flush func(), err error) {
	var level slog.Level
	switch l.level {
	case "debug", "info", "warn", "error":
		if err := level.UnmarshalText([]byte(l.level)); err != nil {
			return nil, nil, err
		}
	default:
		return nil, nil, usageError("--log-level is %q, want debug, info, warn or error", l.level)
	}
	opts := &slog.HandlerOptions{Level: level}
	var h slog.Handler
	switch l.format {
	case "text":
		h = slog.NewTextHandler(w, opts)
	case "json":
		h = slog.NewJSONHandler(w, opts)
	default:
		return nil, nil, usageError("--log-format is %q, want text or json", l.format)
	}
	calm := calmlog.New(h, calmlog.Options{})
	return slog.New(calm), calm.Flush, nil
}

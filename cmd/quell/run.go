package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/spf13/cobra"

	"github.com/quell-stream/quell/conn"
	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/model/nn"
	"github.com/quell-stream/quell/pipeline"
	"github.com/quell-stream/quell/pipeline/assemble"
	"github.com/quell-stream/quell/pipeline/config"
	"github.com/quell-stream/quell/web"
	"github.com/quell-stream/quell/web/app"
	"github.com/quell-stream/quell/window"
)

func runCmd(s streams) *cobra.Command {
	var (
		path   string
		length time.Duration
		asJSON bool
		logs   logFlags
	)
	cmd := &cobra.Command{
		Use:   "run -c FILE",
		Short: "Run the pipeline",
		Long: `Run the streams of a configuration until every source has ended or a signal comes.

Brokers that are away are tried again for ever; /readyz answers 503 meanwhile.
Refused credentials end the process with exit code 1. SIGHUP has the file read again:
what has changed is replaced, all else goes on, and a file with mistakes changes
nothing. SIGTERM and Ctrl-C stop in
order: what was read is computed, written and made durable, then the process
exits with 0; a second signal does not wait. Nothing acknowledged is lost either
way: what was not finished comes again.

Where systemd started it (Type=notify) it is told when every source is being read,
how things are, and, with WatchdogSec, that every stream gets on.

The log goes to standard error, one line for what changed and what to do. Lines
that are alike are written 30 times a minute at most, and how many were left out is
said. --log-format json is for machines.

With --json a summary is printed at the end: per stream the number of samples
that came in, what became of each (the fates add up; raw is the reading of a record,
denoised or not), and the records handed out.`,
		Example: "  quell run -c configs/file.yaml",
		Args:    configOnly,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if path == "" {
				return usageError("-c FILE is needed: the configuration to run")
			}
			if length < 0 {
				return usageError("--for must not be negative, got %s", length)
			}
			log, flush, err := logs.logger(s.err)
			if err != nil {
				return err
			}
			defer flush()
			return runConfig(cmd.Context(), s, path, length, asJSON, assemble.Options{Log: log})
		},
	}
	f := cmd.Flags()
	f.StringVarP(&path, "config", "c", "", "configuration `file`")
	f.DurationVar(&length, "for", 0, "stop after this `time`; 0: never")
	f.BoolVar(&asJSON, "json", false, "print a summary as JSON at the end")
	logs.add(f)
	return cmd
}

// runConfig runs a configuration file with options that runLoaded completes.
func runConfig(ctx context.Context, s streams, path string, length time.Duration, asJSON bool, opt assemble.Options) error {
	cfg, err := loadConfig(s, path)
	if err != nil {
		return err
	}
	return runLoaded(ctx, s, cfg, path, length, asJSON, opt)
}

func runLoaded(ctx context.Context, s streams, cfg *config.Config, path string, length time.Duration, asJSON bool, opt assemble.Options) (err error) {
	if opt.Log == nil {
		opt.Log = slog.New(slog.NewTextHandler(s.err, nil))
	}
	defer tidy()()
	log := opt.Log
	log.Info("starting", "version", release(), "kernel", nn.KernelTier(), "config", path)
	for _, text := range assemble.NotYet(cfg) {
		log.Warn(text)
	}
	reg := newRegistry()
	opt.Registerer, opt.Stdin, opt.Stdout, opt.Clock = reg, s.in, s.out, clock()
	p, err := assemble.Pipeline(cfg, opt)
	if err != nil {
		return err
	}
	manager, err := notifier()
	if err != nil {
		return errors.Join(err, p.Close())
	}
	reload := reloader(path, cfg, opt, p, manager, log)
	defer reloadOnHangup(context.WithoutCancel(ctx), reload, log)()
	if cfg.HTTP.Listen != "" {
		serve, err := assemble.HTTP(&cfg.HTTP, log)
		if err != nil {
			return errors.Join(err, p.Close())
		}
		serve.View, serve.Models, serve.Gatherer, serve.Reload = p, p, reg, reload
		serve.Version, serve.Kernel, serve.Assets = release(), nn.KernelTier(), app.Assets()
		srv, err := web.Listen(cfg.HTTP.Listen, serve, log)
		if err != nil {
			return errors.Join(fmt.Errorf("%w: choose another http.listen, or off", err), p.Close())
		}
		log.Info("listening", "url", srv.URL())
		defer func() {
			closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
			defer cancel()
			if e := srv.Close(closing); e != nil && !errors.Is(e, context.DeadlineExceeded) {
				err = errors.Join(err, fmt.Errorf("http: %w", e))
			}
		}()
	}
	if length > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, length)
		defer cancel()
	}
	defer supervise(ctx, manager, p, log)()
	told := make(chan struct{})
	unneeded := context.AfterFunc(ctx, func() {
		defer close(told)
		log.Info("stopping: what was read is computed, and waits for the required sinks to have it; a second signal does not wait", "sinks", requiredSinks(cfg))
	})
	err = p.Run(ctx)
	if !unneeded() {
		<-told
	}
	if err != nil {
		return explain(err)
	}
	tellRead(log, cfg, p)
	return summarise(s.out, log, p, asJSON)
}

// requiredSinks names the sinks that a stop waits for.
func requiredSinks(cfg *config.Config) string {
	var names []string
	for i := range cfg.Sinks {
		if s := &cfg.Sinks[i]; s.Required {
			names = append(names, s.Name)
		}
	}
	return strings.Join(names, ", ")
}

// tellRead says why a run over a file handed nothing out.
func tellRead(log *slog.Logger, cfg *config.Config, p *pipeline.Pipeline) {
	all := p.Summaries()
	for i := range cfg.Streams {
		s := &cfg.Streams[i]
		sum := all[s.Name]
		switch bad := sum.Fates[window.Malformed.String()]; {
		case s.Source.Type != config.File || sum.Records > 0:
		case sum.Read == 0 && sum.In > 0:
			log.Info("the file was read to its end before: remove the state to read it again", "stream", s.Name, "path", s.Source.Path, "state_dir", cfg.StateDir)
		case sum.Read > 0 && bad == sum.In:
			log.Warn("no row of the file could be read: the dead letter says why of each, see quell dlq list", "stream", s.Name, "path", s.Source.Path, "rows", sum.Read)
		}
	}
}

// loadConfig reads a configuration to run it; mistakes, and environment variables that
// are not set, are printed with their places.
func loadConfig(s streams, path string) (*config.Config, error) {
	cfg, warnings, err := readConfig(s, path)
	if err != nil {
		return nil, err
	}
	var unset config.ErrorList
	if err := config.NeedEnv(warnings); errors.As(err, &unset) {
		fmt.Fprintln(s.err, unset.Format())
		return nil, &codeError{exitConfig, fmt.Errorf("%s: %s not set", path, count(len(unset), "environment variable"))}
	}
	for i := range warnings {
		fmt.Fprintln(s.err, "note:", warnings[i].Error.Error())
	}
	return cfg, nil
}

// readConfig reads a configuration for something that connects to nothing.
func readConfig(s streams, path string) (*config.Config, []config.Warning, error) {
	cfg, warnings, err := config.Load(path)
	var list config.ErrorList
	if errors.As(err, &list) {
		fmt.Fprintln(s.err, list.Format())
	}
	return cfg, warnings, configError(path, err)
}

// newRegistry returns a registry with the metrics of the process and the
// runtime on it.
func newRegistry() *prometheus.Registry {
	reg := prometheus.NewRegistry()
	build := prometheus.NewGauge(prometheus.GaugeOpts{Name: "quell_build_info", Help: "1, with the version and the kernels in use.",
		ConstLabels: prometheus.Labels{"version": release(), "kernel": nn.KernelTier()}})
	build.Set(1)
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), build)
	return reg
}

// explain adds what to do to errors that end a run.
func explain(err error) error {
	if errors.Is(err, ingest.ErrRejected) || errors.Is(err, conn.ErrRejected) {
		return fmt.Errorf("%w: mend credentials, rights or certificates; trying again would not help", err)
	}
	return err
}

func summarise(out io.Writer, log *slog.Logger, p *pipeline.Pipeline, asJSON bool) error {
	all := p.Summaries()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		sum := all[name]
		log.Info("stream ended", "stream", name, "in", sum.In, "records", sum.Records, "events", sum.Events, "series", sum.Series, "fates", fatesText(sum.Fates))
	}
	if !asJSON {
		return nil
	}
	return json.NewEncoder(out).Encode(struct {
		Streams map[string]pipeline.Summary `json:"streams"`
	}{all})
}

// fatesText lists the fates that occurred.
func fatesText(f map[string]int64) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(f)) {
		if f[name] != 0 {
			parts = append(parts, fmt.Sprintf("%s %d", name, f[name]))
		}
	}
	return strings.Join(parts, ", ")
}

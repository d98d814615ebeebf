package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/quell-stream/quell/internal/sdnotify"
	"github.com/quell-stream/quell/pipeline"
	"github.com/quell-stream/quell/pipeline/assemble"
	"github.com/quell-stream/quell/pipeline/config"
	"github.com/quell-stream/quell/web"
)

// reloader returns what has a configuration read again, nil where the pipeline runs on
// something else than its sources.
func reloader(path string, cfg *config.Config, opt assemble.Options, p *pipeline.Pipeline, n *sdnotify.Notifier, log *slog.Logger) web.Reloader {
	if opt.Keep != nil || opt.Play != nil {
		return nil
	}
	return &loggedReloader{assemble.NewReloader(path, cfg, opt, p), p, n, log}
}

// loggedReloader tells the log and the service manager of each reload, whoever asked
// for it.
type loggedReloader struct {
	web.Reloader
	p   supervised
	n   *sdnotify.Notifier
	log *slog.Logger
}

func (r *loggedReloader) Reload(ctx context.Context) (changed, restart []string, err error) {
	r.log.Info("reloading the configuration")
	defer reloading(r.n, r.p, r.log)()
	changed, restart, err = r.Reloader.Reload(ctx)
	web.LogReload(r.log, changed, restart, err)
	return changed, restart, err
}

// reloadOnHangup reloads at each SIGHUP until the function that it returns is called.
// Without a reloader the signal is told of, and passed over: it ends no pipeline.
func reloadOnHangup(ctx context.Context, r web.Reloader, log *slog.Logger) (stop func()) {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-hangups:
				if r == nil {
					log.Warn("SIGHUP passed over: what is captured or replayed is not reloaded")
					continue
				}
				// What it returns is in the log.
				_, _, _ = r.Reload(ctx)
			case <-quit:
				return
			}
		}
	}()
	return func() {
		signal.Stop(hangups)
		close(quit)
		<-done
	}
}

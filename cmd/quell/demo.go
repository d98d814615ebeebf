package main

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/spf13/cobra"

	"github.com/quell-stream/quell/cmd/quell/demo"
	"github.com/quell-stream/quell/model/nn"
	"github.com/quell-stream/quell/pipeline/config"
	"github.com/quell-stream/quell/web"
	"github.com/quell-stream/quell/web/app"
)

func demoCmd(s streams) *cobra.Command {
	var (
		opt      demo.Options
		headless bool
		asJSON   bool
		noInject bool
	)
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show it working, with nothing but this program",
		Long: `Show it working, offline, with no broker and no configuration: an MQTT broker in the
process, eight simulated sensors and this machine's own, the pipeline with the base
model, and a subscriber of its own that counts what arrives.

The sensors first publish a hundred seconds of history, then go on live. At times and on
sensors drawn from the seed the noise of one grows, the process behind another changes,
and a third gets stuck. Neither the truth nor the injections enter the pipeline.

At the end: samples in and out, the gain of each sensor against its truth, the drifts
found and how they were named, and the verdicts on fine-tunes. The exit code is 1 if
anything was lost or nothing was gained.`,
		Example: "  quell demo --for 60s --headless --json",
		Args:    exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if opt.For < 0 {
				return usageError("--for must not be negative, got %s", opt.For)
			}
			if !cmd.Flags().Changed("seed") {
				opt.Seed = rand.Uint64() >> 32
			}
			opt.Inject = !noInject
			return runDemo(cmd.Context(), s, opt, headless, asJSON)
		},
	}
	f := cmd.Flags()
	f.DurationVar(&opt.For, "for", 0, "stop after this `time` of live readings, behind the history; 0: at Ctrl-C")
	f.BoolVar(&headless, "headless", false, "no HTTP server, nothing but the summary")
	f.BoolVar(&asJSON, "json", false, "print the summary as JSON")
	f.StringVar(&opt.Listen, "listen", config.DefaultListen, "`address` of the HTTP server; where the default is taken, the next free port")
	f.Uint64Var(&opt.Seed, "seed", 0, "seed of signals, noise and injections (default: drawn, and printed)")
	f.BoolVar(&noInject, "no-inject", false, "inject no changes")
	f.BoolVar(&opt.RealOnly, "real", false, "only this machine's own sensors")
	return cmd
}

func runDemo(ctx context.Context, s streams, opt demo.Options, headless, asJSON bool) error {
	opt.Log = slog.New(slog.NewTextHandler(s.err, &slog.HandlerOptions{Level: slog.LevelWarn}))
	if !headless {
		say := newNarrator(s.err)
		defer say.end()
		opt.Tell = say.line
		opt.Serve = func(r demo.Running) (func(), error) { return serveDemo(ctx, s, opt, r, say) }
	}
	fmt.Fprintf(s.err, "quell %s  demo  %s  seed %d\n", release(), nn.KernelTier(), opt.Seed)
	rep, err := demo.Run(ctx, opt)
	if err != nil {
		return err
	}
	if asJSON {
		err = rep.WriteJSON(s.out)
	} else {
		err = rep.WriteText(s.out)
	}
	if err != nil {
		return err
	}
	return rep.Err()
}

// serveDemo serves the dashboard of a demo to who has the token, which is made for its
// life, and says where.
func serveDemo(ctx context.Context, s streams, opt demo.Options, r demo.Running, say *narrator) (stop func(), err error) {
	token := randomToken()
	c := web.Config{View: r.Pipeline, Models: r.Pipeline, Gatherer: r.Gatherer, Token: token, Version: release(), Kernel: nn.KernelTier(), Assets: app.Assets()}
	srv, err := listenNear(opt.Listen, c, opt.Log)
	if err != nil {
		return nil, fmt.Errorf("%w: choose another --listen, or --headless", err)
	}
	fmt.Fprintf(s.err, "✔ %s   ✔ dashboard %s/#token=%s\n", r.Broker, srv.URL(), token)
	following, done := context.WithCancel(ctx)
	followed := make(chan struct{})
	go func() {
		defer close(followed)
		say.follow(following, r.Pipeline)
	}()
	return func() {
		done()
		<-followed
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		// What is still open belongs to a reader that was told to go.
		_ = srv.Close(closing)
	}, nil
}

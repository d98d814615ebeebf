package main

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/quell-stream/quell/bench"
	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/nn"
)

// benchOptions are the flags of the verbs of quell bench.
type benchOptions struct {
	models                              []string
	batch, threads, rounds, hop, series int
	asJSON                              bool
}

// The largest values of flags, so that a slip of the finger does not fill the memory.
const (
	maxBatch   = 1 << 16
	maxThreads = 1 << 10
	maxRounds  = 1 << 20
	maxHop     = 1 << 14
	maxSeries  = 1 << 14
)

func benchCmd(s streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bench {infer|stream|train|detect|codec|pipeline}",
		Short: "Measure how fast this machine runs what Quell is made of",
		Long: `Measure how fast this machine runs what Quell is made of.

All cases of a run are timed in turn, round after round, a few milliseconds each, and
with them the multiply-add units of a core with nothing else to do. A figure is that of
the best round, which noise can't make better; the one marked med is that of the
middle round, and says how noisy the machine was. % peak is the share of what the
multiply-add units could do; n/a where they can't be measured.

QUELL_KERNEL=avx512, avx2, neon or generic forces a kernel tier.`,
		Example: `  quell bench infer --model base
  quell bench stream --series 100 --json`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError("there is no quell bench %s: choose one of infer, stream, train, detect, codec, pipeline", args[0])
			}
			return usageError("quell bench takes one of infer, stream, train, detect, codec, pipeline")
		},
		RunE: func(*cobra.Command, []string) error { return nil },
	}
	verb := func(use, short, long string, flags func(*cobra.Command, *benchOptions), run func(context.Context, streams, *benchOptions) error) {
		var o benchOptions
		c := &cobra.Command{
			Use: use, Short: short, Long: short + ".\n\n" + long, Args: exactly(0, "no arguments"),
			Example: "  quell bench " + use + " --rounds 20 --json",
			RunE: func(c *cobra.Command, _ []string) error {
				if err := o.check(); err != nil {
					return err
				}
				return run(c.Context(), s, &o)
			},
		}
		flags(c, &o)
		f := c.Flags()
		f.IntVar(&o.threads, "threads", 1, "goroutines that share the work")
		f.IntVar(&o.rounds, "rounds", 60, "how often each case is timed")
		f.BoolVar(&o.asJSON, "json", false, "print JSON")
		cmd.AddCommand(c)
	}
	models := func(c *cobra.Command, o *benchOptions) {
		c.Flags().StringSliceVar(&o.models, "model", []string{"A", "B", "base"},
			"`models`: A or B (the networks that the targets are stated for, with random weights), base, or a .quell file")
	}
	verb("infer", "Inference over whole windows", `Windows of 256 time steps, in batches. Every model is first compared with an evaluation
in float64 (error, as a share of the largest output; 1e-5 is allowed), whole and
streamed, and the two with each other, bit for bit.`,
		func(c *cobra.Command, o *benchOptions) {
			models(c, o)
			c.Flags().IntVar(&o.batch, "batch", 1, "windows in a batch")
		}, benchInfer)
	verb("stream", "Exact streaming inference", `Each of --series series gets --hop new time steps, in lock step. samples_per_second
counts time steps of one series. The error is that of quell bench infer.`,
		func(c *cobra.Command, o *benchOptions) {
			models(c, o)
			c.Flags().IntVar(&o.hop, "hop", 0, "new `time steps` per push; default: the stride of the model, 1 without one")
			c.Flags().IntVar(&o.series, "series", 1, "series that move on together")
		}, benchStream)
	verb("train", "Training steps", `A step is forward, squared error, backward and Adam over --batch windows of 256 time
steps, as quell train does them. --threads goroutines share the windows of a step.`,
		func(c *cobra.Command, o *benchOptions) {
			models(c, o)
			c.Flags().IntVar(&o.batch, "batch", 32, "windows in a batch")
		}, benchTrain)
	verb("detect", "Drift detectors", `Each detector with its default parameters, fed with white noise. default is the chart
of the pipeline's monitor over one series; monitor is the statistics of the signal with
it, without the network that gives the score.`,
		func(*cobra.Command, *benchOptions) {},
		func(ctx context.Context, s streams, o *benchOptions) error {
			return benchCases(ctx, s, o, "detect", bench.Detectors(o.threads), nil)
		})
	cmd.AddCommand(benchPipelineCmd(s))
	verb("codec", "Payloads in, records out", `json: 200 bytes, three channels by their paths, with series and time. csv: the same as
a line. plain: a number. record: three channels as a record's JSON.`,
		func(*cobra.Command, *benchOptions) {},
		func(ctx context.Context, s streams, o *benchOptions) error {
			return benchCases(ctx, s, o, "codec", bench.Codecs(o.threads), nil)
		})
	return cmd
}

// check checks the flags that were defined; the others are zero.
func (o *benchOptions) check() error {
	for _, f := range []struct {
		name              string
		value, least, max int
	}{
		{"batch", o.batch, 0, maxBatch}, {"threads", o.threads, 1, maxThreads}, {"rounds", o.rounds, 1, maxRounds},
		{"hop", o.hop, 0, maxHop}, {"series", o.series, 0, maxSeries},
	} {
		if f.value < f.least || f.value > f.max {
			return usageError("--%s %d: %d to %d", f.name, f.value, max(f.least, 1), f.max)
		}
	}
	return nil
}

// benchModel is a network to measure, and how right it is.
type benchModel struct {
	name string
	net  bench.Network
	acc  bench.Accuracy
}

// parameters returns the number of weights.
func (m *benchModel) parameters() int {
	switch n := m.net.(type) {
	case *nn.Net:
		return n.NumParams()
	case *nn.Quantized:
		return n.Net().NumParams()
	}
	return 0
}

func (o *benchOptions) load() ([]benchModel, error) {
	if len(o.models) == 0 { // --model ""
		return nil, usageError("--model needs a name: A, B, base, or a .quell or .onnx file")
	}
	var out []benchModel
	for _, name := range o.models {
		net, err := benchNet(name)
		if err != nil {
			return nil, err
		}
		acc, err := bench.Check(net)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		out = append(out, benchModel{name, net, acc})
	}
	return out, nil
}

// benchNet returns the network that a name stands for.
func benchNet(name string) (bench.Network, error) {
	switch name {
	case "A":
		return nn.New(bench.ModelA(), 1)
	case "B":
		return nn.New(bench.ModelB(), 1)
	}
	m, err := loadModel(name, anyLookahead)
	if err != nil {
		return nil, err
	}
	if q := m.Quantized(); q != nil {
		return q, nil
	}
	return m.Net(), nil
}

func benchInfer(ctx context.Context, s streams, o *benchOptions) error {
	if o.batch == 0 {
		return usageError("--batch 0: 1 to %d", maxBatch)
	}
	models, err := o.load()
	if err != nil {
		return err
	}
	var cases []bench.Case
	for _, m := range models {
		cases = append(cases, bench.Infer(m.name, m.net, o.batch, o.threads))
	}
	return benchCases(ctx, s, o, "infer", cases, func(i int, figures map[string]any) error {
		m := models[i]
		figures["model"], figures["parameters"], figures["batch"] = m.name, m.parameters(), o.batch
		m.accuracy(figures)
		return nil
	})
}

func benchStream(ctx context.Context, s streams, o *benchOptions) error {
	if o.series == 0 {
		return usageError("--series 0: 1 to %d", maxSeries)
	}
	models, err := o.load()
	if err != nil {
		return err
	}
	var cases []bench.Case
	hops := make([]int, len(models))
	for i, m := range models {
		if hops[i] = o.hop; o.hop == 0 {
			hops[i] = m.net.Spec().Stride()
		}
		c, err := bench.Stream(m.name, m.net, hops[i], o.series, o.threads)
		if err != nil {
			return fmt.Errorf("%s can't be streamed: %w", m.name, err)
		}
		cases = append(cases, c)
	}
	return benchCases(ctx, s, o, "stream", cases, func(i int, figures map[string]any) error {
		m := models[i]
		figures["model"], figures["parameters"], figures["hop"], figures["series"] = m.name, m.parameters(), hops[i], o.series
		m.accuracy(figures)
		bytes, err := bench.StreamBytes(m.net)
		figures["state_bytes"] = bytes
		return err
	})
}

func benchTrain(ctx context.Context, s streams, o *benchOptions) error {
	if o.batch == 0 {
		return usageError("--batch 0: 1 to %d", maxBatch)
	}
	models, err := o.load()
	if err != nil {
		return err
	}
	var cases []bench.Case
	for _, m := range models {
		net, ok := m.net.(*nn.Net)
		if !ok {
			return usageError("%s: %w", m.name, model.ErrInt8)
		}
		cases = append(cases, bench.Train(m.name, net, o.batch, o.threads))
	}
	return benchCases(ctx, s, o, "train", cases, func(i int, figures map[string]any) error {
		m := models[i]
		figures["model"], figures["parameters"], figures["batch"] = m.name, m.parameters(), o.batch
		return nil
	})
}

func (m *benchModel) accuracy(figures map[string]any) {
	if _, ok := m.net.(*nn.Quantized); ok {
		// How far 8-bit signals are off depends on the signals, and they are none of
		// the business of the multiply-add units.
		delete(figures, "gflops")
		delete(figures, "peak_share")
	} else {
		figures["max_error"], figures["max_error_share"] = max(m.acc.Whole, m.acc.Streamed), m.acc.Share()
	}
	if m.acc.Streams {
		figures["streamed_equals_whole"] = m.acc.Equal
	}
}

// benchCases measures the cases and prints them. more adds to the figures of
// case i what only its verb knows.
func benchCases(ctx context.Context, s streams, o *benchOptions, verb string, cases []bench.Case, more func(i int, figures map[string]any) error) error {
	rounds := newRounds(s.err)
	rep, err := bench.Measure(ctx, cases, bench.Options{Rounds: o.rounds, Progress: rounds.tell})
	rounds.end()
	if err != nil {
		return err
	}
	head := map[string]any{"bench": verb, "tier": nn.KernelTier(), "rounds": rep.Rounds, "threads": o.threads,
		"go": runtime.Version(), "platform": runtime.GOOS + "/" + runtime.GOARCH, "cpus": runtime.NumCPU(),
		"peak_gflops": known(rep.Peak), "peak_gflops_median": known(rep.PeakMedian)}
	if bytes, ok := resident(); ok {
		head["resident_bytes"] = bytes
	}
	var results []map[string]any
	for i := range rep.Results {
		r := &rep.Results[i]
		figures := map[string]any{"name": r.Case.Name, "ns_per_op": r.Min, "ns_per_op_median": r.Median, "allocs_per_op": r.Allocs}
		for _, u := range r.Case.Units {
			figures[u.Name+"_per_second"], figures[u.Name+"_per_second_median"] = r.PerSecond(u)
		}
		if r.Case.FLOPs > 0 {
			figures["gflops"], figures["peak_share"] = r.GFLOPS(), known(r.Share())
		}
		if r.Case.Bytes > 0 {
			figures["bytes"] = r.Case.Bytes
		}
		if more != nil {
			if err := more(i, figures); err != nil {
				return err
			}
		}
		results = append(results, figures)
	}
	if o.asJSON {
		head["results"] = results
		return json.NewEncoder(s.out).Encode(head)
	}
	return writeBench(s.out, head, results, rep.Results)
}

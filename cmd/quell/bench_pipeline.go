package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/quell-stream/quell/cmd/quell/load"
)

// pipelineOptions are the flags of quell bench pipeline.
type pipelineOptions struct {
	mqtt, exe                    string
	kafka                        []string
	series, burst, warm, threads int
	rate                         float64
	steady                       time.Duration
	model                        string
	run                          string
	quick, asJSON                bool
}

func benchPipelineCmd(s streams) *cobra.Command {
	var o pipelineOptions
	cmd := &cobra.Command{
		Use:   "pipeline",
		Short: "The whole pipeline, from broker to broker",
		Args: exactly(0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error { return benchPipeline(c.Context(), s, &o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.mqtt, "mqtt", "", "`URL`")
	f.StringSliceVar(&o.kafka, "kafka", nil, "brokers")
	f.StringVar(&o.exe, "exe", "", "program")
	f.IntVar(&o.series, "series", 1000, "devices")
	f.IntVar(&o.burst, "burst", 50000, "")
	f.IntVar(&o.warm, "warm", 20, "")
	f.IntVar(&o.threads, "threads", 1, "")
	f.Float64Var(&o.rate, "rate", 2000, "")
	f.DurationVar(&o.steady, "steady", 10*time.Second, "")
	f.StringVar(&o.model, "set", "", "")
	f.StringVar(&o.run, "run", "mqtt", "")
	return cmd
}

func benchPipeline(ctx context.Context, s streams, o *pipelineOptions) error {
	run := fmt.Sprintf("quell-bench-%08x", rand.Uint32())
	var bus load.Bus
	var err error
	if o.run == "mqtt" {
		bus, err = load.MQTT(o.mqtt, run)
	} else {
		bus, err = load.Kafka(ctx, o.kafka, run)
	}
	if err != nil {
		return err
	}
	if o.exe == "" {
		if o.exe, err = os.Executable(); err != nil {
			return err
		}
	}
	r, err := load.Run(ctx, bus, load.Options{Exe: o.exe, Devices: o.series, Warm: o.warm, Burst: o.burst, Rate: o.rate, Steady: o.steady, Threads: o.threads, Model: o.model,
		Tell: func(format string, args ...any) { fmt.Fprintf(s.err, format+"\n", args...) }})
	if r != nil {
		e := json.NewEncoder(s.out)
		e.SetIndent("", " ")
		_ = e.Encode(r)
		fmt.Fprintln(s.out, "percore", r.PerCore(), "warm", float64(r.WarmSent)/r.WarmCPU.Seconds(), "steady us", r.SteadyCPU.Seconds()*1e6/float64(r.SteadySent))
	}
	return err
}

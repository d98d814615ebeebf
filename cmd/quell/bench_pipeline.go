package main

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/quell-stream/quell/cmd/quell/scale"
	"github.com/quell-stream/quell/internal/scoreboard"
)

// benchPipelineCmd is quell bench pipeline.
func benchPipelineCmd(s streams) *cobra.Command {
	var (
		o         scale.Options
		so        scoreboard.Options
		run, open string
		asJSON    bool
	)
	cmd := &cobra.Command{
		Use:   "pipeline",
		Short: "The whole pipeline, from broker to broker, and what capacity is reckoned from",
		Long:  pipelineLong(),
		Example: `  quell bench pipeline --run mqtt
  quell bench pipeline --run 'mqtt|kafka' --mqtt mqtt://broker:1883 --kafka k1:9092,k2:9092`,
		Args: exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			pick, err := regexp.Compile(run)
			if err != nil {
				return usageError("--run: %w", err)
			}
			if err := checkPipeline(&o); err != nil {
				return err
			}
			if o.Exe, err = os.Executable(); err != nil {
				return err
			}
			studies := slices.DeleteFunc(scale.Studies(&o), func(st scoreboard.Study) bool { return !pick.MatchString(st.Name) })
			if len(studies) == 0 {
				return usageError("--run %s matches no study: see quell bench pipeline --help", run)
			}
			return runStudies(cmd.Context(), s, studies, &so, open, asJSON)
		},
	}
	f := cmd.Flags()
	f.StringVar(&run, "run", "", "`regexp` of the studies to run; default: all")
	f.StringVar(&o.MQTT, "mqtt", "", "`URL` of an MQTT broker; default: one in this process")
	f.StringSliceVar(&o.Kafka, "kafka", nil, "`brokers` of a Kafka cluster without TLS or SASL; default: one in this process, where it has one")
	f.IntVar(&o.Series, "series", 1000, "devices that send")
	f.IntVar(&o.Burst, "burst", 50_000, "messages sent at once")
	f.Float64Var(&o.Rate, "rate", 2000, "messages `per second` after that")
	f.DurationVar(&o.Steady, "steady", 20*time.Second, "for how `long`")
	f.IntVar(&o.Threads, "threads", 1, "cores that the pipeline may use")
	f.IntVar(&o.Many, "many", 4000, "series of the study many; 100000 take some 20 GB of memory")
	f.StringVar(&open, "open", "", "`file` with the names of rows that may miss their must")
	f.BoolVar(&so.Quick, "quick", false, "a subset of a minute, held against what it measures itself")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func pipelineLong() string {
	var b strings.Builder
	b.WriteString(`The whole pipeline, from broker to broker, and what capacity is reckoned from.

A process of its own runs quell run with everything on: base model at look-ahead 8,
guard, monitor, adaptation, journal and checkpoints. Devices send messages of 200 bytes
with one channel, at once and then at a steady rate; the records are counted where they
come out. A core's messages per second are those of a second of processor time, as the
system counts it for that process, up to the checkpoint behind the last record. Each row
stands beside what others were measured at, and the command fails where a row misses its
must. Linux only. docs/scaling.md says what to make of it.
The studies:
`)
	for _, st := range scale.Studies(&scale.Options{}) {
		fmt.Fprintf(&b, "  %-9s %s\n", st.Name, st.Doc)
	}
	return b.String()
}

// checkPipeline checks the flags.
func checkPipeline(o *scale.Options) error {
	const most = 1 << 20
	for _, f := range []struct {
		name        string
		value, most int
	}{{"series", o.Series, most}, {"burst", o.Burst, 100 * most}, {"threads", o.Threads, maxThreads}, {"many", o.Many, most}} {
		if f.value < 1 || f.value > f.most {
			return usageError("--%s %d: 1 to %d", f.name, f.value, f.most)
		}
	}
	if !(o.Rate >= 1 && o.Rate <= 1e6) {
		return usageError("--rate %g: 1 to 1000000 messages per second", o.Rate)
	}
	if o.Steady < time.Second || o.Steady > time.Hour {
		return usageError("--steady %s: 1s to 1h", o.Steady)
	}
	return nil
}

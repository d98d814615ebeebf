package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/quell-stream/quell/cmd/quell/wizard"
	"github.com/quell-stream/quell/internal/atomicfile"
	"github.com/quell-stream/quell/internal/plain"
)

// initFlags are the flags of quell init.
type initFlags struct {
	plan     wizard.Plan
	channels []string
	look     time.Duration
	force    bool
	asJSON   bool

	rateGiven bool
}

func initCmd(s streams) *cobra.Command {
	var o initFlags
	cmd := &cobra.Command{
		Use:   "init [FILE]",
		Short: "Write a first configuration",
		Long: `Write a first configuration, with comments, that quell check accepts: to quell.yaml, to
FILE, or to standard output (-). On a terminal it asks for what it needs; else the flags
say it.

With --look it listens to the source for a while, and proposes series, channels, the
field and the unit of the time, and the rate by what comes in. Of a recording the first
rows are looked at anyway. What is given by flags stays as it is.`,
		Example: `  quell init
  quell init plant.yaml --mqtt mqtt://localhost:1883 --topic "sensors/+/telemetry" --look 10s
  quell init --kafka k1:9092,k2:9092 --topic telemetry.raw --series device --channels temp,pressure
  quell init --file history.csv -`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usageError("%s takes one file, got %d arguments", cmd.CommandPath(), len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			path := "quell.yaml"
			if len(args) == 1 {
				path = args[0]
			}
			o.rateGiven = cmd.Flags().Changed("rate")
			return o.run(cmd.Context(), s, path)
		},
	}
	f, p := cmd.Flags(), &o.plan
	f.StringVar(&p.MQTT, "mqtt", "", "read from this MQTT broker, a `URL` such as mqtt://localhost:1883")
	f.StringSliceVar(&p.Kafka, "kafka", nil, "read from these Kafka `brokers`, HOST:PORT with commas between them")
	f.StringVar(&p.File, "file", "", "read this recording, a CSV `file`")
	f.StringSliceVar(&p.Topics, "topic", nil, "`topic` to read; MQTT: {series} and {channel} stand for levels")
	f.StringVar(&p.Stream, "stream", "", "`name` of the stream, and of its folder of state (default: after the file or topic)")
	f.StringVar(&p.Codec, "codec", "", "`format` of the payloads: json or plain")
	f.StringSliceVar(&o.channels, "channels", nil, "`names` of the channels, NAME or NAME=FIELD")
	f.StringVar(&p.Series, "series", "", "`field` or column of the series' names")
	f.StringVar(&p.Time, "time", "", "`field` or column of the event time")
	f.StringVar(&p.Unit, "time-unit", "", "`unit` of the event time: s, ms, us, ns or rfc3339")
	f.Float64Var(&p.RateHz, "rate", 0, "rate of the readings of a series, in `hertz`")
	f.StringVar(&p.Username, "username", "", "`user` of the brokers")
	f.StringVar(&p.PasswordFile, "password-file", "", "`file` with the user's password")
	f.StringVar(&p.CAFile, "ca-file", "", "authorities of the brokers' certificates, a PEM `file`")
	f.StringVar(&p.Sink, "sink", "", "where records go, a `type`: mqtt, kafka, file or stdout (default: back to the broker, else a file)")
	f.DurationVar(&o.look, "look", 0, "listen to the source for this `time` first")
	f.BoolVar(&o.force, "force", false, "overwrite a file that is there")
	jsonFlag(cmd, &o.asJSON)
	return cmd
}

func (o *initFlags) run(ctx context.Context, s streams, path string) error {
	p := &o.plan
	if o.rateGiven && !(p.RateHz > 0 && p.RateHz <= 1e6) {
		return usageError("--rate %g: a rate above 0 and up to 1e6 Hz is needed; leave it out, and it is learnt", p.RateHz)
	}
	if o.look < 0 {
		return usageError("--look must not be negative, got %s", o.look)
	}
	if path == "-" && o.asJSON {
		return usageError("--json tells what was written, and - writes it to standard output: name a file")
	}
	if _, err := os.Stat(path); path != "-" && err == nil && !o.force {
		return fmt.Errorf("%s is there already: name another file, or give --force", path)
	}
	if err := notRead("the configuration", path, p.File, p.PasswordFile, p.CAFile); err != nil {
		return err
	}
	for _, c := range o.channels {
		name, field, _ := strings.Cut(c, "=")
		p.Channels = append(p.Channels, wizard.Channel{Name: name, Path: field})
	}
	if p.MQTT == "" && len(p.Kafka) == 0 && p.File == "" {
		if !readsTerminal(s.in) {
			return usageError("name a source: --mqtt URL, --kafka BROKERS or --file FILE; on a terminal quell init asks")
		}
		if err := o.ask(s); err != nil {
			return err
		}
	}
	if p.File != "" {
		if err := p.LookAtFile(); err != nil {
			return err
		}
	} else if o.look > 0 {
		if err := o.lookAt(ctx, s); err != nil {
			return err
		}
	}
	if err := p.Complete(); err != nil {
		return usageError("%w", err)
	}
	if _, err := os.Stat(p.StateDir()); err == nil {
		p.Notes = append(p.Notes, fmt.Sprintf("%s is there: what runs by this file goes on with the state in it, unless you name another state_dir, or another --stream", p.StateDir()))
	}
	for _, n := range p.Notes {
		fmt.Fprintln(s.err, "note:", plain.Text(n))
	}
	text, err := p.Text()
	if err != nil {
		return usageError("%w", err)
	}
	if path == "-" {
		_, err := fmt.Fprint(s.out, text)
		return err
	}
	if err := atomicfile.WriteFile(path, []byte(text), 0o600); err != nil {
		return fmt.Errorf("init: %w", err)
	}
	if o.asJSON {
		return json.NewEncoder(s.out).Encode(map[string]any{"file": path, "seen": append([]string{}, p.Seen...)})
	}
	for _, seen := range p.Seen {
		fmt.Fprintln(s.out, "seen:", plain.Text(seen))
	}
	fmt.Fprintf(s.out, "%s is written. Next: quell doctor -c %[1]s, then quell run -c %[1]s\n", path)
	return nil
}

// lookAt listens to the broker.
func (o *initFlags) lookAt(ctx context.Context, s streams) error {
	p := &o.plan
	if len(p.Topics) == 0 {
		if p.MQTT == "" {
			return usageError("--look needs --topic: the Kafka topic to look at")
		}
		p.Topics = []string{"#"}
	}
	fmt.Fprintf(s.err, "listening to %s for %s\n", strings.Join(p.Topics, ", "), o.look)
	ctx, cancel := context.WithTimeout(ctx, o.look)
	defer cancel()
	look := lookAtMQTT
	if p.MQTT == "" {
		look = lookAtKafka
	}
	seen, err := look(ctx, p)
	if err != nil {
		return err
	}
	if err := p.Propose(seen); err != nil {
		return fmt.Errorf("%s within %s: %w", strings.Join(p.Topics, ", "), o.look, err)
	}
	return nil
}

// errEnough says that enough messages were seen.
var errEnough = errors.New("enough")

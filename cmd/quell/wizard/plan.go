// Package wizard writes a first configuration from a few answers, and from a look at
// what a source sends: for quell init.
package wizard

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/quell-stream/quell/pipeline/config"
)

// Plan is what a first configuration says. Fields that are empty are left to defaults.
type Plan struct {
	Stream  string   // default: after what is read
	MQTT    string   // URL
	Kafka   []string // brokers
	File    string   // recording
	Topics  []string
	Codec   string // json or plain
	Series  string // field or column
	Default string // name of the series where nothing names one
	Time    string // field or column
	Unit    string // of the time
	RateHz  float64

	Channels []Channel

	Username, PasswordFile, CAFile string

	Sink string // mqtt, kafka, file or stdout

	// Seen is what the look found, sentences for comments.
	Seen []string
	// Notes are what Complete chose and may not be what was meant.
	Notes []string
}

// Channel is a variable that was named or found.
type Channel struct{ Name, Path string }

// Complete fills in what follows from the rest.
func (p *Plan) Complete() error {
	kinds := 0
	for _, is := range []bool{p.MQTT != "", len(p.Kafka) > 0, p.File != ""} {
		if is {
			kinds++
		}
	}
	if kinds != 1 {
		return errors.New("name one source: an MQTT broker, Kafka brokers or a file")
	}
	if p.MQTT != "" && !strings.Contains(p.MQTT, "://") {
		return fmt.Errorf("%q is no URL of a broker: did you mean mqtt://%s?", p.MQTT, p.MQTT)
	}
	if p.Stream == "" {
		p.Stream = p.streamName()
	}
	if p.Codec == "" && slices.ContainsFunc(p.Topics, func(t string) bool { return strings.Contains(t, "{channel}") }) {
		p.Codec = "plain" // one channel a message
	}
	if p.Sink == "" {
		p.Sink = "file"
		if p.MQTT != "" {
			p.Sink = "mqtt"
		} else if len(p.Kafka) > 0 {
			p.Sink = "kafka"
		}
	}
	switch {
	case p.Sink == "mqtt" && p.MQTT == "", p.Sink == "kafka" && len(p.Kafka) == 0:
		return fmt.Errorf("a sink of type %s needs such a source here: choose file or stdout, and add a connection by hand", p.Sink)
	case !slices.Contains([]string{"mqtt", "kafka", "file", "stdout"}, p.Sink):
		return fmt.Errorf("the sink %q is not known: it must be mqtt, kafka, file or stdout", p.Sink)
	case p.File == "" && len(p.Topics) == 0:
		return errors.New("name a topic to read, such as sensors/{series}/telemetry (MQTT) or telemetry.raw (Kafka)")
	case len(p.Channels) == 0:
		return errors.New("name the channels with --channels, or have a look at what comes in with --look 10s")
	}
	if p.MQTT != "" && p.Series == "" && p.Default == "" && !slices.ContainsFunc(p.Topics, func(t string) bool { return strings.Contains(t, "{series}") }) {
		p.Default = p.Stream
		p.Notes = append(p.Notes, fmt.Sprintf("nothing names the series of a message, so that all of %s are one series, %s: write {series} for the level of the topic that names the device, or give --series FIELD",
			strings.Join(p.Topics, ", "), p.Default))
	}
	return nil
}

// Text returns the file, with comments. What Parse finds wrong with it is an error.
func (p *Plan) Text() (string, error) {
	var b strings.Builder
	w := func(format string, args ...any) { fmt.Fprintf(&b, format, args...) }
	w("# yaml-language-server: $schema=%s\n", config.SchemaURL)
	w("# Written by quell init. Every key: docs/configuration.md. Next: quell check -c FILE, quell doctor -c FILE, quell run -c FILE.\n")
	for _, s := range p.Seen {
		w("# Seen: %s\n", s)
	}
	w("version: 1\nstate_dir: %s  # journal, checkpoints, models: put it on a disk that survives\nhttp: {listen: 127.0.0.1:7070}  # dashboard, API and metrics; beyond loopback a token_file is needed\n", p.StateDir())
	p.connection(w)
	w("streams:\n  %s:\n    source:\n", p.Stream)
	p.source(w)
	w("    channels:\n")
	for _, c := range p.Channels {
		settings := "{}"
		if c.Path != "" && c.Path != c.Name {
			settings = "{path: " + quoted(c.Path) + "}"
		}
		w("      %s: %s  # unit, min, max, missing: [-127]\n", quoted(c.Name), settings)
	}
	if p.RateHz > 0 {
		w("    window: {rate_hz: %s}  # of the grid; without it each series' own is learnt\n", strconv.FormatFloat(p.RateHz, 'g', 6, 64))
	} else {
		w("    # window: {rate_hz: 1}  # of the grid; without it each series' own is learnt\n")
	}
	w("    drift: {false_alarms: 1/month}  # of each series\n    adapt: {mode: auto}  # off and shadow change no model\n    sinks: [clean, events]\n")
	p.sinks(w)
	w("dead_letter: {type: file, path: %s/dlq}  # what can't be read, and why: quell dlq list -c FILE\n", p.StateDir())
	_, _, err := config.Parse("quell.yaml", []byte(b.String()), func(string) (string, bool) { return "", false })
	var list config.ErrorList
	if errors.As(err, &list) {
		return b.String(), fmt.Errorf("what was named makes no configuration: %w", list[0])
	}
	return b.String(), err
}

func (p *Plan) connection(w func(string, ...any)) {
	secure := ""
	if p.CAFile != "" {
		secure = ", tls: {ca_file: " + quoted(p.CAFile) + "}"
	}
	switch {
	case p.MQTT != "":
		who := ""
		if p.Username != "" {
			who = ", username: " + quoted(p.Username)
			if p.PasswordFile != "" {
				who += ", password_file: " + quoted(p.PasswordFile)
			} else {
				who += `, password: "${MQTT_PASSWORD}"`
			}
		}
		w("connections:\n  broker: {type: mqtt, url: %s%s%s}\n", quoted(p.MQTT), who, secure)
	case len(p.Kafka) > 0:
		who := ""
		if p.Username != "" {
			who = ", sasl: {mechanism: scram-sha-512, username: " + quoted(p.Username)
			if p.PasswordFile != "" {
				who += ", password_file: " + quoted(p.PasswordFile) + "}"
			} else {
				who += `, password: "${KAFKA_PASSWORD}"}`
			}
		}
		w("connections:\n  cluster: {type: kafka, brokers: %s%s%s}\n", list(p.Kafka), who, secure)
	}
}

func (p *Plan) source(w func(string, ...any)) {
	field := func(key, value string) {
		if value != "" {
			w("      %s: %s\n", key, quoted(value))
		}
	}
	if p.File != "" {
		w("      type: file\n")
		field("path", p.File)
		field("series", p.Series)
		field("time", p.Time)
		field("time_unit", p.Unit)
		return
	}
	connection := "broker"
	if p.MQTT == "" {
		connection = "cluster"
	}
	w("      connection: %s\n      topics: %s\n", connection, list(p.Topics))
	codec := p.Codec
	if codec == "" {
		codec = "json"
	}
	w("      codec: {type: %s", codec)
	for _, f := range []struct{ key, value string }{{"series", p.Series}, {"default_series", p.Default}, {"time", p.Time}, {"time_unit", p.Unit}} {
		if f.value != "" {
			w(", %s: %s", f.key, quoted(f.value))
		}
	}
	w("}\n")
}

func (p *Plan) sinks(w func(string, ...any)) {
	w("sinks:\n")
	switch p.Sink {
	case "mqtt":
		w("  clean: {type: mqtt, connection: broker, topic: \"quell/{stream}/{series}\"}  # raw and clean values\n")
	case "kafka":
		w("  clean: {type: kafka, connection: cluster, topic: \"quell.{stream}.clean\"}  # raw and clean values\n")
	case "stdout":
		w("  clean: {type: stdout}  # raw and clean values\n")
	default:
		w("  clean: {type: file, path: clean.jsonl, max_bytes: 64MiB, keep: 10}  # raw and clean values\n")
	}
	w("  events: {type: file, path: events.jsonl, emit: events, required: false}  # drifts, outages, switches; docs/alerts.md has more ways\n")
}

// quoted writes a text so that YAML reads it as one.
func quoted(s string) string {
	control := func(r rune) bool { return r < ' ' || r == 0x7f }
	if s == "" || strings.ContainsFunc(s, control) || strings.ContainsAny(s, "{}[],&*#?|<>=!%@\\:\"'` ") || s[0] == '-' || looksOther(s) {
		return strconv.Quote(s)
	}
	return s
}

func looksOther(s string) bool {
	_, err := strconv.ParseFloat(s, 64)
	return err == nil || slices.Contains([]string{"true", "false", "null", "~", "yes", "no", "on", "off", "y", "n"}, strings.ToLower(s))
}

func list(all []string) string {
	out := make([]string, len(all))
	for i, s := range all {
		out[i] = quoted(s)
	}
	return "[" + strings.Join(out, ", ") + "]"
}

package config

import (
	"path/filepath"
	"strings"
	"time"

	"github.com/quell-stream/quell/ingest/codec"
)

// The defaults that are no zero values.
const (
	DefaultStateDir     = "quell-state"
	DefaultListen       = "127.0.0.1:7070"
	DefaultJournalBytes = ByteSize(1 << 30)
	DefaultSpoolBytes   = ByteSize(1 << 30)
	DefaultDeadBytes    = ByteSize(256 << 20)
	DefaultReplayBytes  = ByteSize(8 << 20)
	DefaultLateness     = 2 * time.Second
	DefaultMaxSeries    = 10_000
	DefaultInterval     = 0.9
	DefaultCPUShare     = 0.25
	DefaultTimeout      = 10 * time.Second
	DefaultSpillAfter   = 10 * time.Second
	DefaultFalseAlarms  = "1/month"
	DefaultNoData       = 5 * time.Minute
	DefaultResend       = time.Minute
	DefaultResolve      = 5 * time.Minute
)

// ReplayWindow is the number of slots of a window of the replay buffer, which
// pipeline/adapt sets; replay_bytes must hold some of them.
const ReplayWindow = 256

// def sets *field to v where the file has no value for the key.
func def[T any](d *document, path, key string, field *T, v T) {
	if !d.has(join(path, key)) {
		*field = v
	}
}

// setDefaults fills in what the file leaves out. Nothing here looks at the
// machine.
func (d *document) setDefaults(c *Config) {
	def(d, "", "state_dir", &c.StateDir, DefaultStateDir)
	def(d, "http", "listen", &c.HTTP.Listen, DefaultListen)
	for i := range c.Streams {
		d.defaultStream(c, &c.Streams[i])
	}
	for i := range c.Sinks {
		d.defaultSink(&c.Sinks[i])
	}
	def(d, "dead_letter", "type", &c.DeadLetter.Type, File)
	if c.DeadLetter.Type == File {
		def(d, "dead_letter", "path", &c.DeadLetter.Path, filepath.Join(c.StateDir, "dlq"))
		def(d, "dead_letter", "max_bytes", &c.DeadLetter.MaxBytes, DefaultDeadBytes)
	}
}

func (d *document) defaultStream(c *Config, s *Stream) {
	at := join("streams", s.Name)
	src, p := &s.Source, join(at, "source")
	if !d.has(join(p, "type")) && src.Connection != "" {
		conn := c.Connection(src.Connection)
		if conn == nil { // a mistake; the keys beside it are checked as what is probably meant
			conn = c.Connection(nearest(src.Connection, c.connectionNames()))
		}
		if conn != nil {
			src.Type = conn.Type
		}
	}
	switch src.Type {
	case MQTT:
		def(d, p, "qos", &src.QoS, 1)
		def(d, p, "journal_bytes", &src.JournalBytes, DefaultJournalBytes)
	case Kafka:
		def(d, p, "group", &src.Group, "quell-"+s.Name)
		def(d, p, "start", &src.Start, "earliest")
		def(d, p, "state_topic", &src.StateTopic, "quell."+s.Name+".state")
	case File:
		def(d, p, "tz", &src.TZ, "UTC")
		def(d, p, "rate_hz", &src.RateHz, 1)
	case Sim:
		def(d, p, "seed", &src.Seed, 1)
	case Host:
		def(d, p, "every", &src.Every, time.Second)
	}
	if src.Type == MQTT || src.Type == Kafka || src.Type == Host {
		def(d, p, "no_data", &src.NoData, DefaultNoData)
	}
	if src.Type == MQTT || src.Type == Kafka {
		def(d, join(p, "codec"), "type", &src.Codec.Type, "json")
		def(d, join(p, "codec"), "max_bytes", &src.Codec.MaxBytes, codec.DefaultMaxBytes)
	}
	for i := range s.Channels {
		ch := &s.Channels[i]
		def(d, join(join(at, "channels"), ch.Name), "path", &ch.Path, ch.Name)
	}
	p = join(at, "window")
	def(d, p, "align", &s.Window.Align, "latest")
	def(d, p, "lateness", &s.Window.Lateness, DefaultLateness)
	def(d, p, "late", &s.Window.Late, "drop")
	def(d, p, "max_series", &s.Window.MaxSeries, DefaultMaxSeries)
	p = join(at, "model")
	def(d, p, "use", &s.Model.Use, "base")
	def(d, p, "scope", &s.Model.Scope, "per-series")
	def(d, p, "interval", &s.Model.Interval, DefaultInterval)
	rate, err := ParseRate(DefaultFalseAlarms)
	if err != nil {
		panic("config: the default rate of false alarms can't be read")
	}
	def(d, join(at, "drift"), "false_alarms", &s.Drift.FalseAlarms, rate)
	p = join(at, "adapt")
	def(d, p, "mode", &s.Adapt.Mode, "auto")
	def(d, p, "cpu_share", &s.Adapt.CPUShare, DefaultCPUShare)
	def(d, p, "replay_bytes", &s.Adapt.ReplayBytes, DefaultReplayBytes)
}

func (d *document) defaultSink(s *Sink) {
	p := join("sinks", s.Name)
	emit := "records"
	switch s.Type {
	case Webhook:
		emit = "events"
		def(d, p, "timeout", &s.Timeout, DefaultTimeout)
	case Alertmanager:
		emit = "events"
		def(d, p, "timeout", &s.Timeout, DefaultTimeout)
		def(d, p, "resend", &s.Resend, DefaultResend)
		def(d, p, "resolve_timeout", &s.ResolveTimeout, DefaultResolve)
	case MQTT:
		def(d, p, "qos", &s.QoS, 1)
	case File:
		format := "jsonl"
		if strings.HasSuffix(s.Path, ".csv") {
			format = "csv"
		}
		def(d, p, "format", &s.Format, format)
	}
	def(d, p, "emit", &s.Emit, emit)
	def(d, p, "required", &s.Required, true)
	if s.Spool != nil {
		def(d, join(p, "spool"), "max_bytes", &s.Spool.MaxBytes, DefaultSpoolBytes)
		def(d, join(p, "spool"), "spill_after", &s.Spool.SpillAfter, DefaultSpillAfter)
	}
}

package assemble

import (
	"fmt"
	"path/filepath"
	"time"

	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/ingest/codec"
	"github.com/quell-stream/quell/ingest/codec/field"
	"github.com/quell-stream/quell/ingest/codec/topic"
	"github.com/quell-stream/quell/ingest/file"
	"github.com/quell-stream/quell/ingest/host"
	"github.com/quell-stream/quell/ingest/kafka"
	"github.com/quell-stream/quell/ingest/mqtt"
	"github.com/quell-stream/quell/ingest/sim"
	"github.com/quell-stream/quell/pipeline/config"
)

// source makes a stream's source. dir is the stream's own folder.
func (b *builder) source(s *config.Stream, channels []field.Channel, dir string) (ingest.Source, error) {
	switch c := &s.Source; c.Type {
	case config.MQTT:
		return b.mqttSource(s, channels, dir)
	case config.Kafka:
		return b.kafkaSource(s, channels)
	case config.File:
		zone, err := zoneOf(c.TZ)
		if err != nil {
			return nil, err
		}
		return file.NewSource(file.Config{Path: c.Path, DefaultSeries: c.DefaultSeries, Stdin: b.opt.Stdin, Options: file.Options{
			Format: c.Format, Time: c.Time, TimeUnit: c.TimeUnit, Zone: zone, RateHz: c.RateHz, Series: c.Series, Channels: channels}})
	case config.Sim:
		return sim.NewSource(sim.Config{Seed: c.Seed, Speed: 1})
	case config.Host:
		return host.NewSource(host.Config{Interval: c.Every, Channels: channels})
	default:
		return nil, fmt.Errorf("there is no source of type %q", c.Type)
	}
}

func zoneOf(name string) (*time.Location, error) {
	if name == "" {
		return time.UTC, nil
	}
	z, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("tz: there is no zone %q: write one like Europe/Berlin", name)
	}
	return z, nil
}

func (b *builder) decoder(s *config.Stream, channels []field.Channel, templates []string) (ingest.Decoder, error) {
	c := &s.Source.Codec
	return codec.New(codec.Config{Type: c.Type, Series: c.Series, Time: c.Time, TimeUnit: c.TimeUnit, Columns: c.Columns, Separator: c.Separator,
		TopicTemplates: templates, Channels: channels, DefaultSeries: c.DefaultSeries, MaxBytes: int(c.MaxBytes), Strict: c.Strict})
}

func (b *builder) mqttSource(s *config.Stream, channels []field.Channel, dir string) (ingest.Source, error) {
	c := &s.Source
	con, err := b.mqttConn(c.Connection, s.Name)
	if err != nil {
		return nil, err
	}
	out := mqtt.Config{Conn: con, AtMostOnce: c.QoS == 0, Retained: c.Retained, JournalDir: filepath.Join(dir, "journal"), JournalBytes: int64(c.JournalBytes)}
	for _, t := range c.Topics {
		tmpl, err := topic.Parse(t)
		if err != nil {
			return nil, err
		}
		out.Topics = append(out.Topics, tmpl.Filter())
	}
	if c.Shard != nil {
		out.Shard = mqtt.Shard{Index: c.Shard.Index, Count: c.Shard.Count}
	}
	if out.Decoder, err = b.decoder(s, channels, c.Topics); err != nil {
		return nil, err
	}
	opts := []mqtt.Option{mqtt.WithLogger(b.opt.Log.With("stream", s.Name))}
	if b.opt.Clock != nil {
		opts = append(opts, mqtt.WithClock(b.opt.Clock))
	}
	return mqtt.New(out, opts...)
}

func (b *builder) kafkaSource(s *config.Stream, channels []field.Channel) (ingest.Source, error) {
	c := &s.Source
	con, err := b.kafkaConn(c.Connection)
	if err != nil {
		return nil, err
	}
	out := kafka.Config{Conn: con, Topics: c.Topics, Group: c.Group, Start: c.Start, Logger: b.opt.Log.With("stream", s.Name)}
	if out.Decoder, err = b.decoder(s, channels, nil); err != nil {
		return nil, err
	}
	return kafka.New(out)
}

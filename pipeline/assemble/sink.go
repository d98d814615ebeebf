package assemble

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"github.com/quell-stream/quell/pipeline"
	"github.com/quell-stream/quell/pipeline/config"
	"github.com/quell-stream/quell/sink"
	"github.com/quell-stream/quell/sink/alertmanager"
	"github.com/quell-stream/quell/sink/file"
	"github.com/quell-stream/quell/sink/kafka"
	"github.com/quell-stream/quell/sink/mqtt"
	"github.com/quell-stream/quell/sink/stdout"
	"github.com/quell-stream/quell/sink/webhook"
)

func (b *builder) outlet(s *config.Sink) (pipeline.OutletConfig, error) {
	out := pipeline.OutletConfig{Name: s.Name, Emit: s.Emit, Required: s.Required, Type: s.Type}
	if s.Spool != nil {
		out.Spool = &pipeline.SpoolConfig{MaxBytes: int64(s.Spool.MaxBytes), SpillAfter: s.Spool.SpillAfter}
	}
	var err error
	out.Sink, err = b.sink(s)
	return out, err
}

func (b *builder) sink(s *config.Sink) (sink.Sink, error) {
	switch s.Type {
	case config.MQTT:
		return b.mqttSink(s.Name, s.Connection, s.Topic, s.QoS, s.Retained)
	case config.Kafka:
		return b.kafkaSink(s.Connection, s.Topic, s.Name)
	case config.File:
		c := file.Config{Path: s.Path, Format: s.Format, MaxBytes: int64(s.MaxBytes), MaxAge: s.MaxAge, Keep: s.Keep, Gzip: s.Gzip, Log: b.opt.Log.With("sink", s.Name)}
		if err := c.Validate(); err != nil {
			return nil, err
		}
		return file.New(c), nil
	case config.Stdout:
		return stdout.New(b.opt.Stdout), nil
	case config.Webhook:
		return b.webhookSink(s)
	case config.Alertmanager:
		return b.alertmanagerSink(s)
	default:
		return nil, fmt.Errorf("there is no sink of type %q", s.Type)
	}
}

func (b *builder) webhookSink(s *config.Sink) (sink.Sink, error) {
	key, err := b.secret(s.Secret, s.SecretFile)
	if err != nil {
		return nil, err
	}
	c := webhook.Config{URL: s.URL, Secret: []byte(key), Timeout: s.Timeout}
	if s.TLS != nil {
		u, err := url.Parse(s.URL)
		if err != nil {
			return nil, errors.New("url can't be read")
		}
		secure, err := b.tlsOf(s.TLS)
		if err != nil {
			return nil, err
		}
		if c.TLS, err = secure.Config(u.Hostname()); err != nil {
			return nil, err
		}
	}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return webhook.New(c), nil
}

func (b *builder) alertmanagerSink(s *config.Sink) (sink.Sink, error) {
	password, err := b.secret(s.Password, s.PasswordFile)
	if err != nil {
		return nil, err
	}
	token, err := b.secret(s.Token, s.TokenFile)
	if err != nil {
		return nil, err
	}
	c := alertmanager.Config{URLs: s.URLs, Username: s.Username, Password: password, Token: token, Labels: s.Labels,
		Resend: s.Resend, ResolveTimeout: s.ResolveTimeout, Timeout: s.Timeout,
		StateFile: filepath.Join(b.cfg.StateDir, "alerts-"+s.Name+".json"), Log: b.opt.Log.With("sink", s.Name),
		Keep: func(stream, of string) bool { return b.tells(s.Name, stream, of) }}
	if s.URL != "" {
		c.URLs = []string{s.URL}
	}
	if s.TLS != nil {
		secure, err := b.tlsOf(s.TLS)
		if err != nil {
			return nil, err
		}
		c.TLS = secure.Config
	}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return alertmanager.New(c), nil
}

// tells says whether a sink is told of a stream, and of a sink of it where one is
// named.
func (b *builder) tells(name, stream, of string) bool {
	return slices.ContainsFunc(b.cfg.Streams, func(s config.Stream) bool {
		return s.Name == stream && slices.Contains(s.Sinks, name) && (of == "" || of == "dead_letter" || slices.Contains(s.Sinks, of))
	})
}

func (b *builder) mqttSink(name, connection, topic string, qos int, retained bool) (sink.Sink, error) {
	con, err := b.mqttConn(connection, "sink-"+name)
	if err != nil {
		return nil, err
	}
	return mqtt.New(mqtt.Config{Conn: con, Topic: topic, AtMostOnce: qos == 0, Retain: retained}, mqtt.WithLogger(b.opt.Log.With("sink", name)))
}

// kafkaSink returns a sink of one topic, or of one per stream.
func (b *builder) kafkaSink(connection, topic, name string) (sink.Sink, error) {
	con, err := b.kafkaConn(connection)
	if err != nil {
		return nil, err
	}
	if !strings.Contains(topic, "{stream}") {
		return kafka.New(kafka.Config{Conn: con, Topic: topic})
	}
	r := &router{byStream: map[string]sink.Sink{}}
	for i := range b.cfg.Streams {
		s := &b.cfg.Streams[i]
		if !feeds(s, name) {
			continue
		}
		if r.byStream[s.Name], err = kafka.New(kafka.Config{Conn: con, Topic: strings.ReplaceAll(topic, "{stream}", s.Name)}); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// feeds says whether a stream writes to a sink; name "" stands for the dead
// letter, which takes from all.
func feeds(s *config.Stream, name string) bool { return name == "" || slices.Contains(s.Sinks, name) }

func (b *builder) deadLetter(d *config.DeadLetter) (sink.Sink, error) {
	switch d.Type {
	case config.MQTT:
		return b.mqttSink("dead-letter", d.Connection, d.Topic, 1, false)
	case config.Kafka:
		return b.kafkaSink(d.Connection, d.Topic, "")
	default:
		// An eighth of the room per file, so that what is thrown away is old.
		c := file.Config{Path: deadFile(d), TotalBytes: int64(d.MaxBytes), MaxBytes: max(1, int64(d.MaxBytes)/8), Log: b.opt.Log}
		if err := c.Validate(); err != nil {
			return nil, err
		}
		return file.New(c), nil
	}
}

// router is a sink of sinks, one per stream.
type router struct {
	byStream map[string]sink.Sink
	split    map[string][]sink.Item
}

func (r *router) Open(ctx context.Context) error {
	r.split = make(map[string][]sink.Item, len(r.byStream))
	for _, s := range r.byStream {
		if err := s.Open(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Write writes the items of each stream in order. Streams have no order among
// each other. With no items it asks every sink.
func (r *router) Write(ctx context.Context, items []sink.Item) error {
	clear(r.split)
	if len(items) == 0 {
		for stream := range r.byStream {
			r.split[stream] = nil
		}
	}
	for _, it := range items {
		stream, _ := it.Series()
		r.split[stream] = append(r.split[stream], it)
	}
	for stream, part := range r.split {
		s := r.byStream[stream]
		if s == nil {
			return fmt.Errorf("no topic for stream %q: %w", stream, sink.ErrPermanent)
		}
		if err := s.Write(ctx, part); err != nil {
			return err
		}
	}
	return nil
}

func (r *router) Close(ctx context.Context) error {
	var errs []error
	for _, s := range r.byStream {
		errs = append(errs, s.Close(ctx))
	}
	return errors.Join(errs...)
}

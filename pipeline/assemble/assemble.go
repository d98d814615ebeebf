// Package assemble makes a running pipeline of a configuration: it is where
// keys of the file become sources, sinks, models and an engine. Nothing here
// connects to anything.
package assemble

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/quell-stream/quell/conn/kafkaconn"
	"github.com/quell-stream/quell/conn/mqttconn"
	"github.com/quell-stream/quell/drift/monitor"
	"github.com/quell-stream/quell/ingest/codec/field"
	"github.com/quell-stream/quell/ingest/host"
	"github.com/quell-stream/quell/model"
	"github.com/quell-stream/quell/model/train"
	"github.com/quell-stream/quell/pipeline"
	"github.com/quell-stream/quell/pipeline/adapt"
	"github.com/quell-stream/quell/pipeline/capture"
	"github.com/quell-stream/quell/pipeline/config"
	"github.com/quell-stream/quell/window"
)

// Options are what a pipeline needs besides its configuration.
type Options struct {
	Log        *slog.Logger
	Registerer prometheus.Registerer
	Stdin      io.Reader // of file sources named "-"
	Stdout     io.Writer // of stdout sinks
	// Clock stamps what arrives by MQTT; spans of time are never measured by it.
	// Default: the machine's.
	Clock func() time.Time
	// Seed keys every random draw. Default 1.
	Seed uint64
	// Calibration is the number of scores that monitors learn from; see
	// pipeline.EngineConfig.
	Calibration int
	// Keep, when not nil, takes what comes in and what is switched.
	Keep *capture.Writer
	// Play, when not nil, stands for every source: what it holds comes in.
	Play *capture.Reader
	// Feed, when not nil, gives each stream its source.
	Feed Feed
	// Stop is called where a capture ends that was stopped; see capture.Reader.
	Stop func()
	// Deterministic has each verdict on a fine-tune take effect where it was called
	// for, however long the training takes.
	Deterministic bool
	// Obey are the switches of each stream that are known beforehand, by partition;
	// nobody else decides on any then.
	Obey map[string]map[string][]pipeline.Switch
	// Drain is that of pipeline.Config.
	Drain time.Duration
	// Tune, when not nil, may change how a stream adapts beyond what the
	// configuration has keys for.
	Tune func(*adapt.Config)
}

// Pipeline returns the pipeline that cfg describes. It reads secrets,
// certificates, models and checkpoints, and locks the state directory.
func Pipeline(cfg *config.Config, opt Options) (*pipeline.Pipeline, error) {
	if opt.Seed == 0 {
		opt.Seed = 1
	}
	b := &builder{cfg: cfg, opt: opt, offered: newOffered(cfg.StateDir, opt.Log)}
	if err := b.offered.prepare(); err != nil {
		return nil, err
	}
	p := pipeline.Config{StateDir: cfg.StateDir, Drain: opt.Drain, Log: opt.Log, Metrics: pipeline.NewMetrics(opt.Registerer)}
	for i := range cfg.Sinks {
		o, err := b.outlet(&cfg.Sinks[i])
		if err != nil {
			return nil, fmt.Errorf("sink %s: %w", cfg.Sinks[i].Name, err)
		}
		p.Sinks = append(p.Sinks, o)
	}
	dead, err := b.deadLetter(&cfg.DeadLetter)
	if err != nil {
		return nil, fmt.Errorf("dead_letter: %w", err)
	}
	p.DeadLetter = pipeline.OutletConfig{Sink: dead, Type: cfg.DeadLetter.Type}
	for i := range cfg.Streams {
		s, err := b.stream(&cfg.Streams[i])
		if err != nil {
			return nil, fmt.Errorf("stream %s: %w", cfg.Streams[i].Name, err)
		}
		p.Streams = append(p.Streams, s)
	}
	return pipeline.New(p)
}

type builder struct {
	cfg     *config.Config
	opt     Options
	offered *offered        // nil: nothing is promoted by hand
	seen    map[string]bool // files of secrets that were looked at
}

// NotYet lists, a sentence each, the settings of a configuration that are
// accepted and not acted on, by this version or with the model that is named, so
// that nobody relies on them.
func NotYet(cfg *config.Config) []string {
	var out []string
	for i := range cfg.Streams {
		s := &cfg.Streams[i]
		say := func(format string, args ...any) {
			out = append(out, fmt.Sprintf("streams.%s: ", s.Name)+fmt.Sprintf(format, args...))
		}
		if s.Model.Use != "" && s.Model.Use != "base" && s.Adapt.Mode != "off" {
			// Whether the file is there and intact is found out when it is used.
			if m, err := Load(s.Model.Use); err == nil && cannotLearn(m) != "" {
				say("adapt is off for %s: %s", m.Name(), cannotLearn(m))
			}
		}
	}
	return out
}

// stream makes one stream.
func (b *builder) stream(s *config.Stream) (pipeline.StreamConfig, error) {
	dir := filepath.Join(b.cfg.StateDir, "streams", s.Name)
	channels, err := channelsIn(s)
	if err != nil {
		return pipeline.StreamConfig{}, err
	}
	e := pipeline.EngineConfig{
		Stream:      s.Name,
		Window:      windowOf(s),
		Interval:    s.Model.Interval,
		Seed:        b.opt.Seed,
		Guard:       s.Model.Guard == nil || *s.Model.Guard,
		Watch:       true,
		FitSentinel: train.Sentinel,
		Calibration: b.opt.Calibration,
		MaxSeries:   s.Window.MaxSeries,
		StateTTL:    s.Window.StateTTL,
		Link:        b.cfg.Links.Dashboard,
	}
	if s.Source.Type == config.Host && e.Window.RateHz == 0 {
		e.Window.RateHz = 1 / s.Source.Every.Seconds()
	}
	for _, c := range channels {
		e.Channels = append(e.Channels, c.Name)
		e.Noise = append(e.Noise, noiseOf(s, c.Name))
	}
	if err := b.model(s, &e); err != nil {
		return pipeline.StreamConfig{}, err
	}
	out := pipeline.StreamConfig{Engine: e, Sinks: s.Sinks, StateDir: filepath.Join(dir, "state"), NoData: s.Source.NoData,
		OneLog: s.Source.Type != config.Kafka,
		About:  pipeline.About{Scope: s.Model.Scope, FalseAlarms: s.Drift.FalseAlarms.Text, Adapt: s.Adapt.Mode}}
	for _, c := range channels {
		out.About.Units = append(out.About.Units, c.Unit)
	}
	if !b.opt.Deterministic { // else nothing may hang on the clock
		out.IdleFlush = s.Window.IdleFlush
	}
	if err := b.input(s, channels, dir, &out); err != nil {
		return pipeline.StreamConfig{}, err
	}
	if s.Source.Type == config.Kafka && b.opt.Play == nil {
		out.Checkpoint = stateTopicCheckpoint
		if out.Shared, err = b.stateTopic(s); err != nil {
			return pipeline.StreamConfig{}, err
		}
	}
	if out.Adapter, err = b.adapter(s, &e); err != nil {
		if out.Shared != nil {
			err = errors.Join(err, out.Shared.Close())
		}
		return pipeline.StreamConfig{}, err
	}
	if out.Adapter == nil {
		out.About.Adapt = "off"
	}
	return out, nil
}

func windowOf(s *config.Stream) window.Config {
	c := window.Config{RateHz: s.Window.RateHz, Hold: s.Window.Hold, MaxGap: s.Window.MaxGap, Lateness: s.Window.Lateness}
	if c.Lateness == 0 { // as the file says, and not the default
		c.Lateness = 1
	}
	if s.Window.Late == "revise" {
		c.AllowedLateness = s.Window.AllowedLateness
	}
	return c
}

func channelsOf(s *config.Stream) []field.Channel {
	out := make([]field.Channel, len(s.Channels))
	for i, c := range s.Channels {
		out[i] = field.Channel{Name: c.Name, Path: c.Path, Unit: c.Unit, Min: c.Min, Max: c.Max, Missing: c.Missing}
	}
	return out
}

// noiseOf returns what the configuration says of a channel's noise.
func noiseOf(s *config.Stream, channel string) pipeline.Noise {
	for _, c := range s.Channels {
		if c.Name == channel {
			return pipeline.Noise{Sigma: c.Sigma, Colour: c.Colour}
		}
	}
	return pipeline.Noise{}
}

// orValue names the one channel of simulated sensors.
func orValue(c []field.Channel) []field.Channel {
	if len(c) == 0 {
		return []field.Channel{{Name: "value"}}
	}
	return c
}

// hostChannels are those configured, else all that this machine has.
func hostChannels(c []field.Channel) ([]field.Channel, error) {
	if len(c) > 0 {
		return c, nil
	}
	for _, r := range host.NewReader().Read(context.Background()) {
		c = append(c, field.Channel{Name: r.Name, Unit: r.Unit})
	}
	if len(c) == 0 {
		return nil, errors.New("this machine tells nothing about itself: name the channels that it will have")
	}
	return c, nil
}

// model chooses what denoises and how often the monitor may err.
func (b *builder) model(s *config.Stream, e *pipeline.EngineConfig) error {
	alarms := func(hz float64) monitor.Rate {
		return min(monitor.Rate(s.Drift.FalseAlarms.PerSample(hz)), monitor.LargestRate)
	}
	if s.Model.Use == "" || s.Model.Use == "base" {
		base, err := Base(s)
		if err != nil {
			return err
		}
		e.AtRate = func(hz float64) (*model.Model, monitor.Rate) { return base(hz), alarms(hz) }
		return nil
	}
	m, err := Load(s.Model.Use)
	if err != nil {
		return err
	}
	if s.Model.Lookahead != nil && *s.Model.Lookahead != m.Lookahead() {
		return fmt.Errorf("model %s has a look-ahead of %d samples; the configuration asks for %d: leave lookahead out", m.Name(), m.Lookahead(), *s.Model.Lookahead)
	}
	e.Model = m
	e.AtRate = func(hz float64) (*model.Model, monitor.Rate) { return m, alarms(hz) }
	return nil
}

// Load reads a model file named in a configuration or on a command line, .quell
// or .onnx.
func Load(path string) (*model.Model, error) { return model.OpenAny(path) }

// Base returns what chooses the base model for a grid of a rate: that of the
// look-ahead that the configuration asks for, else the one that its max_delay
// leaves time for.
func Base(s *config.Stream) (func(rateHz float64) *model.Model, error) {
	all, err := model.LoadBases()
	if err != nil {
		return nil, err
	}
	if want := s.Model.Lookahead; want != nil {
		m := all[*want]
		if m == nil {
			return nil, fmt.Errorf("there is no base model with a look-ahead of %d samples: choose one of %v", *want, model.BaseVariants())
		}
		return func(float64) *model.Model { return m }, nil
	}
	return func(hz float64) *model.Model { return all.Within(s.Model.MaxDelay, hz) }, nil
}

// adapter returns what adapts the models of a stream, nil where nothing does.
func (b *builder) adapter(s *config.Stream, e *pipeline.EngineConfig) (pipeline.Adapter, error) {
	if b.opt.Obey != nil || s.Adapt.Mode == "off" || e.Model != nil && cannotLearn(e.Model) != "" {
		return nil, nil // NotYet tells
	}
	c := adapt.Config{
		Mode: s.Adapt.Mode, Shared: s.Model.Scope == "shared", Channels: len(e.Channels), Names: e.Channels,
		CPUShare: s.Adapt.CPUShare, ReplayBytes: int(s.Adapt.ReplayBytes), Seed: e.Seed, Log: b.opt.Log.With("stream", s.Name),
		Dir: filepath.Join(b.cfg.StateDir, "streams", s.Name, "adapt"), Model: first(s, e),
	}
	if b.opt.Play == nil {
		var err error
		if c.Models, err = b.modelTopic(s); err != nil {
			return nil, err
		}
	}
	if rate := s.Drift.FalseAlarms; rate.Samples > 0 || s.Window.RateHz > 0 { // else known by the grid alone
		c.Fleet.FalseAlarms = min(rate.PerSample(s.Window.RateHz), float64(monitor.LargestRate))
	}
	if o := b.offered; o != nil {
		c.Offered = func() []adapt.Offer { return o.to(e.Channels) }
	}
	if b.opt.Deterministic {
		c.CPUShare, c.InStep = 1, true // nobody is served meanwhile
	}
	if b.opt.Tune != nil {
		b.opt.Tune(&c)
	}
	a, err := adapt.New(c)
	if err != nil {
		if c.Models != nil {
			err = errors.Join(err, c.Models.Close())
		}
		return nil, err
	}
	return a, nil
}

// first returns the model that all series of a stream begin with, nil where that hangs on
// a rate that is still to be learnt.
func first(s *config.Stream, e *pipeline.EngineConfig) *model.Model {
	if e.Model == nil && e.AtRate != nil && s.Window.RateHz > 0 {
		m, _ := e.AtRate(s.Window.RateHz)
		return m
	}
	return e.Model
}

// cannotLearn says why a model cannot be fine-tuned without truth, "" if it can.
func cannotLearn(m *model.Model) string {
	switch {
	case m.Trainable() != nil:
		return "int8 models cannot be fine-tuned"
	case m.Header().Scaler.Kind == model.ScaleNone:
		return "it has no scaler, which would tell the noise level"
	}
	return ""
}

// mqttConn returns the settings of a connection, with a client id of its own for
// each user of it: two with one id throw each other out.
func (b *builder) mqttConn(name, user string) (mqttconn.Config, error) {
	c := b.cfg.Connection(name)
	password, err := b.secret(c.Password, c.PasswordFile)
	if err != nil {
		return mqttconn.Config{}, fmt.Errorf("connections.%s: %w", name, err)
	}
	out := mqttconn.Config{URL: c.URL, ClientID: c.ClientID, Username: c.Username, Password: password}
	if c.TLS != nil {
		if out.TLS, err = b.tlsOf(c.TLS); err != nil {
			return mqttconn.Config{}, fmt.Errorf("connections.%s: %w", name, err)
		}
	}
	if out.ClientID == "" {
		out.ClientID = "quell-" + host.Machine() + "-" + name
	}
	return out.WithClient(user), nil
}

func (b *builder) kafkaConn(name string) (kafkaconn.Config, error) {
	c := b.cfg.Connection(name)
	out := kafkaconn.Config{Brokers: c.Brokers, ClientID: c.ClientID}
	if c.TLS != nil {
		// Each broker's certificate is checked against the broker's own host.
		secure, err := b.tlsOf(c.TLS)
		if err == nil {
			out.TLS, err = secure.Config(c.TLS.ServerName)
		}
		if err != nil {
			return out, fmt.Errorf("connections.%s: %w", name, err)
		}
	}
	if c.SASL != nil {
		password, err := b.secret(c.SASL.Password, c.SASL.PasswordFile)
		if err != nil {
			return out, fmt.Errorf("connections.%s: %w", name, err)
		}
		out.SASL = kafkaconn.SASL{Mechanism: c.SASL.Mechanism, Username: c.SASL.Username, Password: password}
	}
	return out, nil
}

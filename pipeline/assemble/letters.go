package assemble

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/quell-stream/quell/ingest/codec/topic"
	"github.com/quell-stream/quell/pipeline/config"
	"github.com/quell-stream/quell/sink/dlq"
	"github.com/quell-stream/quell/sink/file"
	"github.com/quell-stream/quell/sink/kafka"
	"github.com/quell-stream/quell/sink/mqtt"
)

// deadFile is the file that dead letters of type file are written to.
func deadFile(d *config.DeadLetter) string { return filepath.Join(d.Path, "dead.jsonl") }

// Letters calls each with every dead letter that the configuration's dead letter
// holds now, oldest first within a file or a partition. Copies come as often as they
// are there. What carries no dead letter is passed over and counted. The log hears of
// files with secrets that are open to others.
func Letters(ctx context.Context, cfg *config.Config, log *slog.Logger, each func(*dlq.Letter) error) (passed int, err error) {
	line := func(b []byte) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		l, err := dlq.Parse(b)
		if err != nil {
			passed++
			return nil
		}
		return each(l)
	}
	d := &cfg.DeadLetter
	switch d.Type {
	case config.File:
		err = file.Lines(deadFile(d), line)
	case config.Kafka:
		err = kafkaLetters(ctx, cfg, log, line)
	default:
		err = fmt.Errorf("dead_letter is of type %s: a broker does not keep what it has delivered, so there is nothing to look at: subscribe to %q, or use type file or kafka", d.Type, d.Topic)
	}
	return passed, err
}

func kafkaLetters(ctx context.Context, cfg *config.Config, log *slog.Logger, line func([]byte) error) error {
	d := &cfg.DeadLetter
	con, err := (&builder{cfg: cfg, opt: Options{Log: log}}).kafkaConn(d.Connection)
	if err != nil {
		return err
	}
	p, err := kafka.NewPublisher(con)
	if err != nil {
		return err
	}
	defer p.Close()
	topics := []string{d.Topic}
	if strings.Contains(d.Topic, "{stream}") {
		topics = topics[:0]
		for i := range cfg.Streams {
			topics = append(topics, strings.ReplaceAll(d.Topic, "{stream}", cfg.Streams[i].Name))
		}
	}
	for _, t := range topics {
		if err := p.Read(ctx, t, line); err != nil {
			return err
		}
	}
	return nil
}

// ReplayHeader is the header by which a Kafka message that was replayed names its
// dead letter.
const ReplayHeader = "quell-dead-letter"

// Replayer sends the originals of dead letters to where they came from. It is not
// safe for concurrent use.
type Replayer struct {
	b     *builder
	kafka map[string]*kafka.Publisher // by connection
	mqtt  map[string]*mqtt.Publisher
}

// NewReplayer returns a replayer to the sources of a configuration. It connects
// when there is something to send. The log hears of files with secrets that are open
// to others.
func NewReplayer(cfg *config.Config, log *slog.Logger) *Replayer {
	return &Replayer{b: &builder{cfg: cfg, opt: Options{Log: log}}, kafka: map[string]*kafka.Publisher{}, mqtt: map[string]*mqtt.Publisher{}}
}

// Takes says why a letter can't go back to its source, nil if it can. It connects
// to nothing.
func (r *Replayer) Takes(l *dlq.Letter) error {
	if err := l.Whole(); err != nil {
		return err
	}
	s := r.b.cfg.Stream(l.Stream)
	if s == nil {
		return errors.New("its stream is not configured")
	}
	reads := false
	switch s.Source.Type {
	case config.Kafka:
		_, numbered := l.PartitionNumber()
		reads = numbered && slices.Contains(s.Source.Topics, l.Topic)
	case config.MQTT:
		reads = slices.ContainsFunc(s.Source.Topics, func(t string) bool {
			tmpl, err := topic.Parse(t)
			return err == nil && topic.Overlap(tmpl.Filter(), l.Topic)
		})
	default:
		return fmt.Errorf("its source is of type %s, to which nothing can be sent: use --output", s.Source.Type)
	}
	if !reads {
		return fmt.Errorf("its stream does not read %s any more", l.Topic)
	}
	return nil
}

// Send sends the originals of letters that it takes, in order, and returns nil
// once the brokers have all of them. After an error any of them may have arrived; one
// that wraps sink.ErrPermanent says that a letter among them is never taken.
func (r *Replayer) Send(ctx context.Context, letters []*dlq.Letter) error {
	for len(letters) > 0 {
		n := 1
		for n < len(letters) && letters[n].Stream == letters[0].Stream {
			n++
		}
		s := r.b.cfg.Stream(letters[0].Stream)
		send := r.toMQTT
		if s.Source.Type == config.Kafka {
			send = r.toKafka
		}
		if err := send(ctx, s.Source.Connection, letters[:n]); err != nil {
			return err
		}
		letters = letters[n:]
	}
	return nil
}

func (r *Replayer) toMQTT(ctx context.Context, connection string, letters []*dlq.Letter) error {
	p := r.mqtt[connection]
	if p == nil {
		con, err := r.b.mqttConn(connection, "dlq")
		if err != nil {
			return err
		}
		if p, err = mqtt.NewPublisher(ctx, con); err != nil {
			return err
		}
		r.mqtt[connection] = p
	}
	msgs := make([]mqtt.Message, len(letters))
	for i, l := range letters {
		msgs[i] = mqtt.Message{Topic: l.Topic, Payload: l.Payload}
	}
	return p.Publish(ctx, msgs)
}

func (r *Replayer) toKafka(ctx context.Context, connection string, letters []*dlq.Letter) error {
	p := r.kafka[connection]
	if p == nil {
		con, err := r.b.kafkaConn(connection)
		if err != nil {
			return err
		}
		if p, err = kafka.NewPublisher(con); err != nil {
			return err
		}
		r.kafka[connection] = p
	}
	msgs := make([]kafka.Message, len(letters))
	for i, l := range letters {
		part, _ := l.PartitionNumber()
		m := kafka.Message{Topic: l.Topic, Partition: part, Key: l.Key, Value: l.Payload}
		if l.Time > 0 {
			m.Time = time.Unix(0, l.Time)
		}
		for _, h := range l.Headers {
			if h.Key != ReplayHeader {
				m.Headers = append(m.Headers, kafka.Header(h))
			}
		}
		m.Headers = append(m.Headers, kafka.Header{Key: ReplayHeader, Value: []byte(l.ID)})
		msgs[i] = m
	}
	return p.Publish(ctx, msgs)
}

// Close ends all connections.
func (r *Replayer) Close(ctx context.Context) error {
	var errs []error
	for _, p := range r.mqtt {
		errs = append(errs, p.Close(ctx))
	}
	for _, p := range r.kafka {
		p.Close()
	}
	return errors.Join(errs...)
}

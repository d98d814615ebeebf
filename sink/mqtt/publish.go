package mqtt

import (
	"context"
	"fmt"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/quell-stream/quell/conn/mqttconn"
	"github.com/quell-stream/quell/sink"
)

// Message is a message as it is to be published.
type Message struct {
	Topic   string
	Payload []byte
}

// Publisher publishes messages as they are, with QoS 1. It is not safe for
// concurrent use.
type Publisher struct{ s *Sink }

// NewPublisher returns a publisher that connects to a broker.
func NewPublisher(ctx context.Context, c mqttconn.Config) (*Publisher, error) {
	s, err := New(Config{Conn: c, Topic: "unused"})
	if err != nil {
		return nil, err
	}
	if err := s.Open(ctx); err != nil {
		return nil, err
	}
	return &Publisher{s}, nil
}

// Publish returns nil once the broker has acknowledged every message. It does not
// wait for a broker that is away. After an error any of the messages may have
// arrived; with one that wraps sink.ErrPermanent none has, since one is never taken.
func (p *Publisher) Publish(ctx context.Context, msgs []Message) error {
	j := job{qos: 1, tokens: make(chan paho.Token, max(0, p.s.cfg.InFlight-2))}
	for _, m := range msgs {
		if m.Topic == "" || len(m.Topic) > maxTopic || len(m.Payload) > maxPayload {
			return fmt.Errorf("%w: mqtt: a message to %.100q of %d bytes can't be published", sink.ErrPermanent, m.Topic, len(m.Payload))
		}
		j.messages = append(j.messages, message{topic: m.Topic, payload: m.Payload})
	}
	l, err := p.s.connected(ctx)
	if err != nil {
		return err
	}
	if err := p.s.send(ctx, l, j); err != nil {
		l.c.Abort()
		return fmt.Errorf("mqtt: publish to %s: %w", p.s.cfg.Conn.Broker(), err)
	}
	return nil
}

// Close ends the connection.
func (p *Publisher) Close(ctx context.Context) error { return p.s.Close(ctx) }

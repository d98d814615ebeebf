// Package mqtt writes items to an MQTT broker, one message each, and knows that
// they arrived: with QoS 1 Write returns once the broker has acknowledged every
// one of them.
//
//	s, err := mqtt.New(mqtt.Config{
//		Conn:  mqttconn.Config{URL: "mqtts://broker:8883", ClientID: "quell-gw1-clean"},
//		Topic: "quell/{stream}/{series}",
//	})
package mqtt

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/quell-stream/quell/conn/mqttconn"
)

// Config says where to write.
type Config struct {
	// Conn is the broker. No other connection may use its client id, sources
	// included; empty is allowed.
	Conn mqttconn.Config
	// Topic is the topic of each message, with {stream} and {series} for those of
	// the item. Names are percent-encoded where MQTT needs it (see Escape); a
	// slash in a name makes levels. A level that comes out empty, as {series} does
	// for an event about no series, is left out.
	Topic string
	// AtMostOnce publishes with QoS 0 instead of 1: Write then returns once the
	// messages are on their way, and an outage loses what was.
	AtMostOnce bool
	// Retain makes the broker keep the last message of each topic.
	Retain bool
	// InFlight bounds the messages that the broker has not acknowledged; default
	// 512.
	InFlight int
	// AckTimeout is how long the broker may acknowledge nothing before the
	// connection is given up; default 30 s.
	AckTimeout time.Duration
}

const (
	defaultInFlight   = 512
	defaultAckTimeout = 30 * time.Second
	maxInFlight       = 60000 // packet identifiers have 16 bits
)

func (c Config) withDefaults() Config {
	if c.InFlight == 0 {
		c.InFlight = defaultInFlight
	}
	if c.AckTimeout == 0 {
		c.AckTimeout = defaultAckTimeout
	}
	return c
}

// Validate reports settings that can't work.
func (c Config) Validate() error {
	if err := c.Conn.Validate(); err != nil {
		return err
	}
	if _, err := parseTemplate(c.Topic); err != nil {
		return err
	}
	switch {
	case c.InFlight < 0 || c.InFlight > maxInFlight:
		return fmt.Errorf("mqtt: %d messages in flight, want 1 to %d", c.InFlight, maxInFlight)
	case c.AckTimeout < 0:
		return errors.New("mqtt: the acknowledgement timeout is negative")
	}
	return nil
}

// Option injects what is not configuration.
type Option func(*Sink)

// WithLogger sets the logger; by default nothing is logged.
func WithLogger(l *slog.Logger) Option { return func(s *Sink) { s.log = l } }

// WithBackoff sets the waiting times between connection attempts.
func WithBackoff(first, longest time.Duration) Option {
	return func(s *Sink) { s.firstWait, s.maxWait = first, longest }
}

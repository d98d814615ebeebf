// Package embedded has the brokers that run inside the process, for the demo and for
// quell bench pipeline. They are reachable on loopback only.
package embedded

import (
	"fmt"
	"io"
	"log/slog"
	"math"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/hooks/auth"
)

// MQTT is an MQTT broker inside the process.
type MQTT struct {
	srv *mqtt.Server
	URL string
}

// StartMQTT starts a broker on a free port. Its queues are as long as they can be: it
// drops what does not fit, and who uses it counts.
func StartMQTT() (*MQTT, error) {
	limits := mqtt.NewDefaultServerCapabilities()
	limits.MaximumClientWritesPending = 1 << 16
	limits.MaximumInflight = math.MaxUint16
	limits.ReceiveMaximum = math.MaxUint16
	srv := mqtt.New(&mqtt.Options{Capabilities: limits, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err := srv.AddHook(new(auth.AllowHook), nil); err != nil {
		return nil, fmt.Errorf("broker: %w", err)
	}
	l, err := listen()
	if err != nil {
		return nil, fmt.Errorf("broker: %w", err)
	}
	if err := srv.AddListener(l); err != nil {
		return nil, fmt.Errorf("broker: %w", err)
	}
	if err := srv.Serve(); err != nil {
		return nil, fmt.Errorf("broker: %w", err)
	}
	return &MQTT{srv, "mqtt://" + l.Address()}, nil
}

// Close ends the broker.
func (b *MQTT) Close() error {
	if err := b.srv.Close(); err != nil {
		return fmt.Errorf("broker: %w", err)
	}
	return nil
}

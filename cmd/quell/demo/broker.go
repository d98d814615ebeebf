package demo

import (
	"fmt"
	"io"
	"log/slog"
	"math"

	"github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/hooks/auth"
	"github.com/mochi-mqtt/server/v2/listeners"
)

// broker is an MQTT broker inside the process, reachable on loopback only.
type broker struct {
	srv *mqtt.Server
	url string
}

// startBroker starts a broker on a free port. Its queues are as long as they
// can be: it drops what does not fit, and the demo counts.
func startBroker() (*broker, error) {
	limits := mqtt.NewDefaultServerCapabilities()
	limits.MaximumClientWritesPending = 1 << 16
	limits.MaximumInflight = math.MaxUint16
	limits.ReceiveMaximum = math.MaxUint16
	srv := mqtt.New(&mqtt.Options{Capabilities: limits, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err := srv.AddHook(new(auth.AllowHook), nil); err != nil {
		return nil, fmt.Errorf("broker: %w", err)
	}
	l := listeners.NewTCP(listeners.Config{ID: "demo", Address: "127.0.0.1:0"})
	if err := srv.AddListener(l); err != nil {
		return nil, fmt.Errorf("broker: %w", err)
	}
	if err := srv.Serve(); err != nil {
		return nil, fmt.Errorf("broker: %w", err)
	}
	return &broker{srv, "mqtt://" + l.Address()}, nil
}

func (b *broker) close() error {
	if err := b.srv.Close(); err != nil {
		return fmt.Errorf("broker: %w", err)
	}
	return nil
}

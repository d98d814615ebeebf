// Package mqtttest gives the tests of the MQTT drivers brokers to talk to: a
// real one in the process, and a scripted one that does exactly what a test
// says, for what a real broker can't be made to do on demand (lost
// acknowledgements, redeliveries, refusals, silence).
package mqtttest

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"sync"
	"testing"

	"github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"
)

// Broker is a mochi broker on loopback. It is not safe against killed
// subscribers (it then loses QoS 1 messages), so no test may count on that.
type Broker struct {
	*mqtt.Server
	URL  string
	addr string
	stop func()
}

// Stop stops the broker before the test ends.
func (b *Broker) Stop() { b.stop() }

// Rules decide who may do what. A nil function allows everything.
type Rules struct {
	Connect   func(client, user, password string) bool
	Subscribe func(client, filter string) bool
	// Published is called with every message, before it is acknowledged; the
	// broker itself acknowledges before it delivers.
	Published func(Message)
}

// Message is one that a client published.
type Message struct {
	Topic   string
	Payload []byte
	QoS     byte
	Retain  bool
}

// Start starts a broker that the test's clean-up stops. Its port is below those that
// outgoing connections are given: while it is stopped one of them, and be it of who tries
// to reach it, could be given the port.
func Start(t testing.TB, rules Rules) *Broker {
	t.Helper()
	return start(t, rules, func() string { return fmt.Sprintf("127.0.0.1:%d", 20_000+rand.IntN(12_000)) })
}

// StartAt starts a broker at an address, such as that of one that was stopped.
func StartAt(t testing.TB, addr string, rules Rules) *Broker {
	t.Helper()
	return start(t, rules, func() string { return addr })
}

// start starts a broker at the first address that it can listen on.
func start(t testing.TB, rules Rules, address func() string) *Broker {
	t.Helper()
	s := mqtt.New(&mqtt.Options{
		InlineClient: true,
		Logger:       slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err := s.AddHook(&hook{rules: rules}, nil); err != nil {
		t.Fatal(err)
	}
	var l *gate
	for tries := 1; ; tries++ {
		l = &gate{TCP: listeners.NewTCP(listeners.Config{ID: "tcp", Address: address()})}
		err := s.AddListener(l)
		if err == nil {
			break
		}
		if tries == 100 {
			t.Fatal(err)
		}
	}
	if err := s.Serve(); err != nil {
		t.Fatal(err)
	}
	stop := sync.OnceFunc(func() { // mochi panics when it is closed twice
		l.shut()
		if err := s.Close(); err != nil {
			t.Errorf("stop the broker: %v", err)
		}
	})
	t.Cleanup(stop)
	_, port, err := net.SplitHostPort(l.Address())
	if err != nil {
		t.Fatal(err)
	}
	return &Broker{Server: s, URL: "mqtt://127.0.0.1:" + port, addr: "127.0.0.1:" + port, stop: stop}
}

// Addr returns the host and port of the broker.
func (b *Broker) Addr() string { return b.addr }

// Publish publishes from within the broker.
func (b *Broker) Publish(t testing.TB, topic, payload string, retain bool) {
	t.Helper()
	if err := b.Server.Publish(topic, []byte(payload), retain, 1); err != nil {
		t.Fatal(err)
	}
}

// hook decides by rules.
type hook struct {
	mqtt.HookBase
	rules Rules
}

// ID names the hook.
func (h *hook) ID() string { return "rules" }

// Provides lists what the hook decides.
func (h *hook) Provides(b byte) bool {
	return b == mqtt.OnConnectAuthenticate || b == mqtt.OnACLCheck || b == mqtt.OnPublish
}

// OnPublish passes a message on.
func (h *hook) OnPublish(_ *mqtt.Client, pk packets.Packet) (packets.Packet, error) {
	if h.rules.Published != nil {
		h.rules.Published(Message{pk.TopicName, bytes.Clone(pk.Payload), pk.FixedHeader.Qos, pk.FixedHeader.Retain})
	}
	return pk, nil
}

// OnConnectAuthenticate decides about a connection.
func (h *hook) OnConnectAuthenticate(cl *mqtt.Client, pk packets.Packet) bool {
	return h.rules.Connect == nil || h.rules.Connect(cl.ID, string(pk.Connect.Username), string(pk.Connect.Password))
}

// OnACLCheck decides about a topic.
func (h *hook) OnACLCheck(cl *mqtt.Client, topic string, write bool) bool {
	return write || h.rules.Subscribe == nil || h.rules.Subscribe(cl.ID, topic)
}

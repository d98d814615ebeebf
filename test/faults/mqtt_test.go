//go:build faults

package faults

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"github.com/quell-stream/quell/test/harness"
)

// clients numbers the MQTT clients of the suite.
var clients atomic.Int64

// mqttSender publishes with QoS 1. Below topic each series has its own.
type mqttSender struct {
	topic  string
	client mqtt.Client
}

// send publishes a batch and waits for its acknowledgements; after an error all of it
// is published anew, so that samples come twice but never out of order.
func (s *mqttSender) send(ctx context.Context, batch []sample) error {
	for {
		err := s.try(batch)
		if err == nil {
			return nil
		}
		if s.client != nil {
			s.client.Disconnect(0)
			s.client = nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("publish below %s: %w", s.topic, err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (s *mqttSender) try(batch []sample) error {
	if s.client == nil {
		o := mqtt.NewClientOptions().AddBroker("tcp://" + harness.Address(lab.MQTTPort))
		o.SetClientID(fmt.Sprintf("sender-%d", clients.Add(1))).SetAutoReconnect(false).SetConnectTimeout(5 * time.Second)
		c := mqtt.NewClient(o)
		if err := await(c.Connect()); err != nil {
			return err
		}
		s.client = c
	}
	tokens := make([]mqtt.Token, len(batch))
	for i, m := range batch {
		tokens[i] = s.client.Publish(s.topic+"/"+m.series, 1, false, m.payload())
	}
	for _, tok := range tokens {
		if err := await(tok); err != nil {
			return err
		}
	}
	return nil
}

func await(tok mqtt.Token) error {
	if !tok.WaitTimeout(20 * time.Second) {
		return fmt.Errorf("the broker has not answered for 20 s")
	}
	return tok.Error()
}

// publisher returns a client for messages as they are.
func publisher(t *testing.T) mqtt.Client {
	t.Helper()
	o := mqtt.NewClientOptions().AddBroker("tcp://" + harness.Address(lab.MQTTPort))
	c := mqtt.NewClient(o.SetClientID(fmt.Sprintf("sender-%d", clients.Add(1))))
	if err := await(c.Connect()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Disconnect(250) })
	return c
}

// publish sends messages in order.
func publish(t *testing.T, c mqtt.Client, topic string, payloads ...[]byte) {
	t.Helper()
	for _, p := range payloads {
		if err := await(c.Publish(topic, 1, false, p)); err != nil {
			t.Fatalf("publish %d bytes to %s: %v", len(p), topic, err)
		}
	}
}

// collectMQTT has everything that arrives on a filter go into the ledger. The broker
// keeps a session for it, so that nothing is missed while the broker restarts.
func collectMQTT(t *testing.T, l *ledger, filter string) {
	t.Helper()
	o := mqtt.NewClientOptions().AddBroker("tcp://" + harness.Address(lab.MQTTPort))
	o.SetClientID(fmt.Sprintf("collector-%d", clients.Add(1))).SetCleanSession(false)
	o.SetAutoReconnect(true).SetMaxReconnectInterval(time.Second).SetOrderMatters(true).SetMessageChannelDepth(10_000)
	c := mqtt.NewClient(o)
	if err := await(c.Connect()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Disconnect(100) })
	if err := await(c.Subscribe(filter, 1, func(_ mqtt.Client, m mqtt.Message) { l.receive(m.Payload()) })); err != nil {
		t.Fatal(err)
	}
}

//go:build integration

package integration

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/segmentio/kafka-go"
)

// message is what a test sends: to a topic of MQTT, or with a key to one of Kafka.
type message struct {
	topic, key string
	payload    []byte
}

// pace blocks until message i may be sent at so many a second since start; a
// rate of 0 doesn't block.
func pace(ctx context.Context, start time.Time, i int, perSecond float64) {
	if perSecond == 0 {
		return
	}
	due := start.Add(time.Duration(float64(i) / perSecond * float64(time.Second)))
	if wait := time.Until(due); wait > 0 {
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

// mqttClient connects to Mosquitto.
func mqttClient(t *testing.T, id string) mqtt.Client {
	t.Helper()
	o := mqtt.NewClientOptions().AddBroker("tcp://" + address(lab.MQTTPort)).SetClientID(id)
	o.SetAutoReconnect(false).SetOrderMatters(true).SetMessageChannelDepth(10_000)
	c := mqtt.NewClient(o)
	if tok := c.Connect(); !tok.WaitTimeout(patience) || tok.Error() != nil {
		t.Fatalf("connect to mosquitto: %v", tok.Error())
	}
	t.Cleanup(func() { c.Disconnect(100) })
	return c
}

// inFlight is how many messages a test leaves unacknowledged with Mosquitto.
const inFlight = 400

// publish sends messages in order with QoS 1 and returns when Mosquitto has
// acknowledged all of them. sent, if not nil, is given the time of each sending.
func publish(ctx context.Context, c mqtt.Client, messages []message, perSecond float64, sent []time.Time) error {
	waiting := make(chan mqtt.Token, inFlight)
	result := make(chan error, 1)
	go func() {
		var first error
		for tok := range waiting {
			if tok.Wait(); tok.Error() != nil && first == nil {
				first = tok.Error()
			}
		}
		result <- first
	}()
	start := time.Now()
	for i, m := range messages {
		pace(ctx, start, i, perSecond)
		if ctx.Err() != nil {
			break
		}
		if sent != nil {
			sent[i] = time.Now()
		}
		waiting <- c.Publish(m.topic, 1, false, m.payload)
	}
	close(waiting)
	return errors.Join(<-result, ctx.Err())
}

// subscribe collects what arrives on the topics.
func subscribe(t *testing.T, id string, topics ...string) *arrivals {
	t.Helper()
	a := newArrivals()
	c := mqttClient(t, id)
	for _, topic := range topics {
		tok := c.Subscribe(topic, 1, func(_ mqtt.Client, m mqtt.Message) { a.add(m.Payload(), time.Now()) })
		if !tok.WaitTimeout(patience) || tok.Error() != nil {
			t.Fatalf("subscribe to %s: %v", topic, tok.Error())
		}
	}
	return a
}

// createTopic makes a topic of one partition.
func createTopic(t *testing.T, name string) {
	t.Helper()
	createTopicOf(t, name, 1)
}

// createTopicOf makes a topic of so many partitions.
func createTopicOf(t *testing.T, name string, partitions int) {
	t.Helper()
	transport := &kafka.Transport{}
	defer transport.CloseIdleConnections()
	c := &kafka.Client{Addr: kafka.TCP(address(lab.KafkaPort)), Timeout: patience, Transport: transport}
	resp, err := c.CreateTopics(t.Context(), &kafka.CreateTopicsRequest{
		Topics: []kafka.TopicConfig{{Topic: name, NumPartitions: partitions, ReplicationFactor: 1}}})
	if err == nil {
		err = resp.Errors[name]
	}
	if err != nil {
		t.Fatalf("create topic %s: %v", name, err)
	}
}

// produce sends messages in order to a Kafka topic. room, if not nil, is asked
// before each batch whether message i may go.
func produce(ctx context.Context, topic string, messages []message, perSecond float64, room func(i int) bool) error {
	transport := &kafka.Transport{}
	defer transport.CloseIdleConnections()
	const batch = 100
	w := &kafka.Writer{Addr: kafka.TCP(address(lab.KafkaPort)), Topic: topic, Balancer: &kafka.Hash{},
		RequiredAcks: kafka.RequireAll, BatchSize: batch, BatchTimeout: 2 * time.Millisecond, Transport: transport}
	defer w.Close()
	start := time.Now()
	for i := 0; i < len(messages); i += batch {
		pace(ctx, start, i, perSecond)
		for room != nil && !room(i) && ctx.Err() == nil {
			time.Sleep(5 * time.Millisecond)
		}
		var part []kafka.Message
		for _, m := range messages[i:min(i+batch, len(messages))] {
			part = append(part, kafka.Message{Key: []byte(m.key), Value: m.payload})
		}
		if err := w.WriteMessages(ctx, part...); err != nil {
			return err
		}
	}
	return nil
}

// consume collects what arrives in a Kafka topic of one partition.
func consume(t *testing.T, topic string) *arrivals {
	t.Helper()
	a := newArrivals()
	r := kafka.NewReader(kafka.ReaderConfig{Brokers: []string{address(lab.KafkaPort)}, Topic: topic,
		MinBytes: 1, MaxBytes: 10 << 20, MaxWait: 100 * time.Millisecond, QueueCapacity: 10_000})
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			m, err := r.ReadMessage(ctx)
			if ctx.Err() != nil {
				return
			}
			if err != nil {
				t.Errorf("read %s: %v", topic, err)
				return
			}
			a.add(m.Value, time.Now())
		}
	})
	t.Cleanup(func() { cancel(); wg.Wait(); r.Close() })
	return a
}

// drainKafka returns when all that was written to the topic has arrived.
func drainKafka(t *testing.T, topic string, a *arrivals) {
	t.Helper()
	before := a.marked()
	if err := produce(t.Context(), topic, []message{{payload: []byte(marker)}}, 0, nil); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the marker", func() bool { return a.marked() > before })
}

// drainMQTT returns when all that was published before has arrived.
func drainMQTT(t *testing.T, topic string, a *arrivals) {
	t.Helper()
	before := a.marked()
	c := mqttClient(t, "marker-"+strconv.FormatInt(time.Now().UnixNano(), 36))
	if err := publish(t.Context(), c, []message{{topic: topic, payload: []byte(marker)}}, 0, nil); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the marker", func() bool { return a.marked() > before })
}

func waitFor(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited %s in vain for %s", patience, what)
		}
	}
}

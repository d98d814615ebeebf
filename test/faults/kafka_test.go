//go:build faults

package faults

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/quell-stream/quell/test/harness"
)

// createTopics makes topics of so many partitions.
func createTopics(t *testing.T, partitions int, names ...string) {
	t.Helper()
	transport := &kafka.Transport{}
	defer transport.CloseIdleConnections()
	c := &kafka.Client{Addr: kafka.TCP(harness.Address(lab.KafkaPort)), Timeout: patience, Transport: transport}
	req := &kafka.CreateTopicsRequest{}
	for _, name := range names {
		req.Topics = append(req.Topics, kafka.TopicConfig{Topic: name, NumPartitions: partitions, ReplicationFactor: 1})
	}
	resp, err := c.CreateTopics(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	for name, err := range resp.Errors {
		if err != nil {
			t.Fatalf("create topic %s: %v", name, err)
		}
	}
}

// kafkaSender writes to a topic, the series being the key.
type kafkaSender struct{ w *kafka.Writer }

func newKafkaSender(t *testing.T, topic string) *kafkaSender {
	t.Helper()
	transport := &kafka.Transport{}
	w := &kafka.Writer{Addr: kafka.TCP(harness.Address(lab.KafkaPort)), Topic: topic, Balancer: &kafka.Hash{},
		RequiredAcks: kafka.RequireAll, BatchSize: feedBatch, BatchTimeout: 2 * time.Millisecond, MaxAttempts: 1, Transport: transport}
	t.Cleanup(func() { w.Close(); transport.CloseIdleConnections() })
	return &kafkaSender{w}
}

// send writes a batch; after an error all of it is written anew.
func (s *kafkaSender) send(ctx context.Context, batch []sample) error {
	messages := make([]kafka.Message, len(batch))
	for i, m := range batch {
		messages[i] = kafka.Message{Key: []byte(m.series), Value: m.payload()}
	}
	for {
		err := s.w.WriteMessages(ctx, messages...)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("write to %s: %w", s.w.Topic, err)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// collectKafka has everything that arrives in a topic of one partition go into the
// ledger, each offset once.
func collectKafka(t *testing.T, l *ledger, topic string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		for next := int64(0); ctx.Err() == nil; time.Sleep(200 * time.Millisecond) {
			next = readFrom(ctx, topic, next, l)
		}
	})
	t.Cleanup(func() { cancel(); wg.Wait() })
}

// readFrom reads until something goes wrong, and returns the next offset.
func readFrom(ctx context.Context, topic string, next int64, l *ledger) int64 {
	r := kafka.NewReader(kafka.ReaderConfig{Brokers: []string{harness.Address(lab.KafkaPort)}, Topic: topic,
		MinBytes: 1, MaxBytes: 10 << 20, MaxWait: 100 * time.Millisecond, QueueCapacity: 1000})
	defer r.Close()
	if err := r.SetOffset(next); err != nil {
		return next
	}
	for {
		// A reader may hang behind a broker's restart: a new one is made then.
		bounded, done := context.WithTimeout(ctx, 3*time.Second)
		m, err := r.ReadMessage(bounded)
		done()
		if err != nil || errors.Is(err, io.EOF) {
			return next
		}
		if m.Offset >= next {
			l.receive(m.Value)
			next = m.Offset + 1
		}
	}
}

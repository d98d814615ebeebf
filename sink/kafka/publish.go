package kafka

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/quell-stream/quell/conn/kafkaconn"
	"github.com/quell-stream/quell/sink"
)

// Message is a message as it is to be published.
type Message struct {
	Topic     string
	Partition int
	Key       []byte // nil: none
	Value     []byte
	Headers   []Header
	Time      time.Time // zero: now
}

// Header is a header of a message.
type Header struct {
	Key   string
	Value []byte
}

// Publisher publishes messages as they are, each to the partition that it names,
// and reads topics back. It is not safe for concurrent use.
type Publisher struct {
	client   *kafkaconn.Client
	requests *kafka.Client
}

// requestTime bounds one request of a Publisher.
const requestTime = 10 * time.Second

// NewPublisher returns a publisher for a cluster. It connects to nothing.
func NewPublisher(c kafkaconn.Config) (*Publisher, error) {
	client, err := kafkaconn.New(c)
	if err != nil {
		return nil, err
	}
	return &Publisher{client, client.Requests(requestTime)}, nil
}

// Publish sends the messages in order and returns nil once all in-sync replicas
// have every one. After an error any of the messages may have arrived; one that wraps
// sink.ErrPermanent says that a message among them is never taken.
func (p *Publisher) Publish(ctx context.Context, msgs []Message) error {
	for len(msgs) > 0 {
		n := 1
		for n < len(msgs) && msgs[n].Topic == msgs[0].Topic && msgs[n].Partition == msgs[0].Partition {
			n++
		}
		if err := p.send(ctx, msgs[:n]); err != nil {
			never := hopeless(err) || errors.Is(err, kafka.MessageSizeTooLarge) || errors.Is(err, kafka.UnknownTopicOrPartition)
			err = fmt.Errorf("kafka: publish to %s/%d: %w", msgs[0].Topic, msgs[0].Partition, p.client.Explain(ctx, err))
			if never {
				err = fmt.Errorf("%w: %w", sink.ErrPermanent, err)
			}
			return err
		}
		msgs = msgs[n:]
	}
	return nil
}

// send sends messages of one partition, again where that may well help.
func (p *Publisher) send(ctx context.Context, msgs []Message) error {
	for try := 1; ; try++ {
		err := p.produce(ctx, msgs)
		if errors.Is(err, kafka.MessageSizeTooLarge) && len(msgs) > 1 {
			if err := p.send(ctx, msgs[:len(msgs)/2]); err != nil {
				return err
			}
			return p.send(ctx, msgs[len(msgs)/2:])
		}
		if err == nil || try == attempts || !passing(err) || ctx.Err() != nil {
			return err
		}
		p.client.Refresh()
		select {
		case <-time.After(100 * time.Millisecond << try):
		case <-ctx.Done():
			return err
		}
	}
}

func (p *Publisher) produce(ctx context.Context, msgs []Message) error {
	recs := make([]kafka.Record, len(msgs))
	for i, m := range msgs {
		recs[i] = kafka.Record{Time: m.Time, Value: kafka.NewBytes(m.Value)}
		if m.Key != nil {
			recs[i].Key = kafka.NewBytes(m.Key)
		}
		for _, h := range m.Headers {
			recs[i].Headers = append(recs[i].Headers, kafka.Header{Key: h.Key, Value: h.Value})
		}
	}
	r, err := p.requests.Produce(ctx, &kafka.ProduceRequest{Topic: msgs[0].Topic, Partition: msgs[0].Partition, RequiredAcks: kafka.RequireAll, Records: kafka.NewRecordReader(recs...)})
	if err != nil {
		return err
	}
	return r.Error
}

// Read calls each with the value of every message that a topic holds, partition by
// partition, oldest first. What is written meanwhile is left out. The value is
// the callee's. An error of each ends it and is returned as it is.
func (p *Publisher) Read(ctx context.Context, topic string, each func(value []byte) error) error {
	n, err := p.client.Partitions(ctx, topic)
	if err != nil {
		return err
	}
	if n[topic] == 0 {
		return fmt.Errorf("kafka: topic %s does not exist", topic)
	}
	for part := range n[topic] {
		if err := p.readPartition(ctx, topic, part, each); err != nil {
			return err
		}
	}
	return nil
}

func (p *Publisher) readPartition(ctx context.Context, topic string, part int, each func([]byte) error) error {
	fail := func(err error) error {
		return fmt.Errorf("kafka: read %s/%d: %w", topic, part, p.client.Explain(ctx, err))
	}
	r, err := p.requests.ListOffsets(ctx, &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{topic: {kafka.FirstOffsetOf(part), kafka.LastOffsetOf(part)}}})
	if err != nil {
		return fail(err)
	}
	at, end := int64(-1), int64(-1)
	for _, o := range r.Topics[topic] {
		if o.Error != nil {
			return fail(o.Error)
		}
		if o.Partition == part {
			at, end = max(at, o.FirstOffset), max(end, o.LastOffset)
		}
	}
	for at < end {
		next, err := p.fetch(ctx, topic, part, at, end, each)
		if err != nil {
			return err
		}
		at = next
	}
	return nil
}

// fetch hands on the messages of one response and returns the next offset, which is
// behind at unless the broker asks for patience. What holds no message, such as the end
// of a transaction, is passed over offset by offset: nothing says how far it goes.
func (p *Publisher) fetch(ctx context.Context, topic string, part int, at, end int64, each func([]byte) error) (int64, error) {
	f, err := p.requests.Fetch(ctx, &kafka.FetchRequest{Topic: topic, Partition: part, Offset: at, MinBytes: 1, MaxBytes: 4 << 20, MaxWait: time.Second})
	if err == nil {
		err = f.Error
	}
	if err != nil {
		return at, fmt.Errorf("kafka: read %s/%d from %d on: %w", topic, part, at, p.client.Explain(ctx, err))
	}
	for from := at; ; {
		rec, err := f.Records.ReadRecord()
		switch {
		case err == nil && rec.Offset >= end:
			return end, nil
		case err == io.EOF && at == from:
			return p.passOver(ctx, f, at)
		case err == io.EOF:
			return at, nil
		}
		if err != nil {
			return at, fmt.Errorf("kafka: read %s/%d: %w", topic, part, err)
		}
		value, err := kafka.ReadAll(rec.Value)
		if err != nil {
			return at, fmt.Errorf("kafka: read %s/%d: %w", topic, part, err)
		}
		if rec.Offset < at {
			continue // a batch begins before what was asked for
		}
		if err := each(value); err != nil {
			return at, err
		}
		at = rec.Offset + 1
	}
}

// passOver returns the offset behind one from which on a response holds no message.
func (p *Publisher) passOver(ctx context.Context, f *kafka.FetchResponse, at int64) (int64, error) {
	if f.Throttle > 0 { // then a response is empty whatever there is
		select {
		case <-time.After(f.Throttle):
			return at, nil
		case <-ctx.Done():
			return at, ctx.Err()
		}
	}
	if f.HighWatermark <= at {
		return at, fmt.Errorf("kafka: read %s/%d: it ends at offset %d now, messages from %d on are gone or not there yet", f.Topic, f.Partition, f.HighWatermark, at)
	}
	return at + 1, nil
}

// Close ends all connections.
func (p *Publisher) Close() { p.client.Close() }

package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/quell-stream/quell/sink"
)

// attempts is how often one batch is tried within a Write. Retrying here repeats
// one partition's batch; retrying outside repeats everything.
const attempts = 3

// headers go with every message. They are read only.
var headers = []kafka.Header{{Key: "content-type", Value: []byte("application/json")}}

// writePartition sends the messages batch by batch, each after the one before
// was acknowledged, and stops at the first that fails: a later one must not
// overtake it.
//
// The library's Writer is not used because it goes on to the next batch after
// one failed, keeps cancelled batches in an unbounded queue, and waits for more
// messages that never come within a Write.
func (s *Sink) writePartition(ctx context.Context, partition int, msgs []message) error {
	for len(msgs) > 0 {
		n, size := 1, batchOverhead+msgs[0].size()
		for n < len(msgs) && size+msgs[n].size() <= s.cfg.MaxMessageBytes {
			size += msgs[n].size()
			n++
		}
		if err := s.writeBatch(ctx, partition, msgs[:n]); err != nil {
			return err
		}
		msgs = msgs[n:]
	}
	return nil
}

// writeBatch sends one batch, again where that can help.
func (s *Sink) writeBatch(ctx context.Context, partition int, msgs []message) error {
	wait := s.cfg.retryWait
	for try := 1; ; try++ {
		err := s.produce(ctx, partition, msgs)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, kafka.MessageSizeTooLarge) || errors.Is(err, kafka.RecordListTooLarge) || errors.Is(err, kafka.InvalidMessageSize):
			// The topic takes less than we may send at a time.
			if len(msgs) == 1 {
				m := &msgs[0]
				return &TooLargeError{Index: m.index, Bytes: m.size() + batchOverhead}
			}
			half := len(msgs) / 2
			if err := s.writeBatch(ctx, partition, msgs[:half]); err != nil {
				return err
			}
			return s.writeBatch(ctx, partition, msgs[half:])
		}
		if ctx.Err() != nil {
			return err
		}
		// A leader that has moved is not found again from memory.
		s.client.Refresh()
		err = fmt.Errorf("kafka: write to %s/%d: %w", s.cfg.Topic, partition, s.client.Explain(ctx, err))
		if hopeless(err) {
			return fmt.Errorf("%w: %w", sink.ErrPermanent, err)
		}
		if try == attempts || !passing(err) {
			return err
		}
		t := time.NewTimer(wait)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return err
		}
		wait *= 2
	}
}

// passing says that the same batch may well succeed in a moment. A timeout has
// cost its time already.
func passing(err error) bool {
	var code kafka.Error
	if errors.As(err, &code) {
		return code.Temporary() && !code.Timeout()
	}
	return !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled)
}

// hopeless says that the broker will never take this batch.
func hopeless(err error) bool {
	for _, code := range [...]kafka.Error{kafka.InvalidRecord, kafka.UnsupportedCompressionType, kafka.UnsupportedForMessageFormat, kafka.InvalidTopic} {
		if errors.Is(err, code) {
			return true
		}
	}
	return false
}

// produce sends one batch once. It returns when the request is really over, not
// when ctx ends, and so keeps the number of requests within the slots.
func (s *Sink) produce(ctx context.Context, partition int, msgs []message) error {
	select {
	case s.slots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-s.slots }()
	if err := ctx.Err(); err != nil {
		return err
	}
	recs := make([]kafka.Record, len(msgs))
	for i := range msgs {
		recs[i] = kafka.Record{Key: kafka.NewBytes(msgs[i].key), Value: kafka.NewBytes(msgs[i].value), Headers: headers}
	}
	r, err := s.requests.Produce(context.WithoutCancel(ctx), &kafka.ProduceRequest{
		Topic: s.cfg.Topic, Partition: partition, RequiredAcks: kafka.RequireAll, Compression: s.cfg.codec(), Records: kafka.NewRecordReader(recs...),
	})
	if err != nil {
		return err
	}
	return r.Error
}

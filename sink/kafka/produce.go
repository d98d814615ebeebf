package kafka

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"github.com/quell-stream/quell/sink"
)

// attempts is how often one batch is tried within a Write. Retrying here repeats
// one partition's batch; retrying outside repeats everything.
const attempts = 3

// writePartition sends the batches of a partition, each after the one before
// was acknowledged, and stops at the first that fails: a later one must not
// overtake it.
//
// The library's Writer is not used because it goes on to the next batch after
// one failed, keeps cancelled batches in an unbounded queue, and waits for more
// messages that never come within a Write.
func (s *Sink) writePartition(ctx context.Context, partition int, batches []*recordBatch) error {
	for _, b := range batches {
		if err := s.writeBatch(ctx, partition, b); err != nil {
			return err
		}
		// It was acknowledged, so nobody reads it any more; after an error the library may.
		s.batches.Put(b)
	}
	return nil
}

// writeBatch sends one batch, again where that can help.
func (s *Sink) writeBatch(ctx context.Context, partition int, b *recordBatch) error {
	wait := s.cfg.retryWait
	for try := 1; ; try++ {
		err := s.produce(ctx, partition, b)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, kafka.MessageSizeTooLarge) || errors.Is(err, kafka.RecordListTooLarge) || errors.Is(err, kafka.InvalidMessageSize):
			// The topic takes less than we may send at a time.
			return s.writeHalves(ctx, partition, b)
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

// writeHalves sends a batch that was too large in two parts.
func (s *Sink) writeHalves(ctx context.Context, partition int, b *recordBatch) error {
	n := len(b.records)
	if n == 1 {
		return &TooLargeError{Index: b.records[0].index, Bytes: b.records[0].bytes + batchOverhead}
	}
	for _, end := range [][2]int{{0, n / 2}, {n / 2, n}} {
		half := new(recordBatch)
		b.part(half, end[0], end[1])
		if err := s.writeBatch(ctx, partition, half); err != nil {
			return err
		}
	}
	return nil
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
func (s *Sink) produce(ctx context.Context, partition int, b *recordBatch) error {
	select {
	case s.slots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-s.slots }()
	if err := ctx.Err(); err != nil {
		return err
	}
	raw, err := b.seal(s.cfg.codec())
	if err != nil {
		return err
	}
	r, err := s.requests.RawProduce(context.WithoutCancel(ctx), &kafka.RawProduceRequest{
		Topic: s.cfg.Topic, Partition: partition, RequiredAcks: kafka.RequireAll, RawRecords: protocol.RawRecordSet{Reader: bytes.NewReader(raw)},
	})
	if err != nil {
		return err
	}
	return r.Error
}

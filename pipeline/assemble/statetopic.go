package assemble

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/ingest/kafka"
	"github.com/quell-stream/quell/pipeline/config"
	"github.com/quell-stream/quell/pipeline/state"
	"github.com/quell-stream/quell/pipeline/state/topic"
)

// stateTopicCheckpoint is the time between checkpoints that go to a topic: each one
// costs the network every state that has changed.
const stateTopicCheckpoint = 2 * time.Second

// stateTopic returns the store of a stream whose partitions go from replica to replica.
func (b *builder) stateTopic(s *config.Stream) (state.Shared, error) {
	con, err := b.kafkaConn(s.Source.Connection)
	if err != nil {
		return nil, err
	}
	log := b.opt.Log.With("stream", s.Name)
	t, err := kafka.NewCompacted(kafka.CompactedConfig{Conn: con, Topic: s.Source.StateTopic, Sources: s.Source.Topics, Logger: log})
	if err != nil {
		return nil, err
	}
	return topic.New(stateLog{t}, s.Source.Group, log), nil
}

// modelTopic returns how the replicas of a stream hear which model all of its series
// are served by; nil where there are none, or each series has its own.
func (b *builder) modelTopic(s *config.Stream) (state.Models, error) {
	if s.Source.Type != config.Kafka || s.Model.Scope != "shared" {
		return nil, nil
	}
	con, err := b.kafkaConn(s.Source.Connection)
	if err != nil {
		return nil, err
	}
	t, err := kafka.NewCompacted(kafka.CompactedConfig{Conn: con, Topic: s.Source.ModelTopic(), Logger: b.opt.Log.With("stream", s.Name)})
	if err != nil {
		return nil, err
	}
	return topic.NewModels(stateLog{t}, s.Source.Group), nil
}

// stateLog has a store write to a topic of Kafka.
type stateLog struct{ *kafka.Compacted }

// Prepare implements topic.Log.
func (l stateLog) Prepare(ctx context.Context) (int, error) {
	n, err := l.Compacted.Prepare(ctx)
	return n, final(err)
}

// Append implements topic.Log.
func (l stateLog) Append(ctx context.Context, partition int32, recs []topic.Record) (int64, error) {
	entries := make([]kafka.Entry, len(recs))
	for i, r := range recs {
		entries[i] = kafka.Entry{Key: r.Key, Value: r.Value}
	}
	base, err := l.Compacted.Append(ctx, partition, entries)
	return base, final(err)
}

// Read implements topic.Log.
func (l stateLog) Read(ctx context.Context, partition int32, from, to int64, each func(topic.Record) error) (int64, error) {
	next, err := l.Compacted.Read(ctx, partition, from, to, func(e kafka.Entry) error {
		return each(topic.Record{Offset: e.Offset, Key: e.Key, Value: e.Value})
	})
	return next, final(err)
}

// final marks errors that trying again can't help.
func final(err error) error {
	if errors.Is(err, kafka.ErrUnusable) || errors.Is(err, ingest.ErrRejected) {
		return fmt.Errorf("%w: %w", state.ErrRefused, err)
	}
	return err
}

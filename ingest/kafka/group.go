package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/segmentio/kafka-go"

	"github.com/quell-stream/quell/conn/kafkaconn"
	"github.com/quell-stream/quell/ingest"
)

// run joins the group and stays in it, generation after generation, until ctx
// ends.
func (s *Source) run(ctx context.Context) {
	defer close(s.done)
	if err := s.awaitTopics(ctx); err != nil {
		if ctx.Err() == nil {
			s.fail(err)
		}
		return
	}
	// The library's watcher of partition counts is left off: it misses a change
	// between the assignment and its own first look, and its question has brokers
	// create topics that were deleted. See generation.watch.
	balancer := new(coPartition)
	group, err := kafka.NewConsumerGroup(kafka.ConsumerGroupConfig{
		ID:      s.cfg.Group,
		Brokers: s.client.Brokers(),
		Dialer:  s.client.Dialer(),
		Topics:  s.cfg.Topics,
		// Below zero, so that partitions without an offset are recognised.
		StartOffset:       kafka.FirstOffset,
		GroupBalancers:    []kafka.GroupBalancer{balancer},
		SessionTimeout:    s.cfg.SessionTimeout,
		HeartbeatInterval: min(3*time.Second, s.cfg.SessionTimeout/4),
		RebalanceTimeout:  s.cfg.SessionTimeout + 5*time.Second,
		JoinGroupBackoff:  s.cfg.tune.joinBackoff,
		Timeout:           5 * time.Second,
	})
	if err != nil {
		s.fail(fmt.Errorf("kafka: group %s: %w", s.cfg.Group, err))
		return
	}
	defer group.Close()
	refused := kafkaconn.Refusals{Lasting: s.cfg.tune.refusedFor}
	for {
		g, err := group.Next(ctx)
		switch {
		case ctx.Err() != nil || errors.Is(err, kafka.ErrGroupClosed):
			return
		case err == nil:
			refused.None()
			s.serve(g, balancer.taken())
			continue
		case errors.Is(err, kafka.InvalidSessionTimeout):
			s.fail(fmt.Errorf("kafka: group %s: the brokers do not allow a session timeout of %v: see their group.min.session.timeout.ms and group.max.session.timeout.ms", s.cfg.Group, s.cfg.SessionTimeout))
			return
		}
		err = fmt.Errorf("kafka: group %s: %w", s.cfg.Group, kafkaconn.Classify(err))
		s.health.group(err)
		if refused.Believe(err) {
			s.fail(rejected(err))
			return
		}
	}
}

// rejected makes a refusal the source's own.
func rejected(err error) error {
	return fmt.Errorf("%w: %w", ingest.ErrRejected, err)
}

// awaitTopics waits for a broker, then for the topics, and checks that they are
// co-partitioned. Its errors are final.
func (s *Source) awaitTopics(ctx context.Context) error {
	wait := s.newBackoff()
	refused := kafkaconn.Refusals{Lasting: s.cfg.tune.refusedFor}
	var missing time.Time // since when topics are known to be missing
	for {
		counts, err := s.client.Partitions(ctx, s.cfg.Topics...)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil {
			refused.None()
			if err = s.checkTopics(counts); err == nil {
				return nil
			}
			if !errors.Is(err, kafka.UnknownTopicOrPartition) {
				return err
			}
			if missing.IsZero() {
				missing = time.Now()
			}
			if time.Since(missing) >= s.cfg.TopicWait {
				return err
			}
		}
		s.health.group(err)
		if refused.Believe(err) {
			return rejected(err)
		}
		if !sleep(ctx, wait.NextBackOff()) {
			return ctx.Err()
		}
	}
}

// checkTopics says what is wrong with the topics: UnknownTopicOrPartition if one
// is missing.
func (s *Source) checkTopics(counts map[string]int) error {
	for _, t := range s.cfg.Topics {
		if counts[t] == 0 {
			return fmt.Errorf("kafka: topic %s does not exist: create it or correct the topics of the source: %w", t, kafka.UnknownTopicOrPartition)
		}
	}
	first := s.cfg.Topics[0]
	for _, t := range s.cfg.Topics[1:] {
		if counts[t] != counts[first] {
			return fmt.Errorf("kafka: topics read together must have the same number of partitions, or the channels of a series part: %s has %d, %s has %d", first, counts[first], t, counts[t])
		}
	}
	return nil
}

// newBackoff returns growing waits.
func (s *Source) newBackoff() *backoff.ExponentialBackOff {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.MaxInterval = s.cfg.tune.retryMin, s.cfg.tune.retryMax
	b.Reset()
	return b
}

// sleep waits, false if ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

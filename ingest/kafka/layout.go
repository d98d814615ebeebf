package kafka

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/quell-stream/quell/conn/kafkaconn"
)

// layout remembers which broker leads which partition, for all fetchers: when a
// broker goes down, one request answers them all.
type layout struct {
	client *kafkaconn.Client
	topics []string

	mu      sync.Mutex
	at      time.Time
	leaders map[string]map[int]kafka.Partition
}

// leader returns a partition with its leader, learnt after since.
func (l *layout) leader(ctx context.Context, topic string, number int, since time.Time) (kafka.Partition, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.leaders == nil || !l.at.After(since) {
		if err := l.learn(ctx); err != nil {
			return kafka.Partition{}, err
		}
	}
	p, ok := l.leaders[topic][number]
	if !ok {
		return p, kafka.UnknownTopicOrPartition
	}
	if p.Leader.Host == "" {
		return p, kafka.LeaderNotAvailable
	}
	return p, nil
}

func (l *layout) learn(ctx context.Context) error {
	// Before the request: what changes while it is under way is news.
	at := time.Now()
	l.client.Refresh()
	m, err := l.client.Requests(10*time.Second).Metadata(ctx, &kafka.MetadataRequest{Topics: l.topics})
	if err != nil {
		return fmt.Errorf("metadata: %w", err)
	}
	leaders := make(map[string]map[int]kafka.Partition, len(m.Topics))
	for _, t := range m.Topics {
		byNumber := make(map[int]kafka.Partition, len(t.Partitions))
		for _, p := range t.Partitions {
			p.Topic = t.Name
			byNumber[p.ID] = p
		}
		leaders[t.Name] = byNumber
	}
	l.at, l.leaders = at, leaders
	return nil
}

package kafkaconn

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"
)

// adminTimeout bounds one administrative request.
const adminTimeout = 15 * time.Second

// Topic describes a topic to create.
type Topic struct {
	Name       string
	Partitions int // default: the cluster's default
	Replicas   int // default: the cluster's default
	// Config holds topic settings such as cleanup.policy=compact.
	Config map[string]string
}

// CreateTopic creates a topic; one that exists already is left as it is and is
// no error.
func (k *Client) CreateTopic(ctx context.Context, t Topic) error {
	c := kafka.TopicConfig{Topic: t.Name, NumPartitions: t.Partitions, ReplicationFactor: t.Replicas}
	if c.NumPartitions == 0 {
		c.NumPartitions = -1
	}
	if c.ReplicationFactor == 0 {
		c.ReplicationFactor = -1
	}
	for name, value := range t.Config {
		c.ConfigEntries = append(c.ConfigEntries, kafka.ConfigEntry{ConfigName: name, ConfigValue: value})
	}
	slices.SortFunc(c.ConfigEntries, func(a, b kafka.ConfigEntry) int { return strings.Compare(a.ConfigName, b.ConfigName) })
	r, err := k.Requests(adminTimeout).CreateTopics(ctx, &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{c}})
	if err == nil {
		err = r.Errors[t.Name]
	}
	if err != nil && !errors.Is(err, kafka.TopicAlreadyExists) {
		return fmt.Errorf("kafka: create topic %s: %w", t.Name, k.Explain(ctx, err))
	}
	// What the library remembers of the cluster is from before.
	k.Refresh()
	return nil
}

// DeleteTopics deletes topics; one that does not exist is no error.
func (k *Client) DeleteTopics(ctx context.Context, topics ...string) error {
	r, err := k.Requests(adminTimeout).DeleteTopics(ctx, &kafka.DeleteTopicsRequest{Topics: topics})
	if err != nil {
		return fmt.Errorf("kafka: delete topics: %w", k.Explain(ctx, err))
	}
	k.Refresh()
	for _, name := range topics {
		if err := r.Errors[name]; err != nil && !errors.Is(err, kafka.UnknownTopicOrPartition) {
			return fmt.Errorf("kafka: delete topic %s: %w", name, k.Explain(ctx, err))
		}
	}
	return nil
}

// Partitions returns how many partitions each of the topics has, 0 for one that
// does not exist. The answer is fresh. It creates nothing.
func (k *Client) Partitions(ctx context.Context, topics ...string) (map[string]int, error) {
	k.Refresh()
	n, err := k.KnownPartitions(ctx, topics...)
	if err != nil {
		// The library remembers an error as well: make it forget.
		k.Refresh()
	}
	return n, err
}

// KnownPartitions is Partitions from memory, at most Config.LayoutAge old.
func (k *Client) KnownPartitions(ctx context.Context, topics ...string) (map[string]int, error) {
	m, err := k.Requests(adminTimeout).Metadata(ctx, &kafka.MetadataRequest{Topics: topics})
	if err != nil {
		return nil, fmt.Errorf("kafka: topics of %s: %w", strings.Join(k.brokers, ","), k.Explain(ctx, err))
	}
	n := make(map[string]int, len(topics))
	for _, t := range m.Topics {
		if t.Error != nil && !errors.Is(t.Error, kafka.UnknownTopicOrPartition) {
			return nil, fmt.Errorf("kafka: topic %s: %w", t.Name, Classify(t.Error))
		}
		n[t.Name] = len(t.Partitions)
	}
	return n, nil
}

package kafka

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/segmentio/kafka-go"

	"github.com/quell-stream/quell/conn/kafkaconn"
)

// Prepare sees to it that the topic is there, compacted and with as many partitions
// as each of the sources, and returns their number. It creates what is missing. An
// error that wraps ErrUnusable says what somebody has to do.
func (t *Compacted) Prepare(ctx context.Context) (int, error) {
	t.appear.Lock()
	defer t.appear.Unlock()
	n, have, err := t.count(ctx)
	if err != nil {
		return 0, err
	}
	switch {
	case have == 0:
		err = t.client.CreateTopic(ctx, kafkaconn.Topic{Name: t.cfg.Topic, Partitions: n, Config: map[string]string{"cleanup.policy": "compact"}})
		t.cfg.Logger.Info("kafka: a topic for state is created", "topic", t.cfg.Topic, "partitions", n)
	case have < n:
		t.cfg.Logger.Info("kafka: the state topic gets as many partitions as the source", "topic", t.cfg.Topic, "before", have, "now", n)
		err = t.grow(ctx, n)
	case have > n && len(t.cfg.Sources) > 0:
		return 0, fmt.Errorf("kafka: topic %s has %d partitions and %s has %d: %w: name another state_topic, or delete it to start anew", t.cfg.Topic, have, t.cfg.Sources[0], n, ErrUnusable)
	}
	if err != nil {
		return 0, t.prepareError(err)
	}
	if have < n {
		t.forget()
		if _, have, err = t.count(ctx); err != nil {
			return 0, err
		}
		if have < n {
			return 0, fmt.Errorf("kafka: topic %s has %d of %d partitions yet", t.cfg.Topic, have, n)
		}
	}
	return n, t.inspect(ctx)
}

func (t *Compacted) prepareError(err error) error {
	if errors.Is(err, kafka.TopicAuthorizationFailed) || errors.Is(err, kafka.ClusterAuthorizationFailed) || errors.Is(err, kafka.PolicyViolation) {
		as := ""
		if len(t.cfg.Sources) > 0 {
			as = " and as many partitions as the source"
		}
		return fmt.Errorf("%w: create topic %s yourself, with cleanup.policy=compact%s: %w", ErrUnusable, t.cfg.Topic, as, err)
	}
	return err
}

// count returns how many partitions the sources have, and how many the topic has.
func (t *Compacted) count(ctx context.Context) (sources, topic int, err error) {
	counts, err := t.client.Partitions(ctx, append([]string{t.cfg.Topic}, t.cfg.Sources...)...)
	if err != nil {
		return 0, 0, err
	}
	if len(t.cfg.Sources) == 0 {
		sources = 1
	}
	for _, s := range t.cfg.Sources {
		if n := counts[s]; n == 0 || sources != 0 && n != sources {
			return 0, 0, fmt.Errorf("kafka: topic %s has %d partitions now", s, n) // the source says more
		} else {
			sources = n
		}
	}
	return sources, counts[t.cfg.Topic], nil
}

func (t *Compacted) grow(ctx context.Context, n int) error {
	r, err := t.client.Requests(t.cfg.Timeout).CreatePartitions(ctx, &kafka.CreatePartitionsRequest{Topics: []kafka.TopicPartitionsConfig{{Name: t.cfg.Topic, Count: int32(n)}}})
	if err == nil {
		err = r.Errors[t.cfg.Topic]
	}
	t.client.Refresh()
	// Another replica may have been first.
	if err == nil || errors.Is(err, kafka.InvalidPartitionNumber) {
		return nil
	}
	return fmt.Errorf("kafka: topic %s: more partitions: %w", t.cfg.Topic, t.client.Explain(ctx, err))
}

// inspect looks at the settings of the topic, once they are known to be right no more.
func (t *Compacted) inspect(ctx context.Context) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.sound {
		return nil
	}
	r, err := t.client.Requests(t.cfg.Timeout).DescribeConfigs(ctx, &kafka.DescribeConfigsRequest{Resources: []kafka.DescribeConfigRequestResource{
		{ResourceType: kafka.ResourceTypeTopic, ResourceName: t.cfg.Topic, ConfigNames: []string{"cleanup.policy", "max.message.bytes"}}}})
	if err == nil && len(r.Resources) == 1 {
		err = r.Resources[0].Error
	}
	switch {
	case errors.Is(err, kafka.TopicAuthorizationFailed):
		t.cfg.Logger.Warn("kafka: the user may not look at the settings of the state topic: see to it that its cleanup.policy is compact", "topic", t.cfg.Topic)
		t.sound = true
		return nil
	case err != nil:
		return fmt.Errorf("kafka: settings of topic %s: %w", t.cfg.Topic, t.client.Explain(ctx, err))
	}
	for _, res := range r.Resources {
		for _, e := range res.ConfigEntries {
			switch e.ConfigName {
			case "cleanup.policy":
				if strings.TrimSpace(e.ConfigValue) != "compact" {
					return fmt.Errorf("kafka: topic %s has cleanup.policy=%s, under which states are lost: %w: set it to compact (kafka-configs.sh --alter --topic %s --add-config cleanup.policy=compact), or name another state_topic", t.cfg.Topic, e.ConfigValue, ErrUnusable, t.cfg.Topic)
				}
			case "max.message.bytes":
				if n, err := strconv.Atoi(e.ConfigValue); err == nil {
					t.limit = min(largestAppend, n-appendOverhead)
				}
			}
		}
	}
	if t.limit < 2048 {
		return fmt.Errorf("kafka: topic %s takes messages of %d bytes: %w: raise its max.message.bytes to 1000000", t.cfg.Topic, t.limit+appendOverhead, ErrUnusable)
	}
	t.sound = true
	return nil
}

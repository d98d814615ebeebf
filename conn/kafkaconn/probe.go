package kafkaconn

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"
)

// CanRead asks for messages of a topic's first partition and says why there will be
// none, nil where there may be. It takes part in no group and commits nothing.
func (k *Client) CanRead(ctx context.Context, topic string) error {
	r, err := k.Requests(adminTimeout).Fetch(ctx, &kafka.FetchRequest{Topic: topic, Offset: kafka.LastOffset, MinBytes: 1, MaxBytes: 1, MaxWait: time.Millisecond})
	if err == nil {
		err = r.Error
	}
	if err != nil && !errors.Is(err, kafka.OffsetOutOfRange) { // which is an answer too
		return fmt.Errorf("kafka: read topic %s: %w", topic, k.Explain(ctx, err))
	}
	return nil
}

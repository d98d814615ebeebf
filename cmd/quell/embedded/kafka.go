//go:build kfake

package embedded

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kfake"
)

// HasKafka says that this program has a Kafka broker inside. The tag kfake puts it
// there: it makes the program 5 MB larger, and only benchmarks use it.
const HasKafka = true

// Kafka is a Kafka broker inside the process.
type Kafka struct {
	c       *kfake.Cluster
	Brokers []string
}

// StartKafka starts a cluster of one broker on a free port, in memory.
func StartKafka() (*Kafka, error) {
	c, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		return nil, fmt.Errorf("broker: %w", err)
	}
	return &Kafka{c, c.ListenAddrs()}, nil
}

// Close ends the broker.
func (k *Kafka) Close() { k.c.Close() }

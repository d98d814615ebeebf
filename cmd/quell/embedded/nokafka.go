//go:build !kfake

package embedded

import "errors"

// HasKafka says that this program has a Kafka broker inside.
const HasKafka = false

// Kafka is a Kafka broker inside the process.
type Kafka struct{ Brokers []string }

// StartKafka says that there is none.
func StartKafka() (*Kafka, error) {
	return nil, errors.New("this program has no Kafka broker inside: name a cluster, or build it with -tags kfake")
}

// Close does nothing.
func (*Kafka) Close() {}

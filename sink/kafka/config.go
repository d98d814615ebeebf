// Package kafka writes records and events to a topic.
//
// Every item becomes one message: the key is "stream/series", hashed as Java's
// clients do (murmur2), so that a series keeps its partition; the value is the
// item's JSON; a header says content-type: application/json.
//
// Write returns once all in-sync replicas have every item. The first arrivals of
// a series are in the order in which its items were written: within a partition
// a batch is sent only after the one before it was acknowledged. A write that
// timed out or was cancelled may still arrive, later than its repetition: the
// guarantee is at least once, and the items' key (stream, series, epoch, ts, rev)
// is what consumers recognise copies by.
//
// The topic must exist; it is never created.
package kafka

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/quell-stream/quell/conn/kafkaconn"
)

// Config describes a Sink. Conn and Topic are needed.
type Config struct {
	Conn  kafkaconn.Config
	Topic string
	// Compression is none (the default), gzip, snappy, lz4 or zstd.
	Compression string
	// MaxMessageBytes bounds one message and one batch of them before
	// compression; it should not exceed the topic's max.message.bytes.
	// Default: 1,000,000, a little below the brokers' own default.
	MaxMessageBytes int
	// Timeout bounds one request to a broker. Default: 10 s.
	Timeout time.Duration
	// InFlight bounds how many batches, each of another partition, are under way
	// at once; requests that were given up count until they are really over.
	// Default: 8.
	InFlight int

	retryWait time.Duration // first wait between attempts; for tests
	lasting   time.Duration // how long a refusal must last; for tests
}

var codecs = []string{"none", "gzip", "snappy", "lz4", "zstd"}

// The estimated size of what is not key and value: of a message, and of a batch.
const (
	messageOverhead = 64
	batchOverhead   = 128
)

// Validate reports everything that is wrong with the configuration.
func (c *Config) Validate() error {
	var errs []error
	if err := c.Conn.Validate(); err != nil {
		errs = append(errs, fmt.Errorf("kafka: %w", err))
	}
	if c.Topic == "" {
		errs = append(errs, errors.New("kafka: topic: a topic is needed"))
	}
	if c.Compression != "" && !slices.Contains(codecs, c.Compression) {
		errs = append(errs, fmt.Errorf("kafka: compression: %q is none of %s", c.Compression, strings.Join(codecs, ", ")))
	}
	if c.MaxMessageBytes < 0 || c.MaxMessageBytes > 0 && c.MaxMessageBytes < 1024 {
		errs = append(errs, fmt.Errorf("kafka: max message bytes: %d is less than 1024", c.MaxMessageBytes))
	}
	if c.Timeout < 0 || c.InFlight < 0 {
		errs = append(errs, errors.New("kafka: timeout and in flight must not be negative"))
	}
	return errors.Join(errs...)
}

func or[T comparable](v *T, fallback T) {
	var zero T
	if *v == zero {
		*v = fallback
	}
}

func (c *Config) setDefaults() {
	or(&c.Compression, "none")
	or(&c.MaxMessageBytes, 1_000_000)
	or(&c.Timeout, 10*time.Second)
	or(&c.InFlight, 8)
	or(&c.retryWait, 50*time.Millisecond)
}

// codec returns the library's number of the compression.
func (c *Config) codec() kafka.Compression {
	return kafka.Compression(slices.Index(codecs, c.Compression))
}

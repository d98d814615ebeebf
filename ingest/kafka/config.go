package kafka

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/quell-stream/quell/conn/kafkaconn"
	"github.com/quell-stream/quell/ingest"
)

// Where a group begins that has no offset yet.
const (
	Earliest = "earliest" // at the first message that still exists
	Latest   = "latest"   // behind the last message at the time the group first joins
)

// Config describes a Source. Conn, Topics, Group and Decoder are needed.
type Config struct {
	Conn kafkaconn.Config
	// Topics to read; all must have the same number of partitions.
	Topics []string
	// Group is the consumer group. Every replica of a stream uses the same one.
	Group string
	// Start says where a group without offsets begins: Earliest (the default) or
	// Latest. Latest is committed at once, so that it means the first start only.
	Start string
	// SessionTimeout is how long the group waits for a silent member before its
	// partitions go to others. Brokers allow 6 s to 30 min unless told otherwise.
	// Default: 10 s.
	SessionTimeout time.Duration
	// MaxBytes bounds what is fetched ahead over all partitions, before
	// decompression. Default: 16 MiB; at least 64 KiB per partition are used.
	MaxBytes int
	// CommitInterval is how often offsets are committed. Default: 1 s.
	CommitInterval time.Duration
	// TopicWait is how long topics may be missing at the start. Default: 15 s.
	TopicWait time.Duration
	// Decoder turns messages into samples. It is called from Next only.
	Decoder ingest.Decoder
	// Logger takes what an operator should know. Default: slog.Default().
	Logger *slog.Logger

	tune tuning // for tests
}

// tuning holds what users have no reason to set.
type tuning struct {
	joinBackoff  time.Duration // between attempts to join the group
	watch        time.Duration // between looks at the number of partitions
	retryMin     time.Duration // first wait after a failed fetch
	retryMax     time.Duration
	refusedFor   time.Duration // how long a refusal must last to be believed
	inflateLimit int           // bytes that one batch may inflate to
	fetchWait    time.Duration // how long the broker waits for data
	answer       time.Duration // how much longer its answer may take
}

// The limits of fetching.
const (
	minFetch = 64 << 10 // of one partition
	maxFetch = 1 << 20
	queue    = 4 // fetched pieces that may wait for Next
)

// Validate reports everything that is wrong with the configuration.
func (c *Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf("kafka: "+format, args...)) }
	if err := c.Conn.Validate(); err != nil {
		bad("%w", err)
	}
	if len(c.Topics) == 0 {
		bad("topics: at least one is needed")
	}
	for i, t := range c.Topics {
		if t == "" {
			bad("topics[%d] is empty", i)
		}
		if slices.Index(c.Topics, t) != i {
			bad("topics: %s is named twice", t)
		}
	}
	if c.Group == "" {
		bad("group: a consumer group is needed")
	}
	if c.Start != "" && c.Start != Earliest && c.Start != Latest {
		bad("start: %q is neither %s nor %s", c.Start, Earliest, Latest)
	}
	if c.SessionTimeout < 0 || c.CommitInterval < 0 || c.TopicWait < 0 || c.MaxBytes < 0 {
		bad("session timeout, commit interval, topic wait and max bytes must not be negative")
	}
	if c.Decoder == nil {
		errs = append(errs, errors.New("kafka: a decoder is needed"))
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
	or(&c.Start, Earliest)
	or(&c.SessionTimeout, 10*time.Second)
	or(&c.MaxBytes, 16<<20)
	or(&c.CommitInterval, time.Second)
	or(&c.TopicWait, 15*time.Second)
	or(&c.Logger, slog.Default())
	or(&c.tune.joinBackoff, time.Second)
	or(&c.tune.watch, 5*time.Second)
	or(&c.tune.retryMin, 100*time.Millisecond)
	or(&c.tune.retryMax, 5*time.Second)
	or(&c.tune.refusedFor, 2*time.Second)
	or(&c.tune.inflateLimit, 64<<20)
	or(&c.tune.fetchWait, 500*time.Millisecond)
	or(&c.tune.answer, 10*time.Second)
}

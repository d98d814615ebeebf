// Package mqtt reads an MQTT broker: QoS 1, persistent session, and a journal on
// disk between the broker and the pipeline.
//
// A broker hands out only so many unacknowledged messages (Mosquitto: 20), while
// a message is finished only windows later. So each message is appended to the
// journal, acknowledged once a group fsync has made it durable, and delivered
// from there: nothing is delivered that is not in the journal, and nothing is
// acknowledged that could be lost. Acks of the pipeline trim the journal. When
// it is full, acknowledgements stop, and the broker keeps the messages.
//
// After a connection or this process was lost the broker sends again what it
// holds to be unacknowledged. A message sent again under the same packet
// identifier with the same topic and payload as the last one journalled under
// that identifier is acknowledged and not journalled twice, if it is
// among the latest 32,768: identifiers come round again. Where a broker takes them up
// again sooner, a message that reads like the one before it under its identifier, and
// whose first copy was lost with the connection, is taken for that one.
//
//	src, err := mqtt.New(mqtt.Config{
//		Conn:       mqttconn.Config{URL: "mqtts://broker:8883", ClientID: "quell-gw1"},
//		Topics:     []string{"sensors/+/telemetry"},
//		Decoder:    decoder,
//		JournalDir: "/var/lib/quell/pumps/journal",
//	})
package mqtt

import (
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"slices"
	"time"

	"github.com/quell-stream/quell/conn/mqttconn"
	"github.com/quell-stream/quell/ingest"
)

// Config says what to read and where to keep it.
type Config struct {
	// Conn is the broker. The client id is required: it names the session in which
	// the broker keeps messages while we are away. No other connection may use it.
	Conn mqttconn.Config
	// Topics are MQTT filters, different from each other.
	Topics []string
	// AtMostOnce subscribes with QoS 0 instead of 1: the broker keeps nothing
	// while we are away.
	AtMostOnce bool
	// Retained delivers retained messages, too. By default they are skipped: they
	// are not news, and come again with every subscription.
	Retained bool
	// Decoder turns messages into samples. It is called by Next only.
	Decoder ingest.Decoder
	// JournalDir is the journal's directory; it is made, and must be this
	// source's own.
	JournalDir string
	// JournalBytes bounds the journal on disk; default 1 GiB. Messages larger
	// than half of it are delivered as malformed.
	JournalBytes int64
	// QueueBytes bounds the payloads in memory that wait for the journal; default
	// 16 MiB. Beyond it QoS 0 messages are dropped and counted, and for QoS 1 no
	// more is read from the broker.
	QueueBytes int64
	// Shard makes this one of several replicas that read the same topics.
	Shard Shard
}

const (
	defaultJournal = 1 << 30
	defaultQueue   = 16 << 20
)

func (c Config) withDefaults() Config {
	if c.JournalBytes == 0 {
		c.JournalBytes = defaultJournal
	}
	if c.QueueBytes == 0 {
		c.QueueBytes = defaultQueue
	}
	return c
}

// Validate reports settings that can't work.
func (c Config) Validate() error {
	if err := c.Conn.Validate(); err != nil {
		return err
	}
	switch {
	case c.Conn.ClientID == "":
		return errors.New("mqtt: client_id is missing: the broker keeps messages under it while quell is away")
	case len(c.Topics) == 0:
		return errors.New("mqtt: topics is empty: name at least one topic or filter")
	case c.Decoder == nil:
		return errors.New("mqtt: no decoder")
	case c.JournalDir == "":
		return errors.New("mqtt: no directory for the journal")
	case c.JournalBytes < 0 || c.JournalBytes > 0 && c.JournalBytes < 1<<20:
		return fmt.Errorf("mqtt: the journal is bounded to %d bytes, want at least 1 MiB", c.JournalBytes)
	case c.QueueBytes < 0:
		return errors.New("mqtt: the queue's bound is negative")
	}
	for i, f := range c.Topics {
		if err := checkFilter(f); err != nil {
			return err
		}
		if slices.Contains(c.Topics[:i], f) {
			return fmt.Errorf("mqtt: topic %q is listed twice", f)
		}
	}
	return c.Shard.Validate()
}

// Shard is one of Count replicas; each series belongs to one of them. The zero
// value owns everything.
type Shard struct {
	Index, Count int
}

// Validate reports a shard that doesn't exist.
func (s Shard) Validate() error {
	if s == (Shard{}) || s.Count >= 1 && s.Index >= 0 && s.Index < s.Count {
		return nil
	}
	return fmt.Errorf("mqtt: shard %d of %d does not exist: index runs from 0 to count-1", s.Index, s.Count)
}

// Owns says whether the series belongs to this shard: its FNV-1a hash (32 bit)
// modulo Count is Index.
func (s Shard) Owns(series string) bool {
	if s.Count <= 1 {
		return true
	}
	h := fnv.New32a()
	h.Write([]byte(series)) // never fails
	return h.Sum32()%uint32(s.Count) == uint32(s.Index)
}

// Option injects what is not configuration.
type Option func(*Source)

// WithLogger sets the logger; by default nothing is logged.
func WithLogger(l *slog.Logger) Option { return func(s *Source) { s.log = l } }

// WithClock sets the clock that stamps arrivals; default time.Now.
func WithClock(now func() time.Time) Option { return func(s *Source) { s.now = now } }

// WithBackoff sets the waiting times between connection attempts, and between
// attempts to write to a disk that refuses.
func WithBackoff(first, longest time.Duration) Option {
	return func(s *Source) { s.firstWait, s.maxWait = first, longest }
}

// Stats are counts since Open.
type Stats struct {
	Received    int64 // messages that the broker delivered, of every fate
	Journalled  int64 // durable in the journal, and acknowledged if QoS 1
	Redelivered int64 // sent again, found in the journal, acknowledged only
	Retained    int64 // retained messages skipped
	Stray       int64 // of no configured topic (an earlier subscription of the session), skipped
	Dropped     int64 // QoS 0 messages dropped because the queue was full
	Cut         int64 // too large for the journal, which holds their beginning
	Foreign     int64 // samples of other shards in messages that also hold samples of this one
	Syncs       int64 // fsyncs
	Connections int64 // times a connection came up
	Bytes       int64 // size of the journal
	Queued      int64 // payload bytes waiting for the journal
	Full        bool  // the journal is full: acknowledgements have stopped
}

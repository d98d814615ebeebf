package kafka

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/quell-stream/quell/conn/kafkaconn"
	"github.com/quell-stream/quell/ingest/kafka/wire"
)

// CompactedConfig describes a Compacted. Conn and Topic are needed.
type CompactedConfig struct {
	Conn  kafkaconn.Config
	Topic string
	// Sources are the topics that it has a partition for each partition of. Without
	// any it has one.
	Sources []string
	// Timeout bounds one append, and one look at the topic. Default: 10 s.
	Timeout time.Duration
	// Logger takes what an operator should know. Default: slog.Default().
	Logger *slog.Logger
}

// Entry is a record of a compacted topic.
type Entry struct {
	Offset int64 // set by Read
	Key    []byte
	Value  []byte // nil: a tombstone
}

// Compacted appends to and reads a compacted topic, partition by partition. Its
// methods are safe for concurrent use.
type Compacted struct {
	cfg    CompactedConfig
	client *kafkaconn.Client
	layout layout
	tune   tuning

	mu     sync.Mutex
	sound  bool // the topic's settings were found to be right
	limit  int
	appear sync.Mutex // held to create the topic or partitions of it
}

// ErrUnusable says that a compacted topic can't be used until somebody does what the
// error says.
var ErrUnusable = errors.New("the topic can't be used")

// What one append may take, whatever the topic allows, and what the topic's own limit
// leaves for the batch around the records.
const (
	largestAppend  = 900_000
	appendOverhead = 512
)

// NewCompacted returns a Compacted. It connects to nothing.
func NewCompacted(c CompactedConfig) (*Compacted, error) {
	if c.Topic == "" {
		return nil, errors.New("kafka: a compacted topic has a name")
	}
	or(&c.Timeout, 10*time.Second)
	or(&c.Logger, slog.Default())
	client, err := kafkaconn.New(c.Conn, append([]string{c.Topic}, c.Sources...)...)
	if err != nil {
		return nil, err
	}
	t := &Compacted{cfg: c, client: client, limit: largestAppend}
	t.layout = layout{client: client, topics: []string{c.Topic}}
	t.tune = tuning{fetchWait: 100 * time.Millisecond, answer: c.Timeout, inflateLimit: 64 << 20}
	return t, nil
}

// Name returns the name of the topic.
func (t *Compacted) Name() string { return t.cfg.Topic }

// Limit returns how many bytes the keys and values of an append may have in all.
func (t *Compacted) Limit() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.limit
}

// Close ends all connections; what is under way fails.
func (t *Compacted) Close() { t.client.Close() }

// Append adds entries to a partition in one batch and returns the offset of the first
// once all in-sync replicas have them. Where a broker refused the batch for a reason
// that passes, as while a leader is elected, it is tried again; after an error it may
// be there, or yet arrive. An error that wraps ErrUnusable or ingest.ErrRejected is
// no use to try again.
func (t *Compacted) Append(ctx context.Context, partition int32, entries []Entry) (base int64, err error) {
	for wait := 50 * time.Millisecond; ; wait *= 2 {
		base, err = t.produce(ctx, partition, entries)
		if err == nil || !refusedForNow(err) || wait > 2*time.Second {
			break
		}
		t.client.Refresh()
		if !sleep(ctx, wait) {
			break
		}
	}
	if err == nil {
		return base, nil
	}
	err = fmt.Errorf("kafka: write to %s/%d: %w", t.cfg.Topic, partition, t.client.Explain(ctx, err))
	switch {
	case errors.Is(err, kafka.MessageSizeTooLarge) || errors.Is(err, kafka.RecordListTooLarge):
		err = fmt.Errorf("%w: raise its max.message.bytes to 1000000 or more: %w", ErrUnusable, err)
	case kafkaconn.Rejected(err) && errors.Is(err, kafka.TopicAuthorizationFailed):
		err = rejected(err)
	}
	return 0, err
}

// refusedForNow says that a batch is certainly not in the log, and may well be taken
// in a moment.
func refusedForNow(err error) bool {
	for _, code := range [...]kafka.Error{kafka.NotLeaderForPartition, kafka.LeaderNotAvailable, kafka.UnknownTopicOrPartition, kafka.NotEnoughReplicas} {
		if errors.Is(err, code) {
			return true
		}
	}
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

func (t *Compacted) produce(ctx context.Context, partition int32, entries []Entry) (int64, error) {
	recs := make([]kafka.Record, len(entries))
	for i, e := range entries {
		recs[i].Key = kafka.NewBytes(e.Key)
		if e.Value != nil {
			recs[i].Value = kafka.NewBytes(e.Value)
		}
	}
	r, err := t.client.Requests(t.cfg.Timeout).Produce(ctx, &kafka.ProduceRequest{
		Topic: t.cfg.Topic, Partition: int(partition), RequiredAcks: kafka.RequireAll, Records: kafka.NewRecordReader(recs...)})
	if err != nil {
		return 0, err
	}
	return r.BaseOffset, r.Error
}

// Read calls each with the entries of a partition from one offset up to another, to <0:
// up to the end of what all in-sync replicas have as of now, and returns the offset
// behind them. An Entry is valid during the call. An error of each ends it and is
// returned as it is.
func (t *Compacted) Read(ctx context.Context, partition int32, from, to int64, each func(Entry) error) (int64, error) {
	p := &part{topic: t.cfg.Topic, number: int(partition), name: t.cfg.Topic + "/" + strconv.Itoa(int(partition))}
	c, err := t.layout.dialLeader(ctx, p, time.Time{}, &t.tune)
	if err != nil {
		t.forget()
		return from, t.readError(ctx, p, err)
	}
	defer c.close()
	defer context.AfterFunc(ctx, c.close)()
	if to < 0 {
		if _, to, err = c.bounds(); err != nil {
			t.forget()
			return from, t.readError(ctx, p, err)
		}
	}
	dec := wire.Decoder{Limit: t.tune.inflateLimit}
	defer dec.Close()
	for from < to {
		next, err := t.fetch(c, p, &dec, from, to, each)
		if err != nil {
			if errors.Is(err, errOfEach) {
				return from, errors.Unwrap(err)
			}
			t.forget()
			return from, t.readError(ctx, p, err)
		}
		from = next
	}
	return from, nil
}

func (t *Compacted) readError(ctx context.Context, p *part, err error) error {
	err = fmt.Errorf("kafka: read %s: %w", p.name, t.client.Explain(ctx, err))
	if errors.Is(err, kafka.TopicAuthorizationFailed) {
		return rejected(err)
	}
	return err
}

// forget has the next reader ask who leads the partitions.
func (t *Compacted) forget() {
	t.layout.mu.Lock()
	defer t.layout.mu.Unlock()
	t.layout.leaders = nil
}

// errOfEach wraps what the caller's function returned.
var errOfEach = errors.New("")

type callerError struct{ error }

func (e callerError) Unwrap() error     { return e.error }
func (e callerError) Is(err error) bool { return err == errOfEach }

// fetch hands on the entries of one response and returns the offset behind them.
func (t *Compacted) fetch(c *leaderConn, p *part, dec *wire.Decoder, from, to int64, each func(Entry) error) (int64, error) {
	res, err := c.fetch(p, from, maxFetch)
	if err != nil {
		return from, err
	}
	if code := kafka.Error(res.Code); code == kafka.OffsetOutOfRange {
		first, last, err := c.bounds()
		if err == nil && first <= from {
			err = fmt.Errorf("it ends at offset %d, before %d: %w", last, from, io.ErrUnexpectedEOF)
		}
		return first, err // what was before it is gone, as after a deletion of records
	} else if code != 0 {
		return from, code
	}
	recs, next, err := dec.Decode(nil, &res, from)
	if err != nil && next == from {
		return from, err // what comes before it is handed on first
	}
	for i := range recs {
		r := &recs[i]
		if r.Offset >= to {
			return to, nil
		}
		if err := each(Entry{Offset: r.Offset, Key: r.Key, Value: r.Value}); err != nil {
			return from, callerError{err}
		}
	}
	return min(next, to), nil
}

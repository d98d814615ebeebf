package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/quell-stream/quell/conn/kafkaconn"
	"github.com/quell-stream/quell/sink"
)

// Sink writes items to one topic.
type Sink struct {
	cfg        Config
	client     *kafkaconn.Client
	requests   *kafka.Client
	balancer   kafka.Murmur2Balancer
	partitions []int // 0, 1, …: what the balancer chooses from
	key        []byte
	batches    sync.Pool // of record batches
	refused    kafkaconn.Refusals
	slots      chan struct{}  // one per batch under way
	jobs       sync.WaitGroup // writers of partitions

	mu     sync.Mutex
	closed bool
	up     bool
	err    error // why the last Write failed
}

var (
	_ sink.Sink = (*Sink)(nil)

	errClosed = errors.New("kafka: the sink is closed")
	errNotYet = errors.New("kafka: nothing written yet")
)

// New returns a sink that is not open yet.
func New(c Config) (*Sink, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	c.setDefaults()
	client, err := kafkaconn.New(c.Conn, c.Topic)
	if err != nil {
		return nil, err
	}
	return &Sink{
		cfg: c, client: client, requests: client.Requests(c.Timeout),
		refused: kafkaconn.Refusals{Lasting: c.lasting},
		slots:   make(chan struct{}, c.InFlight), err: errNotYet,
		batches: sync.Pool{New: func() any { return new(recordBatch) }},
	}, nil
}

// Open prepares the sink; it does not wait for a broker.
func (s *Sink) Open(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errClosed
	}
	return nil
}

// TooLargeError says that an item can never be written. It wraps
// sink.ErrPermanent.
type TooLargeError struct {
	Index int    // of the item among those given to Write
	Key   string // the item's idempotency key
	Bytes int    // the size of its message
	Limit int    // Config.MaxMessageBytes; 0: the limit is the topic's
}

// Error implements error.
func (e *TooLargeError) Error() string {
	if e.Limit == 0 {
		return fmt.Sprintf("kafka: item %s makes a message of %d bytes, more than the topic takes: raise its max.message.bytes", e.Key, e.Bytes)
	}
	return fmt.Sprintf("kafka: item %s makes a message of %d bytes, the limit is %d: raise max_message_bytes and the topic's max.message.bytes", e.Key, e.Bytes, e.Limit)
}

// Unwrap returns sink.ErrPermanent.
func (e *TooLargeError) Unwrap() error { return sink.ErrPermanent }

// Write writes the items and returns once all in-sync replicas have them. An
// item above MaxMessageBytes is a TooLargeError before anything is sent. Refusals
// (credentials, no right) wrap sink.ErrPermanent once they have repeated. A topic
// that does not exist is an error that may pass.
func (s *Sink) Write(ctx context.Context, items []sink.Item) error {
	s.mu.Lock()
	closed := s.closed
	s.mu.Unlock()
	if closed {
		return errClosed
	}
	err := s.write(ctx, items)
	if err == nil {
		s.refused.None()
	} else if s.refused.Believe(err) {
		err = fmt.Errorf("%w: %w", sink.ErrAll, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.up, s.err = err == nil, err
	return err
}

func (s *Sink) write(ctx context.Context, items []sink.Item) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("kafka: write to %s: %w", s.cfg.Topic, err)
	}
	if err := s.checkSizes(items); err != nil {
		return err
	}
	if err := s.learnPartitions(ctx); err != nil {
		return err
	}
	parts := 0
	results := make(chan error, len(s.partitions))
	for partition, batches := range s.split(items) {
		if len(batches) > 0 {
			parts++
			s.jobs.Go(func() { results <- s.writePartition(ctx, partition, batches) })
		}
	}
	var errs []error
	for range parts {
		select {
		case err := <-results:
			if large := (*TooLargeError)(nil); errors.As(err, &large) {
				large.Key = items[large.Index].Key()
			}
			if err != nil {
				errs = append(errs, err)
			}
		case <-ctx.Done():
			// The batches under way are not waited for: they own their memory.
			return fmt.Errorf("kafka: write to %s: %w", s.cfg.Topic, ctx.Err())
		}
	}
	return errors.Join(errs...)
}

func (s *Sink) checkSizes(items []sink.Item) error {
	for i := range items {
		it := &items[i]
		stream, series := it.Series()
		if n := messageBytes(len(stream)+1+len(series), len(it.JSON)) + batchOverhead; n > s.cfg.MaxMessageBytes {
			return &TooLargeError{Index: i, Key: it.Key(), Bytes: n, Limit: s.cfg.MaxMessageBytes}
		}
	}
	return nil
}

// learnPartitions finds how many partitions the topic has now. A topic that is
// not there is asked for again before that is believed.
func (s *Sink) learnPartitions(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	n, err := s.client.KnownPartitions(ctx, s.cfg.Topic)
	if err != nil || n[s.cfg.Topic] == 0 {
		if n, err = s.client.Partitions(ctx, s.cfg.Topic); err != nil {
			return err
		}
	}
	count := n[s.cfg.Topic]
	if count == 0 {
		return fmt.Errorf("kafka: topic %s does not exist: create it or correct the sink's topic: %w", s.cfg.Topic, kafka.UnknownTopicOrPartition)
	}
	for len(s.partitions) < count {
		s.partitions = append(s.partitions, len(s.partitions))
	}
	s.partitions = s.partitions[:count]
	return nil
}

// split copies the items into the batches of each partition. The copy outlives Write
// where a request does.
func (s *Sink) split(items []sink.Item) [][]*recordBatch {
	work := make([][]*recordBatch, len(s.partitions))
	room := make([]int, len(s.partitions)) // left in the last batch of each
	now := time.Now().UnixMilli()
	for i := range items {
		it := &items[i]
		s.key = appendKey(s.key[:0], it)
		p := s.balancer.Balance(kafka.Message{Key: s.key}, s.partitions...)
		n := messageBytes(len(s.key), len(it.JSON))
		if len(work[p]) == 0 || n > room[p] {
			b := s.batches.Get().(*recordBatch)
			b.begin(now)
			work[p], room[p] = append(work[p], b), s.cfg.MaxMessageBytes-batchOverhead
		}
		room[p] -= n
		work[p][len(work[p])-1].add(i, s.key, it.JSON)
	}
	return work
}

// Status returns whether the last Write succeeded, and if not, why.
func (s *Sink) Status() (up bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.up, s.err
}

// Close waits for what is under way, until ctx ends, and closes all connections.
func (s *Sink) Close(ctx context.Context) error {
	s.mu.Lock()
	again := s.closed
	s.closed = true
	s.up, s.err = false, errClosed
	s.mu.Unlock()
	if again {
		return nil
	}
	done := make(chan struct{})
	go func() { defer close(done); s.jobs.Wait() }()
	var err error
	select {
	case <-done:
	case <-ctx.Done():
		err = fmt.Errorf("kafka: close topic %s: %w", s.cfg.Topic, ctx.Err())
	}
	s.client.Close()
	<-done
	return err
}

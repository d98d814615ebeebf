package mqtt

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/quell-stream/quell/conn"
	"github.com/quell-stream/quell/conn/mqttconn"
	"github.com/quell-stream/quell/sink"
)

const (
	maxTopic   = 65535
	maxPayload = 268_435_455 - maxTopic - 4 // what the length field of a packet can say
)

// Sink is a sink.Sink that publishes to an MQTT broker. It reconnects by
// itself; while it is not connected Write fails.
type Sink struct {
	cfg   Config
	topic template
	log   *slog.Logger

	firstWait, maxWait time.Duration

	keeper *mqttconn.Keeper
	cancel context.CancelFunc
	wg     sync.WaitGroup // the keeper and the publishers

	mu      sync.Mutex
	link    *link         // nil while not connected
	down    error         // why the last attempt failed, nil while none has
	changed chan struct{} // closed and replaced when link or down changes
	opened  bool
	closed  bool

	published, failures atomic.Int64
}

// Stats are counts since Open.
type Stats struct {
	Published int64 // items acknowledged by the broker
	Failures  int64 // Writes that failed
}

// New returns a sink that has not been opened.
func New(cfg Config, opts ...Option) (*Sink, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	t, err := parseTemplate(cfg.Topic)
	if err != nil {
		return nil, err
	}
	s := &Sink{cfg: cfg.withDefaults(), topic: t, log: slog.New(slog.DiscardHandler), changed: make(chan struct{})}
	for _, o := range opts {
		o(s)
	}
	s.keeper, err = mqttconn.NewKeeper(s.cfg.Conn, mqttconn.Session{Clean: true}, mqttconn.KeeperOptions{
		Log: s.log, FirstWait: s.firstWait, MaxWait: s.maxWait,
		OnFailure: func(err error) { s.set(nil, err) },
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Open starts connecting.
func (s *Sink) Open(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.opened || s.closed {
		return errors.New("mqtt: the sink was opened before")
	}
	s.opened = true
	var ctx context.Context
	ctx, s.cancel = context.WithCancel(context.Background())
	s.wg.Go(func() {
		if err := s.keeper.Run(ctx, s.serve); err != nil {
			s.log.Error("mqtt: giving up", "err", err)
		}
	})
	return nil
}

// set notes a change of the connection and wakes who waits for one.
func (s *Sink) set(l *link, down error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.link, s.down = l, down
	close(s.changed)
	s.changed = make(chan struct{})
}

// serve offers a connection to Write until it is lost.
func (s *Sink) serve(ctx context.Context, c *mqttconn.Client) error {
	l := &link{c: c, jobs: make(chan job)}
	s.wg.Go(l.publish)
	s.set(l, nil)
	defer s.set(nil, nil)
	select {
	case <-ctx.Done():
	case <-c.Lost():
	}
	return nil
}

// Write publishes the items in order and returns nil once the broker has
// acknowledged all of them. When the connection is lost, the broker does not
// answer, or ctx ends, it gives the connection up and returns an error; the
// broker may have taken any of the items.
func (s *Sink) Write(ctx context.Context, items []sink.Item) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("mqtt: write to %s: %w", s.cfg.Conn.Broker(), err)
	}
	j, err := s.prepare(items)
	if err != nil {
		return err
	}
	l, err := s.connected(ctx)
	if err != nil {
		s.failures.Add(1)
		return err
	}
	if len(items) == 0 {
		return nil
	}
	if err := s.send(ctx, l, j); err != nil {
		s.failures.Add(1)
		// What is still under way must not be taken for part of a later attempt.
		l.c.Abort()
		return fmt.Errorf("mqtt: write to %s: %w", s.cfg.Conn.Broker(), err)
	}
	s.published.Add(int64(len(items)))
	return nil
}

// prepare makes messages of the items. It copies them: paho may still hold
// them when Write has long given up.
func (s *Sink) prepare(items []sink.Item) (job, error) {
	size := 0
	for i := range items {
		size += len(items[i].JSON)
	}
	j := job{messages: make([]message, len(items)), retain: s.cfg.Retain, tokens: make(chan paho.Token, max(0, s.cfg.InFlight-2))}
	if !s.cfg.AtMostOnce {
		j.qos = 1
	}
	payloads := make([]byte, 0, size)
	var topic []byte
	for i := range items {
		stream, series := items[i].Series()
		topic = s.topic.append(topic[:0], stream, series)
		switch {
		case len(topic) == 0:
			return job{}, fmt.Errorf("%w: mqtt: the topic of an item of stream %q, series %q comes out empty", sink.ErrPermanent, stream, series)
		case len(topic) > maxTopic:
			return job{}, fmt.Errorf("%w: mqtt: the topic of an item of stream %q has %d bytes, at most %d are possible", sink.ErrPermanent, stream, len(topic), maxTopic)
		case len(items[i].JSON) > maxPayload:
			return job{}, fmt.Errorf("%w: mqtt: an item of series %q has %d bytes, at most %d are possible", sink.ErrPermanent, series, len(items[i].JSON), maxPayload)
		}
		start := len(payloads)
		payloads = append(payloads, items[i].JSON...)
		j.messages[i] = message{string(topic), payloads[start:len(payloads):len(payloads)]}
	}
	return j, nil
}

// connected returns the connection. It waits for one as long as none has been
// tried since the last was lost; where an attempt has failed it says so at once.
func (s *Sink) connected(ctx context.Context) (*link, error) {
	for {
		s.mu.Lock()
		l, down, changed := s.link, s.down, s.changed
		usable := s.opened && !s.closed
		s.mu.Unlock()
		switch {
		case !usable:
			return nil, errors.New("mqtt: the sink is not open")
		case l != nil && !l.lost():
			return l, nil
		case mqttconn.Rejected(down):
			return nil, conn.As(sink.ErrAll, down)
		case down != nil:
			return nil, down
		}
		// A lost link is taken away by serve, which is a change, too.
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, fmt.Errorf("mqtt: connect to %s: %w", s.cfg.Conn.Broker(), ctx.Err())
		}
	}
}

// send hands the job to the publisher and waits for every acknowledgement. It
// trusts no token to be completed: after a loss paho may forget it.
func (s *Sink) send(ctx context.Context, l *link, j job) error {
	select {
	case l.jobs <- j:
	case <-l.c.Lost():
		return l.c.LostReason()
	case <-ctx.Done():
		return ctx.Err()
	}
	stall := time.NewTimer(s.cfg.AckTimeout)
	defer stall.Stop()
	for range j.messages {
		var token paho.Token
		select {
		case token = <-j.tokens:
		default:
			stall.Reset(s.cfg.AckTimeout)
			select {
			case token = <-j.tokens:
			case <-l.c.Lost():
				return l.c.LostReason()
			case <-ctx.Done():
				return ctx.Err()
			case <-stall.C:
				return fmt.Errorf("the broker takes no more, for %s now", s.cfg.AckTimeout)
			}
		}
		select {
		case <-token.Done():
		default:
			stall.Reset(s.cfg.AckTimeout)
			select {
			case <-token.Done():
			case <-l.c.Lost():
				return l.c.LostReason()
			case <-ctx.Done():
				return ctx.Err()
			case <-stall.C:
				return fmt.Errorf("the broker has acknowledged nothing for %s", s.cfg.AckTimeout)
			}
		}
		if err := token.Error(); err != nil {
			return err
		}
	}
	return nil
}

// Status says whether the sink is connected, and if not, the last error.
func (s *Sink) Status() (up bool, err error) { return s.keeper.Status() }

// Stats returns the counts so far; it is safe for concurrent use.
func (s *Sink) Stats() Stats {
	return Stats{Published: s.published.Load(), Failures: s.failures.Load()}
}

// Close says good-bye to the broker and waits for everything the sink has
// started, until ctx ends.
func (s *Sink) Close(ctx context.Context) error {
	s.mu.Lock()
	if s.closed || !s.opened {
		s.closed = true
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.mu.Unlock()
	s.cancel()
	s.set(nil, nil) // a Write that waits for a connection must see it
	done := make(chan struct{})
	go func() {
		s.wg.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("mqtt: close the connection to %s: %w", s.cfg.Conn.Broker(), ctx.Err())
	}
}

package kafka

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"

	"github.com/quell-stream/quell/conn/kafkaconn"
	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/ingest/kafka/wire"
)

// Source reads topics as a member of a consumer group. Next is called from one
// goroutine; Finished, Status, Lag and Stats from any.
type Source struct {
	cfg    Config
	client *kafkaconn.Client
	layout layout
	health health
	stats  counters

	pieces  chan *piece // from the fetchers of the live generation, in order
	live    atomic.Pointer[generation]
	serial  int64 // of the last generation; used by the group's goroutine only
	recycle sync.Pool

	stop    context.CancelFunc // nil until Open
	done    chan struct{}      // the group's goroutine has ended
	closed  chan struct{}
	closing sync.Once
	failed  chan struct{} // closed once fatal is set
	failing sync.Once
	fatal   error

	// Of Next only.
	current *piece
	samples []ingest.Sample
	message ingest.Message // that is being decoded
}

var (
	_ ingest.Source         = (*Source)(nil)
	_ ingest.Acker          = (*Source)(nil)
	_ ingest.StatusReporter = (*Source)(nil)
	_ ingest.Rejoiner       = (*Source)(nil)
)

// errClosed is what Next says after Close.
var errClosed = errors.New("kafka: the source is closed")

// piece is what one fetch of one partition brought, or (assignment not nil) the
// beginning of a generation.
type piece struct {
	gen        *generation
	assignment *ingest.Assignment
	part       *part
	recs       []wire.Record
	taken      int   // how many of recs were delivered
	end        int64 // the offset behind everything that the fetch covered
	bad        error // instead of recs: one malformed message at end-1
}

// New returns a source that is not open yet.
func New(c Config) (*Source, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	c.setDefaults()
	client, err := kafkaconn.New(c.Conn, c.Topics...)
	if err != nil {
		return nil, err
	}
	s := &Source{
		cfg:    c,
		client: client,
		pieces: make(chan *piece, queue),
		done:   make(chan struct{}),
		closed: make(chan struct{}),
		failed: make(chan struct{}),
	}
	s.layout = layout{client: client, topics: c.Topics}
	s.health = health{log: c.Logger, name: c.Group, err: errNotYet, parts: make(map[*part]error)}
	return s, nil
}

// Open starts the source; it does not wait for a broker. What makes the source
// useless (rejected credentials, a topic that stays missing, topics of different
// partition counts) is said by Next.
func (s *Source) Open(ctx context.Context) error {
	select {
	case <-s.closed:
		return errClosed
	default:
	}
	// The source outlives the context of Open.
	ctx, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	go s.run(ctx)
	return nil
}

// Next returns the next message or assignment. It waits through outages; its
// own errors are final: ingest.ErrRejected, a missing topic, topics that are not
// co-partitioned, a message format older than Kafka 0.11, a closed source.
func (s *Source) Next(ctx context.Context) (ingest.Delivery, error) {
	for {
		if p := s.current; p != nil {
			if !p.gen.ended() {
				if d, ok := s.take(p); ok {
					return d, nil
				}
				p.part.position.Store(p.end)
			}
			s.release(p)
			s.current = nil
		}
		p, err := s.receive(ctx)
		if err != nil {
			return ingest.Delivery{}, err
		}
		switch {
		case p.gen.ended():
			s.release(p)
		case p.assignment != nil:
			s.live.Store(p.gen)
			return ingest.Delivery{Assignment: p.assignment}, nil
		default:
			s.current = p
		}
	}
}

// receive returns the next piece. One that is ready comes first, so that an
// expired context polls.
func (s *Source) receive(ctx context.Context) (*piece, error) {
	select {
	case <-s.closed:
		return nil, errClosed
	default:
	}
	select {
	case p := <-s.pieces:
		return p, nil
	default:
	}
	select {
	case p := <-s.pieces:
		return p, nil
	case <-s.closed:
		return nil, errClosed
	case <-s.failed:
		return nil, s.fatal
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// mostTime is the last time, in Unix milliseconds, that nanoseconds hold. A producer that
// gives microseconds comes to later ones.
const mostTime int64 = math.MaxInt64 / 1_000_000

// take delivers the next message of a piece, false at its end.
func (s *Source) take(p *piece) (ingest.Delivery, bool) {
	d := ingest.Delivery{Message: ingest.Message{Topic: p.part.topic}}
	switch {
	case p.bad != nil:
		d.Err, p.bad = p.bad, nil
		d.Position = ingest.Position{Part: p.part.index, Offset: p.end - 1}
	case p.taken == len(p.recs):
		return d, false
	default:
		r := &p.recs[p.taken]
		p.taken++
		d.Key, d.Payload = r.Key, r.Value
		d.Position = ingest.Position{Part: p.part.index, Offset: r.Offset}
		if r.Time >= 0 && r.Time <= mostTime { // others are no time in milliseconds
			d.Stored, d.Broker = r.Time*1e6, true
		}
		if r.Value != nil { // a tombstone has nothing to decode
			s.message = d.Message // else each delivery would be made on the heap
			s.samples, d.Err = s.cfg.Decoder.Decode(s.samples[:0], &s.message)
			if d.Err == nil {
				d.Samples = s.samples
			} else {
				for _, h := range r.Headers() {
					d.Headers = append(d.Headers, ingest.Header(h))
				}
			}
		}
	}
	p.part.track(d.Offset)
	d.Ack = ingest.Ack{To: s, Generation: p.gen.serial, Position: d.Position}
	return d, true
}

// release gives the memory of a piece back. The messages themselves live on as
// long as somebody holds them.
func (s *Source) release(p *piece) {
	if p.recs != nil {
		clear(p.recs)
		recs := p.recs[:0]
		s.recycle.Put(&recs)
	}
}

// records returns an empty list of records to fill.
func (s *Source) records() []wire.Record {
	if r, ok := s.recycle.Get().(*[]wire.Record); ok {
		return *r
	}
	return nil
}

// Finished takes back a finished message. It implements ingest.Acker.
func (s *Source) Finished(serial int64, pos ingest.Position) {
	g := s.live.Load()
	if g == nil || g.serial != serial || pos.Part < 0 || pos.Part >= len(g.parts) {
		return
	}
	g.parts[pos.Part].finish(pos.Offset)
}

// fail ends the source for good.
func (s *Source) fail(err error) {
	s.failing.Do(func() {
		s.fatal = err
		s.health.group(err)
		close(s.failed)
	})
}

// Close commits what is finished, leaves the group and ends everything. When
// ctx ends first, all connections are cut; the group then notices after the
// session timeout, and what was not committed is delivered again.
func (s *Source) Close(ctx context.Context) error {
	var err error
	s.closing.Do(func() {
		close(s.closed)
		if s.stop != nil {
			s.stop()
			select {
			case <-s.done:
			case <-ctx.Done():
				err = fmt.Errorf("kafka: leave group %s: %w", s.cfg.Group, ctx.Err())
				s.client.Close()
				<-s.done
			}
		}
		s.client.Close()
		s.health.group(errClosed)
	})
	return err
}

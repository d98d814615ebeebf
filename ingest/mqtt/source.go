package mqtt

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/quell-stream/quell/conn"
	"github.com/quell-stream/quell/conn/mqttconn"
	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/ingest/ackset"
	"github.com/quell-stream/quell/internal/seglog"
)

// PartitionName is the name of the source's only partition. Its offsets are
// the journal's indices.
const PartitionName = "journal"

// journalRoom is how far the journal's file is ahead of its messages: every few seconds a
// sync takes as long as one on a file that grows.
const journalRoom = 1 << 20

// generation is that of the only assignment a source ever gives.
const generation = 1

// Source is an ingest.Source that reads an MQTT broker through a journal. It
// connects once its assignment was answered.
type Source struct {
	cfg     Config
	log     *slog.Logger
	now     func() time.Time
	filters []string // cfg.Topics without $share

	firstWait, maxWait time.Duration

	keeper  *mqttconn.Keeper
	store   *seglog.Log
	in      *intake
	journal *journal

	// Next's own, under nextMu so that Close can take the reader away.
	nextMu   sync.Mutex
	reader   *seglog.Reader
	assigned bool
	samples  []ingest.Sample
	foreign  atomic.Int64

	resumeOnce sync.Once
	resumed    chan struct{} // closed by Resume
	more       chan struct{} // the journal has grown

	ackMu      sync.Mutex
	acks       *ackset.Set // nil before Resume and after Close
	trimFailed bool

	failMu sync.Mutex
	fail   error
	failed chan struct{} // closed when fail is set

	subMu      sync.Mutex
	subscribed bool  // over the current connection
	subRefused error // the filters that the broker refuses, nil if none

	closeMu  sync.Mutex // guards opened and isClosed
	opened   bool
	isClosed bool
	closing  chan struct{} // the handler takes no more
	drain    chan struct{} // the journal finishes what is queued
	stopNet  context.CancelFunc
	stopLog  context.CancelFunc
	netDone  chan struct{}
	logDone  chan struct{}

	// serve's own: whether this process has subscribed before, and whether the
	// journal must be told of a new session.
	before, news bool

	received, retained, stray, dropped, connections atomic.Int64
}

// New returns a source that has not been opened.
func New(cfg Config, opts ...Option) (*Source, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &Source{
		cfg:     cfg.withDefaults(),
		log:     slog.New(slog.DiscardHandler),
		now:     time.Now,
		resumed: make(chan struct{}),
		more:    make(chan struct{}, 1),
		failed:  make(chan struct{}),
		closing: make(chan struct{}),
		drain:   make(chan struct{}),
	}
	for _, o := range opts {
		o(s)
	}
	for _, f := range cfg.Topics {
		plain, err := unshare(f)
		if err != nil {
			return nil, err
		}
		s.filters = append(s.filters, plain)
	}
	k, err := mqttconn.NewKeeper(s.cfg.Conn, mqttconn.Session{OnMessage: s.arrive},
		mqttconn.KeeperOptions{Log: s.log, FirstWait: s.firstWait, MaxWait: s.maxWait})
	if err != nil {
		return nil, err
	}
	s.keeper = k
	return s, nil
}

// Open opens the journal and repairs it if need be.
func (s *Source) Open(context.Context) error {
	s.closeMu.Lock()
	defer s.closeMu.Unlock()
	if s.opened || s.isClosed {
		return errors.New("mqtt: the source was opened before")
	}
	store, err := seglog.Open(s.cfg.JournalDir, seglog.Options{MaxBytes: s.cfg.JournalBytes, RoomBytes: journalRoom, Log: s.log})
	if err != nil {
		return fmt.Errorf("mqtt: journal: %w", err)
	}
	s.store = store
	s.in = newIntake(s.cfg.QueueBytes)
	wait := &backoff.ExponentialBackOff{InitialInterval: s.firstWait, MaxInterval: s.maxWait, Multiplier: 2, RandomizationFactor: 0.3}
	if wait.InitialInterval <= 0 {
		wait.InitialInterval = 250 * time.Millisecond
	}
	if wait.MaxInterval <= 0 {
		wait.MaxInterval = 5 * time.Second
	}
	j := &journal{
		log: store, in: s.in, slog: s.log, wait: wait,
		committed: func() { signal(s.more) },
		seed:      maphash.MakeSeed(),
		room:      make(chan struct{}, 1),
		stop:      s.drain,
	}
	s.subMu.Lock() // Status may be asked already
	s.journal = j
	s.subMu.Unlock()
	if err := s.journal.remember(store); err != nil {
		return errors.Join(fmt.Errorf("mqtt: journal: %w", err), store.Close())
	}
	s.opened = true
	return nil
}

// resume is the Resume of the assignment: it says where to read on, and starts
// everything.
func (s *Source) resume(first []int64) {
	s.resumeOnce.Do(func() {
		s.closeMu.Lock()
		defer s.closeMu.Unlock()
		if s.isClosed {
			return
		}
		from := s.store.First()
		if len(first) > 0 && first[0] >= 0 {
			from = first[0]
		}
		if have := s.store.First(); from < have {
			s.log.Error("mqtt: the journal begins later than the checkpoint asks for; what lies between is not there any more",
				"wanted", from, "first", have)
		}
		if next := s.store.Next(); from > next {
			// The records were there when the checkpoint was written. New messages
			// must not get their offsets: they would be taken for seen.
			s.log.Error("mqtt: the journal ends before the checkpoint; new messages go on behind it", "wanted", from, "next", next)
			if err := s.store.SkipTo(from); err != nil {
				s.giveUp(fmt.Errorf("mqtt: journal: %w", err))
				return
			}
		}
		s.reader = s.store.Reader(from)
		s.ackMu.Lock()
		s.acks = ackset.New(from)
		s.ackMu.Unlock()
		s.start()
		close(s.resumed)
	})
}

// start runs the two goroutines of a source: the connection and the journal.
func (s *Source) start() {
	var netCtx, logCtx context.Context
	netCtx, s.stopNet = context.WithCancel(context.Background())
	logCtx, s.stopLog = context.WithCancel(context.Background())
	s.netDone, s.logDone = make(chan struct{}), make(chan struct{})
	go func() {
		defer close(s.logDone)
		s.journal.run(logCtx)
	}()
	go func() {
		defer close(s.netDone)
		if err := s.keeper.Run(netCtx, s.serve); err != nil {
			s.giveUp(conn.As(ingest.ErrRejected, err))
		}
	}()
}

// giveUp makes Next return err.
func (s *Source) giveUp(err error) {
	s.failMu.Lock()
	defer s.failMu.Unlock()
	if s.fail == nil {
		s.fail = err
		close(s.failed)
	}
}

func (s *Source) failure() error {
	s.failMu.Lock()
	defer s.failMu.Unlock()
	return s.fail
}

// errClosed is what Next says after Close.
var errClosed = errors.New("mqtt: the source is closed")

// Next returns the assignment first, and then message after message of the
// journal. It returns an error that wraps ingest.ErrRejected once the broker
// has rejected us.
func (s *Source) Next(ctx context.Context) (ingest.Delivery, error) {
	s.nextMu.Lock()
	defer s.nextMu.Unlock()
	select {
	case <-s.closing:
		return ingest.Delivery{}, errClosed
	case <-s.failed:
		return ingest.Delivery{}, s.failure()
	default:
	}
	if !s.assigned {
		if s.store == nil {
			return ingest.Delivery{}, errors.New("mqtt: Next before Open")
		}
		s.assigned = true
		return ingest.Delivery{Assignment: &ingest.Assignment{
			Parts:  []ingest.Partition{{Name: PartitionName, Committed: s.store.First()}},
			Resume: s.resume,
		}}, nil
	}
	if err := s.await(ctx, s.resumed); err != nil {
		return ingest.Delivery{}, err
	}
	for {
		rec, err := s.reader.Next()
		switch {
		case err == nil:
			return s.deliver(rec)
		case !errors.Is(err, io.EOF):
			return ingest.Delivery{}, fmt.Errorf("mqtt: journal: %w; a restart sets the damaged segment aside", err)
		}
		if err := s.await(ctx, s.more); err != nil {
			return ingest.Delivery{}, err
		}
	}
}

// await waits for c, or for the reasons not to.
func (s *Source) await(ctx context.Context, c <-chan struct{}) error {
	select {
	case <-c:
		return nil
	default:
	}
	select {
	case <-c:
		return nil
	case <-s.closing:
		return errClosed
	case <-s.failed:
		return s.failure()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// deliver decodes a record.
func (s *Source) deliver(rec seglog.Record) (ingest.Delivery, error) {
	e, err := parseRecord(rec)
	if err != nil {
		return ingest.Delivery{}, err
	}
	pos := ingest.Position{Offset: rec.Index}
	d := ingest.Delivery{
		Message:  ingest.Message{Topic: string(e.topic), Payload: e.payload, Stored: e.at},
		Position: pos,
		Ack:      ingest.Ack{To: s, Generation: generation, Position: pos},
	}
	s.acks.Track(rec.Index)
	if e.flags&flagCut != 0 {
		d.Size = e.length
		d.Err = ingest.Malformed("too_large", "the message has %d bytes, more than half of what the journal may hold; only the first %d are kept", e.length, len(e.payload))
		return d, nil
	}
	s.samples, d.Err = s.cfg.Decoder.Decode(s.samples[:0], &d.Message)
	if d.Err != nil {
		return d, nil
	}
	d.Samples = s.samples
	if s.cfg.Shard.Count > 1 {
		s.sift(&d)
	}
	return d, nil
}

// sift marks a message of which no sample is this shard's. Of a mixed one it
// keeps this shard's samples.
func (s *Source) sift(d *ingest.Delivery) {
	own := 0
	for i := range d.Samples {
		if s.cfg.Shard.Owns(d.Samples[i].Series) {
			own++
		}
	}
	switch own {
	case len(d.Samples):
	case 0:
		d.Skip = true
	default:
		s.foreign.Add(int64(len(d.Samples) - own))
		kept := d.Samples[:0]
		for _, x := range d.Samples {
			if s.cfg.Shard.Owns(x.Series) {
				kept = append(kept, x)
			}
		}
		d.Samples = kept
	}
}

// Finished trims the journal behind the highest contiguous finished message.
func (s *Source) Finished(gen int64, pos ingest.Position) {
	if gen != generation || pos.Part != 0 {
		return
	}
	s.ackMu.Lock()
	defer s.ackMu.Unlock()
	if s.acks == nil {
		return // closed: another source may own the directory by now
	}
	s.acks.Finish(pos.Offset)
	err := s.store.TrimBefore(s.acks.Low())
	if err != nil && !s.trimFailed {
		s.log.Warn("mqtt: the journal can't be trimmed", "err", err)
	}
	s.trimFailed = err != nil // said once, not with every message
	if s.journal.stalled.Load() {
		signal(s.journal.room)
	}
}

// Status says whether messages flow: the connection is up, every filter is
// granted, and the journal can be written.
func (s *Source) Status() (up bool, err error) {
	if err := s.failure(); err != nil {
		return false, err
	}
	s.subMu.Lock()
	j := s.journal
	s.subMu.Unlock()
	if j != nil {
		if err := j.err(); err != nil {
			return false, fmt.Errorf("mqtt: journal: %w", err)
		}
	}
	up, err = s.keeper.Status()
	if !up {
		return false, err
	}
	s.subMu.Lock()
	defer s.subMu.Unlock()
	return s.subscribed && s.subRefused == nil, s.subRefused
}

// JournalBytes returns the size of the journal on disk, 0 before Open. It is safe for
// concurrent use.
func (s *Source) JournalBytes() int64 {
	s.subMu.Lock()
	defer s.subMu.Unlock()
	if s.journal == nil {
		return 0
	}
	return s.journal.log.Bytes()
}

// JournalLimit returns what the journal is bounded to, in bytes.
func (s *Source) JournalLimit() int64 { return s.cfg.JournalBytes }

// Stats returns the counts so far. It is safe for concurrent use once Open has
// returned.
func (s *Source) Stats() Stats {
	st := Stats{
		Received: s.received.Load(), Retained: s.retained.Load(), Stray: s.stray.Load(),
		Dropped: s.dropped.Load(), Foreign: s.foreign.Load(), Connections: s.connections.Load(),
	}
	if j := s.journal; j != nil {
		st.Journalled, st.Redelivered = j.journalled.Load(), j.redelivered.Load()
		st.Cut, st.Syncs = j.cut.Load(), j.syncs.Load()
		st.Bytes, st.Queued, st.Full = s.store.Bytes(), s.in.size(), j.stalled.Load()
	}
	return st
}

// Close stops reading, journals and acknowledges what has arrived, says
// good-bye to the broker and closes the journal. When ctx ends first it leaves
// the rest to the broker, which will send it again.
func (s *Source) Close(ctx context.Context) error {
	s.closeMu.Lock()
	defer s.closeMu.Unlock()
	if s.isClosed {
		return nil
	}
	s.isClosed = true
	close(s.closing)
	if s.logDone != nil {
		close(s.drain)
		select {
		case <-s.logDone:
		case <-ctx.Done():
		}
		s.stopLog()
		<-s.logDone
		// The connection last: the acknowledgements go over it.
		s.stopNet()
		<-s.netDone
	}
	s.nextMu.Lock()
	defer s.nextMu.Unlock()
	s.ackMu.Lock()
	s.acks = nil
	s.ackMu.Unlock()
	var err error
	if s.reader != nil {
		err = s.reader.Close()
	}
	if s.store != nil {
		err = errors.Join(err, s.store.Close())
	}
	if err != nil {
		return fmt.Errorf("mqtt: close the journal: %w", err)
	}
	return nil
}

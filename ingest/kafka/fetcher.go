package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/quell-stream/quell/conn/kafkaconn"
	"github.com/quell-stream/quell/ingest"
	"github.com/quell-stream/quell/ingest/kafka/wire"
)

// fetcher reads one partition and puts what it reads into the source's queue, in
// order.
type fetcher struct {
	gen    *generation
	part   *part
	offset int64 // where the next fetch begins
	size   int32 // bytes to ask for

	dec     wire.Decoder
	beyond  int // fetches in a row that were answered: no such offset yet
	corrupt int // fetches in a row that brought an unreadable batch
	sent    bool
}

// The number of times that something is tried again that may mend itself.
const (
	beyondTries  = 5 // a new leader that lags behind
	corruptTries = 3 // data damaged on the way
)

// errTruncated says that the log ends before an offset that was read already.
var errTruncated = errors.New("the log is shorter than what was read of it")

// run fetches until ctx ends, through every outage.
func (f *fetcher) run(ctx context.Context) {
	s := f.gen.src
	f.dec.Limit = s.cfg.tune.inflateLimit
	defer f.dec.Close()
	wait := s.newBackoff()
	refused := kafkaconn.Refusals{Lasting: s.cfg.tune.refusedFor}
	var since time.Time // any knowledge of the layout will do at first
	for {
		err := f.session(ctx, since, func() { wait.Reset(); refused.None() })
		if ctx.Err() != nil {
			return
		}
		since = time.Now()
		err = fmt.Errorf("kafka: %s at offset %d: %w", f.part.name, f.offset, kafkaconn.Classify(err))
		s.health.part(f.part, err)
		switch {
		case refused.Believe(err):
			s.fail(rejected(err))
			return
		case errors.Is(err, wire.ErrFormat):
			s.fail(fmt.Errorf("%w: set the topic's message format to 0.11 or later and write it anew", err))
			return
		case errors.Is(err, errTruncated):
			// Offsets of an assignment only rise, so this one is over.
			f.gen.end()
			return
		}
		if !sleep(ctx, wait.NextBackOff()) {
			return
		}
	}
}

// session fetches over one connection until something fails. ok is called after
// each good answer.
func (f *fetcher) session(ctx context.Context, since time.Time, ok func()) error {
	s := f.gen.src
	c, err := s.layout.dialLeader(ctx, f.part, since, &s.cfg.tune)
	if err != nil {
		return err
	}
	defer c.close()
	defer context.AfterFunc(ctx, c.close)()
	for {
		res, err := c.fetch(f.part, f.offset, f.size)
		if err != nil {
			return err
		}
		switch code := kafka.Error(res.Code); code {
		case 0:
			f.beyond = 0
		case kafka.OffsetOutOfRange:
			if err := f.outOfRange(c); err != nil {
				return err
			}
			continue
		default:
			return code
		}
		ok()
		s.health.part(f.part, nil)
		f.part.highWater.Store(res.HighWater)
		if err := f.deliver(ctx, &res); err != nil {
			return err
		}
	}
}

// deliver queues the records of a response.
func (f *fetcher) deliver(ctx context.Context, res *wire.Response) error {
	recs, next, err := f.dec.Decode(f.gen.src.records(), res, f.offset)
	p := &piece{gen: f.gen, part: f.part, recs: recs, end: next}
	var bad *wire.BatchError
	switch {
	case err == nil:
		f.corrupt = 0
	case next > f.offset:
		// First what is good; the next fetch begins with the bad batch.
	case !errors.As(err, &bad) || errors.Is(err, wire.ErrFormat):
		return err
	default:
		if f.corrupt++; f.corrupt < corruptTries && !errors.Is(err, wire.ErrTooLarge) {
			return err
		}
		f.corrupt = 0
		f.skip(p, bad)
	}
	if p.end == f.offset {
		f.gen.src.release(p)
		return nil
	}
	select {
	case f.gen.src.pieces <- p:
		f.offset, f.sent = p.end, true
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// skip makes p one malformed message that stands for a whole batch.
func (f *fetcher) skip(p *piece, bad *wire.BatchError) {
	s := f.gen.src
	reason := "corrupt"
	if errors.Is(bad, wire.ErrTooLarge) {
		reason = "too_large"
	}
	p.bad, p.end = ingest.Malformed(reason, "%s: %v; it claims to hold %d messages", f.part.name, bad, bad.Records), bad.Last+1
	s.stats.corrupt.Add(1)
	s.cfg.Logger.Error("kafka: a batch can't be read and is skipped", "partition", f.part.name, "records", bad.Records, "error", bad)
}

// outOfRange moves to the earliest offset where the wanted one does not exist.
func (f *fetcher) outOfRange(c *leaderConn) error {
	s := f.gen.src
	first, last, err := c.bounds()
	if err != nil {
		return err
	}
	switch {
	case f.offset >= first && f.offset <= last:
		return nil // it does by now
	case f.offset > last:
		// A leader that has just been elected may not know yet how far its own log
		// is valid.
		if f.beyond++; f.beyond < beyondTries {
			return fmt.Errorf("the log ends at %d: %w", last, kafka.OffsetOutOfRange)
		}
		if f.sent {
			return errTruncated
		}
	}
	s.stats.outOfRange.Add(1)
	s.cfg.Logger.Error("kafka: the wanted offset does not exist (messages expired, or the topic was made anew); continuing at the earliest one",
		"partition", f.part.name, "wanted", f.offset, "earliest", first, "end", last, "gone", max(0, first-f.offset))
	if !f.sent {
		held := f.part.start
		if f.offset > last {
			held = -1 // of another log: it may be replaced by less
		}
		f.part.begin(first, held)
	}
	f.beyond, f.offset = 0, first
	return nil
}

// Package spool is a durable queue of items on disk, in order and bounded, for a
// sink that is away: what the sink does not take waits here, over restarts and
// power failures, and the sources behind it can go on.
//
//	q, err := spool.Open(dir, spool.Options{MaxBytes: 1 << 30})
//	...
//	n, err := q.Push(items) // the first n are durable
//	items, err = q.Take()   // the oldest
//	err = q.Done()          // the sink has them
//
// A queue is a log of package internal/seglog and a cursor, which says how far
// the sink has come. The cursor is not synced: after a power failure items that
// the sink has already may come again, identical, and in order unless it left later parts
// of what was not synced without earlier ones: those are told as damage, are given out,
// and come again behind what fills the gap. Nothing that Push
// called durable is lost but by Options.DropOldest and by a disk that gives back
// other bytes than were written; both are counted. What a later version wrote is
// kept for it: Take refuses it.
//
// The byte layout is in docs/formats/seglog.md.
package spool

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"

	"github.com/quell-stream/quell/internal/fsys"
	"github.com/quell-stream/quell/internal/seglog"
	"github.com/quell-stream/quell/sink"
)

// Options set the size and the surroundings of a Queue.
type Options struct {
	// MaxBytes bounds the queue on disk. Default 1 GiB.
	MaxBytes int64
	// DropOldest has a full queue drop a segment of its oldest items, about a
	// quarter of it or 16 MiB, instead of refusing new ones.
	DropOldest bool
	// Lost hears of items that the sink will not get, and why: Full or Damaged. It
	// must not call the Queue. Default: nobody hears.
	Lost func(items int64, reason string)
	// Log receives what was repaired. Default: discarded.
	Log *slog.Logger
	// FS is where the queue lies. Default: the machine's own file system.
	FS fsys.FS

	segment int64 // tests
}

// The reasons for which items are lost.
const (
	Full    = "spool_full"    // DropOldest made room
	Damaged = "spool_damaged" // the disk gave back other bytes than were written, or they are no item
)

// ErrFull says that MaxBytes is reached and that the items have to wait until
// the sink has taken some.
var ErrFull = errors.New("spool is full")

// ErrTooLarge says that an item can never be pushed.
var ErrTooLarge = errors.New("an item is larger than the spool takes")

// The kinds of records in the log.
const (
	kindRecord = 1 // the payload is the JSON of a record
	kindEvent  = 2 // the payload is the JSON of an event
)

// The bounds of what Take returns.
const (
	takeItems = 512
	takeBytes = 1 << 20
)

// Queue is a queue in a directory, which one Queue at a time may have open. Its
// methods are safe for concurrent use; Take, Done and Back belong to one goroutine.
type Queue struct {
	dir  string
	opts Options

	mu     sync.Mutex
	log    *seglog.Log
	reader *seglog.Reader
	cur    *cursor
	head   int64 // the first item that the sink does not have
	taken  int64 // behind the last item that the sink is being given; head where it is given none
	passed int64 // what can't be read of items before it is counted
	floor  int64 // what was dropped of items before it is counted, but for those that the sink is being given
}

// Open opens the queue in dir, which it creates, and repairs what a crash left
// behind. A damaged file is set aside; what it held and can't be read is lost,
// which is told.
func Open(dir string, opts Options) (*Queue, error) {
	if opts.MaxBytes == 0 {
		opts.MaxBytes = 1 << 30
	}
	if opts.Lost == nil {
		opts.Lost = func(int64, string) {}
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if opts.FS == nil {
		opts.FS = fsys.OS{}
	}
	q := &Queue{dir: dir, opts: opts}
	var err error
	if q.log, err = q.openLog(); err != nil {
		return nil, fmt.Errorf("spool: %w", err)
	}
	if err := q.begin(); err != nil {
		return nil, errors.Join(fmt.Errorf("spool: %w", err), q.log.Close())
	}
	return q, nil
}

func (q *Queue) openLog() (*seglog.Log, error) {
	return seglog.Open(q.dir, seglog.Options{MaxBytes: q.opts.MaxBytes, SegmentBytes: q.opts.segment, Log: q.opts.Log, FS: q.opts.FS})
}

// begin finds out where the sink has come to.
func (q *Queue) begin() error {
	cur, head, err := openCursor(q.opts.FS, q.dir)
	if err != nil {
		return err
	}
	q.cur = cur
	// Behind the cursor a log may have lost its end, by damage. Its indices must
	// not come again, or the cursor would stand for items that it never passed.
	if err := q.log.SkipTo(head); err != nil {
		return errors.Join(err, cur.close())
	}
	q.head = max(head, q.log.First())
	q.taken = q.head
	q.tellDamage()
	return nil
}

// tellDamage counts what opening the log could not read back.
func (q *Queue) tellDamage() {
	lost := int64(0)
	for _, d := range q.log.Report().Damaged {
		lost += max(0, d.To-max(d.From, q.head))
	}
	q.tellLost(lost)
}

func (q *Queue) tellLost(items int64) {
	if items <= 0 {
		return
	}
	q.opts.Log.Error("items of a spool can't be read back, the sink will not get them", "dir", q.dir, "items", items)
	q.opts.Lost(items, Damaged)
}

// Push makes items durable, in order, and returns how many are, also with an
// error: the rest is to be pushed again. ErrFull says that Done has to make room
// first, ErrTooLarge that the item behind the first n never goes in; other errors
// are the disk's.
func (q *Queue) Push(items []sink.Item) (n int, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	from := q.log.Next()
	for i := range items {
		if err = q.append(&items[i]); err != nil {
			break
		}
		n++
	}
	var refused *seglog.WriteError
	if !errors.As(err, &refused) {
		if serr := q.log.Sync(); serr != nil {
			err = serr
		}
	}
	switch {
	case err == nil:
		return n, nil
	case errors.As(err, &refused):
		// A segment that was begun on the way has made those before it durable.
		return int(max(0, refused.From-from)), fmt.Errorf("spool: %w", err)
	case errors.Is(err, seglog.ErrFull):
		return n, ErrFull
	case errors.Is(err, seglog.ErrTooLarge):
		return n, fmt.Errorf("%w: %d bytes, with its max_bytes at most %d", ErrTooLarge, len(items[n].JSON), q.log.MaxPayload())
	}
	return n, fmt.Errorf("spool: %w", err)
}

func (q *Queue) append(it *sink.Item) error {
	kind := uint8(kindRecord)
	if it.Event != nil {
		kind = kindEvent
	}
	for {
		_, err := q.log.Append(kind, it.JSON)
		if !errors.Is(err, seglog.ErrFull) || !q.opts.DropOldest {
			return err
		}
		before := q.log.First()
		if err := q.dropOldest(); err != nil {
			return err
		}
		if q.log.First() == before {
			return seglog.ErrFull
		}
	}
}

// dropOldest makes room. What the sink is being given now is not counted: it may
// have got there.
func (q *Queue) dropOldest() error {
	first, err := q.log.TrimOldest()
	if err != nil {
		return err
	}
	if lost := first - max(q.taken, q.floor); lost > 0 {
		q.floor = first
		q.opts.Lost(lost, Full)
		// A reader that has a removed file open would go on reading it.
		if err := q.closeReader(); err != nil {
			return err
		}
	}
	if q.taken == q.head {
		q.head = max(q.head, first)
		q.taken = q.head
	}
	return nil
}

// Take returns the oldest items, no more than some, and none where the queue is
// empty. Done or Back must come before the next Take. The items are the caller's.
func (q *Queue) Take() ([]sink.Item, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.taken != q.head {
		panic("spool: Take before Done or Back")
	}
	var items []sink.Item
	var bad unreadable
	defer q.tellPassed(&bad)
	for size := 0; len(items) < takeItems && size < takeBytes; {
		rec, err := q.next()
		if err == io.EOF {
			if len(items) == 0 {
				q.head = q.log.Durable() // what lies between is a gap
				q.taken = q.head
			}
			break
		}
		if err != nil {
			q.back()
			return nil, fmt.Errorf("spool: %w", err)
		}
		it, err := parse(rec)
		if errors.Is(err, errUnknown) || errors.Is(err, sink.ErrVersion) {
			q.back()
			return nil, fmt.Errorf("spool: record %d of %s: %w", rec.Index, q.dir, err)
		}
		q.taken = rec.Index + 1
		if err != nil {
			q.passOver(rec, err, &bad)
			continue
		}
		items, size = append(items, it), size+len(it.JSON)
	}
	return items, nil
}

// next reads the next record. Where the disk gives back other bytes than were
// written, the log is opened anew, which sets the damage aside.
func (q *Queue) next() (seglog.Record, error) {
	if q.reader == nil {
		q.reader = q.log.Reader(q.taken)
	}
	rec, err := q.reader.Next()
	var corrupt *seglog.CorruptError
	if !errors.As(err, &corrupt) {
		return rec, err
	}
	end := q.log.Durable()
	if err := errors.Join(q.closeReader(), q.log.Close()); err != nil {
		return rec, errors.Join(corrupt, err)
	}
	log, err := q.openLog()
	if err != nil {
		return rec, errors.Join(corrupt, err)
	}
	q.log = log
	q.tellDamage()
	// The log takes damage at its very end for what a crash tears.
	q.tellLost(end - max(q.taken, q.log.Durable()))
	if err := q.log.SkipTo(end); err != nil { // as in begin
		return rec, errors.Join(corrupt, err)
	}
	q.reader = q.log.Reader(q.taken)
	return q.reader.Next()
}

// Done says that the sink has what Take returned, and gives its room back.
func (q *Queue) Done() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.head = max(q.taken, q.log.First())
	q.taken = q.head
	if err := errors.Join(q.cur.set(q.head), q.log.TrimBefore(q.head)); err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	return nil
}

// Back says that the sink does not have what Take returned: the next Take begins
// with it, unless it was dropped meanwhile.
func (q *Queue) Back() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.back()
}

func (q *Queue) back() {
	first := q.log.First()
	if lost := min(first, q.taken) - q.head; lost > 0 {
		q.opts.Lost(lost, Full)
	}
	q.head = max(q.head, first)
	q.taken = q.head
	if err := q.closeReader(); err != nil {
		q.opts.Log.Warn("closing a file of a spool", "err", err)
	}
}

func (q *Queue) closeReader() error {
	r := q.reader
	q.reader = nil
	if r == nil {
		return nil
	}
	return r.Close()
}

// Empty says that the sink has everything.
func (q *Queue) Empty() bool { return q.Len() == 0 }

// Len returns the number of items that the sink does not have, those it is being
// given included. Where the disk has lost some it is an upper bound.
func (q *Queue) Len() int64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.log.Durable() - q.head
}

// MaxBytes returns the bound of the queue on disk.
func (q *Queue) MaxBytes() int64 { return q.opts.MaxBytes }

// Bytes returns the room that the queue takes on disk, 0 where it is empty.
func (q *Queue) Bytes() int64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.log.Durable() == q.head {
		return 0
	}
	return q.log.Bytes()
}

// Clear gives back what an empty queue still takes on disk. Of one that is not
// empty it does nothing.
func (q *Queue) Clear() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.head != q.log.Durable() || q.head == q.log.First() {
		return nil
	}
	if err := q.closeReader(); err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	// A new segment can be begun at a new index only.
	if err := q.log.SkipTo(q.head + 1); err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	q.head = q.log.Durable()
	q.taken = q.head
	if err := errors.Join(q.cur.set(q.head), q.log.TrimBefore(q.head)); err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	return nil
}

// Close closes the queue. What is in it waits for the next Open.
func (q *Queue) Close() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if err := errors.Join(q.closeReader(), q.cur.close(), q.log.Close()); err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	return nil
}

package seglog

import (
	"errors"
	"fmt"
	"math"

	"github.com/quell-stream/quell/internal/fsys"
)

// Append adds a record made of a kind, which is the caller's, and a payload,
// which may come in parts, and returns its index. The record is buffered: it is
// durable after the next Sync that returns nil.
//
// ErrFull, ErrTooLarge and ErrClosed leave everything as it was. After a
// *WriteError all records since the last Sync are gone, this one included.
func (l *Log) Append(kind uint8, payload ...[]byte) (int64, error) {
	n := 0
	for _, p := range payload {
		n += len(p)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return 0, ErrClosed
	}
	if int64(n) > l.MaxPayload() {
		return 0, fmt.Errorf("%w: %d bytes, it takes at most %d", ErrTooLarge, n, l.MaxPayload())
	}
	if err := l.mend(); err != nil {
		return 0, err
	}
	// Before the check of the bound: a sealed segment is one that can be trimmed.
	if l.flushed+int64(len(l.buf)) >= l.opts.SegmentBytes {
		if err := l.rotate(l.next.Load()); err != nil {
			return 0, err
		}
	}
	size := int64(frameHeader + n)
	if l.opts.MaxBytes > 0 && l.total.Load()+size > l.opts.MaxBytes {
		return 0, ErrFull
	}
	index := l.next.Load()
	l.buf = appendFrame(l.buf, index, kind, n, payload)
	l.next.Store(index + 1)
	l.total.Add(size)
	if len(l.buf) >= bufferBytes {
		if err := l.flush(); err != nil {
			return 0, err
		}
	}
	return index, nil
}

// Sync makes every record appended so far durable, with one fsync for all of
// them, and shows them to readers. On a *WriteError they are gone.
func (l *Log) Sync() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return ErrClosed
	}
	if err := l.mend(); err != nil {
		return err
	}
	return l.sync()
}

func (l *Log) sync() error {
	if l.next.Load() == l.durable.Load() {
		return nil
	}
	if err := l.flush(); err != nil {
		return err
	}
	// A failed fsync may have dropped the dirty pages and left them marked clean:
	// asking again would lie. So the records are taken back and, if the caller
	// wants, written anew.
	if err := l.active.Sync(); err != nil {
		return l.takeBack(err)
	}
	l.synced = l.flushed
	l.view.Lock()
	l.segs[len(l.segs)-1].size = l.synced
	l.view.Unlock()
	l.durable.Store(l.next.Load())
	return nil
}

// flush hands the buffer to the file.
func (l *Log) flush() error {
	if len(l.buf) == 0 {
		return nil
	}
	l.makeRoom(l.flushed + int64(len(l.buf)))
	if _, err := l.active.WriteAt(l.buf, l.flushed); err != nil {
		return l.takeBack(err)
	}
	l.flushed += int64(len(l.buf))
	l.room = max(l.room, l.flushed)
	l.buf = l.buf[:0]
	if cap(l.buf) > 4*bufferBytes {
		l.buf = nil // one huge record must not keep its memory for ever
	}
	return nil
}

var zeros [64 << 10]byte

// makeRoom has the active file reach beyond to, if there is to be room. A disk that has no
// place for zeros may still have it for records: those say so if not.
func (l *Log) makeRoom(to int64) {
	if to <= l.room || l.opts.RoomBytes == 0 {
		return
	}
	for end := min(to+l.opts.RoomBytes, l.opts.SegmentBytes); l.room < end; {
		n := min(end-l.room, int64(len(zeros)))
		if _, err := l.active.WriteAt(zeros[:n], l.room); err != nil {
			return
		}
		l.room += n
	}
}

// giveRoom cuts off the room behind the records. It need not be durable, nor work.
func (l *Log) giveRoom() {
	if l.room > l.synced && l.active.Truncate(l.synced) == nil {
		l.room = l.synced
	}
}

// takeBack returns to the state after the last sync.
func (l *Log) takeBack(cause error) error {
	werr := &WriteError{From: l.durable.Load(), To: l.next.Load(), Err: cause}
	l.total.Add(l.synced - l.flushed - int64(len(l.buf)))
	l.buf = l.buf[:0]
	l.flushed = l.synced
	l.next.Store(l.durable.Load())
	l.repair = true
	if err := l.mend(); err != nil {
		werr.Err = errors.Join(cause, err)
	}
	return werr
}

// mend cuts off what a refused write may have left behind the durable records, and
// removes what was to be a segment. As long as that fails, nothing is appended.
func (l *Log) mend() error {
	if l.stray != "" {
		if err := l.discard(l.stray); err != nil {
			next := l.next.Load()
			return &WriteError{From: next, To: next, Err: fmt.Errorf("can't remove a segment that was not begun: %w", err)}
		}
	}
	if !l.repair {
		return nil
	}
	err := l.active.Truncate(l.synced)
	if err == nil {
		l.room = l.synced
		// Else a power failure could bring it back, and behind a segment that was
		// sealed meanwhile it would look like damage.
		err = l.active.Sync()
	}
	if err != nil {
		next := l.next.Load()
		return &WriteError{From: next, To: next, Err: fmt.Errorf("can't restore the end of the log: %w", err)}
	}
	l.repair = false
	return nil
}

// rotate seals the active segment, which is synced first, and begins a new one
// for records from index first on. If that fails the old one stays active.
func (l *Log) rotate(first int64) error {
	if err := l.sync(); err != nil {
		return err
	}
	next := l.next.Load()
	f, err := l.create(header{first: first, prev: next})
	if err != nil {
		return &WriteError{From: next, To: next, Err: fmt.Errorf("begin a new segment: %w", err)}
	}
	// Everything in the old file is synced: an error of Close can't hurt it.
	l.giveRoom()
	closeErr := l.active.Close()
	l.active = f
	l.begin(first, segmentHeader)
	if closeErr != nil {
		return &WriteError{From: first, To: first, Err: closeErr}
	}
	return nil
}

// create makes a segment file with a durable header under a durable name.
func (l *Log) create(h header) (fsys.File, error) {
	path := l.segmentPath(h.first)
	// Every segment with records is known since Open, so a file of this name is
	// what an earlier attempt could not remove.
	if err := fsys.RemoveIfThere(l.fs, path); err != nil {
		return nil, err
	}
	f, err := l.fs.Create(path)
	if err != nil {
		return nil, err
	}
	err = func() error {
		if _, err := f.WriteAt(h.append(nil), 0); err != nil {
			return err
		}
		if err := f.Sync(); err != nil {
			return err
		}
		return l.fs.SyncDir(l.dir)
	}()
	if err != nil {
		return nil, errors.Join(err, f.Close(), l.discard(path))
	}
	l.stray = ""
	return f, nil
}

// discard removes a file that did not become a segment, for good: were it there again
// after a power failure, what is appended to the segment before it would count as sealed,
// and what is torn of it, or belongs behind the file's name, as damage.
func (l *Log) discard(path string) error {
	l.stray = path
	if err := fsys.RemoveIfThere(l.fs, path); err != nil {
		return err
	}
	if err := l.fs.SyncDir(l.dir); err != nil {
		return err
	}
	l.stray = ""
	return nil
}

// begin makes the segment that l.active was just set to known, with size bytes
// in it.
func (l *Log) begin(first, size int64) {
	l.flushed, l.synced, l.room = size, size, size
	l.next.Store(max(first, l.next.Load()))
	l.durable.Store(l.next.Load())
	l.total.Add(size)
	l.view.Lock()
	defer l.view.Unlock()
	if n := len(l.segs); n > 0 {
		l.segs[n-1].sealed = true
	}
	l.segs = append(l.segs, &segment{first: first, path: l.segmentPath(first), size: size})
	l.setTrimFrom()
}

// setTrimFrom notes from which index on TrimBefore has something to do. The
// caller holds view.
func (l *Log) setTrimFrom() {
	at := int64(math.MaxInt64)
	if len(l.segs) > 1 {
		at = l.segs[1].first
	}
	l.trimFrom.Store(at)
}

// SkipTo makes index the least that the next record may get. A reader that
// remembers having seen records up to index-1, which a damaged disk no longer
// has, must say so before anything is appended under their indices.
func (l *Log) SkipTo(index int64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return ErrClosed
	}
	if index <= l.next.Load() {
		return nil
	}
	if err := l.mend(); err != nil {
		return err
	}
	return l.rotate(index)
}

// TrimBefore removes the segments that hold only records before index. The
// active segment always stays. It is cheap when there is nothing to remove.
func (l *Log) TrimBefore(index int64) error {
	if index < l.trimFrom.Load() {
		return nil
	}
	l.view.Lock()
	defer l.view.Unlock()
	defer l.setTrimFrom()
	for len(l.segs) > 1 && l.segs[1].first <= index {
		s := l.segs[0]
		if err := fsys.RemoveIfThere(l.fs, s.path); err != nil {
			return fmt.Errorf("seglog: trim: %w", err)
		}
		l.segs = l.segs[1:]
		l.total.Add(-s.size)
		// One by one: a crash must never remove a later segment and keep an
		// earlier one, which would look like a hole.
		if err := l.fs.SyncDir(l.dir); err != nil {
			return fmt.Errorf("seglog: trim: %w", err)
		}
	}
	return nil
}

// TrimOldest removes the oldest segment, whatever it holds, and returns First as
// it is then. The active segment always stays.
func (l *Log) TrimOldest() (first int64, err error) {
	l.view.Lock()
	next := l.segs[0].first
	if len(l.segs) > 1 {
		next = l.segs[1].first
	}
	l.view.Unlock()
	err = l.TrimBefore(next)
	return l.First(), err
}

// Close syncs and closes the log. Readers must be closed by their owners.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	err := l.mend()
	if err == nil {
		err = l.sync()
	}
	if err == nil {
		l.giveRoom()
	}
	l.closed = true
	if cerr := l.active.Close(); cerr != nil && err == nil {
		err = fmt.Errorf("seglog: %w", cerr)
	}
	return err
}

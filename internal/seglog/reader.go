package seglog

import (
	"errors"
	"fmt"
	"io"

	"github.com/quell-stream/quell/internal/fsys"
)

// errBad says that the bytes at hand are no whole record.
var errBad = errors.New("checksum mismatch")

// CorruptError says that a record that was once durable can't be read back.
// Opening the log again sets the damage aside and carries the rest over.
type CorruptError struct {
	Path   string
	Offset int64
	Err    error
}

// Error implements error.
func (e *CorruptError) Error() string {
	return fmt.Sprintf("seglog: %s is damaged at byte %d: %v", e.Path, e.Offset, e.Err)
}

// Unwrap returns the cause.
func (e *CorruptError) Unwrap() error { return e.Err }

// Reader reads the durable records of a log in order, also while others are
// appended. It is not safe for concurrent use, but independent of the log's
// other users: trimming what it has not read makes it go on at the first record
// that is left.
type Reader struct {
	log  *Log
	want int64    // records before this index are passed over
	seg  *segment // nil before the first call
	f    fsys.File
	scan scanner
	size int64 // durable bytes of seg, as last seen
}

// Reader returns a reader whose first record is the first one with an index of
// at least from. It must be closed.
func (l *Log) Reader(from int64) *Reader {
	return &Reader{log: l, want: from}
}

// Next returns the next record. io.EOF says that there is no further durable
// record now; a later call may find one. The payload must not be changed; it
// stays valid for ever.
func (r *Reader) Next() (Record, error) {
	for {
		if r.seg == nil {
			if err := r.advance(); err != nil {
				return Record{}, err
			}
		}
		rec, err := r.scan.next(r.size)
		switch {
		case err == nil:
			if rec.Index < r.want {
				continue
			}
			r.want = rec.Index + 1
			return rec, nil
		case err != io.EOF:
			return Record{}, &CorruptError{Path: r.seg.path, Offset: r.scan.offset(), Err: err}
		}
		if err := r.advance(); err != nil {
			return Record{}, err
		}
	}
}

// advance finds more to read: in the current segment, else in the next one.
func (r *Reader) advance() error {
	l := r.log
	l.view.Lock()
	defer l.view.Unlock()
	if r.seg != nil {
		if r.seg.size > r.size {
			r.size = r.seg.size
			return nil
		}
		if !r.seg.sealed {
			return io.EOF
		}
	}
	next := r.pick()
	if next == nil {
		return io.EOF
	}
	// view is held, so that the file can't be trimmed before it is open.
	f, err := l.fs.OpenRead(next.path)
	if err != nil {
		return fmt.Errorf("seglog: %w", err)
	}
	if err := r.closeFile(); err != nil {
		return errors.Join(err, f.Close())
	}
	r.seg, r.f, r.size = next, f, next.size
	r.scan = scanner{f: f, off: segmentHeader}
	return nil
}

// pick returns the segment to read after the current one, or, at the start,
// the last one whose name does not exceed the wanted index.
func (r *Reader) pick() *segment {
	segs := r.log.segs
	if r.seg != nil {
		for _, s := range segs {
			if s.first > r.seg.first {
				return s
			}
		}
		return nil
	}
	for i := len(segs) - 1; i > 0; i-- {
		if segs[i].first <= r.want {
			return segs[i]
		}
	}
	return segs[0]
}

func (r *Reader) closeFile() error {
	if r.f == nil {
		return nil
	}
	err := r.f.Close()
	r.f = nil
	if err != nil {
		return fmt.Errorf("seglog: %w", err)
	}
	return nil
}

// Close releases the reader's file.
func (r *Reader) Close() error { return r.closeFile() }

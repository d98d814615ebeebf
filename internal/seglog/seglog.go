// Package seglog is an append-only log of small records on disk: segmented,
// checksummed, bounded in bytes, and honest after a crash. The MQTT journal and
// the sink spools are made of it.
//
// A record gets an index when it is appended; indices rise and are never used
// twice. It is durable once Sync has returned nil, and only then readers see
// it. TrimBefore gives whole segments back to the disk.
//
// Open repairs what a crash can leave behind. A torn tail (bytes at the very
// end that are no whole record) is cut off, and so are zeros, without a word. Damage anywhere else is never cut
// off: the segment is set aside as NAME.corrupt-N, its healthy records are
// carried over under their old indices, and Report says what is missing.
// OpenReadOnly reports alike and changes nothing.
//
// The byte layout is in docs/formats/seglog.md.
package seglog

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/quell-stream/quell/internal/fsys"
)

// Options set the size and the surroundings of a log. The zero value is usable.
type Options struct {
	// SegmentBytes is the size from which on a segment is closed and a new one
	// begun; default 16 MiB. With a MaxBytes it is at most a quarter of that, so
	// that trimming always frees a good part of a full log.
	SegmentBytes int64
	// MaxBytes bounds the log on disk; Append then says ErrFull. A single record
	// may take half of it. 0: no bound.
	MaxBytes int64
	// RoomBytes is how far the active segment is filled with zeros ahead of its records,
	// beyond MaxBytes. A Sync within that room does not change the size of the file, and so does
	// not wait for the file system's own journal, nor for what others write on the same disk
	// meanwhile. 0: no room.
	RoomBytes int64
	// Log receives what Open repaired. Default: nothing is logged; Report tells.
	Log *slog.Logger

	// FS is where the log lies. Default: the machine's own file system.
	FS fsys.FS
}

const (
	defaultSegment = 16 << 20
	minSegment     = 4 << 10
	bufferBytes    = 256 << 10 // unsynced records are handed to the file in pieces of this size
	maxPayload     = 1 << 30
)

func (o Options) withDefaults() Options {
	if o.SegmentBytes <= 0 {
		o.SegmentBytes = defaultSegment
	}
	if o.MaxBytes > 0 {
		o.SegmentBytes = min(o.SegmentBytes, o.MaxBytes/4)
	}
	o.SegmentBytes = max(o.SegmentBytes, 2*segmentHeader)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.FS == nil {
		o.FS = fsys.OS{}
	}
	return o
}

// Validate reports options that can't work.
func (o Options) Validate() error {
	switch {
	case o.SegmentBytes < 0:
		return errors.New("seglog: segment size is negative")
	case o.MaxBytes < 0:
		return errors.New("seglog: size bound is negative")
	case o.RoomBytes < 0:
		return errors.New("seglog: room is negative")
	case o.MaxBytes > 0 && o.MaxBytes < 4*minSegment:
		return fmt.Errorf("seglog: size bound is %d bytes, want at least %d", o.MaxBytes, 4*minSegment)
	}
	return nil
}

// The errors that callers branch on.
var (
	// ErrFull says that MaxBytes is reached: nothing was appended, and nothing
	// will be until TrimBefore has freed a segment.
	ErrFull = errors.New("log is full")
	// ErrTooLarge says that the record can never be appended (see MaxPayload).
	ErrTooLarge = errors.New("record is too large for the log")
	// ErrClosed says that the log was closed.
	ErrClosed = errors.New("log is closed")
)

// WriteError says that the disk refused. The records From..To-1 had been
// appended but were not durable: they are taken back, the log is as it was
// after the last Sync, and their indices will be given again. The next Append
// or Sync tries anew.
type WriteError struct {
	From, To int64
	Err      error
}

// Error implements error.
func (e *WriteError) Error() string {
	if e.From == e.To {
		return fmt.Sprintf("seglog: %v", e.Err)
	}
	return fmt.Sprintf("seglog: records %d to %d are not stored: %v", e.From, e.To-1, e.Err)
}

// Unwrap returns the disk's error.
func (e *WriteError) Unwrap() error { return e.Err }

// segment is one file. Its fields are guarded by Log.view.
type segment struct {
	first  int64 // the index its name bears; its records have this index or later
	path   string
	size   int64 // durable bytes: readers see no further
	sealed bool  // a later segment exists: size is final
}

// Log is an append-only log in a directory. All methods are safe for
// concurrent use; one Log at a time may have a directory open.
type Log struct {
	dir    string
	opts   Options
	fs     fsys.FS
	report Report

	// mu guards the writing side. It is held during an fsync, so that a second
	// Sync meanwhile finds its records durable and costs nothing. Lock order:
	// mu, then view.
	mu      sync.Mutex
	active  fsys.File
	buf     []byte // appended, not yet in the file
	flushed int64  // bytes in the active file
	synced  int64  // durable bytes in the active file
	room    int64  // bytes in the active file, with the zeros behind what was flushed
	repair  bool   // the file may be longer than synced: truncate before the next write
	stray   string // a file that did not become a segment, and may come back: remove before the next write
	closed  bool

	next    atomic.Int64 // index of the next record
	durable atomic.Int64 // index behind the last durable record
	total   atomic.Int64 // bytes of all segments and of buf

	view     sync.Mutex // guards segs and what they point to
	segs     []*segment // rising; the last one is active
	trimFrom atomic.Int64
}

// Open opens the log in dir, which it creates, after verifying every record in
// it. Report says what it had to repair.
func Open(dir string, opts Options) (*Log, error) {
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	opts = opts.withDefaults()
	l := &Log{dir: dir, opts: opts, fs: opts.FS}
	if err := l.fs.MkdirAll(dir); err != nil {
		return nil, fmt.Errorf("seglog: %w", err)
	}
	if err := l.recover(); err != nil {
		return nil, fmt.Errorf("seglog: %w", err)
	}
	return l, nil
}

// Report returns what Open found and repaired.
func (l *Log) Report() Report { return l.report }

// First returns the index of the oldest record that is kept, or Next if there
// is none.
func (l *Log) First() int64 {
	l.view.Lock()
	defer l.view.Unlock()
	return l.segs[0].first
}

// Next returns the index that the next record will get.
func (l *Log) Next() int64 { return l.next.Load() }

// Durable returns the index behind the last durable record: readers see the
// records before it.
func (l *Log) Durable() int64 { return l.durable.Load() }

// Bytes returns the size of the log, unsynced records included.
func (l *Log) Bytes() int64 { return l.total.Load() }

// MaxPayload returns the size of the largest payload that Append takes.
func (l *Log) MaxPayload() int64 {
	if l.opts.MaxBytes == 0 {
		return maxPayload
	}
	return min(maxPayload, l.opts.MaxBytes/2-frameHeader-2*segmentHeader)
}

func (l *Log) segmentPath(first int64) string {
	return filepath.Join(l.dir, segmentName(first))
}

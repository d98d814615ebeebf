// Package file writes records and events to files: JSON lines or CSV, rotated
// by size or by event time, the rotated files optionally compressed.
//
// A batch is appended in one piece and made durable with one fsync. Rotated
// files are named after the file with a rising number, clean.000001.jsonl
// being the oldest.
package file

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/quell-stream/quell/internal/atomicfile"
	"github.com/quell-stream/quell/sink"
)

// The formats.
const (
	JSONL = "jsonl" // one JSON object per line
	CSV   = "csv"   // one row per record, with a header; records of one stream only
)

// Config says where and how to write.
type Config struct {
	// Path is the file that is appended to. Its folder is made if need be.
	Path string
	// Format is JSONL or CSV. Default: JSONL.
	Format string
	// MaxBytes is the size beyond which the file is rotated. An item is never
	// split, so that a single larger one makes a larger file. Default: no limit.
	MaxBytes int64
	// MaxAge is the span of event time after which the file is rotated. Default: none.
	MaxAge time.Duration
	// Keep is the number of rotated files that are kept. Default: all.
	Keep int
	// TotalBytes bounds all files together, at the price of the oldest rotated
	// ones. It needs MaxBytes, which the file in use may always fill. Default: none.
	TotalBytes int64
	// Gzip compresses rotated files in the background.
	Gzip bool
	// Mode is the permission of new files, before the umask. Default: 0640.
	Mode fs.FileMode
	// Log receives what happens besides writing. Default: discarded.
	Log *slog.Logger
}

// Validate reports every field that can't be used.
func (c *Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf("file: "+format, args...)) }
	if c.Path == "" {
		bad("a path is needed")
	}
	if c.Format != "" && c.Format != JSONL && c.Format != CSV {
		bad("format %q is neither jsonl nor csv", c.Format)
	}
	if c.MaxBytes < 0 || c.MaxAge < 0 || c.Keep < 0 || c.TotalBytes < 0 {
		bad("limits must not be negative")
	}
	if c.TotalBytes > 0 && (c.MaxBytes == 0 || c.MaxBytes > c.TotalBytes) {
		bad("a total of %d bytes needs a max_bytes that is at most that", c.TotalBytes)
	}
	return errors.Join(errs...)
}

// Sink writes to one file. It is not safe for concurrent use, and no other
// process may write to the file.
type Sink struct {
	cfg Config
	log *slog.Logger

	f     *os.File
	buf   []byte // encoded, not yet written
	line  []byte
	size  int64       // durable bytes of f, or unknownSize
	info  os.FileInfo // which file size is of
	first int64       // event time of the file's first item, valid where hasFirst
	seq   int         // number of the newest rotated file

	hasFirst bool
	dirty    bool   // a write failed: f may hold more than size bytes, or be closed
	closed   bool   // Close was called
	header   string // CSV header of the file, "" while unknown
	keeper   *keeper
}

// New returns a sink that is not yet open.
func New(cfg Config) *Sink {
	if cfg.Format == "" {
		cfg.Format = JSONL
	}
	if cfg.Mode == 0 {
		cfg.Mode = 0o640
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Sink{cfg: cfg, log: cfg.Log.With("path", cfg.Path)}
}

// Open opens or creates the file and mends its end: a last line without a
// newline is what a crash in the middle of a write leaves. Nobody was told that
// it is durable, so it is cut off and comes again; a last JSON line that is
// whole but for its newline gets one.
func (s *Sink) Open(ctx context.Context) error {
	if err := s.cfg.Validate(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("file: open %s: %w", s.cfg.Path, err)
	}
	if err := atomicfile.MkdirAll(filepath.Dir(s.cfg.Path), 0o750); err != nil {
		return fmt.Errorf("file: %w", err)
	}
	s.size = unknownSize
	if err := s.reopen(); err != nil {
		return err
	}
	old, err := rotated(s.cfg.Path)
	if err != nil {
		return errors.Join(err, s.f.Close())
	}
	for _, r := range old {
		s.seq = max(s.seq, r.seq)
	}
	if s.cfg.Keep > 0 || s.cfg.TotalBytes > 0 || s.cfg.Gzip {
		s.keeper = newKeeper(s.cfg, s.log)
		s.keeper.kick()
	}
	return nil
}

// Write appends the items and returns once they are on the disk. Where it
// fails, the part that got written is taken back before anything else is
// written. An event in a CSV file is permanent.
func (s *Sink) Write(ctx context.Context, items []sink.Item) error {
	if s.closed || s.f == nil && !s.dirty {
		return fmt.Errorf("file: write %s: %w", s.cfg.Path, fs.ErrClosed)
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("file: write %s: %w", s.cfg.Path, err)
	}
	if len(items) == 0 {
		return nil
	}
	if !s.dirty && s.moved() {
		s.dirty, s.size = true, unknownSize
	}
	if s.dirty {
		if err := s.reopen(); err != nil {
			return err
		}
	}
	s.buf = s.buf[:0]
	for i := range items {
		if err := s.add(&items[i]); err != nil {
			return err
		}
	}
	return s.flush()
}

// add encodes one item into the buffer, rotating before it where it is due.
func (s *Sink) add(it *sink.Item) error {
	header := ""
	s.line = s.line[:0]
	if s.cfg.Format == CSV {
		if it.Record == nil {
			return fmt.Errorf("file: write %s: an event can't be written as csv, give the sink emit: records: %w", s.cfg.Path, sink.ErrPermanent)
		}
		header = s.header
		if !sameHeader(header, it.Record) {
			header = string(appendHeader(nil, it.Record))
		}
		s.line = appendRow(s.line, it.Record)
	} else {
		s.line = append(append(s.line, it.JSON...), '\n')
	}
	t := it.Time()
	if held := s.size + int64(len(s.buf)); held > 0 {
		full := s.cfg.MaxBytes > 0 && held+int64(len(s.line)) > s.cfg.MaxBytes
		old := s.cfg.MaxAge > 0 && s.hasFirst && t-s.first >= int64(s.cfg.MaxAge)
		if full || old || header != s.header {
			if err := s.rotate(); err != nil {
				return err
			}
		}
	}
	if s.size+int64(len(s.buf)) == 0 {
		s.buf = append(s.buf, header...)
		s.header, s.hasFirst = header, false
	}
	if !s.hasFirst {
		s.first, s.hasFirst = t, true
	}
	s.buf = append(s.buf, s.line...)
	return nil
}

// flush writes the buffer and waits until it is on the disk.
func (s *Sink) flush() error {
	if len(s.buf) == 0 {
		return nil
	}
	// After a failed fsync the kernel may have dropped the pages and call the
	// next fsync a success, so that writing again is the only way: whatever
	// fails here, the file is cut back to its durable size first.
	s.dirty = true
	if _, err := s.f.Write(s.buf); err != nil {
		return fmt.Errorf("file: write: %w", err)
	}
	if err := s.f.Sync(); err != nil {
		return fmt.Errorf("file: %w", err)
	}
	s.size += int64(len(s.buf))
	s.buf = s.buf[:0]
	s.dirty = false
	return nil
}

// Close releases the file and waits until background compression has stopped.
// Everything that Write took is durable already. It may be called more than once.
func (s *Sink) Close(ctx context.Context) error {
	s.closed = true
	var errs []error
	if s.keeper != nil {
		errs = append(errs, s.keeper.close(ctx))
		s.keeper = nil
	}
	if s.f != nil {
		errs = append(errs, s.f.Close())
		s.f = nil
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("file: close %s: %w", s.cfg.Path, err)
	}
	return nil
}

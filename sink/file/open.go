package file

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/quell-stream/quell/internal/atomicfile"
)

// moved says that the path no longer names the open file, because something
// else renamed or removed it.
func (s *Sink) moved() bool {
	have, err := s.f.Stat()
	if err != nil {
		return true
	}
	want, err := os.Stat(s.cfg.Path)
	return err != nil || !os.SameFile(have, want)
}

// unknownSize stands for the durable size of a file that is not the one that was
// written before: nothing of it is the sink's to take back.
const unknownSize = -1

// reopen opens the file at the path afresh, cuts it back to its durable size and
// to whole lines, and reads from it what the sink needs to know. On an error no
// file is open and the sink stays dirty.
func (s *Sink) reopen() error {
	s.dirty = true
	if s.f != nil {
		if s.size != unknownSize && s.moved() {
			// What it holds beyond its durable size goes into another file now.
			if err := s.f.Truncate(s.size); err != nil {
				s.log.Warn("the file was moved after a write failed, and may hold a part of what is written again", "err", err)
			}
		}
		// What it holds beyond its durable size is about to be written again:
		// an error here says nothing new.
		if err := s.f.Close(); err != nil {
			s.log.Debug("closing the file before opening it again", "err", err)
		}
		s.f = nil
	}
	f, err := os.OpenFile(s.cfg.Path, os.O_RDWR|os.O_CREATE|os.O_APPEND, s.cfg.Mode)
	if err != nil {
		return fmt.Errorf("file: %w", err)
	}
	if err := s.take(f); err != nil {
		return errors.Join(fmt.Errorf("file: %w", err), f.Close())
	}
	s.f, s.dirty = f, false
	return nil
}

func (s *Sink) take(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file", f.Name())
	}
	size := info.Size()
	if s.size != unknownSize && s.size < size && os.SameFile(s.info, info) {
		if err := f.Truncate(s.size); err != nil {
			return err
		}
		size = s.size
	}
	if size, err = s.mend(f, size); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := atomicfile.SyncDir(filepath.Dir(s.cfg.Path)); err != nil {
		return err
	}
	s.size, s.info, s.header, s.hasFirst = size, info, "", false
	if size > 0 {
		return s.glance(f)
	}
	return nil
}

// mend makes the file end with a whole line and returns its new size.
func (s *Sink) mend(f *os.File, size int64) (int64, error) {
	end, err := lastNewline(f, size)
	if err != nil || end == size {
		return size, err
	}
	const longest = 16 << 20 // longer ones are not looked at
	if torn := size - end; s.cfg.Format == JSONL && torn <= longest {
		b := make([]byte, torn)
		if _, err := f.ReadAt(b, end); err != nil {
			return 0, err
		}
		if b[0] == '{' && json.Valid(b) {
			_, err := f.Write([]byte{'\n'})
			return size + 1, err
		}
	}
	if err := f.Truncate(end); err != nil {
		return 0, err
	}
	s.log.Warn("removed a torn last line, its items come again", "bytes", size-end)
	return end, nil
}

// lastNewline returns the offset behind the last newline of the first size
// bytes, 0 if there is none.
func lastNewline(r io.ReaderAt, size int64) (int64, error) {
	buf := make([]byte, 64<<10)
	for end := size; end > 0; {
		n := min(end, int64(len(buf)))
		if _, err := r.ReadAt(buf[:n], end-n); err != nil {
			return 0, err
		}
		if i := bytes.LastIndexByte(buf[:n], '\n'); i >= 0 {
			return end - n + int64(i) + 1, nil
		}
		end -= n
	}
	return 0, nil
}

// glance reads the CSV header and the event time of the first item. A file that
// begins otherwise is appended to (JSONL) or set aside by rotation (CSV, whose
// header then differs).
func (s *Sink) glance(f *os.File) error {
	r := bufio.NewReader(io.NewSectionReader(f, 0, s.size))
	line, err := r.ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	ts := ""
	if s.cfg.Format == CSV {
		s.header = line
		if line, err = r.ReadString('\n'); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		ts, _, _ = strings.Cut(line, ",")
	} else {
		var head struct {
			TS string `json:"ts"`
		}
		if json.Unmarshal([]byte(line), &head) == nil {
			ts = head.TS
		}
	}
	if t, err := time.Parse(time.RFC3339Nano, ts); err == nil {
		s.first, s.hasFirst = t.UnixNano(), true
	}
	return nil
}

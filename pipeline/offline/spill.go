package offline

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// mostRows is how many rows wait in memory before complete ones among them go to
// a temporary file. One series never has that many: its rows wait for slots that
// are next. With several, the last rows of one that has ended hold up all others.
const mostRows = 1 << 16

// spill keeps rows that are complete but for earlier ones that are not: their
// lines in a temporary file, and the incomplete rows between them.
type spill struct {
	f       *os.File
	size    int64
	items   []spilled // oldest first, from head on
	head    int
	pending map[int64]*row // incomplete rows by their number
	line    []byte         // lines to be written
}

// spilled is a row that is not complete, or a run of complete ones in the file.
type spilled struct {
	row      *row
	number   int64
	from, to int64
}

// take moves the rows first to end of a queue here. Those that are complete
// leave memory.
func (s *spill) take(q *rows, end int64) error {
	if s.pending == nil {
		s.pending = make(map[int64]*row)
	}
	from := s.size
	run := func() {
		if s.size > from {
			s.items = append(s.items, spilled{from: from, to: s.size})
		}
		from = s.size
	}
	s.line = s.line[:0]
	for ; q.first < end; q.first++ {
		r := q.at(q.first)
		if r.done {
			s.line = append(s.line, r.line...)
			s.size += int64(len(r.line))
			continue
		}
		run()
		kept := *r
		r.cells, r.line = make([]cell, q.channels), nil
		s.pending[q.first] = &kept
		s.items = append(s.items, spilled{row: &kept, number: q.first})
	}
	run()
	return s.write()
}

// write appends the collected lines to the file.
func (s *spill) write() error {
	if len(s.line) == 0 {
		return nil
	}
	if s.f == nil {
		f, err := os.CreateTemp("", "quell-rows-*")
		if err != nil {
			return fmt.Errorf("rows that wait: %w", err)
		}
		s.f = f
	}
	if _, err := s.f.WriteAt(s.line, s.size-int64(len(s.line))); err != nil {
		return fmt.Errorf("rows that wait: %w", err)
	}
	return nil
}

// give writes what is complete to w, up to the first row that is not. It says
// whether nothing is left.
func (s *spill) give(w io.Writer) (empty bool, err error) {
	for ; s.head < len(s.items); s.head++ {
		it := &s.items[s.head]
		switch {
		case it.row == nil:
			_, err = io.Copy(w, io.NewSectionReader(s.f, it.from, it.to-it.from))
		case it.row.done:
			_, err = w.Write(it.row.line)
			delete(s.pending, it.number)
		default:
			return false, nil
		}
		if err != nil {
			return false, err
		}
		*it = spilled{}
	}
	s.items, s.head, s.size = s.items[:0], 0, 0
	return true, nil
}

// close removes the file.
func (s *spill) close() error {
	if s.f == nil {
		return nil
	}
	return errors.Join(s.f.Close(), os.Remove(s.f.Name()))
}

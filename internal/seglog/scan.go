package seglog

import "io"

// Record is one entry of the log.
type Record struct {
	Index   int64
	Kind    uint8
	Payload []byte
}

// chunkBytes is how much is read at once.
const chunkBytes = 64 << 10

// scanner reads frames one after the other. Unless reuse is set, a chunk is
// never written again once a record in it was returned, so payloads stay valid
// for as long as anyone holds them.
type scanner struct {
	f     io.ReaderAt
	off   int64 // file offset of buf[0]
	buf   []byte
	pos   int // the next frame starts at buf[pos]
	reuse bool
}

// offset returns the file offset of the next frame.
func (s *scanner) offset() int64 { return s.off + int64(s.pos) }

// next returns the frame at the current offset; no byte at or behind limit is
// looked at. io.EOF: the limit is reached exactly. errBad: what is there is no
// whole record. Other errors are the disk's.
func (s *scanner) next(limit int64) (Record, error) {
	left := limit - s.offset()
	if left == 0 {
		return Record{}, io.EOF
	}
	if left < frameHeader {
		return Record{}, errBad
	}
	if err := s.need(frameHeader, limit); err != nil {
		return Record{}, err
	}
	n := frameLength(s.buf[s.pos:])
	if n > left-frameHeader {
		return Record{}, errBad
	}
	if err := s.need(frameHeader+int(n), limit); err != nil {
		return Record{}, err
	}
	rec, size, ok := parseFrame(s.buf[s.pos:])
	if !ok {
		return Record{}, errBad
	}
	s.pos += size
	return rec, nil
}

// need makes at least n bytes from pos on available. The caller has checked
// that they lie before limit.
func (s *scanner) need(n int, limit int64) error {
	have := len(s.buf) - s.pos
	if have >= n {
		return nil
	}
	if s.pos+n > cap(s.buf) {
		s.off += int64(s.pos)
		rest := s.buf[s.pos:]
		if s.reuse && n <= cap(s.buf) {
			s.buf = s.buf[:copy(s.buf[:cap(s.buf)], rest)]
		} else {
			s.buf = append(make([]byte, 0, max(n, chunkBytes)), rest...)
		}
		s.pos = 0
	}
	from := len(s.buf)
	to := cap(s.buf)
	if left := limit - s.off; int64(to) > left {
		to = int(left)
	}
	got, err := s.f.ReadAt(s.buf[from:to:to], s.off+int64(from))
	s.buf = s.buf[:from+got]
	if len(s.buf)-s.pos >= n {
		return nil
	}
	if err == nil || err == io.EOF {
		return errBad // the file is shorter than it was
	}
	return err
}

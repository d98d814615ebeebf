package state

import (
	"encoding/binary"
	"hash/crc32"

	"github.com/quell-stream/quell/internal/fsys"
	"github.com/quell-stream/quell/internal/wire"
)

// writeBytes is how much is written at a time. A checkpoint may take hundreds of
// megabytes, and is not copied for its file.
const writeBytes = 256 << 10

// writer gathers what it is given and writes it behind each other.
type writer struct {
	f   fsys.File
	at  int64 // of buf
	buf []byte
	err error
}

func (w *writer) write(b []byte) {
	for len(b) > 0 && w.err == nil {
		n := copy(w.buf[len(w.buf):cap(w.buf)], b)
		w.buf, b = w.buf[:len(w.buf)+n], b[n:]
		if len(w.buf) == cap(w.buf) {
			w.flush()
		}
	}
}

func (w *writer) flush() {
	if len(w.buf) > 0 && w.err == nil {
		_, w.err = w.f.WriteAt(w.buf, w.at)
		w.at, w.buf = w.at+int64(len(w.buf)), w.buf[:0]
	}
}

// writeChange writes a checkpoint as one frame, with before in front of it, to a place
// of a file, and returns how long both are. It makes nothing durable.
func (s *Stream) writeChange(f fsys.File, at int64, before string, c *Checkpoint) (int64, error) {
	sum, n := uint32(0), 0
	eachPiece(c, func(b []byte) {
		sum, n = crc32.Update(sum, castagnoli, b), n+len(b)
	})
	if s.buf == nil {
		s.buf = make([]byte, 0, writeBytes)
	}
	w := &writer{f: f, at: at, buf: append(s.buf[:0], before...)}
	w.buf = binary.LittleEndian.AppendUint32(w.buf, uint32(n))
	w.buf = binary.LittleEndian.AppendUint32(w.buf, sum)
	eachPiece(c, w.write)
	w.flush()
	return w.at - at, w.err
}

// eachPiece gives the payload of a checkpoint's frame piece by piece. A piece is valid
// during the call.
func eachPiece(c *Checkpoint, give func([]byte)) {
	b := wire.U64(wire.U8(nil, kindChange), uint64(len(c.Heads)))
	for _, h := range c.Heads {
		b = wire.I64(wire.String(b, h.Part), h.Next)
	}
	give(wire.U64(b, uint64(len(c.Entries))))
	for _, e := range c.Entries {
		b = wire.String(wire.String(b[:0], e.Part), e.Series)
		give(wire.U64(wire.Bool(b, e.State == nil), uint64(len(e.State))))
		give(e.State)
	}
	give(wire.U64(wire.Bytes(b[:0], c.Extra), c.Decided))
}

package state

import (
	"encoding/binary"
	"hash/crc32"

	"github.com/quell-stream/quell/internal/fsys"
	"github.com/quell-stream/quell/internal/wire"
)

// writeBytes is how much is written at a time. A checkpoint may take hundreds of
// megabytes, and is not copied for its file.
const writeBytes = 64 << 10

// startBytes is after how much of a checkpoint the disk is told to begin with it, and
// syncBytes after how much it is waited for. Else a journal on the same disk, whose few
// bytes are wanted at once, would wait for all of it: file systems write what is older
// first. A frame that is there in part alone counts as none.
const (
	startBytes = 512 << 10
	syncBytes  = 4 << 20
)

// writer gathers what it is given and writes it behind each other.
type writer struct {
	f   fsys.File
	at  int64 // of buf
	due int   // bytes since the latest sync
	put int64 // up to where the disk was told to begin
	buf []byte
	err error

	calm bool // see Checkpoint
	pace Pace
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
		w.due += len(w.buf)
		w.at, w.buf = w.at+int64(len(w.buf)), w.buf[:0]
		if n := w.at - w.put; n >= startBytes && w.err == nil {
			fsys.Start(w.f, w.put, n)
			w.put = w.at
		}
		if w.calm {
			w.pace.Rest()
		}
		if w.due >= syncBytes && w.err == nil {
			w.due, w.err = 0, w.f.Sync()
		}
	}
}

// writeChange writes a checkpoint to a place of a file, in one frame or several, with what
// a full file begins with in front of it where it is one, and returns how long all of it is.
// It makes nothing durable, but that the frame that closes a checkpoint of several comes to
// the disk behind the others.
func (s *Stream) writeChange(f fsys.File, at int64, c *Checkpoint, full bool) (int64, error) {
	if s.buf == nil {
		s.buf = make([]byte, 0, writeBytes)
	}
	w := &writer{f: f, at: at, put: at, buf: s.buf[:0], calm: c.Calm}
	portions := s.portions(c)
	last := len(portions) - 1
	switch {
	case full && last == 0:
		w.write([]byte(magic))
	case full:
		w.write([]byte(magicParts))
	}
	for i, entries := range portions[:last] {
		w.frame(func(give func([]byte)) { eachOfPart(i, entries, give) })
	}
	if last > 0 {
		w.sync()
	}
	closing := *c
	closing.Entries = portions[last]
	w.frame(func(give func([]byte)) { eachPiece(last, &closing, give) })
	w.flush()
	return w.at - at, w.err
}

// frame writes a frame of the pieces that each gives, which it does twice.
func (w *writer) frame(each func(give func([]byte))) {
	sum, n := uint32(0), 0
	each(func(b []byte) {
		sum, n = crc32.Update(sum, castagnoli, b), n+len(b)
	})
	w.write(binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, uint32(n)), sum))
	each(w.write)
}

// sync makes what was written so far durable.
func (w *writer) sync() {
	if w.flush(); w.err == nil {
		w.due, w.err = 0, w.f.Sync()
	}
}

// eachPiece gives the payload of the frame that closes a checkpoint, behind so many parts,
// piece by piece. A piece is valid during the call.
func eachPiece(parts int, c *Checkpoint, give func([]byte)) {
	b := wire.U8(nil, kindChange)
	if parts > 0 {
		b = wire.U64(wire.U8(nil, kindLast), uint64(parts))
	}
	b = wire.U64(b, uint64(len(c.Heads)))
	for _, h := range c.Heads {
		b = wire.I64(wire.String(b, h.Part), h.Next)
	}
	give(b)
	eachEntry(c.Entries, give)
	give(wire.U64(wire.Bytes(nil, c.Extra), c.Decided))
}

// eachOfPart gives the payload of a part, which holds series alone.
func eachOfPart(number int, entries []Entry, give func([]byte)) {
	give(wire.U64(wire.U8(nil, kindPart), uint64(number)))
	eachEntry(entries, give)
}

func eachEntry(entries []Entry, give func([]byte)) {
	b := wire.U64(nil, uint64(len(entries)))
	give(b)
	for _, e := range entries {
		b = wire.String(wire.String(b[:0], e.Part), e.Series)
		give(wire.U64(wire.Bool(b, e.State == nil), uint64(len(e.State))))
		give(e.State)
	}
}

package spool

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"path/filepath"

	"github.com/quell-stream/quell/internal/fsys"
)

// cursorName is no name of a segment: the log passes it over.
const cursorName = "cursor"

// The cursor is a file of two slots, written in turn. Each lies in a sector of its
// own, so that a write that is torn leaves the other one whole.
const (
	cursorMagic = "QSPOOL1\n"
	slotBytes   = 28 // magic, number of the write, index, checksum
	slotStride  = 512
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// cursor keeps the index of the first item that the sink does not have.
type cursor struct {
	f      fsys.File
	number uint64 // of the latest write
	at     int64
	buf    []byte
}

// openCursor opens the cursor in a directory and returns the index it keeps, 0
// where there is none that can be read: then what the log holds comes again.
func openCursor(f fsys.FS, dir string) (*cursor, int64, error) {
	path := filepath.Join(dir, cursorName)
	c := &cursor{}
	var err error
	if c.f, err = f.Open(path); errors.Is(err, fs.ErrNotExist) {
		if c.f, err = f.Create(path); err == nil {
			err = f.SyncDir(dir)
		}
	}
	if err != nil {
		return nil, 0, err
	}
	b := make([]byte, slotStride+slotBytes)
	n, err := c.f.ReadAt(b, 0)
	if err != nil && err != io.EOF {
		return nil, 0, errors.Join(fmt.Errorf("%s: %w", path, err), c.f.Close())
	}
	for at := 0; at+slotBytes <= n; at += slotStride {
		if number, index, ok := parseSlot(b[at:]); ok && number > c.number {
			c.number, c.at = number, index
		}
	}
	return c, c.at, nil
}

func parseSlot(b []byte) (number uint64, index int64, ok bool) {
	if string(b[:8]) != cursorMagic || binary.LittleEndian.Uint32(b[24:]) != crc32.Checksum(b[:24], castagnoli) {
		return 0, 0, false
	}
	index = int64(binary.LittleEndian.Uint64(b[16:]))
	return binary.LittleEndian.Uint64(b[8:]), index, index >= 0
}

// set writes the index, unless it is the one that is there. It is not synced: an
// older index makes items come again, which does no harm.
func (c *cursor) set(index int64) error {
	if index == c.at {
		return nil
	}
	number := c.number + 1
	c.buf = append(c.buf[:0], cursorMagic...)
	c.buf = binary.LittleEndian.AppendUint64(c.buf, number)
	c.buf = binary.LittleEndian.AppendUint64(c.buf, uint64(index))
	c.buf = binary.LittleEndian.AppendUint32(c.buf, crc32.Checksum(c.buf, castagnoli))
	if _, err := c.f.WriteAt(c.buf, int64(number%2)*slotStride); err != nil {
		return fmt.Errorf("keep how far the sink has come: %w", err)
	}
	c.number, c.at = number, index
	return nil
}

func (c *cursor) close() error { return c.f.Close() }

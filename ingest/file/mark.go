package file

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"os"

	"github.com/quell-stream/quell/internal/wire"
)

// markBytes is how much of the beginning of a file is looked at to know it again.
const markBytes = 64 << 10

// mark is by what a file is known again: its path and a checksum of its beginning. A file
// grows, so that the beginning that was looked at may have been shorter.
type mark struct {
	size int64 // bytes of the beginning
	sum  [sha256.Size]byte
	path string
}

const markVersion = 1

// markOf looks at the first bytes of a file, most of them at the most.
func markOf(path string, most int64) (m mark, err error) {
	f, err := os.Open(path)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	h := sha256.New()
	m.path = path
	if m.size, err = io.Copy(h, io.LimitReader(f, most)); err != nil {
		return m, err
	}
	h.Sum(m.sum[:0])
	return m, nil
}

func (m *mark) append(dst []byte) []byte {
	dst = wire.I64(wire.U8(dst, markVersion), m.size)
	return wire.String(append(dst, m.sum[:]...), m.path)
}

// readMark reads a mark; ok is false where it is none of this version.
func readMark(b []byte) (m mark, ok bool) {
	r := wire.NewReader(b)
	version, size := r.U8(), r.I64()
	rest := r.Rest()
	if r.Err() != nil || version != markVersion || size < 0 || size > markBytes || len(rest) < len(m.sum) {
		return m, false
	}
	m.size = size
	copy(m.sum[:], rest)
	p := wire.NewReader(rest[len(m.sum):])
	m.path = p.String()
	return m, p.Err() == nil
}

// is says whether a mark that was kept is of the file at path. It may have grown since, and
// it may have been moved where its beginning is long enough to tell it by: a few rows below
// a header may well be those of another one.
func is(path string, kept []byte) bool {
	was, ok := readMark(kept)
	if !ok {
		return false
	}
	now, err := markOf(path, was.size)
	if err != nil || now.size != was.size || !bytes.Equal(now.sum[:], was.sum[:]) {
		return false
	}
	return was.path == path || was.size == markBytes
}

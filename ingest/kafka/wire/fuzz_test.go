package wire

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"testing"

	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/segmentio/kafka-go/compress/lz4"

	"github.com/quell-stream/quell/internal/fuzztest"
)

// Whatever comes, decoding neither panics nor goes back, and what it delivers is
// in order.
func FuzzDecode(f *testing.F) {
	f.Add(build(10, 0, -1, 2, rec(10, "a"), rec(12, "c")), int64(10))
	f.Add(build(0, transactional, 3, 0, rec(0, "a")), int64(0))
	f.Add(build(1<<40, logAppendTime, -1, 9), int64(3))
	f.Fuzz(func(t *testing.T, b []byte, from int64) {
		for at := 0; at+headerLen <= len(b); { // let it past the checksum
			n := int(int32(binary.BigEndian.Uint32(b[at+atLength:]))) + lengthLen
			if n < headerLen || at+n > len(b) {
				break
			}
			binary.BigEndian.PutUint32(b[at+atCRC:], crc32.Checksum(b[at+atAttributes:at+n], castagnoli))
			at += n
		}
		d := Decoder{Limit: 1 << 16}
		defer d.Close()
		recs, next, _ := d.Decode(nil, &Response{Records: b, Aborted: []Aborted{{3, 0}}}, from)
		if next < from {
			t.Fatalf("next %d before from %d", next, from)
		}
		last := from - 1
		for _, r := range recs {
			if r.Offset <= last || r.Offset >= next {
				t.Fatalf("offset %d after %d, next %d", r.Offset, last, next)
			}
			last = r.Offset
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add([]byte{0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 1}, int16(11))
	f.Fuzz(func(t *testing.T, b []byte, version int16) {
		fuzztest.Bounded(t, len(b), 100, 1<<20, func() {
			r, err := Parse(b, version)
			if err == nil && len(r.Records) > len(b) {
				t.Fatal("more records than bytes")
			}
		})
	})
}

// FuzzInflate: no few bytes become more than the limit, or cost much more memory.
func FuzzInflate(f *testing.F) {
	zeros := make([]byte, 1<<20)
	for codec, pack := range packers() {
		f.Add(codec, pack(f, []byte("some text, some text")))
		f.Add(codec, pack(f, zeros))
	}
	f.Add(uint16(codecSnappy), []byte("\xff\xff\xff\xff\x0f\x00"))
	const limit = 1 << 16
	var in inflater // lives across inputs, as in a decoder
	f.Fuzz(func(t *testing.T, codec uint16, b []byte) {
		fuzztest.Bounded(t, len(b), 100, 24<<20, func() {
			out, err := in.inflate(codec, b, limit)
			if len(out) > limit {
				t.Errorf("%d bytes, want at most %d", len(out), limit)
			}
			if errors.Is(err, ErrTooLarge) && len(b) > 1<<20 {
				t.Errorf("too large: %v", err)
			}
		})
	})
}

// TestBombs: a megabyte in a few hundred bytes is refused with the limit, by each codec.
func TestBombs(t *testing.T) {
	zeros := make([]byte, 1<<20)
	for codec, pack := range packers() {
		var in inflater
		if _, err := in.inflate(codec, pack(t, zeros), 1<<16); !errors.Is(err, ErrTooLarge) {
			t.Errorf("codec %d: %v, want ErrTooLarge", codec, err)
		}
		// zstd wants room for its window too, 8 MiB.
		if out, err := in.inflate(codec, pack(t, zeros), 8<<20); err != nil || !bytes.Equal(out, zeros) {
			t.Errorf("codec %d within its limit: %d bytes, %v", codec, len(out), err)
		}
		in.close()
	}
}

// packers compress with each codec.
func packers() map[uint16]func(testing.TB, []byte) []byte {
	through := func(make func(io.Writer) io.WriteCloser) func(testing.TB, []byte) []byte {
		return func(t testing.TB, b []byte) []byte {
			var out bytes.Buffer
			w := make(&out)
			_, err := w.Write(b)
			if err := errors.Join(err, w.Close()); err != nil {
				t.Fatal(err)
			}
			return out.Bytes()
		}
	}
	return map[uint16]func(testing.TB, []byte) []byte{
		codecGzip:   through(func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }),
		codecSnappy: func(_ testing.TB, b []byte) []byte { return snappy.Encode(nil, b) },
		codecLZ4:    through(func(w io.Writer) io.WriteCloser { return new(lz4.Codec).NewWriter(w) }),
		codecZstd: through(func(w io.Writer) io.WriteCloser {
			z, err := zstd.NewWriter(w)
			if err != nil {
				panic(err)
			}
			return z
		}),
	}
}

package wire

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/segmentio/kafka-go/compress/lz4"
)

// The compression codecs of a batch.
const (
	codecGzip   = 1
	codecSnappy = 2
	codecLZ4    = 3
	codecZstd   = 4
)

// inflater decompresses batches, never beyond a limit: a few bytes can claim to
// be gigabytes.
type inflater struct {
	gzip  gzip.Reader
	lz4   lz4.Codec
	zstd  *zstd.Decoder
	limit int // that zstd was made with
}

func (f *inflater) close() {
	if f.zstd != nil {
		f.zstd.Close()
		f.zstd = nil
	}
}

// inflate returns the decompressed form of b in memory of its own. Its errors
// wrap ErrTooLarge where there would be more than limit bytes.
func (f *inflater) inflate(codec uint16, b []byte, limit int) ([]byte, error) {
	var (
		out  []byte
		err  error
		name string
	)
	switch codec {
	case codecGzip:
		name = "gzip"
		if err = f.gzip.Reset(bytes.NewReader(b)); err == nil {
			out, err = readAll(&f.gzip, len(b), limit)
		}
	case codecSnappy:
		name = "snappy"
		out, err = unsnappy(b, limit)
	case codecLZ4:
		name = "lz4"
		r := f.lz4.NewReader(bytes.NewReader(b))
		out, err = readAll(r, len(b), limit)
		err = errors.Join(err, r.Close())
	case codecZstd:
		name = "zstd"
		out, err = f.unzstd(b, limit)
	default:
		return nil, fmt.Errorf("compression codec %d is unknown", codec)
	}
	if err != nil && !errors.Is(err, ErrTooLarge) {
		return nil, fmt.Errorf("%s data are corrupt: %w", name, err)
	}
	return out, err
}

// readAll reads r to its end; packed is the compressed size.
func readAll(r io.Reader, packed, limit int) ([]byte, error) {
	// Telemetry in JSON shrinks to a fifth or so.
	buf := bytes.NewBuffer(make([]byte, 0, min(limit, 5*packed)+bytes.MinRead))
	n, err := buf.ReadFrom(io.LimitReader(r, int64(limit)+1))
	if err != nil {
		return nil, err
	}
	if n > int64(limit) {
		return nil, fmt.Errorf("%w of %d bytes", ErrTooLarge, limit)
	}
	return buf.Bytes(), nil
}

func (f *inflater) unzstd(b []byte, limit int) ([]byte, error) {
	if f.zstd == nil || f.limit != limit {
		f.close()
		d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(uint64(limit)), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, err
		}
		f.zstd, f.limit = d, limit
	}
	out, err := f.zstd.DecodeAll(b, nil)
	if errors.Is(err, zstd.ErrDecoderSizeExceeded) || errors.Is(err, zstd.ErrWindowSizeExceeded) {
		return nil, fmt.Errorf("%w of %d bytes", ErrTooLarge, limit)
	}
	return out, err
}

// xerial is the magic of the framing that Java's snappy library puts around
// blocks: 8 bytes of magic, two versions of 4, then blocks with their length in
// front. Clients in other languages send one bare block.
var xerial = []byte{0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0}

const xerialHeader = 16

func unsnappy(b []byte, limit int) ([]byte, error) {
	if !bytes.HasPrefix(b, xerial) || len(b) < xerialHeader {
		return unsnappyBlock(nil, b, limit)
	}
	var out []byte
	for b = b[xerialHeader:]; len(b) > 0; {
		if len(b) < 4 {
			return nil, io.ErrUnexpectedEOF
		}
		n := binary.BigEndian.Uint32(b)
		if b = b[4:]; uint64(n) > uint64(len(b)) {
			return nil, io.ErrUnexpectedEOF
		}
		var err error
		if out, err = unsnappyBlock(out, b[:n], limit); err != nil {
			return nil, err
		}
		b = b[n:]
	}
	return out, nil
}

// unsnappyBlock appends the decompressed block to out.
func unsnappyBlock(out, b []byte, limit int) ([]byte, error) {
	n, err := snappy.DecodedLen(b)
	if err != nil {
		return nil, err
	}
	if n > limit-len(out) {
		return nil, fmt.Errorf("%w of %d bytes", ErrTooLarge, limit)
	}
	if out == nil {
		return snappy.Decode(nil, b)
	}
	block, err := snappy.Decode(nil, b)
	return append(out, block...), err
}

package topic

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/klauspost/compress/zstd"

	"github.com/quell-stream/quell/internal/wire"
)

// maxBlob bounds a state or model.
const maxBlob = 64 << 20

// worthPacking is the number of bytes from which on they are compressed.
const worthPacking = 256

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// blob is a state or model within a value: the bytes themselves, or where its pieces
// are. What does not fit into one record is cut up. The pieces stand under keys of
// their own, in one of two slots by turns, and are written before the value that names
// the slot: a value that is there has its pieces, however few of the next are.
type blob struct {
	packed bool
	size   uint64 // before packing
	sum    uint32 // CRC-32C before packing
	pieces uint64 // 0: none, data has all
	slot   uint8
	data   []byte
}

func (b *blob) append(dst []byte) []byte {
	dst = wire.U64(wire.Bool(dst, b.packed), b.size)
	dst = wire.U64(dst, uint64(b.sum))
	dst = wire.U8(wire.U64(dst, b.pieces), b.slot)
	return wire.Bytes(dst, b.data)
}

func (b *blob) read(r *wire.Reader) {
	b.packed, b.size, b.sum = r.Bool(), r.U64(), uint32(r.U64())
	b.pieces, b.slot, b.data = r.U64(), r.U8(), r.Bytes()
	switch {
	case b.size > maxBlob || b.pieces > maxBlob || b.slot > 1:
		r.Fail(errors.New("a size that there is not"))
	case b.pieces > 0 && len(b.data) > 0:
		r.Fail(errors.New("pieces beside the whole"))
	}
}

// window is how far back what repeats is looked for: further than most states are long. An
// encoder takes eight megabytes with the window that it has of itself.
const window = 256 << 10

// mostRoom is the most memory that a packer keeps.
const mostRoom = 1 << 20

// packer compresses, for use by one goroutine at a time.
type packer struct {
	enc  *zstd.Encoder
	room []byte // to compress into, of which little is needed afterwards
}

// pack returns a blob with all of data in it. It aliases data where that is too short
// to be compressed.
func (p *packer) pack(data []byte) (blob, error) {
	if len(data) > maxBlob {
		return blob{}, fmt.Errorf("%d bytes are more than the %d that a state may have", len(data), maxBlob)
	}
	b := blob{size: uint64(len(data)), sum: crc32.Checksum(data, castagnoli), data: data}
	if len(data) < worthPacking {
		return b, nil
	}
	if p.enc == nil {
		var err error
		if p.enc, err = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false), zstd.WithWindowSize(window)); err != nil {
			return blob{}, err
		}
	}
	p.room = p.enc.EncodeAll(data, p.room[:0])
	b.packed, b.data = true, bytes.Clone(p.room)
	if cap(p.room) > mostRoom {
		p.room = nil
	}
	return b, nil
}

// unpacker decompresses, for use by one goroutine at a time.
type unpacker struct{ dec *zstd.Decoder }

func (u *unpacker) unpack(data []byte) ([]byte, error) {
	if u.dec == nil {
		var err error
		if u.dec, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxBlob), zstd.WithDecoderLowmem(true)); err != nil {
			return nil, err
		}
	}
	return u.dec.DecodeAll(data, nil)
}

func (u *unpacker) close() {
	if u.dec != nil {
		u.dec.Close()
	}
}

// cut has a blob go into so many pieces of at most so many bytes, and returns them.
func (b *blob) cut(most int, slot uint8) (pieces [][]byte) {
	for rest := b.data; len(rest) > 0; {
		n := min(most, len(rest))
		pieces, rest = append(pieces, rest[:n]), rest[n:]
	}
	b.data, b.pieces, b.slot = nil, uint64(len(pieces)), slot
	return pieces
}

// open returns what was packed; piece returns piece i of the blob's slot, nil where it
// is not there.
func (b *blob) open(u *unpacker, piece func(i uint64) []byte) ([]byte, error) {
	data := b.data
	for i := range b.pieces {
		p := piece(i)
		if p == nil {
			return nil, fmt.Errorf("piece %d of %d is missing", i+1, b.pieces)
		}
		data = append(data, p...)
	}
	if b.packed {
		var err error
		if data, err = u.unpack(data); err != nil {
			return nil, err
		}
	}
	if uint64(len(data)) != b.size || crc32.Checksum(data, castagnoli) != b.sum {
		return nil, errors.New("the checksum does not match")
	}
	if data == nil {
		data = []byte{}
	}
	return data, nil
}

// pieceKey is the key of piece i in a slot.
func pieceKey(k key, i uint64, slot uint8) key {
	k.piece = 1 + 2*i + uint64(slot)
	return k
}

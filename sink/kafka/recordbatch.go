package kafka

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"

	"github.com/segmentio/kafka-go"

	"github.com/quell-stream/quell/sink"
)

// recordBatch is a record batch of Kafka's message format 2 as it goes over the wire,
// with its size in front, in memory of its own. The library's encoder would copy each
// message three times, and look at each through two interfaces.
//
// The layout is that of the protocol guide (https://kafka.apache.org/protocol).
type recordBatch struct {
	raw     []byte // not compressed
	records []placed
	time    int64 // of all records, ms since the Unix epoch
	packed  bytes.Buffer
}

// placed is where a message lies in a batch: its key, and behind it its value.
type placed struct {
	index           int // of the item
	key, keyEnd     int
	value, valueEnd int
	bytes           int // as the limit of a batch counts them
}

// The places in a batch, its size in front included.
const (
	sizeLen      = 4
	atLength     = sizeLen + 8
	atCRC        = sizeLen + 17
	atAttributes = sizeLen + 21
	atLastDelta  = sizeLen + 23
	atFirstTime  = sizeLen + 27
	atMaxTime    = sizeLen + 35
	atCount      = sizeLen + 57
	headLen      = sizeLen + 61
)

// emptyHead is the head of a batch: offset 0, leader epoch -1, format 2, no producer.
// It is read only.
var emptyHead = func() (h [headLen]byte) {
	const atEpoch, atFormat, atProducer = sizeLen + 12, sizeLen + 16, sizeLen + 43
	for i := atEpoch; i < atFormat; i++ {
		h[i] = 0xff
	}
	h[atFormat] = 2
	for i := atProducer; i < atCount; i++ {
		h[i] = 0xff
	}
	return h
}()

// castagnoli is the polynomial of the checksum. The table is read only.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// jsonHeaders are the headers that go with every message, encoded: their number, the name
// content-type and the value application/json. They are read only.
var jsonHeaders = func() (b []byte) {
	const name, value = "content-type", "application/json"
	b = binary.AppendVarint(b, 1)
	b = append(binary.AppendVarint(b, int64(len(name))), name...)
	return append(binary.AppendVarint(b, int64(len(value))), value...)
}()

// begin empties a batch.
func (b *recordBatch) begin(ms int64) {
	b.raw, b.records, b.time = append(b.raw[:0], emptyHead[:]...), b.records[:0], ms
	binary.BigEndian.PutUint64(b.raw[atFirstTime:], uint64(ms))
	binary.BigEndian.PutUint64(b.raw[atMaxTime:], uint64(ms))
}

// add appends an item whose key is given.
func (b *recordBatch) add(index int, key, value []byte) {
	delta := int64(len(b.records))
	// Attributes, the delta of the time, which is 0, and the two lengths.
	size := 2 + varintLen(delta) + varintLen(int64(len(key))) + len(key) + varintLen(int64(len(value))) + len(value) + len(jsonHeaders)
	raw := binary.AppendVarint(b.raw, int64(size))
	raw = binary.AppendVarint(append(raw, 0, 0), delta)
	raw = binary.AppendVarint(raw, int64(len(key)))
	p := placed{index: index, key: len(raw), bytes: messageBytes(len(key), len(value))}
	raw = append(raw, key...)
	p.keyEnd = len(raw)
	raw = binary.AppendVarint(raw, int64(len(value)))
	p.value = len(raw)
	raw = append(raw, value...)
	p.valueEnd = len(raw)
	b.raw, b.records = append(raw, jsonHeaders...), append(b.records, p)
}

// messageBytes is the estimated size of a message in a batch.
func messageBytes(key, value int) int { return key + value + messageOverhead }

// varintLen returns the length of a number in zigzag encoding.
func varintLen(v int64) int {
	n := 1
	for u := uint64(v)<<1 ^ uint64(v>>63); u >= 0x80; u >>= 7 {
		n++
	}
	return n
}

// part begins to with the records from…end-1 of the batch.
func (b *recordBatch) part(to *recordBatch, from, end int) {
	to.begin(b.time)
	for _, p := range b.records[from:end] {
		to.add(p.index, b.raw[p.key:p.keyEnd], b.raw[p.value:p.valueEnd])
	}
}

// seal completes the batch and returns it as it is sent. It stays valid until the
// batch is changed or sealed again.
func (b *recordBatch) seal(codec kafka.Compression) ([]byte, error) {
	out := b.raw
	if codec != 0 {
		var err error
		if out, err = b.pack(codec); err != nil {
			return nil, err
		}
	}
	binary.BigEndian.PutUint32(out, uint32(len(out)-sizeLen))
	binary.BigEndian.PutUint32(out[atLength:], uint32(len(out)-atLength-4))
	binary.BigEndian.PutUint16(out[atAttributes:], uint16(codec))
	binary.BigEndian.PutUint32(out[atLastDelta:], uint32(len(b.records)-1))
	binary.BigEndian.PutUint32(out[atCount:], uint32(len(b.records)))
	binary.BigEndian.PutUint32(out[atCRC:], crc32.Checksum(out[atAttributes:], castagnoli))
	return out, nil
}

// pack compresses the records.
func (b *recordBatch) pack(codec kafka.Compression) ([]byte, error) {
	b.packed.Reset()
	b.packed.Write(b.raw[:headLen]) // never fails
	w := codec.Codec().NewWriter(&b.packed)
	_, err := w.Write(b.raw[headLen:])
	if err = errors.Join(err, w.Close()); err != nil {
		return nil, err
	}
	return b.packed.Bytes(), nil
}

// appendKey appends the key of an item: its stream and series.
func appendKey(dst []byte, it *sink.Item) []byte {
	stream, series := it.Series()
	return append(append(append(dst, stream...), '/'), series...)
}

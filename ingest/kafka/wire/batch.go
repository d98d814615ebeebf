package wire

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"slices"
)

// Record is one message of a partition. Key, Value and Rest alias the response, or
// the inflated batch.
type Record struct {
	Offset int64
	Time   int64 // milliseconds since the Unix epoch, negative where there is none
	Key    []byte
	Value  []byte // nil: a tombstone
	Rest   []byte // the headers as they came, see Headers
}

// Header is a header of a record. Value aliases the record.
type Header struct {
	Key   string
	Value []byte
}

// Headers returns the headers of a record. What is corrupt of them, which their
// batch's checksum makes unlikely, is left out.
func (r *Record) Headers() (out []Header) {
	f := fields{b: r.Rest}
	for range f.varint() {
		h := Header{Key: string(f.bytes()), Value: f.bytes()}
		if f.bad {
			break
		}
		out = append(out, h)
	}
	return out
}

// ErrFormat says that a batch has a message format that this package does not
// read. Waiting does not help.
var ErrFormat = errors.New("message format is older than Kafka 0.11")

// ErrTooLarge says that a batch inflates beyond the limit.
var ErrTooLarge = errors.New("batch inflates beyond the limit")

// BatchError says why a batch can't be read. The batches before it were.
type BatchError struct {
	First, Last int64 // the offsets that the batch claims to hold
	Records     int32 // the number of records it claims to hold
	Err         error // wraps ErrTooLarge, ErrFormat, or describes the corruption
}

// Error implements error.
func (e *BatchError) Error() string {
	return fmt.Sprintf("batch at offsets %d to %d: %v", e.First, e.Last, e.Err)
}

// Unwrap returns the cause.
func (e *BatchError) Unwrap() error { return e.Err }

// The layout of a record batch: fixed places of its header.
const (
	atLength     = 8
	atMagic      = 16
	atCRC        = 17
	atAttributes = 21 // here the checksum begins
	atLastDelta  = 23
	atBaseTime   = 27
	atMaxTime    = 35
	atProducer   = 43
	atCount      = 57
	headerLen    = 61
	lengthLen    = 12 // base offset and length, which the length does not count
)

// The bits of a batch's attributes.
const (
	codecMask     = 0x07
	logAppendTime = 0x08
	transactional = 0x10
	control       = 0x20
)

// castagnoli is the polynomial of the batches' checksum. The table is read only.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Decoder reads the record batches of responses. The zero value is not usable:
// set Limit. It is not safe for concurrent use.
type Decoder struct {
	// Limit bounds how many bytes one compressed batch may inflate to.
	Limit int

	inflate inflater
	aborted map[int64]struct{} // producers whose current transaction was aborted
}

// Close releases what decompression holds. The decoder may be used again.
func (d *Decoder) Close() { d.inflate.close() }

// Decode appends the records of res from offset from on to dst: in order,
// without transaction markers and without records of aborted transactions. next
// is where the following request must start; it moves past what is not
// delivered, too. On an error, a BatchError, next is the beginning of the
// unreadable batch, or from if that is later.
func (d *Decoder) Decode(dst []Record, res *Response, from int64) (recs []Record, next int64, err error) {
	clear(d.aborted)
	b, aborted, next := res.Records, slices.Clone(res.Aborted), from
	slices.SortFunc(aborted, func(a, b Aborted) int { return cmp.Compare(a.First, b.First) })
	for len(b) >= headerLen {
		base := int64(binary.BigEndian.Uint64(b))
		size := int64(int32(binary.BigEndian.Uint32(b[atLength:]))) + lengthLen
		last := base + int64(int32(binary.BigEndian.Uint32(b[atLastDelta:])))
		e := BatchError{First: base, Last: last, Records: int32(binary.BigEndian.Uint32(b[atCount:]))}
		if magic := b[atMagic]; magic != 2 {
			if e.Err = ErrFormat; magic > 2 {
				e.Err = fmt.Errorf("message format %d is unknown", magic)
			}
			e.Last = base
			return dst, next, &e
		}
		if size < headerLen || base < 0 || last < base || last == math.MaxInt64 {
			e.Last, e.Err = base, fmt.Errorf("header is corrupt: length %d, offsets %d to %d", size, base, last)
			return dst, next, &e
		}
		if size > int64(len(b)) {
			break // cut by the broker: the next response has it whole
		}
		batch := b[:size:size]
		b = b[size:]
		attributes := binary.BigEndian.Uint16(batch[atAttributes:])
		producer := int64(binary.BigEndian.Uint64(batch[atProducer:]))
		for len(aborted) > 0 && aborted[0].First <= last {
			if d.aborted == nil {
				d.aborted = make(map[int64]struct{})
			}
			d.aborted[aborted[0].Producer] = struct{}{}
			aborted = aborted[1:]
		}
		_, dropped := d.aborted[producer]
		if attributes&control != 0 {
			// The end of a transaction, one way or the other: what this producer
			// writes next is listed again if it is aborted, too.
			delete(d.aborted, producer)
		}
		if last < next {
			continue
		}
		if sum := crc32.Checksum(batch[atAttributes:], castagnoli); sum != binary.BigEndian.Uint32(batch[atCRC:]) {
			e.Err = errors.New("checksum does not match: the data are corrupt")
			return dst, next, &e
		}
		switch {
		case attributes&control != 0:
		case attributes&transactional != 0 && dropped:
		default:
			n := len(dst)
			if dst, e.Err = d.records(dst, batch, base, next); e.Err != nil {
				return dst[:n], next, &e
			}
		}
		next = last + 1
	}
	return dst, next, nil
}

// records appends the records of one batch from offset from on.
func (d *Decoder) records(dst []Record, batch []byte, base, from int64) ([]Record, error) {
	attributes := binary.BigEndian.Uint16(batch[atAttributes:])
	baseTime := int64(binary.BigEndian.Uint64(batch[atBaseTime:]))
	maxTime := int64(binary.BigEndian.Uint64(batch[atMaxTime:]))
	lastDelta := int64(int32(binary.BigEndian.Uint32(batch[atLastDelta:])))
	count := int32(binary.BigEndian.Uint32(batch[atCount:]))
	body := batch[headerLen:]
	if codec := attributes & codecMask; codec != 0 {
		var err error
		if body, err = d.inflate.inflate(codec, body, d.Limit); err != nil {
			return dst, err
		}
	}
	previous := int64(-1)
	for i := range count {
		size, n := binary.Varint(body)
		if n <= 0 || size < 0 || size > int64(len(body)-n) {
			return dst, fmt.Errorf("record %d of %d is cut short", i, count)
		}
		r := fields{b: body[n : n+int(size)]}
		body = body[n+int(size):]
		r.skip(1) // attributes: unused by the protocol
		rec := Record{Time: baseTime + r.varint()}
		delta := r.varint()
		rec.Key, rec.Value = r.bytes(), r.bytes()
		rec.Rest = r.b
		if r.bad || delta <= previous || delta > lastDelta {
			return dst, fmt.Errorf("record %d of %d is corrupt", i, count)
		}
		previous = delta
		if rec.Offset = base + delta; rec.Offset < from {
			continue
		}
		if attributes&logAppendTime != 0 {
			rec.Time = maxTime
		}
		dst = append(dst, rec)
	}
	return dst, nil
}

// fields takes fields off one record.
type fields struct {
	b   []byte
	bad bool
}

func (f *fields) varint() int64 {
	v, n := binary.Varint(f.b)
	if n <= 0 {
		f.bad = true
		return 0
	}
	f.b = f.b[n:]
	return v
}

func (f *fields) skip(n int) {
	if n > len(f.b) {
		f.bad = true
		return
	}
	f.b = f.b[n:]
}

// bytes returns a length-prefixed field; the length -1 stands for nil.
func (f *fields) bytes() []byte {
	n := f.varint()
	switch {
	case f.bad || n < -1 || n > int64(len(f.b)):
		f.bad = true
		return nil
	case n == -1:
		return nil
	}
	p := f.b[:n:n]
	f.b = f.b[n:]
	return p
}

// Package wire reads Kafka's Fetch responses: the message frame, and the record
// batches in it.
//
// The Kafka library dials, authenticates and finds leaders; its own reader of
// batches is not used, because it delivers transaction markers and aborted
// records as messages, loses its place after batches that compaction emptied,
// inflates without a bound, and copies every record. This one aliases the
// response. The layouts are those of the protocol guide
// (https://kafka.apache.org/protocol), Fetch versions 4 to 11 and message format
// version 2, which all brokers since 0.11 (2017) speak.
package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// The versions of the Fetch request that this package speaks. Version 10 and
// later are sent batches compressed with zstd.
const (
	MinVersion = 4
	MaxVersion = 11
)

// Key is the number of the Fetch request in the protocol.
const Key = 1

// Request asks the leader of one partition for records from Offset. Only
// committed records are asked for.
type Request struct {
	Version       int16
	CorrelationID int32
	ClientID      string
	Topic         string
	Partition     int32
	Offset        int64
	MaxBytes      int32         // the first batch comes whole even if it is larger
	MaxWait       time.Duration // how long the broker may wait for the first byte
}

// Append appends the request with its length in front.
func (r *Request) Append(dst []byte) []byte {
	start := len(dst)
	b := binary.BigEndian.AppendUint32(dst, 0)
	b = binary.BigEndian.AppendUint16(b, Key)
	b = binary.BigEndian.AppendUint16(b, uint16(r.Version))
	b = binary.BigEndian.AppendUint32(b, uint32(r.CorrelationID))
	b = appendString(b, r.ClientID)
	b = binary.BigEndian.AppendUint32(b, ^uint32(0)) // replica: none, a consumer
	b = binary.BigEndian.AppendUint32(b, uint32(r.MaxWait/time.Millisecond))
	b = binary.BigEndian.AppendUint32(b, 1) // at least one byte
	b = binary.BigEndian.AppendUint32(b, uint32(r.MaxBytes))
	b = append(b, 1) // isolation: read committed
	if r.Version >= 7 {
		b = binary.BigEndian.AppendUint32(b, 0)          // session
		b = binary.BigEndian.AppendUint32(b, ^uint32(0)) // epoch: no session, please
	}
	b = binary.BigEndian.AppendUint32(b, 1) // topics
	b = appendString(b, r.Topic)
	b = binary.BigEndian.AppendUint32(b, 1) // partitions
	b = binary.BigEndian.AppendUint32(b, uint32(r.Partition))
	if r.Version >= 9 {
		b = binary.BigEndian.AppendUint32(b, ^uint32(0)) // leader epoch: unknown
	}
	b = binary.BigEndian.AppendUint64(b, uint64(r.Offset))
	if r.Version >= 5 {
		b = binary.BigEndian.AppendUint64(b, ^uint64(0)) // log start: not a follower
	}
	b = binary.BigEndian.AppendUint32(b, uint32(r.MaxBytes))
	if r.Version >= 7 {
		b = binary.BigEndian.AppendUint32(b, 0) // forgotten topics
	}
	if r.Version >= 11 {
		b = appendString(b, "") // rack
	}
	binary.BigEndian.PutUint32(b[start:], uint32(len(b)-start-4))
	return b
}

func appendString(b []byte, s string) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(len(s)))
	return append(b, s...)
}

// Aborted says that the transaction of a producer that began at First was
// aborted.
type Aborted struct {
	Producer int64
	First    int64
}

// Response is what a broker says about one partition.
type Response struct {
	CorrelationID int32
	Throttle      time.Duration
	Code          int16 // error code, 0: none
	HighWater     int64 // offset behind the last replicated record
	LastStable    int64 // offset of the first record of an open transaction
	LogStart      int64 // the first offset that still exists; -1 below version 5
	Aborted       []Aborted
	Records       []byte // record batches, the last one possibly cut; aliases the response
}

// errShort says that a response ends too early.
var errShort = errors.New("kafka: fetch response is cut short")

// Parse reads a response (without its length) to a request of the given version
// for one partition. The response's Records alias b.
func Parse(b []byte, version int16) (Response, error) {
	r := reader{b: b}
	res := Response{LogStart: -1}
	res.CorrelationID = r.int32()
	res.Throttle = time.Duration(r.int32()) * time.Millisecond
	if version >= 7 {
		res.Code = r.int16()
		r.int32() // session
	}
	topics := r.int32()
	if r.err == nil && topics != 1 {
		if res.Code != 0 && topics == 0 {
			return res, nil
		}
		return res, fmt.Errorf("kafka: fetch response names %d topics, asked for one", topics)
	}
	r.skip(int(r.int16()))
	if n := r.int32(); r.err == nil && n != 1 {
		return res, fmt.Errorf("kafka: fetch response names %d partitions, asked for one", n)
	}
	r.int32() // partition
	if code := r.int16(); res.Code == 0 {
		res.Code = code
	}
	res.HighWater, res.LastStable = r.int64(), r.int64()
	if version >= 5 {
		res.LogStart = r.int64()
	}
	// -1 aborted transactions is the same as none.
	for n := r.int32(); n > 0 && r.err == nil; n-- {
		res.Aborted = append(res.Aborted, Aborted{Producer: r.int64(), First: r.int64()})
	}
	if version >= 11 {
		r.int32() // preferred replica: we name no rack
	}
	if n := r.int32(); n > 0 {
		res.Records = r.bytes(int(n))
	}
	return res, r.err
}

// reader takes fields off a buffer; after the first error all are zero.
type reader struct {
	b   []byte
	err error
}

func (r *reader) bytes(n int) []byte {
	if r.err != nil || n < 0 || n > len(r.b) {
		r.err = errShort
		return nil
	}
	p := r.b[:n:n]
	r.b = r.b[n:]
	return p
}

func (r *reader) skip(n int) { r.bytes(n) }

func (r *reader) int16() int16 {
	if p := r.bytes(2); p != nil {
		return int16(binary.BigEndian.Uint16(p))
	}
	return 0
}

func (r *reader) int32() int32 {
	if p := r.bytes(4); p != nil {
		return int32(binary.BigEndian.Uint32(p))
	}
	return 0
}

func (r *reader) int64() int64 {
	if p := r.bytes(8); p != nil {
		return int64(binary.BigEndian.Uint64(p))
	}
	return 0
}

package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// build makes a batch with the oracle's encoder: records at the given offsets.
func build(base int64, attributes int16, producer int64, lastDelta int32, recs ...Record) []byte {
	var body []byte
	for _, r := range recs {
		k := kmsg.Record{TimestampDelta64: r.Time - 1000, OffsetDelta: int32(r.Offset - base), Key: r.Key, Value: r.Value,
			Headers: []kmsg.Header{{Key: "h", Value: []byte("v")}}}
		k.Length = int32(len(k.AppendTo(nil))) - 1 // a length below 64 takes one byte
		body = k.AppendTo(body)
	}
	b := kmsg.RecordBatch{FirstOffset: base, Magic: 2, Attributes: attributes, LastOffsetDelta: lastDelta, FirstTimestamp: 1000, MaxTimestamp: 9000,
		ProducerID: producer, NumRecords: int32(len(recs)), Records: body}
	return seal(b.AppendTo(nil))
}

// seal sets length and checksum.
func seal(b []byte) []byte {
	binary.BigEndian.PutUint32(b[atLength:], uint32(len(b)-lengthLen))
	binary.BigEndian.PutUint32(b[atCRC:], crc32.Checksum(b[atAttributes:], castagnoli))
	return b
}

func rec(offset int64, value string) Record {
	return Record{Offset: offset, Time: 1000 + offset, Key: []byte("k"), Value: []byte(value), Rest: []byte("\x02\x02h\x02v")}
}

func TestHeaders(t *testing.T) {
	for rest, want := range map[string][]Header{
		"":                       nil,
		"\x00":                   nil,
		"\x02\x02h\x02v":         {{"h", []byte("v")}},
		"\x04\x02h\x01\x00\x02v": {{"h", nil}, {"", []byte("v")}},
		"\x04\x02h\x02v\x10h":    {{"h", []byte("v")}}, // cut short
		"\x01":                   nil,                  // a negative count
	} {
		r := Record{Rest: []byte(rest)}
		if d := cmp.Diff(want, r.Headers()); d != "" {
			t.Errorf("%q: %s", rest, d)
		}
	}
}

func TestRequest(t *testing.T) {
	for v := int16(MinVersion); v <= MaxVersion; v++ {
		r := Request{Version: v, CorrelationID: 7, ClientID: "me", Topic: "in", Partition: 3, Offset: 42, MaxBytes: 1000, MaxWait: 500 * time.Millisecond}
		b := r.Append([]byte("before"))
		b = b[len("before"):]
		if got := int(binary.BigEndian.Uint32(b)); got != len(b)-4 {
			t.Fatalf("v%d: length %d, want %d", v, got, len(b)-4)
		}
		const header = 4 + 2 + 2 + 4 + 2 + len("me")
		if head := fmt.Sprint(b[4:header]); head != fmt.Sprint([]byte{0, 1, 0, byte(v), 0, 0, 0, 7, 0, 2, 'm', 'e'}) {
			t.Errorf("v%d: header %s", v, head)
		}
		got := kmsg.NewPtrFetchRequest()
		got.SetVersion(v)
		if err := got.ReadFrom(b[header:]); err != nil {
			t.Fatalf("v%d: the oracle can't read it: %v", v, err)
		}
		want := kmsg.NewPtrFetchRequest()
		want.SetVersion(v)
		want.MaxWaitMillis, want.MinBytes, want.MaxBytes, want.IsolationLevel = 500, 1, 1000, 1
		p := kmsg.NewFetchRequestTopicPartition()
		p.Partition, p.FetchOffset, p.PartitionMaxBytes = 3, 42, 1000
		want.Topics = []kmsg.FetchRequestTopic{{Topic: "in", Partitions: []kmsg.FetchRequestTopicPartition{p}}}
		if !bytes.Equal(got.AppendTo(nil), want.AppendTo(nil)) {
			t.Errorf("v%d: got %+v, want %+v", v, got, want)
		}
	}
}

func TestResponse(t *testing.T) {
	for v := int16(MinVersion); v <= MaxVersion; v++ {
		res := kmsg.NewPtrFetchResponse()
		res.SetVersion(v)
		res.ThrottleMillis = 30
		p := kmsg.NewFetchResponseTopicPartition()
		p.Partition, p.ErrorCode, p.HighWatermark, p.LastStableOffset, p.LogStartOffset = 3, 6, 100, 90, 5
		p.AbortedTransactions = []kmsg.FetchResponseTopicPartitionAbortedTransaction{{ProducerID: 8, FirstOffset: 9}}
		p.RecordBatches = []byte("records")
		res.Topics = []kmsg.FetchResponseTopic{{Topic: "in", Partitions: []kmsg.FetchResponseTopicPartition{p}}}
		b := res.AppendTo([]byte{0, 0, 0, 7})
		got, err := Parse(b, v)
		if err != nil {
			t.Fatalf("v%d: %v", v, err)
		}
		want := Response{CorrelationID: 7, Throttle: 30 * time.Millisecond, Code: 6, HighWater: 100, LastStable: 90, LogStart: 5,
			Aborted: []Aborted{{8, 9}}, Records: []byte("records")}
		if v < 5 {
			want.LogStart = -1
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("v%d (-want +got):\n%s", v, d)
		}
		for n := range len(b) {
			if _, err := Parse(b[:n], v); err == nil {
				t.Errorf("v%d: no error with %d of %d bytes", v, n, len(b))
			}
		}
	}
}

func TestDecode(t *testing.T) {
	a := build(10, 0, -1, 2, rec(10, "a"), rec(11, "b"), rec(12, "c"))
	holes := build(13, 0, -1, 9, rec(15, "d"), rec(18, "e")) // to 22, compacted
	empty := build(23, 0, 5, 4)                              // to 27, compacted to nothing
	appendTime := build(28, logAppendTime, -1, 0, rec(28, "f"))
	all := bytes.Join([][]byte{a, holes, empty, appendTime}, nil)
	stamped := rec(28, "f")
	stamped.Time = 9000
	for _, tc := range []struct {
		name string
		b    []byte
		from int64
		want []Record
		next int64
	}{
		{"all", all, 10, []Record{rec(10, "a"), rec(11, "b"), rec(12, "c"), rec(15, "d"), rec(18, "e"), stamped}, 29},
		{"from the middle of a batch", all, 12, []Record{rec(12, "c"), rec(15, "d"), rec(18, "e"), stamped}, 29},
		{"from a hole at a batch's end", holes, 19, nil, 23},
		{"an emptied batch", empty, 23, nil, 28},
		{"cut in the second batch", all[:len(a)+20], 10, []Record{rec(10, "a"), rec(11, "b"), rec(12, "c")}, 13},
		{"cut in the second batch's body", all[:len(a)+headerLen+1], 10, []Record{rec(10, "a"), rec(11, "b"), rec(12, "c")}, 13},
		{"nothing", nil, 10, nil, 10},
	} {
		d := Decoder{Limit: 1000}
		got, next, err := d.Decode(nil, &Response{Records: tc.b}, tc.from)
		if err != nil || next != tc.next {
			t.Errorf("%s: next %d, error %v, want %d", tc.name, next, err, tc.next)
		}
		if d := cmp.Diff(tc.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, d)
		}
	}
}

// Two producers' transactions interleave; the list of aborted ones need not be
// sorted, and may name one whose marker lies before the wanted offset.
func TestAborted(t *testing.T) {
	tx := func(base, producer int64, v string) []byte {
		return build(base, transactional, producer, 0, rec(base, v))
	}
	marker := func(base, producer int64) []byte {
		return build(base, transactional|control, producer, 0, Record{Offset: base, Time: 1000, Key: []byte{0, 0, 0, 0}, Value: make([]byte, 6)})
	}
	all := bytes.Join([][]byte{
		tx(0, 1, "aborted"), tx(1, 2, "kept"), marker(2, 1), tx(3, 1, "kept"), build(4, 0, -1, 0, rec(4, "kept")), marker(5, 1),
		tx(6, 1, "aborted"), tx(7, 2, "aborted"), marker(8, 2), marker(9, 1), tx(10, 2, "kept"), marker(11, 2),
	}, nil)
	res := Response{Records: all, Aborted: []Aborted{{1, 6}, {2, 7}, {1, 0}}}
	for from, want := range map[int64][]int64{0: {1, 3, 4, 10}, 3: {3, 4, 10}, 7: {10}, 9: {10}} {
		d := Decoder{Limit: 1000}
		for round := range 2 { // the second shows that nothing is left of the first
			recs, next, err := d.Decode(nil, &res, from)
			if err != nil || next != 12 {
				t.Fatalf("next %d, error %v, want 12", next, err)
			}
			var got []int64
			for _, r := range recs {
				got = append(got, r.Offset)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("from %d, round %d (-want +got):\n%s", from, round, diff)
			}
		}
	}
}

func TestCorrupt(t *testing.T) {
	good := build(5, 0, -1, 0, rec(5, "a"))
	change := func(at int, v byte, sealed bool) []byte {
		b := build(6, 0, -1, 1, rec(6, "b"), rec(7, "c"))
		if b[at] = v; sealed {
			binary.BigEndian.PutUint32(b[atCRC:], crc32.Checksum(b[atAttributes:], castagnoli))
		}
		return b
	}
	for _, tc := range []struct {
		name string
		bad  []byte
		want string
	}{
		{"a flipped bit", change(headerLen+6, 'x', false), "checksum"},
		{"old format", change(atMagic, 1, false), "older than Kafka 0.11"},
		{"unknown format", change(atMagic, 9, false), "format 9 is unknown"},
		{"too many records", change(atCount+3, 3, true), "cut short"},
		{"a record's length", change(headerLen, 0x7e, true), "cut short"},
		{"a record's offset", change(headerLen+4, 0x7e, true), "corrupt"},
		{"unknown codec", change(atAttributes+1, 6, true), "codec 6 is unknown"},
		{"gzip that isn't", change(atAttributes+1, codecGzip, true), "gzip data are corrupt"},
		{"snappy that isn't", change(atAttributes+1, codecSnappy, true), "snappy"},
		{"lz4 that isn't", change(atAttributes+1, codecLZ4, true), "lz4 data are corrupt"},
		{"zstd that isn't", change(atAttributes+1, codecZstd, true), "zstd data are corrupt"},
		{"negative length", change(atLength, 0xff, false), "header is corrupt"},
	} {
		d := Decoder{Limit: 1 << 20}
		recs, next, err := d.Decode(nil, &Response{Records: append(bytes.Clone(good), tc.bad...)}, 5)
		var be *BatchError
		if !errors.As(err, &be) || !strings.Contains(err.Error(), tc.want) || be.First != 6 {
			t.Errorf("%s: error %v, want %q at offset 6", tc.name, err, tc.want)
		}
		if diff := cmp.Diff([]Record{rec(5, "a")}, recs); diff != "" || next != 6 {
			t.Errorf("%s: next %d, want 6; records (-want +got):\n%s", tc.name, next, diff)
		}
		d.Close()
	}
}

// The snappy frames of Java's library, several blocks long.
func TestXerial(t *testing.T) {
	frame := append(bytes.Clone(xerial), 0, 0, 0, 1, 0, 0, 0, 1)
	for _, block := range []string{"\x03\x08abc", "\x02\x04de"} { // length, literal tag, bytes
		frame = binary.BigEndian.AppendUint32(frame, uint32(len(block)))
		frame = append(frame, block...)
	}
	got, err := unsnappy(frame, 5)
	if err != nil || string(got) != "abcde" {
		t.Errorf("got %q, error %v", got, err)
	}
	if _, err := unsnappy(frame, 4); !errors.Is(err, ErrTooLarge) {
		t.Errorf("beyond the limit: %v, want ErrTooLarge", err)
	}
	for n := xerialHeader + 1; n < len(frame); n++ {
		if n == xerialHeader+4+5 {
			continue // the end of the first block
		}
		if _, err := unsnappy(frame[:n], 5); err == nil {
			t.Errorf("no error with %d of %d bytes", n, len(frame))
		}
	}
	// One block that claims 4 GiB.
	if _, err := unsnappy([]byte("\xff\xff\xff\xff\x0f\x00"), 1000); !errors.Is(err, ErrTooLarge) {
		t.Errorf("huge block: %v, want ErrTooLarge", err)
	}
}

func BenchmarkDecode(b *testing.B) {
	var recs []Record
	value := strings.Repeat("v", 50)
	for i := range int64(1000) {
		recs = append(recs, Record{Offset: i, Time: 1000, Value: []byte(value)})
	}
	res := Response{Records: build(0, 0, -1, 999, recs...)}
	d := Decoder{Limit: 1 << 20}
	var dst []Record
	b.SetBytes(int64(len(res.Records)))
	for b.Loop() {
		var err error
		if dst, _, err = d.Decode(dst[:0], &res, 0); err != nil || len(dst) != 1000 {
			b.Fatal(err)
		}
	}
}

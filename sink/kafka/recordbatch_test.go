package kafka

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

// pair is a key and its value.
type pair struct{ key, value string }

// pairs are of such lengths that every number of their records has one byte, two or three.
func pairs(n int) (all []pair) {
	for i := range n {
		all = append(all, pair{"s/" + strings.Repeat("k", i%90), strings.Repeat("v", i*i%20_000)})
	}
	return all
}

// ofLibrary is what the library makes of the messages.
func ofLibrary(t *testing.T, all []pair, at time.Time, codec kafka.Compression) []byte {
	t.Helper()
	recs := make([]kafka.Record, len(all))
	for i, p := range all {
		recs[i] = kafka.Record{Time: at, Key: kafka.NewBytes([]byte(p.key)), Value: kafka.NewBytes([]byte(p.value)),
			Headers: []kafka.Header{{Key: "content-type", Value: []byte("application/json")}}}
	}
	var buf bytes.Buffer
	set := protocol.RecordSet{Version: 2, Attributes: protocol.Attributes(codec), Records: kafka.NewRecordReader(recs...)}
	if _, err := set.WriteTo(&buf); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// TestBatchIsTheLibrarys: byte for byte, also of a batch that is used again, and of a part.
func TestBatchIsTheLibrarys(t *testing.T) {
	at := time.UnixMilli(1_767_225_600_123)
	b, part := new(recordBatch), new(recordBatch)
	for _, n := range []int{1, 2, 300, 40} {
		for _, name := range codecs {
			t.Run(fmt.Sprintf("n=%d,codec=%s", n, name), func(t *testing.T) {
				all, c := pairs(n), Config{Compression: name}
				b.begin(at.UnixMilli())
				for i, p := range all {
					b.add(i, []byte(p.key), []byte(p.value))
				}
				same(t, b, all, at, c.codec())
				b.part(part, n/2, n)
				same(t, part, all[n/2:], at, c.codec())
			})
		}
	}
}

// same compares a batch with the library's: in its bytes, and where it is compressed in
// what is read back, since compressors may cut their input differently.
func same(t *testing.T, b *recordBatch, all []pair, at time.Time, codec kafka.Compression) {
	t.Helper()
	got, err := b.seal(codec)
	if err != nil {
		t.Fatal(err)
	}
	if want := ofLibrary(t, all, at, codec); codec == 0 && !bytes.Equal(got, want) {
		t.Fatalf("%d records: %d bytes, want %d others", len(all), len(got), len(want))
	}
	var set protocol.RecordSet
	if _, err := set.ReadFrom(bytes.NewReader(got)); err != nil {
		t.Fatal(err)
	}
	for i, p := range all {
		r, err := set.Records.ReadRecord()
		if err != nil {
			t.Fatalf("record %d of %d: %v", i, len(all), err)
		}
		key, _ := protocol.ReadAll(r.Key)
		value, _ := protocol.ReadAll(r.Value)
		if string(key) != p.key || string(value) != p.value || r.Offset != int64(i) || !r.Time.Equal(at) {
			t.Fatalf("record %d: %d bytes of key and %d of value at offset %d and %v", i, len(key), len(value), r.Offset, r.Time)
		}
	}
}

// TestBatchAllocatesNothing: once it has its memory.
func TestBatchAllocatesNothing(t *testing.T) {
	b, key, value := new(recordBatch), []byte("stream/series"), bytes.Repeat([]byte("x"), 330)
	fill := func() {
		b.begin(1)
		for i := range 100 {
			b.add(i, key, value)
		}
		if _, err := b.seal(0); err != nil {
			t.Error(err)
		}
	}
	fill()
	if n := testing.AllocsPerRun(20, fill); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

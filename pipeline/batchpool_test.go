package pipeline

import (
	"testing"

	"github.com/quell-stream/quell/sink"
)

// TestBatchPool: however many large batches there were at a time, few keep their memory, and
// none comes out with anything in it.
func TestBatchPool(t *testing.T) {
	p := new(batchPool)
	var out []*batch
	for range 10 {
		b := p.get()
		for range 2 * fewRecords {
			b.addRecord(&sink.Record{})
		}
		b.seal()
		b.held.Store(1)
		out = append(out, b)
	}
	for _, b := range out {
		b.release()
	}
	large := 0
	for range out {
		b := p.get()
		if b.len() != 0 || len(b.records) != 0 || len(b.items) != 0 || len(b.json) != 0 || b.pool != p {
			t.Fatalf("a batch with %d records comes out of the pool", b.len())
		}
		if cap(b.records) > fewRecords {
			large++
		}
	}
	if large != mostLarge {
		t.Errorf("%d batches keep the memory of many records, want %d", large, mostLarge)
	}
}

// Records of a sealed batch have the values that they came with, whether there was room for
// them beforehand or not.
func TestBatchKeepsValues(t *testing.T) {
	for _, room := range []int{0, 20} {
		b := new(batchPool).get()
		b.reserve(room, 2, 100*room)
		values := make([]sink.Value, 2)
		for i := range 100 {
			values[0].Raw, values[1].Raw = float64(i), float64(-i)
			b.addRecord(&sink.Record{Channels: []string{"a", "b"}, Values: values})
		}
		b.seal()
		for i, it := range b.items {
			if v := it.Record.Values; len(v) != 2 || v[0].Raw != float64(i) || v[1].Raw != float64(-i) {
				t.Fatalf("room for %d: record %d has the values %v", room, i, v)
			}
		}
	}
}

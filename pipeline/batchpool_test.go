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

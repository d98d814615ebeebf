package pipeline

import "sync"

// batchPool keeps batches that are done with, for their memory. The latest is used first, so
// that few of them ever become large; of those few keep what they have. The zero value is
// ready, and safe for concurrent use.
type batchPool struct {
	mu   sync.Mutex
	free []*batch
}

// How many batches may wait with the memory of more than fewRecords, and how many at all.
const (
	mostLarge  = 2
	mostFree   = 32
	fewRecords = 512
)

func (p *batchPool) get() *batch {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.free)
	if n == 0 {
		return &batch{pool: p}
	}
	b := p.free[n-1]
	p.free[n-1] = nil
	p.free = p.free[:n-1]
	return b
}

// put takes back a batch that is empty.
func (p *batchPool) put(b *batch) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.free) == mostFree {
		return
	}
	if len(p.free) >= mostLarge && cap(b.spans) > fewRecords {
		*b = batch{pool: p}
	}
	p.free = append(p.free, b)
}

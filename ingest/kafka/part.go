package kafka

import (
	"sync"
	"sync/atomic"

	"github.com/quell-stream/quell/ingest/ackset"
)

// part is one owned partition within one generation.
type part struct {
	topic  string
	number int
	name   string // topic/number
	index  int    // in the assignment
	start  int64  // the group's offset, or where Start says

	position  atomic.Int64 // behind the last piece that Next delivered in full
	highWater atomic.Int64

	mu        sync.Mutex
	acks      *ackset.Set
	committed int64 // what the group is known to hold, -1: nothing that binds us
}

// begin sets where delivery starts.
func (p *part) begin(offset, committed int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.acks, p.committed = ackset.New(offset), committed
	p.position.Store(offset)
}

func (p *part) set() *ackset.Set {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.acks
}

func (p *part) track(offset int64) { p.set().Track(offset) }

func (p *part) finish(offset int64) {
	if a := p.set(); a != nil {
		a.Finish(offset)
	}
}

// low returns the offset that may be committed: the first one unfinished. Where
// everything delivered is finished it moves on over offsets that hold no
// message, such as the marker at the end of a transaction.
func (p *part) low() int64 {
	a := p.set()
	if a == nil {
		return p.start
	}
	// The order matters. The position rises only after everything below it was
	// tracked, so if nothing is pending after the position was read, everything
	// below that position is finished.
	position := p.position.Load()
	if a.Pending() == 0 {
		return max(position, a.Low())
	}
	return a.Low()
}

// due returns the offset to commit, false if the group holds it already: the
// group's offset is never lowered.
func (p *part) due() (int64, bool) {
	low := p.low()
	p.mu.Lock()
	defer p.mu.Unlock()
	return low, p.acks != nil && low > p.committed
}

func (p *part) wasCommitted(offset int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.committed = max(p.committed, offset)
}

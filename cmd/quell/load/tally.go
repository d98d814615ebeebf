package load

import (
	"slices"
	"sync"
	"time"

	"github.com/quell-stream/quell/sink"
)

// tally counts the records that arrive. It is safe for concurrent use.
type tally struct {
	fleet     *Fleet
	lookahead int

	mu        sync.Mutex
	seen      [][]uint64 // per device: a bit per slot
	records   int64
	copies    int64
	strays    int64 // records of no message, and what is no record
	due       map[int]time.Time
	latencies []time.Duration
	changed   chan struct{}
}

func newTally(f *Fleet, lookahead int) *tally {
	return &tally{fleet: f, lookahead: lookahead, seen: make([][]uint64, f.Devices), due: map[int]time.Time{}, changed: make(chan struct{}, 1)}
}

// sent notes when message k of a device was sent, which makes a record due.
func (t *tally) sent(device, k int, at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if k >= t.lookahead {
		t.due[t.key(device, k-t.lookahead)] = at
	}
}

func (t *tally) key(device, slot int) int { return slot*t.fleet.Devices + device }

// take counts a record.
func (t *tally) take(payload []byte) {
	now := time.Now()
	r, err := sink.ParseRecord(payload)
	t.mu.Lock()
	defer t.mu.Unlock()
	defer t.signal()
	if err != nil {
		t.strays++
		return
	}
	device, off := t.fleet.device(r.Series), time.Duration(r.Time-t.fleet.Start.UnixMilli()*1e6)
	if device < 0 || off < 0 || off%t.fleet.Every != 0 {
		t.strays++
		return
	}
	slot := int(off / t.fleet.Every)
	for len(t.seen[device]) <= slot/64 {
		t.seen[device] = append(t.seen[device], 0)
	}
	if word := &t.seen[device][slot/64]; *word>>(slot%64)&1 != 0 {
		t.copies++
		return
	} else {
		*word |= 1 << (slot % 64)
	}
	t.records++
	if at, ok := t.due[t.key(device, slot)]; ok {
		t.latencies = append(t.latencies, now.Sub(at))
		delete(t.due, t.key(device, slot))
	}
}

func (t *tally) signal() {
	select {
	case t.changed <- struct{}{}:
	default:
	}
}

func (t *tally) count() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.records
}

// quantile returns a quantile of the latencies, 0 without any.
func (t *tally) quantile(q float64) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.latencies) == 0 {
		return 0
	}
	slices.Sort(t.latencies)
	return t.latencies[min(len(t.latencies)-1, int(q*float64(len(t.latencies))))]
}

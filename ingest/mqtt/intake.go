package mqtt

import (
	"sync"

	"github.com/quell-stream/quell/conn/mqttconn"
)

// arrival is a message between paho's handler and the journal.
type arrival struct {
	// from is the connection it came over, and the only one that can take its
	// acknowledgement: on a later one the packet identifier may mean another
	// message.
	from    *mqttconn.Client
	topic   string
	payload []byte
	at      int64
	id      uint16 // 0: QoS 0
	flags   uint8
	skip    bool // acknowledge in its turn, nothing else
	reset   bool // no message: the broker has begun a new session
}

// overhead is what an arrival costs besides its payload, roughly.
const overhead = 200

func (a *arrival) cost() int64 { return int64(len(a.payload) + len(a.topic) + overhead) }

// intake is the queue between the handler, which must not wait, and the
// journal, which takes all there is at once.
type intake struct {
	limit int64

	mu    sync.Mutex
	queue []arrival
	bytes int64

	wake chan struct{} // something is there
	room chan struct{} // something was taken
}

func newIntake(limit int64) *intake {
	return &intake{limit: limit, wake: make(chan struct{}, 1), room: make(chan struct{}, 1)}
}

// offer queues a unless the queue is full. An empty queue takes anything.
func (q *intake) offer(a arrival) bool {
	q.mu.Lock()
	c := a.cost()
	if q.bytes > 0 && q.bytes+c > q.limit {
		q.mu.Unlock()
		return false
	}
	q.queue = append(q.queue, a)
	q.bytes += c
	first := len(q.queue) == 1
	q.mu.Unlock()
	if first {
		signal(q.wake)
	}
	return true
}

// take returns all that is queued and keeps spare, emptied, for what comes.
func (q *intake) take(spare []arrival) []arrival {
	clear(spare)
	q.mu.Lock()
	got := q.queue
	q.queue = spare[:0]
	q.bytes = 0
	q.mu.Unlock()
	if len(got) > 0 {
		signal(q.room)
	}
	return got
}

func (q *intake) empty() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.queue) == 0
}

func (q *intake) size() int64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.bytes
}

// signal leaves a token in a channel of capacity one.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

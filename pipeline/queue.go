package pipeline

// queue is a ring of waiting slots that reuses its memory.
type queue struct {
	channels int
	ring     []waitSlot
	head, n  int
}

func (q *queue) len() int { return q.n }

func (q *queue) push() *waitSlot {
	if q.n == len(q.ring) {
		ring := make([]waitSlot, max(16, 2*len(q.ring)))
		for i := range q.n {
			ring[i] = q.ring[(q.head+i)%len(q.ring)]
		}
		for i := q.n; i < len(ring); i++ {
			ring[i].cells = make([]waitCell, q.channels)
		}
		q.ring, q.head = ring, 0
	}
	w := &q.ring[(q.head+q.n)%len(q.ring)]
	q.n++
	return w
}

// pop returns the oldest slot; it is valid until the next push.
func (q *queue) pop() *waitSlot {
	w := &q.ring[q.head]
	q.head = (q.head + 1) % len(q.ring)
	q.n--
	return w
}

func (q *queue) at(i int) *waitSlot { return &q.ring[(q.head+i)%len(q.ring)] }

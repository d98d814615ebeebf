package pipeline

import (
	"sync"

	"github.com/quell-stream/quell/ingest"
)

// arena is the memory that the states of a checkpoint are written to. It is used
// again by later checkpoints: a stream of many series would else make as much garbage
// with each as all their states take.
type arena struct {
	chunks [][]byte
	at     int          // the chunk that is being filled
	before int          // how many chunks the checkpoint before this one took
	most   int          // length of the longest state so far that fits a chunk
	acks   []ingest.Ack // empty: memory for those of a later checkpoint
	shelf  *arenaShelf
}

// arenaShelf holds the arena that the next checkpoint of a stream is going to use. The
// collector does not clear it, as it would a sync.Pool between two checkpoints that are
// seconds apart. Its methods are safe for concurrent use.
type arenaShelf struct {
	mu   sync.Mutex
	free *arena // nil: there is none
}

// arenaChunk is the size of a chunk. A state that is longer gets one of its own.
const arenaChunk = 1 << 20

// take returns an arena that holds nothing.
func (s *arenaShelf) take() *arena {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.free
	if a == nil {
		a = &arena{shelf: s}
	}
	s.free = nil
	return a
}

// write has appendTo append a state to some memory of the arena, and returns it. like is
// about how long it is going to be, if that is known; it may be as long as any before.
// Where it comes out longer than there is room for, append finds it memory of its own.
func (a *arena) write(like int, appendTo func(dst []byte) []byte) []byte {
	like = max(like, min(a.most+a.most/8, arenaChunk))
	for a.at < len(a.chunks) && cap(a.chunks[a.at])-len(a.chunks[a.at]) < like {
		a.at++
	}
	if a.at == len(a.chunks) {
		a.chunks = append(a.chunks, make([]byte, 0, max(arenaChunk, like)))
	}
	chunk := a.chunks[a.at]
	from := len(chunk)
	out := appendTo(chunk[from:from:cap(chunk)])
	if len(out) <= arenaChunk {
		a.most = max(a.most, len(out))
	}
	if from+len(out) <= cap(chunk) {
		a.chunks[a.at] = chunk[:from+len(out)]
	}
	return out[:len(out):len(out)]
}

// release gives the memory back; nothing that write returned may be used any more. What
// neither this checkpoint nor the one before it took is left to the collector: the next
// ones are going to be about as long.
func (a *arena) release() {
	used := min(a.at+1, len(a.chunks))
	kept := min(max(used, a.before), len(a.chunks))
	clear(a.chunks[kept:])
	a.chunks = a.chunks[:kept]
	for i := range a.chunks {
		a.chunks[i] = a.chunks[i][:0]
	}
	a.at, a.before = 0, used
	a.shelf.mu.Lock()
	defer a.shelf.mu.Unlock()
	a.shelf.free = a
}

package view

import "sync"

// Ring keeps the newest things of a kind, numbered from 0 on. It is safe for
// concurrent use; the zero value and a nil one keep nothing.
type Ring[T any] struct {
	mu   sync.Mutex
	all  []T
	next int64 // number of the thing that comes next
}

// NewRing returns a ring of the newest n.
func NewRing[T any](n int) *Ring[T] { return &Ring[T]{all: make([]T, n)} }

// Add takes in a thing in the place of the oldest.
func (r *Ring[T]) Add(x T) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.all) > 0 {
		r.all[r.next%int64(len(r.all))] = x
		r.next++
	}
}

// Next returns the number of the thing that comes next.
func (r *Ring[T]) Next() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.next
}

// Since returns what is kept from number from on, oldest first, the number that comes
// next, and how many from there on are kept no more.
func (r *Ring[T]) Since(from int64) (out []T, next, lost int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	from = max(from, 0)
	first := max(from, r.next-int64(len(r.all)))
	for i := first; i < r.next; i++ {
		out = append(out, r.all[i%int64(len(r.all))])
	}
	return out, r.next, first - from
}

// Package ackset follows which offsets of one partition are finished, and says
// up to where all of them are.
//
// Messages of a partition are delivered in order but finish in any order. A
// broker keeps one number per partition, so the only offset that may be
// committed is the first unfinished one: anything later would lose a message
// after a crash.
package ackset

import (
	"math/bits"
	"slices"
	"sync"
)

// Set follows the offsets of one partition. The zero value expects offsets
// from 0; New gives another start. All methods are safe for concurrent use.
//
// Memory is sixteen bytes per 64 consecutive offsets between the first
// unfinished offset and the last one tracked; offsets never tracked (compacted
// or transactional Kafka logs have holes) cost nothing and count as finished.
type Set struct {
	mu      sync.Mutex
	blocks  []block // rising keys; blocks[:head] are spent
	head    int
	pending int
	next    int64 // behind the last tracked offset
}

// block holds the unfinished offsets of key*64 … key*64+63.
type block struct {
	key     int64
	pending uint64
}

// keepBlocks is the capacity below which the block list is never given back:
// 4 KiB, enough for 16384 consecutive offsets in flight.
const keepBlocks = 256

// New returns a set whose first offset is expected at next or later.
func New(next int64) *Set { return &Set{next: next} }

// Track notes that offset was delivered and is unfinished. Offsets must rise:
// one that is not behind every earlier offset is not tracked, and false is
// returned.
func (s *Set) Track(offset int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if offset < s.next {
		return false
	}
	key, bit := offset>>6, uint64(1)<<(offset&63)
	if n := len(s.blocks); n > s.head && s.blocks[n-1].key == key {
		s.blocks[n-1].pending |= bit
	} else {
		s.makeRoom()
		s.blocks = append(s.blocks, block{key, bit})
	}
	s.pending++
	s.next = offset + 1
	return true
}

// Finish notes that offset is finished. An offset that is not tracked, or was
// finished before, is ignored.
func (s *Set) Finish(offset int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, ok := s.find(offset >> 6)
	if !ok {
		return
	}
	bit := uint64(1) << (offset & 63)
	if s.blocks[i].pending&bit == 0 {
		return
	}
	s.blocks[i].pending &^= bit
	s.pending--
	for s.head < len(s.blocks) && s.blocks[s.head].pending == 0 {
		s.head++
	}
	if s.head == len(s.blocks) {
		s.blocks, s.head = s.blocks[:0], 0
		if cap(s.blocks) > keepBlocks {
			s.blocks = nil
		}
	}
}

// Low returns the first unfinished offset: the one behind the highest
// contiguous finished offset. With nothing unfinished it is the offset behind
// the last one tracked. It never goes back.
func (s *Set) Low() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pending == 0 {
		return s.next
	}
	b := &s.blocks[s.head]
	return b.key<<6 + int64(bits.TrailingZeros64(b.pending))
}

// Pending returns how many tracked offsets are unfinished.
func (s *Set) Pending() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pending
}

// find returns the index of the block with the given key.
func (s *Set) find(key int64) (int, bool) {
	live := s.blocks[s.head:]
	if len(live) == 0 || key < live[0].key {
		return 0, false
	}
	// Without holes a block's place follows from its key; holes only ever move
	// it towards the front.
	guess := len(live) - 1
	if d := key - live[0].key; d < int64(len(live)) {
		guess = int(d)
	}
	if live[guess].key == key {
		return s.head + guess, true
	}
	i, ok := slices.BinarySearchFunc(live[:guess], key, func(b block, key int64) int {
		switch {
		case b.key < key:
			return -1
		case b.key > key:
			return 1
		}
		return 0
	})
	return s.head + i, ok
}

// makeRoom moves the live blocks to the front when the spent ones are at least
// as many, so that each block is moved at most once per append.
func (s *Set) makeRoom() {
	if len(s.blocks) < cap(s.blocks) || s.head < len(s.blocks)-s.head {
		return
	}
	n := copy(s.blocks, s.blocks[s.head:])
	s.blocks, s.head = s.blocks[:n], 0
}

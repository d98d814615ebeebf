package replay

import (
	"math/bits"
	"math/rand/v2"
)

// entry is a window's place. The mark lies here, since windows are shared and
// read only.
type entry struct {
	w           *Window
	quarantined bool
	excluded    bool // by hand
}

// store is a ring of the latest windows. Of those that the ring let go it keeps a
// uniform sample in a reservoir (algorithm R, Vitter 1985), or where chance says
// so as many of each regime, see balance.
type store struct {
	ring      []entry // oldest at head
	head      int
	ringCap   int
	reservoir []entry
	resCap    int
	offered   uint64 // windows that the reservoir was offered
	balanced  balance
}

func newStore(r room) store {
	return store{ringCap: r.ring, resCap: r.reservoir, balanced: balance{room: r.balanced}}
}

// add puts e into the ring, and offers what falls out to the reservoir.
func (s *store) add(e entry, seed uint64) {
	if len(s.ring) < s.ringCap {
		s.ring = append(s.ring, e)
		return
	}
	old := s.ring[s.head]
	s.ring[s.head] = e
	if s.head++; s.head == s.ringCap {
		s.head = 0
	}
	if old.quarantined || old.excluded { // never released: it does not outlive the ring
		return
	}
	s.retire(old, seed)
}

// retire takes in a window that the ring let go. Which part it falls to is drawn
// by their rooms.
func (s *store) retire(e entry, seed uint64) {
	if draw(^seed, e.w.Series, e.w.Start, uint64(s.resCap+s.balanced.room)) >= uint64(s.resCap) {
		s.balanced.add(e, seed)
		return
	}
	s.offered++
	if len(s.reservoir) < s.resCap {
		s.reservoir = append(s.reservoir, e)
		return
	}
	if j := draw(seed, e.w.Series, e.w.Start, s.offered); j < uint64(s.resCap) {
		s.reservoir[j] = e
	}
}

// recent calls f with each entry of the ring, oldest first.
func (s *store) recent(f func(e *entry)) {
	for i := range s.ring {
		k := s.head + i
		if k >= len(s.ring) {
			k -= len(s.ring)
		}
		f(&s.ring[k])
	}
}

// older calls f with each entry that the ring let go, in no particular order.
func (s *store) older(f func(e *entry)) {
	for i := range s.reservoir {
		f(&s.reservoir[i])
	}
	for i := range s.balanced.held {
		f(&s.balanced.held[i])
	}
}

func (s *store) len() int { return len(s.ring) + len(s.reservoir) + len(s.balanced.held) }

// draw returns a number in [0,n) that depends on its arguments alone. It is
// spelt out rather than left to rand.Rand, whose way of bounding a number may
// change with the Go release; PCG's stream may not.
func draw(seed uint64, series string, index int64, n uint64) uint64 {
	h := uint64(14695981039346656037) // FNV-1a
	for i := range len(series) {
		h = (h ^ uint64(series[i])) * 1099511628211
	}
	var pcg rand.PCG
	pcg.Seed(seed^h, uint64(index)^n<<32^n>>32)
	for {
		// Lemire 2019: the high half of x·n is uniform once the low half is past
		// the remainder.
		hi, lo := bits.Mul64(pcg.Uint64(), n)
		if lo >= n || lo >= -n%n {
			return hi
		}
	}
}

package window

import "github.com/quell-stream/quell/ingest"

// Cell is one channel at one slot.
type Cell struct {
	Value float64 // the reading; 0 where there is none
	At    int64   // its time, Unix ns
	// Missing is Present where the slot has a reading of its own with a value.
	Missing ingest.Missing
	// Own says that an input sample of this slot is behind the cell (with or
	// without a value).
	Own bool
	// Held says that Value is an earlier reading of the channel, within Hold.
	Held bool
}

// Valid says whether the cell holds a reading of its own with a value.
func (c *Cell) Valid() bool { return c.Own && c.Missing == ingest.Present }

// Slot is one closed slot of the grid. It is valid during the call it is
// handed to.
type Slot struct {
	Index      int64 // since the last reset of the context, from 0
	Time       int64 // Unix ns
	Epoch      int
	TimeSource ingest.TimeSource // the worst of its samples; of a slot without any that of the latest readings
	Cells      []Cell            // one per channel
}

// Empty says that no sample fell into the slot.
func (s *Slot) Empty() bool {
	for i := range s.Cells {
		if s.Cells[i].Own {
			return false
		}
	}
	return true
}

// Handler takes what a Series gives out, in order.
type Handler interface {
	// Slot takes the next closed slot.
	Slot(s *Slot)
	// Reset says that the context ends here: what waits for look-ahead is to be
	// finalised without it, and the next slot has index 0. The reason is a
	// short phrase for people.
	Reset(reason string)
	// Dead takes a sample that goes to the dead letter.
	Dead(s ingest.Sample, why Fate)
}

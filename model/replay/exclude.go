package replay

import (
	"cmp"
	"slices"
)

// Held is a window with its place.
type Held struct {
	*Window
	HeldOut     bool // not to be trained on
	Quarantined bool
	Excluded    bool
}

// Windows returns all windows of a series, those out of sight too, in order of their
// start.
func (b *Buffer) Windows(series string) []Held {
	var all []Held
	for _, s := range []*store{&b.train, &b.holdout} {
		look := func(e *entry) {
			if e.w.Series == series {
				all = append(all, Held{e.w, s == &b.holdout, e.quarantined, e.excluded})
			}
		}
		s.older(look)
		s.recent(look)
	}
	slices.SortFunc(all, func(a, b Held) int { return cmp.Compare(a.Start, b.Start) })
	return all
}

// Exclude takes the window of a series that starts at an index out of sight until it is
// included again, whatever becomes of Quarantine, and returns false where there is none.
// Once it leaves the latest windows it is gone.
func (b *Buffer) Exclude(series string, start int64, excluded bool) bool {
	found := false
	mark := func(e *entry) {
		if e.w.Series == series && e.w.Start == start {
			e.excluded, found = excluded, true
		}
	}
	for _, s := range []*store{&b.train, &b.holdout} {
		s.older(mark)
		s.recent(mark)
	}
	return found
}

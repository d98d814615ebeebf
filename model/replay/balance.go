package replay

import (
	"cmp"
	"slices"
)

// balance holds windows of which no regime of a series keeps many more than
// another: class-balancing reservoir sampling (Chrysakis and Moens, "Online Continual
// Learning from Imbalanced Data", 2020, algorithm 1) with the regimes as classes.
// Within a regime what is held is a uniform sample.
//
// What the slices hold is replaced, never written to, so that a copy of the struct
// stays what it is.
type balance struct {
	room int
	held []entry
	seen []count // windows offered, in order of the regime
}

// mostSeen bounds the regimes that are counted without a window held of them.
const mostSeen = 64

// class is a regime of a series.
type class struct {
	series string
	regime int
}

type count struct {
	class
	n uint64
}

func classOf(w *Window) class { return class{w.Series, w.Regime} }

func (c class) compare(d class) int {
	return cmp.Or(cmp.Compare(c.series, d.series), cmp.Compare(c.regime, d.regime))
}

// add takes in a window, or not.
func (b *balance) add(e entry, seed uint64) {
	own := classOf(e.w)
	seen := b.count(own)
	if len(b.held) < b.room {
		b.held = append(b.held, e)
		return
	}
	largest, mine := b.largest(own)
	if largest != own {
		b.replace(largest, e, draw(seed, e.w.Series, e.w.Start, uint64(b.size(largest))))
		return
	}
	if j := draw(seed, e.w.Series, e.w.Start, seen); j < uint64(mine) {
		b.replace(own, e, j)
	}
}

// count notes one more window of a regime and returns how many there were.
func (b *balance) count(c class) uint64 {
	i := 0
	for i < len(b.seen) && b.seen[i].compare(c) < 0 {
		i++
	}
	if i == len(b.seen) || b.seen[i].class != c {
		b.seen = slices.Insert(slices.Clone(b.seen), i, count{class: c})
	} else {
		b.seen = slices.Clone(b.seen)
	}
	b.seen[i].n++
	n := b.seen[i].n
	if len(b.seen) > mostSeen+b.room {
		b.forget(c)
	}
	return n
}

// forget drops the counts of regimes but own of which nothing is held: one that comes
// back is counted anew.
func (b *balance) forget(own class) {
	b.seen = slices.DeleteFunc(slices.Clone(b.seen), func(s count) bool { return s.class != own && b.size(s.class) == 0 })
}

// size returns the number of windows held of a regime.
func (b *balance) size(c class) int {
	n := 0
	for i := range b.held {
		if classOf(b.held[i].w) == c {
			n++
		}
	}
	return n
}

// largest returns the regime of which most is held, own where none has more, and
// how much is held of own.
func (b *balance) largest(own class) (class, int) {
	mine := b.size(own)
	best, most := own, mine
	for _, s := range b.seen {
		if n := b.size(s.class); n > most {
			best, most = s.class, n
		}
	}
	return best, mine
}

// replace puts e in the place of the j-th window of a regime.
func (b *balance) replace(c class, e entry, j uint64) {
	for i := range b.held {
		if classOf(b.held[i].w) != c {
			continue
		}
		if j == 0 {
			b.held = slices.Clone(b.held)
			b.held[i] = e
			return
		}
		j--
	}
}

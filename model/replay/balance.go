package replay

import (
	"cmp"
	"slices"
)

// balance holds windows of which no regime of a series keeps many more than
// another: class-balancing reservoir sampling (Chrysakis and Moens, "Online Continual
// Learning from Imbalanced Data", 2020, algorithm 1) with the regimes as classes.
// Within a regime what is held is a uniform sample.
type balance struct {
	room int
	held []entry
	seen []count // in order of the regime
}

// mostSeen bounds the regimes that are counted without a window held of them.
const mostSeen = 64

// class is a regime of a series.
type class struct {
	series string
	regime int
}

// count is how many windows of a regime were offered, and how many are held.
type count struct {
	class
	n    uint64
	held int
}

func classOf(w *Window) class { return class{w.Series, w.Regime} }

func (c class) compare(d class) int {
	return cmp.Or(cmp.Compare(c.series, d.series), cmp.Compare(c.regime, d.regime))
}

// add takes in a window, or not.
func (b *balance) add(e entry, seed uint64) {
	own := b.count(classOf(e.w))
	if len(b.held) < b.room {
		b.held = append(b.held, e)
		own.held++
		return
	}
	largest := b.largest(own)
	if largest != own {
		b.replace(largest, e, draw(seed, e.w.Series, e.w.Start, uint64(largest.held)))
		largest.held--
		own.held++
		return
	}
	if j := draw(seed, e.w.Series, e.w.Start, own.n); j < uint64(own.held) {
		b.replace(own, e, j)
	}
}

// count notes one more window of a regime and returns its count, which is good
// until the next call.
func (b *balance) count(c class) *count {
	i, known := b.find(c)
	if !known {
		if len(b.seen) >= mostSeen+b.room {
			b.forget()
			i, _ = b.find(c)
		}
		b.seen = slices.Insert(b.seen, i, count{class: c})
	}
	b.seen[i].n++
	return &b.seen[i]
}

func (b *balance) find(c class) (int, bool) {
	return slices.BinarySearchFunc(b.seen, c, func(s count, c class) int { return s.compare(c) })
}

// forget drops the counts of regimes of which nothing is held: one that comes back
// is counted anew.
func (b *balance) forget() {
	b.seen = slices.DeleteFunc(b.seen, func(s count) bool { return s.held == 0 })
}

// largest returns the regime of which most is held, own where none has more.
func (b *balance) largest(own *count) *count {
	best := own
	for i := range b.seen {
		if s := &b.seen[i]; s.held > best.held {
			best = s
		}
	}
	return best
}

// replace puts e in the place of the j-th window of a regime.
func (b *balance) replace(c *count, e entry, j uint64) {
	for i := range b.held {
		if classOf(b.held[i].w) != c.class {
			continue
		}
		if j == 0 {
			b.held[i] = e
			return
		}
		j--
	}
}

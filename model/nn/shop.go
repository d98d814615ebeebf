package nn

import (
	"slices"
	"sync"
)

// shop is what the compact streams of a network work in, one at a time or many
// together. It is safe for concurrent use: each caller gets a bench of its own.
type shop struct {
	p       *plan
	layouts []layout
	gather  []bool // per operation: it reads more than the newest column
	lagging []bool // and: what it adds is not the newest column

	mu   sync.Mutex
	idle []*bench // as many as there were callers at a time
}

// layout says where the rings lie in a slab, each with room for up to most columns:
// those of a young stream need no more. That of a stream of any age is the last.
type layout struct {
	most       int
	offs, lens []int // of each signal
	size       int
}

// youngest is the room of the first layout.
const youngest = 16

// bench is the memory of one caller.
type bench struct {
	rows []compactRow
	sigs [][]float32 // per signal: the newest column of each row
	taps []float32   // what an operation reads, row by row
	adds []float32   // and adds, where that is not the newest column
	full *Stream     // for many columns of one stream; nil: was not needed yet
}

// compactRow is one column of one stream.
type compactRow struct {
	c *compact
	x []float32
}

// newShop returns the shop of a plan that is compactable.
func newShop(p *plan) *shop {
	s := &shop{p: p}
	longest := slices.Max(p.rhythm.keep)
	for most := youngest; ; most *= 2 {
		l := layout{most: most}
		for i := range p.sigs {
			n := min(p.rhythm.keep[i], most) * p.sigs[i].c
			l.offs, l.lens = append(l.offs, l.size), append(l.lens, n)
			l.size += n
		}
		s.layouts = append(s.layouts, l)
		if most >= longest {
			break
		}
	}
	for i := range p.ops {
		o, b := &p.ops[i], &p.rhythm.beats[i]
		s.gather = append(s.gather, o.kind == opTaps && o.tm.taps > 1 || b.x != p.rhythm.keep[o.in])
		s.lagging = append(s.lagging, o.res >= 0 && b.res != p.rhythm.keep[o.res])
	}
	return s
}

// ahead returns how many columns of a signal there are more than of the input.
func (s *shop) ahead(sig int) int64 { return s.p.rhythm.ahead[sig] }

func (s *shop) enter() *bench {
	if b := s.take(); b != nil {
		return b
	}
	b := &bench{rows: make([]compactRow, 0, batchStreams)}
	taps, widest := 0, 0
	for i := range s.p.sigs {
		c := s.p.sigs[i].c
		b.sigs = append(b.sigs, make([]float32, batchStreams*c))
		widest = max(widest, c)
	}
	for i := range s.p.ops {
		if o := &s.p.ops[i]; o.kind == opTaps {
			taps = max(taps, o.tm.taps*s.p.sigs[o.in].c)
		}
	}
	b.taps, b.adds = make([]float32, batchStreams*max(taps, widest)), make([]float32, batchStreams*widest)
	return b
}

func (s *shop) leave(b *bench) {
	clear(b.rows[:cap(b.rows)])
	b.rows = b.rows[:0]
	s.mu.Lock()
	defer s.mu.Unlock()
	s.idle = append(s.idle, b)
}

// take takes an idle bench, nil if there is none.
func (s *shop) take() *bench {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.idle)
	if n == 0 {
		return nil
	}
	b := s.idle[n-1]
	s.idle[n-1] = nil
	s.idle = s.idle[:n-1]
	return b
}

func (b *bench) fullStream(n *Net) *Stream {
	if b.full == nil {
		b.full = n.newFull()
	}
	return b.full
}

// round takes one column of each of the rows, which are of different streams,
// through all layers.
func (b *bench) round(n *Net) {
	s, rows := n.shop, len(b.rows)
	in := s.p.sigs[0].c
	for i := range b.rows {
		copy(b.sigs[0][i*in:], b.rows[i].x)
		b.rows[i].c.fit(s, b.rows[i].c.n)
	}
	for i := range s.p.ops {
		o := &s.p.ops[i]
		from, add := b.sigs[o.in], []float32(nil)
		if s.gather[i] {
			b.collect(s, b.taps, o.in, s.p.rhythm.beats[i].x, o)
			from = b.taps
		}
		if o.res >= 0 {
			if add = b.sigs[o.res]; s.lagging[i] {
				b.collect(s, b.adds, o.res, s.p.rhythm.beats[i].res, nil)
				add = b.adds
			}
		}
		var w *convs
		if o.param >= 0 {
			w = &n.packed[o.param].rows
		}
		n.compute(o, w, b.sigs[o.out], from, add, rows, rows)
		b.begin(s, o.out)
	}
	b.keep(s)
}

// collect copies the columns of a signal that an operation reads from a position
// on to dst, row by row; nil: the one at the position.
func (b *bench) collect(s *shop, dst []float32, sig, first int, o *op) {
	taps, dil := 1, 0
	if o != nil && o.kind == opTaps {
		taps, dil = o.tm.taps, o.tm.dil
	}
	c, keep := s.p.sigs[sig].c, s.p.rhythm.keep[sig]
	newest := b.sigs[sig]
	for i := range b.rows {
		st := b.rows[i].c
		ring := st.ring(s, sig)
		at := 0
		if keep > 0 {
			at = int(st.n % int64(keep))
		}
		for t := range taps {
			p := first + t*dil
			if p == keep {
				copy(dst[:c], newest[i*c:])
			} else {
				if p += at; p >= keep {
					p -= keep
				}
				if p *= c; p < len(ring) {
					copy(dst[:c], ring[p:])
				} else { // before the first column
					clear(dst[:c])
				}
			}
			dst = dst[c:]
		}
	}
}

// begin has the columns of a signal that lie before its first be zero.
func (b *bench) begin(s *shop, sig int) {
	c, ahead := s.p.sigs[sig].c, s.ahead(sig)
	for i := range b.rows {
		if b.rows[i].c.n+ahead < 0 {
			clear(b.sigs[sig][i*c : (i+1)*c])
		}
	}
}

// keep puts the newest columns into the rings, and hands those of the output out.
func (b *bench) keep(s *shop) {
	for sig, keep := range s.p.rhythm.keep {
		if keep == 0 {
			continue
		}
		c := s.p.sigs[sig].c
		for i := range b.rows {
			st := b.rows[i].c
			copy(st.ring(s, sig)[int(st.n%int64(keep))*c:][:c], b.sigs[sig][i*c:])
		}
	}
	out := s.p.output()
	c := s.p.sigs[out].c
	for i := range b.rows {
		st := b.rows[i].c
		if st.n+s.ahead(out) >= 0 {
			st.out = append(st.out, b.sigs[out][i*c:(i+1)*c]...)
		}
		st.n++
	}
}

// pushCompact is Push of the compact ones of some streams.
func (b *Batch) pushCompact(ys [][]float32, streams []*Stream, xs [][]float32) {
	if b.net.shop == nil {
		return
	}
	w := b.net.shop.enter()
	defer b.net.shop.leave(w)
	in := b.net.fused.sigs[0].c
	for i := 0; i < len(streams); {
		b.few = b.few[:0]
		for ; i < len(streams) && len(b.few) < batchStreams; i++ {
			switch c := streams[i].compact; {
			case c == nil:
			case len(xs[i]) >= batchHops*in || len(xs[i])%in != 0:
				ys[i] = streams[i].Push(xs[i])
			default:
				c.out = c.out[:0]
				b.few = append(b.few, i)
			}
		}
		for left, col := true, 0; left; col += in {
			left, w.rows = false, w.rows[:0]
			for _, k := range b.few {
				if x := xs[k]; col < len(x) {
					w.rows, left = append(w.rows, compactRow{streams[k].compact, x[col : col+in]}), true
				}
			}
			w.round(b.net)
		}
		for _, k := range b.few {
			ys[k] = streams[k].compact.out
		}
	}
}

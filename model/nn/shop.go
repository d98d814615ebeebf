package nn

import (
	"slices"
	"sync"

	"github.com/quell-stream/quell/model/internal/kernel"
)

// shop is what the compact streams of a network work in, one at a time or many
// together. It is safe for concurrent use: each caller gets a bench of its own.
type shop struct {
	p       *plan
	layouts []layout
	gather  []bool // per operation: it reads more than the newest column
	lagging []bool // and: what it adds is not the newest column

	most int // places that the operations of a round read, of one stream

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

	places []*float32 // where those columns lie, one operation after the other
	placed int        // how many there were at most
	reads  []reading  // per operation
	zeros  []float32  // in place of a column before the first

	full *Stream // for many columns of one stream; nil: was not needed yet
}

// reading is where the columns of each row lie that an operation reads, and adds; none
// where those are the newest.
type reading struct{ x, add []*float32 }

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
		if s.gather[i] {
			s.most += o.columns()
		}
		if s.lagging[i] {
			s.most++
		}
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
	b.places, b.reads, b.zeros = make([]*float32, 0, batchStreams*s.most), make([]reading, len(s.p.ops)), make([]float32, widest)
	return b
}

func (s *shop) leave(b *bench) {
	clear(b.rows[:cap(b.rows)])
	clear(b.places[:b.placed])
	b.rows, b.places, b.placed = b.rows[:0], b.places[:0], 0
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
	b.look(s)
	for i := range min(early, len(s.p.ops)) {
		b.prefetch(s, i)
	}
	for i := range s.p.ops {
		if i+early < len(s.p.ops) {
			b.prefetch(s, i+early)
		}
		o := &s.p.ops[i]
		from, add := b.sigs[o.in], []float32(nil)
		if s.gather[i] {
			kernel.Gather(b.taps, b.reads[i].x, s.p.sigs[o.in].c)
			from = b.taps
		}
		if o.res >= 0 {
			if add = b.sigs[o.res]; s.lagging[i] {
				kernel.Gather(b.adds, b.reads[i].add, s.p.sigs[o.res].c)
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

// early is how many operations before its turn the columns are asked for that one reads. With
// many streams they are in no cache, and arithmetic goes on while they come.
const early = 2

// look finds out where the columns lie that the operations read.
func (b *bench) look(s *shop) {
	b.places = b.places[:0]
	for i := range s.p.ops {
		o, at := &s.p.ops[i], &s.p.rhythm.beats[i]
		begin := len(b.places)
		if s.gather[i] {
			b.locate(s, o.in, at.x, o.columns(), o.tm.dil)
		}
		end := len(b.places)
		if s.lagging[i] {
			b.locate(s, o.res, at.res, 1, 0)
		}
		b.reads[i] = reading{b.places[begin:end], b.places[end:]}
	}
	b.placed = max(b.placed, len(b.places))
}

// columns returns how many columns an operation reads for one that it makes.
func (o *op) columns() int {
	if o.kind == opTaps {
		return o.tm.taps
	}
	return 1
}

// locate appends where so many columns of a signal lie, from a position on and so far apart,
// row by row.
func (b *bench) locate(s *shop, sig, first, columns, apart int) {
	c, keep := s.p.sigs[sig].c, s.p.rhythm.keep[sig]
	newest := b.sigs[sig]
	for i := range b.rows {
		st := b.rows[i].c
		ring := st.ring(s, sig)
		at := 0
		if keep > 0 {
			at = int(st.n % int64(keep))
		}
		for t := range columns {
			place := &b.zeros[0] // before the first column
			if p := first + t*apart; p == keep {
				place = &newest[i*c]
			} else {
				if p += at; p >= keep {
					p -= keep
				}
				if p *= c; p < len(ring) {
					place = &ring[p]
				}
			}
			b.places = append(b.places, place)
		}
	}
}

// prefetch asks for the columns that an operation reads.
func (b *bench) prefetch(s *shop, i int) {
	o, r := &s.p.ops[i], &b.reads[i]
	kernel.Prefetch(r.x, s.p.sigs[o.in].c)
	if o.res >= 0 {
		kernel.Prefetch(r.add, s.p.sigs[o.res].c)
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

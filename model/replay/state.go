package replay

import (
	"fmt"
	"maps"
	"slices"

	"github.com/quell-stream/quell/internal/wire"
)

// Version 1 has neither regimes nor a balanced part, version 2 no windows that were
// excluded; both are still read.
const stateVersion = 3

// AppendState appends a snapshot to dst. Equal buffers give equal bytes.
func (b *Buffer) AppendState(dst []byte) []byte {
	dst = wire.U8(dst, stateVersion)
	dst = wire.I64(wire.I64(dst, int64(b.cfg.Steps)), int64(b.cfg.Channels))
	dst = wire.U64(wire.U64(dst, b.added), b.refused)
	dst = wire.U64(dst, uint64(len(b.regimes)))
	for _, name := range slices.Sorted(maps.Keys(b.regimes)) {
		dst = wire.I64(wire.String(dst, name), int64(b.regimes[name]))
	}
	return b.holdout.append(b.train.append(dst))
}

func (s *store) append(dst []byte) []byte {
	dst = wire.U64(dst, s.offered)
	dst = wire.U64(dst, uint64(len(s.reservoir)))
	for i := range s.reservoir {
		dst = s.reservoir[i].append(dst)
	}
	dst = s.balanced.append(dst)
	dst = wire.U64(dst, uint64(len(s.ring)))
	s.recent(func(e *entry) { dst = e.append(dst) })
	return dst
}

func (b *balance) append(dst []byte) []byte {
	dst = wire.U64(dst, uint64(len(b.seen)))
	for _, s := range b.seen {
		dst = wire.U64(wire.I64(wire.String(dst, s.series), int64(s.regime)), s.n)
	}
	dst = wire.U64(dst, uint64(len(b.held)))
	for i := range b.held {
		dst = b.held[i].append(dst)
	}
	return dst
}

func (e *entry) append(dst []byte) []byte {
	w := e.w
	dst = wire.I64(wire.String(wire.U8(dst, e.marks()), w.Series), w.Start)
	dst = wire.I64(dst, int64(w.Regime))
	dst = wire.F32s(dst, w.Values)
	for _, s := range w.Scales {
		dst = wire.F64(wire.F64(wire.F64(dst, s.Mean), s.Dev), s.Sigma)
	}
	dst = wire.U64(dst, uint64(len(w.missing)))
	for _, m := range w.missing {
		dst = wire.U64(dst, m)
	}
	return dst
}

// RestoreState replaces the contents of b by a snapshot and returns the rest of
// src. The shape of the windows must be that of the snapshot. Where b has less
// room, the latest windows stay and the sample of older ones is thinned at
// random; a window whose side has changed with HoldoutEvery stays where it was.
// After an error b is empty.
func (b *Buffer) RestoreState(src []byte) ([]byte, error) {
	b.reset()
	r := wire.NewReader(src)
	v := r.U8()
	if r.Err() == nil && (v < 1 || v > stateVersion) {
		r.Fail(fmt.Errorf("version %d is not known, this program reads versions 1 to %d", v, stateVersion))
	}
	steps, channels := r.Int(), r.Int()
	if r.Err() == nil && (steps != b.cfg.Steps || channels != b.cfg.Channels) {
		r.Fail(fmt.Errorf("its windows have %d slots and %d channels, %d and %d are configured", steps, channels, b.cfg.Steps, b.cfg.Channels))
	}
	b.added, b.refused = r.U64(), r.U64()
	p := parser{Reader: r, cfg: b.cfg, version: v, names: map[string]string{}}
	if v > 1 {
		for range p.Len(16) {
			if name, n := p.name(), p.Int(); p.Err() == nil {
				b.SetRegime(name, n)
			}
		}
	}
	b.train.restore(&p)
	b.holdout.restore(&p)
	if err := r.Err(); err != nil {
		b.reset()
		return src, fmt.Errorf("replay state: %w", err)
	}
	return r.Rest(), nil
}

// parser reads a snapshot.
type parser struct {
	*wire.Reader
	cfg     Config
	version uint8
	names   map[string]string // one string per series, as when they were added
}

// name reads that of a series.
func (p *parser) name() string { return readName(p.Reader, p.names) }

func readName(r *wire.Reader, names map[string]string) string {
	name := r.String()
	if known, ok := names[name]; ok {
		return known
	}
	names[name] = name
	return name
}

// entries reads windows and hands each to take, with its number and how many there are.
func (p *parser) entries(take func(i, n int, e entry)) {
	// The bytes of an entry bound what a broken length can ask for.
	n := p.Len(4 * p.cfg.Steps * p.cfg.Channels)
	for i := range n {
		var e entry
		if p.version == 1 {
			e = readUnlabelled(p.Reader, p.cfg, p.names)
		} else {
			e = readEntry(p.Reader, p.version, p.cfg, p.names)
		}
		if p.Err() != nil {
			return
		}
		take(i, n, e)
	}
}

func (s *store) restore(p *parser) {
	s.offered = p.U64()
	if p.version == 1 {
		s.restoreSample(p)
	} else {
		p.entries(func(i, _ int, e entry) {
			if i < s.resCap {
				s.reservoir = append(s.reservoir, e)
			} else if j := draw(p.cfg.Seed, e.w.Series, e.w.Start, uint64(i+1)); j < uint64(s.resCap) {
				s.reservoir[j] = e // a sample of a sample: algorithm R again
			}
		})
		s.balanced.restore(p)
	}
	if p.Err() == nil && s.offered < uint64(len(s.reservoir)) {
		p.Fail(fmt.Errorf("a sample of %d windows from %d", len(s.reservoir), s.offered))
		return
	}
	p.entries(func(i, n int, e entry) {
		if i >= n-s.ringCap {
			s.ring = append(s.ring, e)
		}
	})
}

// restoreSample reads the sample of a version that had no balanced part: it is
// shared out as if the windows had just left the ring.
func (s *store) restoreSample(p *parser) {
	offered, held := s.offered, 0
	s.offered = 0
	p.entries(func(_, n int, e entry) {
		held = n
		s.retire(e, p.cfg.Seed)
	})
	if p.Err() == nil && offered < uint64(held) {
		p.Fail(fmt.Errorf("a sample of %d windows from %d", held, offered))
		return
	}
	if all := s.resCap + s.balanced.room; all > 0 {
		s.offered = max(s.offered, uint64(float64(offered)*float64(s.resCap)/float64(all)))
	}
}

func (b *balance) restore(p *parser) {
	var seen []count
	for range p.Len(24) {
		if c := (count{class: class{p.name(), p.Int()}, n: p.U64()}); p.Err() == nil {
			seen = append(seen, c)
		}
	}
	p.entries(func(_, _ int, e entry) { b.add(e, p.cfg.Seed) })
	if p.Err() == nil {
		b.adopt(seen, p.Reader)
	}
}

// adopt takes over how many windows there were of each regime.
func (b *balance) adopt(seen []count, r *wire.Reader) {
	for i := range seen {
		if i > 0 && seen[i-1].compare(seen[i].class) >= 0 {
			r.Fail(fmt.Errorf("regimes out of order"))
			return
		}
	}
	had := b.seen
	b.seen = seen
	for _, s := range had {
		i, known := b.find(s.class)
		if !known || seen[i].n < s.n {
			r.Fail(fmt.Errorf("more windows of a regime are held, %d, than there were", s.n))
			return
		}
		seen[i].held = s.held
	}
}

// The marks of an entry, as bits.
const (
	markQuarantined = 1 << iota
	markExcluded
)

func (e *entry) marks() (m uint8) {
	if e.quarantined {
		m |= markQuarantined
	}
	if e.excluded {
		m |= markExcluded
	}
	return m
}

func readEntry(r *wire.Reader, version uint8, cfg Config, names map[string]string) entry {
	m := r.U8()
	if most := uint8(markQuarantined | markExcluded); r.Err() == nil && (m > most || version < 3 && m > markQuarantined) {
		r.Fail(fmt.Errorf("a window with marks %#x", m))
	}
	e := entry{quarantined: m&markQuarantined != 0, excluded: m&markExcluded != 0, w: &Window{Series: readName(r, names), Start: r.I64(), Regime: r.Int()}}
	readWindow(r, cfg, e.w)
	return e
}

// readUnlabelled reads an entry of version 1.
func readUnlabelled(r *wire.Reader, cfg Config, names map[string]string) entry {
	e := entry{quarantined: r.Bool(), w: &Window{Series: readName(r, names), Start: r.I64()}}
	readWindow(r, cfg, e.w)
	return e
}

// readWindow reads what a window holds.
func readWindow(r *wire.Reader, cfg Config, w *Window) {
	w.Values = r.F32s(nil)
	if r.Err() == nil && len(w.Values) != cfg.Steps*cfg.Channels {
		r.Fail(fmt.Errorf("a window of %d values", len(w.Values)))
	}
	for range cfg.Channels {
		if r.Err() == nil {
			w.Scales = append(w.Scales, Scale{r.F64(), r.F64(), r.F64()})
		}
	}
	if n := r.Len(8); n > 0 && r.Err() == nil {
		if n != (len(w.Values)+63)/64 {
			r.Fail(fmt.Errorf("a mask of %d words", n))
			return
		}
		w.missing = make([]uint64, n)
		for i := range w.missing {
			w.missing[i] = r.U64()
		}
	}
	if r.Err() != nil {
		return
	}
	for _, v := range w.Values {
		if v-v != 0 {
			r.Fail(fmt.Errorf("a window with a value that is not finite"))
			return
		}
	}
	if !usable(w) {
		r.Fail(fmt.Errorf("a window with broken scales or without a value"))
	}
}

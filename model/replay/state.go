package replay

import (
	"fmt"

	"github.com/quell-stream/quell/internal/wire"
)

const stateVersion = 1

// AppendState appends a snapshot to dst. Equal buffers give equal bytes.
func (b *Buffer) AppendState(dst []byte) []byte {
	dst = wire.U8(dst, stateVersion)
	dst = wire.I64(wire.I64(dst, int64(b.cfg.Steps)), int64(b.cfg.Channels))
	dst = wire.U64(wire.U64(dst, b.added), b.refused)
	return b.holdout.append(b.train.append(dst))
}

func (s *store) append(dst []byte) []byte {
	dst = wire.U64(dst, s.offered)
	dst = wire.U64(dst, uint64(len(s.reservoir)))
	for i := range s.reservoir {
		dst = s.reservoir[i].append(dst)
	}
	dst = wire.U64(dst, uint64(len(s.ring)))
	s.recent(func(e *entry) { dst = e.append(dst) })
	return dst
}

func (e *entry) append(dst []byte) []byte {
	w := e.w
	dst = wire.I64(wire.String(wire.Bool(dst, e.quarantined), w.Series), w.Start)
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
	if v := r.U8(); r.Err() == nil && v != stateVersion {
		r.Fail(fmt.Errorf("version %d is not known, this program reads version %d", v, stateVersion))
	}
	steps, channels := r.Int(), r.Int()
	if r.Err() == nil && (steps != b.cfg.Steps || channels != b.cfg.Channels) {
		r.Fail(fmt.Errorf("its windows have %d slots and %d channels, %d and %d are configured", steps, channels, b.cfg.Steps, b.cfg.Channels))
	}
	b.added, b.refused = r.U64(), r.U64()
	names := map[string]string{} // one string per series, as when they were added
	b.train.restore(r, b.cfg, names)
	b.holdout.restore(r, b.cfg, names)
	if err := r.Err(); err != nil {
		b.reset()
		return src, fmt.Errorf("replay state: %w", err)
	}
	return r.Rest(), nil
}

func (s *store) restore(r *wire.Reader, cfg Config, names map[string]string) {
	s.offered = r.U64()
	least := 4 * cfg.Steps * cfg.Channels // bytes of an entry: bounds what a broken length can ask for
	for i := range r.Len(least) {
		e := readEntry(r, cfg, names)
		if r.Err() != nil {
			return
		}
		if i < s.resCap {
			s.reservoir = append(s.reservoir, e)
		} else if j := draw(cfg.Seed, e.w.Series, e.w.Start, uint64(i+1)); j < uint64(s.resCap) {
			s.reservoir[j] = e // a sample of a sample: algorithm R again
		}
	}
	if s.offered < uint64(len(s.reservoir)) {
		r.Fail(fmt.Errorf("a sample of %d windows from %d", len(s.reservoir), s.offered))
		return
	}
	n := r.Len(least)
	for i := range n {
		e := readEntry(r, cfg, names)
		if r.Err() != nil {
			return
		}
		if i >= n-s.ringCap {
			s.ring = append(s.ring, e)
		}
	}
}

func readEntry(r *wire.Reader, cfg Config, names map[string]string) entry {
	e := entry{quarantined: r.Bool(), w: &Window{}}
	name := r.String()
	if known, ok := names[name]; ok {
		name = known
	} else {
		names[name] = name
	}
	w := e.w
	w.Series, w.Start = name, r.I64()
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
			return e
		}
		w.missing = make([]uint64, n)
		for i := range w.missing {
			w.missing[i] = r.U64()
		}
	}
	if r.Err() == nil {
		for _, v := range w.Values {
			if v-v != 0 {
				r.Fail(fmt.Errorf("a window with a value that is not finite"))
				break
			}
		}
	}
	if r.Err() == nil && !usable(w) {
		r.Fail(fmt.Errorf("a window with broken scales or without a value"))
	}
	return e
}

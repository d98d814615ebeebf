package replay

import (
	"fmt"
	"slices"

	"github.com/quell-stream/quell/internal/wire"
)

// Clone returns a buffer of the same windows, which are shared: they are read
// only. It takes the time of copying their references, so that a state can be
// written while the buffer goes on.
func (b *Buffer) Clone() *Buffer {
	c := *b
	for _, s := range []*store{&c.train, &c.holdout} {
		s.ring, s.reservoir = slices.Clone(s.ring), slices.Clone(s.reservoir)
	}
	return &c
}

// AppendWindow appends one window to dst, for what keeps windows beside a buffer.
func AppendWindow(dst []byte, w *Window) []byte {
	dst = wire.U64(wire.U64(dst, uint64(w.Steps())), uint64(len(w.Scales)))
	e := entry{w: w}
	return e.append(dst)
}

// ReadWindow takes a window off the front of src, of the given shape, and returns
// the rest.
func ReadWindow(src []byte, steps, channels int) (*Window, []byte, error) {
	r := wire.NewReader(src)
	if t, c := r.U64(), r.U64(); r.Err() == nil && (t != uint64(steps) || c != uint64(channels)) {
		r.Fail(fmt.Errorf("a window of %d slots and %d channels, %d and %d are configured", t, c, steps, channels))
	}
	e := readEntry(r, Config{Steps: steps, Channels: channels}, map[string]string{})
	if err := r.Err(); err != nil {
		return nil, src, fmt.Errorf("replay window: %w", err)
	}
	return e.w, r.Rest(), nil
}

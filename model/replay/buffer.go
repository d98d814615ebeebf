package replay

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// Buffer is a bounded pool of windows of one or several series. It is not safe
// for concurrent use; the windows that it hands out are.
type Buffer struct {
	cfg            Config
	train, holdout store
	added, refused uint64
	regimes        map[string]int // of the series that have left regime 0
}

// New returns an empty buffer. Zero fields of cfg take their defaults.
func New(cfg Config) (*Buffer, error) {
	cfg = cfg.Defaults()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	b := &Buffer{cfg: cfg}
	b.reset()
	return b, nil
}

func (b *Buffer) reset() {
	t, h := b.cfg.capacities()
	b.train, b.holdout = newStore(t), newStore(h)
	b.added, b.refused, b.regimes = 0, 0, nil
}

// Config returns the configuration with its defaults filled in.
func (b *Buffer) Config() Config { return b.cfg }

// HeldOut says whether a window that starts at the given index is held out. The
// windows of a series are taken to lie side by side; then every k-th is.
func (b *Buffer) HeldOut(start int64) bool {
	t, k := int64(b.cfg.Steps), int64(b.cfg.HoldoutEvery)
	i := start / t
	if start%t < 0 {
		i--
	}
	return (i%k+k)%k == k-1
}

// Add copies a window into the buffer: values [T][C] as Window describes them,
// a mark per value that is missing (nil: none is), a scale per channel, and the
// index of its first slot in the series' grid. Windows of one series must not
// overlap, or held-out samples would be trained on.
//
// A window without a single value, or with a scale that is not finite, is
// refused and counted. Slices of the wrong length panic.
func (b *Buffer) Add(series string, start int64, values []float32, missing []bool, scales []Scale) bool {
	return b.AddMarked(series, start, values, missing, scales, false)
}

// AddMarked is Add for a window that may be in doubt. A quarantined one is kept
// among the latest, out of sight, until Release or until newer ones push it out.
func (b *Buffer) AddMarked(series string, start int64, values []float32, missing []bool, scales []Scale, quarantined bool) bool {
	n := b.cfg.Steps * b.cfg.Channels
	if len(values) != n || missing != nil && len(missing) != n || len(scales) != b.cfg.Channels {
		panic(fmt.Sprintf("replay: a window has %d values, %d marks and %d scales, want %d, %d and %d",
			len(values), len(missing), len(scales), n, n, b.cfg.Channels))
	}
	w := newWindow(series, start, values, missing, scales)
	w.Regime = b.regimes[series]
	if !usable(w) {
		b.refused++
		return false
	}
	b.added++
	b.side(start).add(entry{w: w, quarantined: quarantined}, b.cfg.Seed)
	return true
}

// SetRegime says that the windows of a series that are added from now on are of
// the regime of this number. A series begins in regime 0; who calls it numbers them,
// and may come back to one.
func (b *Buffer) SetRegime(series string, regime int) {
	switch {
	case regime == 0:
		delete(b.regimes, series)
	case b.regimes == nil:
		b.regimes = map[string]int{strings.Clone(series): regime}
	default:
		b.regimes[strings.Clone(series)] = regime
	}
}

// Regime returns the number of the regime that a series is in.
func (b *Buffer) Regime(series string) int { return b.regimes[series] }

// End returns the largest end of the windows that are held of a series, those in
// quarantine too, 0 where there are none.
func (b *Buffer) End(series string) int64 {
	end := int64(0)
	look := func(e *entry) {
		if e.w.Series == series {
			end = max(end, e.w.End())
		}
	}
	for _, s := range []*store{&b.train, &b.holdout} {
		s.older(look)
		s.recent(look)
	}
	return end
}

func usable(w *Window) bool {
	for _, s := range w.Scales {
		if sum := s.Mean + s.Dev + s.Sigma; sum-sum != 0 || s.Dev < 0 || s.Sigma < 0 {
			return false
		}
	}
	return w.MissingCount() < len(w.Values)
}

func (b *Buffer) side(start int64) *store {
	if b.HeldOut(start) {
		return &b.holdout
	}
	return &b.train
}

// Quarantine takes all windows of a series that overlap [from, to) out of
// sight, and returns how many it newly marked. Release brings back those that
// are still there; what the ring has let go in the meantime is gone.
func (b *Buffer) Quarantine(series string, from, to int64) int {
	return b.mark(series, from, to, true)
}

// Release undoes Quarantine and returns how many windows came back.
func (b *Buffer) Release(series string, from, to int64) int {
	return b.mark(series, from, to, false)
}

func (b *Buffer) mark(series string, from, to int64, quarantined bool) int {
	n := 0
	mark := func(e *entry) {
		if e.w.Series == series && e.w.Start < to && e.w.End() > from && e.quarantined != quarantined {
			e.quarantined = quarantined
			n++
		}
	}
	for _, s := range []*store{&b.train, &b.holdout} {
		s.older(mark)
		s.recent(mark)
	}
	return n
}

// Snapshot returns the windows as they are now. Training in another goroutine
// works on a snapshot while Add goes on.
func (b *Buffer) Snapshot() Snapshot {
	var s Snapshot
	collect := func(to *[]*Window) func(e *entry) {
		return func(e *entry) {
			if !e.quarantined && !e.excluded {
				*to = append(*to, e.w)
			}
		}
	}
	b.train.older(collect(&s.Old))
	b.train.recent(collect(&s.Recent))
	b.holdout.older(collect(&s.Holdout))
	b.holdout.recent(collect(&s.Holdout))
	return s
}

// Holdout is Snapshot().Holdout.
func (b *Buffer) Holdout() []*Window { return b.Snapshot().Holdout }

// Sample is Snapshot().Sample.
func (b *Buffer) Sample(rng *rand.Rand, n int) []*Window { return b.Snapshot().Sample(rng, n) }

// Len returns the number of windows held, quarantined ones included.
func (b *Buffer) Len() int { return b.train.len() + b.holdout.len() }

// Bytes returns the memory of the windows held, as Config.Bytes counts it. It
// never exceeds Config.Bytes.
func (b *Buffer) Bytes() int { return b.Len() * windowBytes(b.cfg.Steps, b.cfg.Channels) }

// Counts returns the number of windows ever added and of those refused.
func (b *Buffer) Counts() (added, refused uint64) { return b.added, b.refused }

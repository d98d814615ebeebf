package monitor

import (
	"fmt"
	"math"

	"github.com/quell-stream/quell/drift"
)

// Early watches a series while its Monitor still learns: a drift.LocalLevel per
// channel, which is ready after 400 samples and sees jumps only. What it finds is
// Unknown in kind, since a level alone can't tell a regime from a fault.
//
// An Early is made by NewEarly and not safe for concurrent use. Push allocates
// only where the learning ends and where a drift opens or is over.
type Early struct {
	names  Config
	levels []*drift.LocalLevel
	open   []bool
}

// NewEarly returns an Early for the channels of cfg, whose names it uses.
func NewEarly(cfg Config) *Early {
	cfg = cfg.defaults()
	e := &Early{names: cfg, open: make([]bool, cfg.Channels)}
	for range cfg.Channels {
		e.levels = append(e.levels, drift.NewLocalLevel(drift.DefaultLocalLevel()))
	}
	return e
}

// Push takes the next slot: one raw value per channel, and whether it is missing.
// Of the Decision it fills in State (Learning, or Unknown while a drift is open),
// Kind, Why, Channel, Opened and Resolved.
func (e *Early) Push(values []float64, missing []bool) Decision {
	was := e.Open()
	d := Decision{State: Learning, Z: math.NaN(), Channel: -1, Since: -1}
	for c, l := range e.levels {
		if missing[c] {
			continue
		}
		e.open[c] = l.Update(values[c]) == drift.Drift
		if e.open[c] && !was && d.Channel < 0 {
			d.Channel = c
		}
	}
	switch open := e.Open(); {
	case open && !was:
		d.Opened = true
		d.Why = fmt.Sprintf("%s: %s, while still learning: unknown", e.names.name(d.Channel), e.levels[d.Channel].Describe())
	case was && !open:
		d.Resolved, d.Kind, d.Why = true, Unknown, "levels are back to usual"
	}
	if e.Open() {
		d.State, d.Kind = Unknown, Unknown
	}
	return d
}

// Gap says that the next slot does not follow the latest.
func (e *Early) Gap() {
	for _, l := range e.levels {
		l.Gap()
	}
}

// Close ends the watch, since the monitor has learnt: a drift that is open became
// part of what is normal. It returns what is to be told.
func (e *Early) Close() Decision {
	d := Decision{State: Learning, Z: math.NaN(), Channel: -1, Since: -1}
	if e.Open() {
		d.Resolved, d.Kind, d.Why = true, Unknown, Unknown+" drift taken as the new normal"
	}
	return d
}

// Open says whether a drift is open.
func (e *Early) Open() bool {
	for _, on := range e.open {
		if on {
			return true
		}
	}
	return false
}

// AppendState appends a snapshot.
func (e *Early) AppendState(dst []byte) []byte {
	for _, l := range e.levels {
		dst = l.AppendState(dst)
	}
	return dst
}

// RestoreState reads a snapshot back and returns the rest of src. On an error
// the Early must not be used.
func (e *Early) RestoreState(src []byte) ([]byte, error) {
	var err error
	for c, l := range e.levels {
		if src, err = l.RestoreState(src); err != nil {
			return nil, fmt.Errorf("monitor: early state: %w", err)
		}
		e.open[c] = l.Drifted()
	}
	return src, nil
}

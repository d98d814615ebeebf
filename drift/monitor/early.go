package monitor

import (
	"fmt"
	"math"

	"github.com/quell-stream/quell/drift"
	"github.com/quell-stream/quell/internal/wire"
)

// Early watches a series while its Monitor still learns: a drift.LocalLevel per
// channel, which is ready after 400 samples and sees jumps only. What it finds is
// Unknown in kind, since a level alone can't tell a regime from a fault. A channel
// whose readings are missing for longer than 64 slots, and four times as long as
// ever before, is a Fault: DropOut.
//
// An Early is made by NewEarly and not safe for concurrent use. Push allocates
// only where the learning ends and where a drift opens or is over.
type Early struct {
	names  Config
	levels []*drift.LocalLevel
	open   []bool
	gaps   []gap
}

// gap is what an Early knows of the missing readings of a channel.
type gap struct {
	run, longest int64 // missing readings in a row, now and of the gaps that were over
	out          bool
}

// A channel has dropped out when so many readings are missing in a row.
const (
	earlyGap = 64
	gapOver  = 4 // times the longest gap before
)

// take counts a slot. It returns whether a channel that was out has come back.
func (g *gap) take(missing bool) (back bool) {
	if missing {
		g.run++
		g.out = g.out || g.run > max(earlyGap, gapOver*g.longest)
		return false
	}
	if back = g.out; !back {
		g.longest = max(g.longest, g.run)
	}
	g.run, g.out = 0, false
	return back
}

// NewEarly returns an Early for the channels of cfg, whose names it uses.
func NewEarly(cfg Config) *Early {
	cfg = cfg.defaults()
	e := &Early{names: cfg, open: make([]bool, cfg.Channels), gaps: make([]gap, cfg.Channels)}
	for range cfg.Channels {
		e.levels = append(e.levels, drift.NewLocalLevel(drift.DefaultLocalLevel()))
	}
	return e
}

// Push takes the next slot: one raw value per channel, and whether it is missing.
// Of the Decision it fills in State (Learning, or Unknown or Fault while a drift is
// open), Kind, Fault, Why, Channel, Opened, Updated and Resolved.
func (e *Early) Push(values []float64, missing []bool) Decision {
	was, lost := e.Open(), e.lost()
	d := Decision{State: Learning, Z: math.NaN(), Channel: -1, Since: -1}
	for c, l := range e.levels {
		if e.gaps[c].take(missing[c]) {
			l.Gap()
		}
		if missing[c] {
			continue
		}
		e.open[c] = l.Update(values[c]) == drift.Drift
		if e.open[c] && !was && d.Channel < 0 {
			d.Channel = c
		}
	}
	switch open, now := e.Open(), e.lost(); {
	case now >= 0 && lost < 0:
		d.Channel, d.Opened, d.Updated = now, !was, was
		d.Why = fmt.Sprintf("%s: %d readings missing in a row, while still learning: drop-out (NE 107: failure)", e.names.name(now), e.gaps[now].run)
	case lost >= 0 && now < 0 && !open:
		d.Resolved, d.Kind, d.Fault, d.Why = true, Fault, DropOut, "readings are back"
	case open && !was:
		d.Opened = true
		d.Why = fmt.Sprintf("%s: %s, while still learning: unknown", e.names.name(d.Channel), e.levels[d.Channel].Describe())
	case was && !open:
		d.Resolved, d.Kind, d.Why = true, Unknown, "levels are back to usual"
	}
	switch {
	case e.lost() >= 0:
		d.State, d.Kind, d.Fault = Fault, Fault, DropOut
	case e.Open():
		d.State, d.Kind = Unknown, Unknown
	}
	return d
}

// lost returns a channel that has dropped out, -1 where none has.
func (e *Early) lost() int {
	for c := range e.gaps {
		if e.gaps[c].out {
			return c
		}
	}
	return -1
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
	switch {
	case e.lost() >= 0: // the monitor goes on with it
		d.Resolved, d.Kind, d.Fault, d.Why = true, Fault, DropOut, "the monitor has learnt, and watches from here on"
	case e.Open():
		d.Resolved, d.Kind, d.Why = true, Unknown, Unknown+" drift taken as the new normal"
	}
	return d
}

// Open says whether a drift is open.
func (e *Early) Open() bool {
	if e.lost() >= 0 {
		return true
	}
	for _, on := range e.open {
		if on {
			return true
		}
	}
	return false
}

// AppendState appends a snapshot.
func (e *Early) AppendState(dst []byte) []byte {
	for c, l := range e.levels {
		g := &e.gaps[c]
		dst = l.AppendState(wire.Bool(wire.I64(wire.I64(dst, g.run), g.longest), g.out))
	}
	return dst
}

// RestoreState reads a snapshot back and returns the rest of src. On an error
// the Early must not be used.
func (e *Early) RestoreState(src []byte) ([]byte, error) {
	var err error
	for c, l := range e.levels {
		r := wire.NewReader(src)
		g := gap{run: r.I64(), longest: r.I64(), out: r.Bool()}
		if g.run < 0 || g.longest < 0 {
			r.Fail(errForeign)
		}
		if r.Err() != nil {
			return nil, fmt.Errorf("monitor: early state: %w", r.Err())
		}
		e.gaps[c] = g
		if src, err = l.RestoreState(r.Rest()); err != nil {
			return nil, fmt.Errorf("monitor: early state: %w", err)
		}
		e.open[c] = l.Drifted()
	}
	return src, nil
}
